"""README, "Concurrent Requests": never more than so many in flight."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import ConcurrentRequestLimit, GracyConfig, LogEvent, LogLevel, graceful
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import BASE, OnWire, PokeApiEndpoint, api_with, lines, times, wire_of

pytestmark = pytest.mark.anyio

SLOW = ScriptedResponse(delay=1)


class PokeAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(
            concurrent_requests=ConcurrentRequestLimit(
                limit=1,
                log_limit_reached=LogEvent(LogLevel.WARNING),
                log_limit_freed=LogEvent(LogLevel.INFO),
            ),
        )

    @graceful(concurrent_requests=5)
    async def get_concurrently_five(self, name: str) -> Any:
        return await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})


async def together(*calls: Any) -> None:
    """Starts all calls, in their order."""
    async with anyio.create_task_group() as group:
        for function, *args in calls:
            group.start_soon(function, *args)
            await anyio.lowlevel.checkpoint()


async def test_the_simplest_usage(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """One at a time, and a line when a request has to wait and when it goes on."""
    caplog.set_level("INFO", "gracy_transport")
    wire = wire_of(SLOW)
    async with PokeAPI(family, wire) as api:
        await together(*[(api.get_pokemon, name) for name in ("ditto", "pikachu", "eevee")])
    assert (wire.most_in_flight, times(wire)) == (1, [0, 1, 2])
    reached = ("WARNING", f"{BASE}/pokemon/{{NAME}} has to wait: 1 requests are in flight")
    freed = ("INFO", f"{BASE}/pokemon/{{NAME}} goes on: a slot of 1 is free")
    assert lines(caplog) == [reached, reached, freed, freed]


async def test_a_limit_of_one_method(family: ModuleType) -> None:
    """The plain number of the decorator, in place of what the class says."""
    wire = wire_of(SLOW)
    async with PokeAPI(family, wire) as api:
        await together(*[(api.get_concurrently_five, f"number-{number}") for number in range(12)])
    assert (wire.most_in_flight, times(wire)) == (5, [0] * 5 + [1] * 5 + [2] * 2)


async def berries_and_pokemon(family: ModuleType, limit: Any) -> int:
    """Returns how many requests there were at most, of two for each of two endpoints."""
    wire = wire_of(SLOW)
    async with api_with(family, wire, concurrent_requests=limit) as api:
        await together(
            *[(api.get_pokemon, name) for name in ("ditto", "pikachu")],
            *[(api.get, PokeApiEndpoint.BERRY_GET, {"KEY": key}) for key in ("cheri", "pecha")],
        )
    return wire.most_in_flight


async def test_a_limit_is_per_endpoint(family: ModuleType) -> None:
    """By the unformatted endpoint, so other names are the same endpoint; or it is for all of them."""
    assert await berries_and_pokemon(family, ConcurrentRequestLimit(1)) == 2
    assert await berries_and_pokemon(family, 1) == 2
    assert await berries_and_pokemon(family, ConcurrentRequestLimit(1, limit_per_uurl=False)) == 1


async def test_a_limit_may_be_for_some_endpoints(family: ModuleType) -> None:
    """By a pattern; the first limit that matches applies."""
    assert await berries_and_pokemon(family, ConcurrentRequestLimit(1, ".*/berry/.*")) == 3
    limits = [ConcurrentRequestLimit(1, ".*/berry/.*"), ConcurrentRequestLimit(2)]
    assert await berries_and_pokemon(family, limits) == 3


async def test_a_limit_may_be_per_argument(family: ModuleType) -> None:
    """Two requests for the same pokemon wait for each other, those for others do not."""
    wire = wire_of(SLOW)
    limit = ConcurrentRequestLimit(1, blocking_args=["NAME"])
    async with api_with(family, wire, concurrent_requests=limit) as api:
        await together(*[(api.get_pokemon, name) for name in ("ditto", "ditto", "pikachu")])
    assert times(wire, "ditto") == [0, 1]
    assert times(wire, "pikachu") == [0]
