"""`python -m gracy_transport`."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from gracy_transport import __main__ as command_line
from gracy_transport import demo
from gracy_transport.__main__ import main


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """It names the commands."""
    assert main([]) == 0
    assert re.search(r"^ +demo +tame a flaky API", capsys.readouterr().out, re.MULTILINE)


def test_the_version_is_that_of_the_distribution(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A source tree that is not installed says so."""
    monkeypatch.setattr(command_line, "version", lambda _name: "1.2.3")
    assert main(["--version"]) == 0

    def unknown(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(command_line, "version", unknown)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "gracy_transport 1.2.3",
        "gracy_transport of a source tree that is not installed",
    ]


@pytest.mark.parametrize("seconds", ["0", "1.9", "601", "-5", "nan", "inf", "soon"])
def test_a_wrong_number_of_seconds_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the range, and the status of a wrong usage."""
    with pytest.raises(SystemExit) as ended:
        main(["demo", f"--seconds={seconds}"])
    assert ended.value.code == 2
    assert f"{seconds!r} is not between 2 and 600 seconds" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], (15.0, 7, False)),
        (["--seconds", "30", "--seed", "42", "--plain"], (30.0, 42, True)),
    ],
)
def test_the_demo_is_run_as_it_is_asked_for(
    words: list[str], asked: tuple[float, int, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status is that of the command."""
    runs: list[tuple[float, int, bool]] = []

    def run_demo(seconds: float, seed: int, *, plain: bool) -> int:
        runs.append((seconds, seed, plain))
        return 130

    monkeypatch.setattr(demo, "run_demo", run_demo)
    assert main(["demo", *words]) == 130
    assert runs == [asked]


BROKEN_PIPE = """
import os, sys
from gracy_transport import __main__, demo

def run_demo(*_, **__):
    print("one line")
    sys.stdout.flush()

reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, 1)
demo.run_demo = run_demo
sys.exit(__main__.main(["demo"]))
"""


def test_an_output_that_is_closed_ends_it_quietly() -> None:
    """As `| head` closes it: the status is the one that shells have for it, and there is no traceback."""
    ended = subprocess.run([sys.executable, "-c", BROKEN_PIPE], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (141, "")
