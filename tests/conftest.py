"""Fixtures that every test may ask for: the backend, the family and the clock."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from uuid import uuid4

import hypothesis
import pytest

from tests.servers import postgres_server, url_of, valkey_server

if TYPE_CHECKING:
    from gracy_transport.testing import FakeClock


# How busy the machine is says nothing of the code, and what a fixture gives may serve all examples of a test. A change
# is judged by the same examples each time; whoever runs the tests at home tries others.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("house")

HERE = Path(__file__).parent
PAIRS = {
    "straight": {("asyncio", "httpx"), ("trio", "httpx2")},
    "crossed": {("asyncio", "httpx2"), ("trio", "httpx")},
}
"""Each meets both backends and both families in half of the time; together they meet each with each."""

SLOW = (
    *("fire", "demo", "conversion", "drift", "redis", "sdks", "wires", "test_house.py"),
    *("admission/test_book.py", "admission/test_crowds.py", "deadline/test_origin.py", "facade/test_building.py"),
    *("facade/test_routes.py", "metrics/test_document.py", "reports/test_plotly.py"),
    *("testing/test_conformance_of_layers.py", "testing/test_origin_process.py", "testing/test_plugin.py"),
    *("testing/test_plugin_network.py", "testing/test_plugin_runners.py"),
)
"""Folders and files of tests that take long (most of them start servers and processes) and that say the same on every
Python between the oldest and the newest: there they can be left out."""

REPEATED = (
    *("admission/test_lanes.py::runTest", "admission/test_model.py", "redis/test_simulated.py"),
    *("redis/test_fleet.py::test_no_window_holds", "redis/test_fleet.py::test_no_more_slots", "replay/test_crash.py"),
    *("replay/test_properties.py", "test_house.py"),
    *("redis/test_replay.py::test_a_killed_recorder", "redis/test_replay.py::test_many_processes"),
    *("retry/test_outage.py::test_an_outage", "retry/test_outage.py::test_without_a_budget"),
)
"""Files and tests that do a thing thousands of times, or read the source, and find the same on any Python: one is
enough. Their code is measured by other tests. No test that meets the backends and the families in pairs belongs here:
half of them would be lost."""


def pytest_configure(config: pytest.Config) -> None:
    """Tells pytest of the markers that leave them out: `-m "not slow and not repeated"`."""
    config.addinivalue_line("markers", "slow: takes long, and is left out between the oldest and newest Python")
    config.addinivalue_line("markers", "repeated: does a thing thousands of times, and runs on the oldest Python only")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that leaves out half of the combinations of backend and family."""
    parser.addoption("--pairs", choices=list(PAIRS), help="run two of the four combinations of backend and family")


@pytest.hookimpl(tryfirst=True)  # before pytest looks at markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what cannot be, and what `--pairs` leaves out; a test of one backend or family alone always runs."""
    for item in items:
        if item.path.is_relative_to(HERE):
            place = f"{item.path.relative_to(HERE).as_posix()}::{item.name}"
            for marker, places in (("slow", SLOW), ("repeated", REPEATED)):
                if place.startswith(places):
                    item.add_marker(marker)
    items[:] = [item for item in items if (_pair_of(item)[0], _given(item).get("wire")) != ("trio", "aiohttp")]
    chosen: str | None = config.getoption("--pairs")
    if chosen is None:
        return
    left_out = set().union(*PAIRS.values()) - PAIRS[chosen]
    config.hook.pytest_deselected(items=[item for item in items if _pair_of(item) in left_out])
    items[:] = [item for item in items if _pair_of(item) not in left_out]


def _given(item: pytest.Item) -> dict[str, object]:
    return item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}


def _pair_of(item: pytest.Item) -> tuple[object, object]:
    given = _given(item)
    return given.get("anyio_backend"), given.get("family")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Runs an async test on asyncio and on trio."""
    backend: str = request.param
    return backend


@pytest.fixture(params=["httpx", "httpx2"])
def family(request: pytest.FixtureRequest) -> ModuleType:
    """Gives the module of each family; the optional httpx2 is skipped where it is missing."""
    module: ModuleType = pytest.importorskip(request.param)
    return module


@pytest.fixture(params=[None, "aiohttp"], ids=["", "aiohttp"])
def wire(request: pytest.FixtureRequest) -> str | None:
    """Gives the wire of a config: httpx's own, and that of aiohttp, which is for asyncio alone."""
    chosen: str | None = request.param
    return chosen


@pytest.fixture
def clock() -> FakeClock:
    """Gives a clock whose time moves only when the test, or a sleep on it, moves it."""
    from gracy_transport.testing import FakeClock

    return FakeClock()


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """Starts a Valkey server, one for each worker of pytest-xdist, and gives its URL."""
    with valkey_server() as server:
        yield url_of(server)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Starts a PostgreSQL server, one for each worker of pytest-xdist that needs it, and gives its URL."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def namespace() -> str:
    """Gives a namespace on a shared server that no other test has."""
    return uuid4().hex


@pytest.fixture(scope="module", autouse=True)
def little_to_collect() -> None:
    """Sets aside what stood before the tests of a file: else each collection of theirs looks through all of it again.

    What earlier files left to the garbage collector comes to light here.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Makes the tests cheaper: programs that a test starts are not measured.

    That would cost half a second each, and show next to nothing that is not seen here.
    """
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
