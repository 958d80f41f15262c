"""The plugin beside the runners of async tests, and in many processes at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gracy_transport.testing.plugin.wishes import file_name
from tests.testing.plugin_runs import Runs, missing, serve

pytest_plugins = ["pytester"]

HEAD = """
    import asyncio
    import os
    import unittest

    import httpx
    import httpx2
    import pytest

    API = os.environ["API"]
    pytestmark = pytest.mark.recording(local=True)

    class Sdk:
        def __init__(self):
            self.clients = [package.AsyncClient(base_url=API, verify=False) for package in (httpx, httpx2)]

        async def ask(self, path):
            return [(await client.get(path)).json()["path"] for client in self.clients]

        async def aclose(self):
            for client in self.clients:
                await client.aclose()

    async def ask(path):
        sdk = Sdk()
        try:
            return await sdk.ask(path)
        finally:
            await sdk.aclose()

    PATHS = pytest.mark.parametrize("path", ["/a", "/b", "/c"])
"""
RUNNER = """
    {fixture}
    async def {name}_sdk():
        sdk = Sdk()
        await sdk.ask("/set-up")
        yield sdk
        await sdk.ask("/tear-down")
        await sdk.aclose()

    {mark}
    @PATHS
    async def test_{name}({name}_sdk, path):
        assert await {name}_sdk.ask(path) == [path, path]
"""
RUNNERS = {
    "anyio": RUNNER.format(name="anyio", fixture="@pytest.fixture", mark="@pytest.mark.anyio"),
    "trio": RUNNER.format(name="trio", fixture="@pytest.fixture", mark="@pytest.mark.trio"),
    "asyncio": "    import pytest_asyncio\n"
    + RUNNER.format(name="asyncio", fixture="@pytest_asyncio.fixture", mark="@pytest.mark.asyncio"),
    "auto": RUNNER.format(name="auto", fixture="@pytest.fixture", mark=""),
    "plain": """
    class TestUnit(unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self):
            await ask("/set-up")

        async def test_unit(self):
            assert await ask("/unit") == ["/unit", "/unit"]

        async def asyncTearDown(self):
            await ask("/tear-down")

    @PATHS
    def test_by_hand(path):
        assert asyncio.run(ask(path)) == [path, path]

    @pytest.mark.parametrize("number", range(4))
    @pytest.mark.recording(file="shared.jsonl")
    def test_in_common(number):
        for path in ("/common", f"/common/{number}"):
            assert asyncio.run(ask(path)) == [path, path]
    """,
}

SHUFFLED = """
    import random

    def pytest_collection_modifyitems(items):
        random.Random(1).shuffle(items)
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    with serve() as api:
        yield Runs(pytester, monkeypatch, api)


@missing("pytest_asyncio", "pytest_trio", "xdist")
def test_every_runner_records_and_replays_in_many_processes(run: Runs) -> None:
    """In one directory, and in any order: fixtures that are async generators, and a file that tests have in common."""
    for name in ("anyio", "trio", "asyncio", "plain"):
        run.write(f"test_{name}", HEAD, RUNNERS[name])
    run.ini("asyncio_default_fixture_loop_scope = function")
    plugins = "anyio.pytest_plugin", "pytest_asyncio.plugin", "pytest_trio.plugin", "xdist"
    result = run("--gracy-record=once", "-n4", plugins=plugins)
    result.assert_outcomes(passed=20)
    result.stdout.fnmatch_lines(["recordings (--gracy-record=once): 17 new"])
    recorded = run.files()
    run.write("conftest", SHUFFLED)
    assert recorded[f"recordings/test_trio/{file_name('test_trio[/a]')}"].count(b"\n") == 3 * 2
    assert recorded["shared.jsonl"].count(b"\n") == 5 * 2
    asked = len(run.asked())

    run(plugins=plugins).assert_outcomes(passed=20)
    assert not run.asked()
    result = run("--gracy-record=all", plugins=plugins)
    result.stdout.fnmatch_lines(["recordings (--gracy-record=all): 17 unchanged"])
    assert len(run.asked()) == asked and run.files() == recorded


@missing("pytest_asyncio")
def test_the_automatic_mode_of_pytest_asyncio_needs_no_mark(run: Runs) -> None:
    """Fixtures and tests are taken without a word, in a loop of the session."""
    run.ini(
        "asyncio_mode = auto",
        "asyncio_default_fixture_loop_scope = session",
        "asyncio_default_test_loop_scope = session",
    )
    run.write("test_auto", HEAD, RUNNERS["auto"])
    for mode, asked in (("once", 18), ("none", 0)):
        run(f"--gracy-record={mode}", plugins=("pytest_asyncio.plugin",)).assert_outcomes(passed=3)
        assert len(run.asked()) == asked
