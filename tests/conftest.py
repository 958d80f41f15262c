"""Fixtures that every test may ask for: the backend, the family and the clock."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gracy_transport.testing import FakeClock


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
