"""The third way: single transports, each around any other, as many as are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, islice
from json import loads
from typing import Final

import anyio
import httpx

from ..concurrency import ConcurrencyLimitTransport
from ..config import call_options
from ..metrics import MetricsRegistry, MetricsTransport
from ..retry import GracefulRetry, RetryTransport
from ..throttle import ThrottleTransport
from .board import Board
from .crowd import Crowd
from .data import Record, elements, planets
from .meter import Meter
from .naive import TIMEOUT
from .plan import PLANETS_RULE, SLOTS, Plan

__all__ = ["FEED", "FEED_CODE", "PLANET_CODE", "run_alone"]

PLANET: Final = "/planets/{NAME}"
PLANET_CODE: Final = "RetryTransport(ThrottleTransport(…), GracefulRetry(…))"
"""How the view names this way."""

FEED: Final = "/feed"
FEED_CODE: Final = "ConcurrencyLimitTransport(…, 3)"

READERS: Final = 5
"""More than there are slots for: some always wait."""

# The server means fewer requests than its documentation says: its Retry-After is believed as well.
RETRY: Final = GracefulRetry(delay=0.2, max_attempts=40, jitter=True)


async def run_alone(url: str, plan: Plan, board: Board) -> None:
    """Asks for planets and reads feeds."""
    registry = MetricsRegistry()
    board.sources.append(registry.report)
    throttled = ThrottleTransport(Meter(httpx.AsyncHTTPTransport(), board), PLANETS_RULE)
    limited = ConcurrencyLimitTransport(Meter(httpx.AsyncHTTPTransport(), board), SLOTS[FEED])
    stacks = [
        MetricsTransport(layer, registry=registry, observers=[board.hear])
        for layer in (RetryTransport(throttled, RETRY), limited)
    ]
    clients = [httpx.AsyncClient(base_url=url, timeout=TIMEOUT, transport=stack) for stack in stacks]
    async with clients[0] as solar, clients[1] as radio, anyio.create_task_group() as tasks, Crowd(board) as crowd:
        readings = iter(range(plan.feeds))
        for _ in range(READERS):
            tasks.start_soon(listen, radio, board, readings)
        for name, planet in islice(cycle(planets().items()), plan.planets):
            await crowd.ask(PLANET, partial(planet_of, solar, name), planet)


async def planet_of(client: httpx.AsyncClient, name: str) -> Record:
    """Returns one planet."""
    response = await client.get(f"/planets/{name}", extensions=call_options(template=PLANET, args={"NAME": name}))
    planet: Record = response.raise_for_status().json()
    return planet


async def listen(client: httpx.AsyncClient, board: Board, readings: Iterator[int]) -> None:
    """Reads the feed again and again, as long as there are readings left to be done by one of the readers."""
    whole = list(elements().values())
    for _ in readings:
        await board.ask(FEED, partial(read, client, len(whole), board.cut), whole)


async def read(client: httpx.AsyncClient, count: int, cut: Callable[[str, int], object]) -> list[Record]:
    """Returns all events of the feed; where the server cuts it, the next connection goes on from there.

    Only the reader can do this: a transport cannot take back what was read.
    """
    seen: list[Record] = []
    while len(seen) < count:
        async with client.stream("GET", FEED, headers={"Last-Event-ID": str(len(seen))}) as response:
            try:
                async for line in response.raise_for_status().aiter_lines():
                    if line.startswith("data: "):
                        seen.append(loads(line.removeprefix("data: ")))  # noqa: PERF401 - keeps what came before a cut
            except httpx.TransportError:
                cut(FEED, len(seen))
    return seen
