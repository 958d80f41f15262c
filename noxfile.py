"""The checks of this project, each one `nox` session: `python -m nox -l` lists them."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path

import nox
from python_discovery import get_interpreter  # how nox itself looks for a Python

nox.needs_version = ">=2026.10"  # older ones take a pyenv shim of an unselected version for a Python
nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "virtualenv"  # the same with and without uv, and it brings pip
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # also on CI: a missing Python is skipped
nox.options.error_on_external_run = True

PROJECT = nox.project.load_toml()
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
IN_PARALLEL = ["--numprocesses=auto", "--dist=worksteal"]
COVERAGE_FLOOR = 97  # percent of lines and branches
MUTANTS_FLOOR = 90  # percent of the mutants of a file


def supported_pythons() -> list[str]:
    """Returns the Pythons of the classifiers, oldest first."""
    prefix = "Programming Language :: Python :: "
    return [c.removeprefix(prefix) for c in PROJECT["project"]["classifiers"] if c.startswith(prefix)]


def group(name: str) -> list[str]:
    """Returns the requirements of one dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


PRESENT = [python for python in supported_pythons() if get_interpreter(python)]
# With none of the supported ones the running Python is better than no test at all.
PYTHONS = supported_pythons() if PRESENT else [RUNNING]
# Measuring is slow and the answer is nearly the same everywhere, so only the newest is measured.
MEASURED = PRESENT[-1] if PRESENT else RUNNING
# What the oldest and the newest agree on, those in between do as well: there the slow tests are left out.
BETWEEN = PRESENT[1:-1]
# What a test finds by doing a thing thousands of times, it finds on any Python: all but the oldest leave that out.
LATER = PRESENT[1:]


@nox.session
def lint(session: nox.Session) -> None:
    """Checks rules and format of all Python files with ruff."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", "--diff", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Checks the types of the package, its tests and its benchmarks with mypy and pyright."""
    session.install("--no-compile", "-e", ".", *group("types"))  # nearly nothing of it is run
    session.run("mypy")
    session.run("pyright")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Runs the tests; on the newest Python present they also hold the floor of coverage.

    Each test meets both backends and both families; the newest Python and the others meet them in different pairs.
    The oldest Python present runs all tests, the newest all but the repeated ones: what does a thing very often, and
    depends on no version of Python. Those in between leave out the slow ones too: what starts servers and processes.
    Arguments after `--` go to pytest, and then nothing is measured: part of the tests cannot reach the floor.
    """
    session.install("-e", ".", *group("tests"))
    left_out = (["slow"] if session.python in BETWEEN else []) + (["repeated"] if session.python in LATER else [])
    all_but = ["-m", f"not ({' or '.join(left_out)})"] if left_out else []
    if session.posargs or session.python != MEASURED:
        session.run("python", "-m", "pytest", *(session.posargs or [*IN_PARALLEL, "--pairs=crossed", *all_but]))
        return
    session.install(*group("coverage"))
    session.env["COVERAGE_FILE"] = str(Path(session.virtualenv.location, "coverage-data").resolve())
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *IN_PARALLEL, "--pairs=straight", *all_but)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", f"--fail-under={COVERAGE_FLOOR}")


@nox.session
def demo(session: nox.Session) -> None:
    """Runs the demo; arguments after `--` go to it."""
    session.install("-e", ".")
    session.run("python", "-m", "gracy_transport", "demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Runs the benchmarks; arguments after `--` go to them: `-- --compare main` tells what became of each figure."""
    session.install("-e", ".", *group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Sends 1,000,000 requests with everything churning, and fails when anything stays behind; takes a while.

    Arguments after `--` go to it: `--requests 100000` is a short run.
    """
    session.install("-e", ".")
    session.run("python", "-m", "benchmarks.soak", *session.posargs)


@nox.session
def fleet(session: nox.Session) -> None:
    """Lets processes share limits while they are killed, stopped and cut off; fails when a promise was broken.

    Arguments after `--` go to it: `--seconds 3 --processes 2 --keys 1000` is a short run, `--exact` is for a machine
    that has other work.
    """
    session.install("-e", ".[redis]", *group("fleet"))
    session.run("python", "-m", "benchmarks.fleet", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Changes the pure files in many small ways, and fails when the tests miss more than one in ten of a file's.

    Names of mutants after `--`, with wildcards, are tried alone: `-- "gracy_transport.retry.backoff*"`.
    `mutmut show NAME` in the environment of the session shows one.
    """
    session.install("-e", ".", *group("mutants"))
    shutil.rmtree("mutants", ignore_errors=True)
    session.run("mutmut", "run", *session.posargs)
    missed = []
    for path in sorted(Path("mutants").rglob("*.py.meta")):
        codes = [code for code in json.loads(path.read_text("utf-8"))["exit_code_by_key"].values() if code is not None]
        if not codes:
            continue
        survivors = sum(code in {0, 33} for code in codes)  # no test failed, or there is none
        killed = 100 * (1 - survivors / len(codes))
        name = path.relative_to("mutants").with_suffix("").as_posix()
        session.log(f"{name}: {killed:.0f} % of {len(codes)} killed, {survivors} left")
        if killed < MUTANTS_FLOOR:
            missed.append(name)
    if missed:
        session.error(f"Fewer than {MUTANTS_FLOOR} % killed: {', '.join(missed)}.")


@nox.session(reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Builds the wheel and tries it in an empty environment, then runs the README's test against it."""
    work = Path(session.create_tmp()).resolve()
    shutil.rmtree(work)
    work.mkdir()
    session.run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(work), ".")
    (built,) = work.glob("*.whl")
    strangers = {name.split("/")[0] for name in zipfile.ZipFile(built).namelist()} - {
        "gracy_transport",
        f"{built.name.split('-')[0]}-{PROJECT['project']['version']}.dist-info",
    }
    if strangers:
        session.error(f"The wheel holds more than the package: {sorted(strangers)}.")
    session.install(str(built))
    root = Path.cwd()
    session.chdir(work)  # away from the work tree, so that only the wheel can be imported
    session.run("python", "-c", "import gracy_transport; print(gracy_transport.__file__)")
    if (root / "tests" / "test_readme.py").exists():
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(root / name, work)
        shutil.copytree(root / "tests", work / "tests")
        session.install(*group("tests"))
        session.run("python", "-m", "pytest", "tests/test_readme.py")
