"""The page that documents the origin: nothing is left out of it, and every example runs as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from functools import partial
from inspect import getdoc, signature
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any, get_args

import httpx
import pytest

from gracy_transport.testing import origin as package
from gracy_transport.testing.origin import Fault, Origin, Reply, Visit

pytestmark = pytest.mark.anyio

PAGE = getdoc(package) or ""
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FIRST = BLOCKS[0]
MODULE = next(block for block in BLOCKS if block.startswith("# api.py\n"))
REMOTE = next(block for block in BLOCKS if "origin_process(" in block)
SCENES = [block for block in BLOCKS if block not in {FIRST, MODULE, REMOTE}]


def heading_of(block: str) -> str:
    """Returns the section that a block stands in."""
    heading: str = re.findall(r"^# (.+)$", PAGE[: PAGE.index(block)], re.MULTILINE)[-1]
    return heading


def rows(text: str, title: str) -> list[tuple[str, str]]:
    """Returns the cells of the table with that title."""
    table = re.search(rf"^\| {re.escape(title)} \|.*\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None
    return re.findall(r"^\| `\"?([^`\"]+)\"?`.*? \| (.*) \|$", table[1], re.MULTILINE)


async def run(block: str, family: ModuleType, **names: Any) -> None:
    """Runs an example, with the names of the package and the client's library at hand."""
    scope: dict[str, Any] = {**vars(package), "httpx": family, **names}
    exec(compile(f"async def main():\n{indent(block, '    ')}", "example", "exec"), scope)
    await scope["main"]()


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets clients be made without certificates, which take long to load and are not needed here."""
    for library in ("httpx", "httpx2"):
        module = pytest.importorskip(library)
        monkeypatch.setattr(module, "AsyncClient", partial(module.AsyncClient, verify=False))


@pytest.mark.usefixtures("untouched")
async def test_the_first_example_runs(family: ModuleType) -> None:
    """By itself."""
    await run(FIRST, family)


@pytest.mark.parametrize("block", SCENES, ids=heading_of)
async def test_an_example_runs(block: str, family: ModuleType) -> None:
    """In an open origin with a client, as the page says."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        await run(block, family, origin=origin, client=client)


async def test_the_example_of_a_process_runs(
    family: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its module in a file."""
    (tmp_path / "api.py").write_text(MODULE, "utf-8")
    monkeypatch.chdir(tmp_path)
    await run(REMOTE, family)


def test_the_command_runs(tmp_path: Path) -> None:
    """On a free port, and until its input ends."""
    (tmp_path / "api.py").write_text(MODULE, "utf-8")
    [command] = re.findall(r"^```console\n\$ (.*)\n```", PAGE, re.MULTILINE)
    python, *arguments = shlex.split(command)
    arguments[arguments.index("8000")] = "0"
    with subprocess.Popen(
        [sys.executable if python == "python" else python, *arguments, "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as served:
        assert served.stdin is not None
        assert served.stdout is not None
        url = served.stdout.readline().strip()
        assert httpx.get(f"{url}/pokemon/ditto").json() == {"name": "ditto"}
        served.stdin.close()
        assert served.wait(10) == 0


def test_every_field_of_a_reply_is_described() -> None:
    """In the order in which they are declared."""
    assert [name for name, _ in rows(PAGE, "field")] == [field.name for field in fields(Reply)]


def test_every_fault_is_described() -> None:
    """As the docstring of `Reply` does it."""
    assert [name for name, _ in rows(PAGE, "`fault`")] == list(get_args(Fault))
    assert rows(PAGE, "`fault`") == rows(getdoc(Reply) or "", "`fault`")


def test_every_name_of_the_package_is_on_the_page() -> None:
    """The names of types alone are left out, and `Arrival` and `OriginProcess`, which are met by what they give."""
    types = {"Fault", "Handler", "Route", "Arrival", "OriginProcess"}
    assert [name for name in package.__all__ if name not in types and name not in PAGE] == []


def test_what_a_visit_and_an_origin_have_is_on_the_page() -> None:
    """Every field, every public method, every option."""
    names = {field.name for field in fields(Visit)} | {name for name in vars(Visit) if not name.startswith("_")}
    names |= {name for name in vars(Origin) if not name.startswith("_")}
    names |= set(signature(Origin).parameters)
    assert [name for name in sorted(names) if not re.search(rf"`[^`\n]*\b{name}\b", PAGE)] == []


async def test_the_requests_from_outside_are_those_that_an_origin_knows() -> None:
    """Asked for what it does not have, it says what it has."""
    async with Origin() as origin, httpx.AsyncClient(base_url=origin.url, verify=False) as client:
        known = (await client.get("/__origin__/")).json()["known"]
    assert sorted(name for name, _ in rows(PAGE, "request")) == sorted(known)
