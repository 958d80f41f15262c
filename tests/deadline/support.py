"""What the tests of the deadline share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracyConfig, GracyTransport
from gracy_transport.exceptions import DeadlineExceeded
from gracy_transport.testing import FakeClock, ScriptedWire

URL = "https://api.test/things"


@asynccontextmanager
async def stacked(
    family: ModuleType, wire: ScriptedWire, clock: FakeClock, deadline: float | None = 10, **fields: Any
) -> AsyncIterator[Any]:
    """Gives a client of a family behind a stack with a deadline; its clock starts at 1000."""
    config = GracyConfig(deadline=deadline, **fields)
    async with family.AsyncClient(transport=GracyTransport(wire, config, clock=clock), timeout=4) as client:
        yield client


def mute(clock: FakeClock) -> Callable[[Any], Awaitable[int]]:
    """Returns a step of a script that never answers, and heeds the read timeout of the request as a socket does."""

    async def answer(request: Any) -> int:
        await clock.sleep(request.extensions["timeout"]["read"])
        raise package_of(request).ReadTimeout("nothing came", request=request)

    return answer


def package_of(request: Any) -> Any:
    """Returns the HTTP package of a request."""
    return __import__(type(request).__module__.partition(".")[0])


async def exceeded(awaitable: Awaitable[Any]) -> DeadlineExceeded:
    """Returns the error of a call that must not end well."""
    with pytest.raises(DeadlineExceeded) as caught:
        await awaitable
    return caught.value
