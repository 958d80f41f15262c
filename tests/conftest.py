"""Fixtures that every test may ask for: the backend, the family and the clock."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gracy_transport.testing import FakeClock


PAIRS = {("asyncio", "httpx"), ("trio", "httpx2")}
"""With `--pairs` each backend and each family is met, but not each with each: quicker, and nearly all of the news."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that leaves out the crosswise combinations of backend and family."""
    parser.addoption("--pairs", action="store_true", help="run asyncio with httpx and trio with httpx2 only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what `--pairs` leaves out; a test of one backend or of one family alone always runs."""
    if not config.getoption("--pairs"):
        return
    left_out = [item for item in items if _pair_of(item) not in PAIRS]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _pair_of(item) in PAIRS]


def _pair_of(item: pytest.Item) -> tuple[object, object]:
    given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    backend, family = given.get("anyio_backend"), given.get("family")
    return (backend, family) if backend and family else ("asyncio", "httpx")


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


@pytest.fixture
def clock() -> FakeClock:
    """Gives a clock whose time moves only when the test, or a sleep on it, moves it."""
    from gracy_transport.testing import FakeClock

    return FakeClock()
