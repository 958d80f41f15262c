"""Asks how the cost of a request grows with how much there is of something: flat is best, logarithmic will do."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any, Final

import httpx

from gracy_transport.config import call_options
from gracy_transport.replay import GracyReplay, ReplayTransport
from gracy_transport.replay.lines import JSONLinesReplayStorage
from gracy_transport.replay.memory import MemoryReplayStorage
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.throttle import ThrottleRule, ThrottleTransport

from .figures import Figure
from .harness import Step, race
from .subjects import read, stack_on, wire_of

TITLE = "Cost per request against how much there is"
HOST: Final = "https://api.example.com"
GROWTH: Final = 1.5
"""How many times as much a request may cost at the end of a curve as at its start: more is not flat."""

Curve = Sequence[tuple[int, float, float]]
"""How much there was, and the µs of a request then: the median and the best."""


async def ask(*, quick: bool) -> list[Figure]:
    """Draws a curve for each thing that there may be much of."""
    one, other = _one_url, _other_urls
    figures = [
        *_drawn("rules, one of which matches; one URL", await _rules(one, quick=quick)),
        *_drawn("rules, one of which matches; every URL another", await _rules(other, quick=quick)),
        # Of each of them a permit has to be taken, so this cannot be flat: there is no goal.
        *_drawn("rules, all of which match", await _rules(one, quick=quick, do_all_match=True), at_most=None),
        *_drawn("endpoints of a stack", await _endpoints(quick=quick)),
        *_drawn("waiting tasks, each until its turn", await _waiting(quick=quick)),
    ]
    async for kind, curve in _recordings(quick=quick):
        figures += _drawn(f"recordings in {kind}", curve)
    return figures


def _drawn(title: str, curve: Curve, *, at_most: float | None = GROWTH) -> Iterator[Figure]:
    for x, value, best in curve:
        yield Figure(f"{x:,} {title}", value, "µs", best, curve=title, x=x)
    (least, first, _), (most, last, _) = curve[0], curve[-1]
    yield Figure(f"from {least:,} to {most:,} {title}", last / first, "×", at_most=at_most)


async def _race(contenders: dict[int, Step], items: Callable[[int], Sequence[Any]], *, quick: bool) -> Curve:
    named = {str(x): step for x, step in contenders.items()}
    took = await race(named, items, rounds=7 if quick else 21, steps=200)
    return [(x, took[str(x)].median, took[str(x)].best) for x in contenders]


def _sender(transport: Any) -> Step:
    async def step(request: httpx.Request) -> None:
        await read(await transport.handle_async_request(request))

    return step


# ---------------------------------------------------------------- rules


async def _rules(items: Callable[[int], Sequence[Any]], *, quick: bool, do_all_match: bool = False) -> Curve:
    contenders: dict[int, Step] = {}
    for count in (1, 10, 100):
        patterns = [r"https://api\.example\.com/.*" if do_all_match else _pattern(number) for number in range(count)]
        rules = [ThrottleRule(pattern, 1_000_000 + number, 0.5) for number, pattern in enumerate(patterns)]
        contenders[count] = _sender(ThrottleTransport(wire_of(httpx), rules))
    return await _race(contenders, items, quick=quick)


def _pattern(number: int) -> str:
    return rf"https://api\.example\.com/v2/things-{number}/.*"


def _one_url(count: int) -> Sequence[Any]:
    url = httpx.URL(f"{HOST}/v2/things-0/1")
    return [httpx.Request("GET", url) for _ in range(count)]


_asked = iter(range(10**12))


def _other_urls(count: int) -> Sequence[Any]:
    return [httpx.Request("GET", f"{HOST}/v2/things-0/{next(_asked)}") for _ in range(count)]


# ---------------------------------------------------------------- endpoints


async def _endpoints(*, quick: bool) -> Curve:
    """Sends to the whole stack, which has a row and a limit for each endpoint."""
    contenders: dict[int, Step] = {}
    for count in (10, 100, 1_000):
        contenders[count] = _to_endpoints(stack_on(wire_of(httpx)), count)
        for number in range(2 * count):  # all are known before time is taken
            await contenders[count](httpx.Request("GET", f"{HOST}/v2/{number}"))
    return await _race(contenders, _other_urls, quick=quick)


def _to_endpoints(transport: Any, count: int) -> Step:
    options = [call_options(template=f"/v2/endpoint-{number}/{{ID}}", args={"ID": "1"}) for number in range(count)]
    send, turns = _sender(transport), iter(range(10**12))

    async def step(request: httpx.Request) -> None:
        request.extensions.update(options[next(turns) % count])
        await send(request)

    return step


# ---------------------------------------------------------------- waiting tasks


async def _waiting(*, quick: bool) -> Curve:
    """Lets as many come at once, and all of them wait until they may go."""
    lengths = (100, 1_000, 10_000)
    took: dict[int, list[float]] = {length: [] for length in lengths}
    for _ in range(3 if quick else 9):
        for length in lengths:
            took[length].append(await _come_and_go(length))
    return [(length, sorted(rounds)[len(rounds) // 2], min(rounds)) for length, rounds in took.items()]


async def _come_and_go(length: int) -> float:
    """Returns the µs of one task that came to a queue, waited for its turn and went, of as many."""
    transport = ThrottleTransport(wire_of(httpx), ThrottleRule(".*", 50, 0.005))

    async def send() -> None:
        await read(await transport.handle_async_request(httpx.Request("GET", HOST)))

    gc.collect()
    began = thread_time()
    await asyncio.gather(*[send() for _ in range(length)])
    return (thread_time() - began) / length * 1e6


# ---------------------------------------------------------------- recordings


async def _recordings(*, quick: bool) -> AsyncIterator[tuple[str, Curve]]:
    counts = (1_000, 10_000) if quick else (1_000, 10_000, 100_000)
    makes: dict[str, Callable[[Path], Any]] = {
        "memory": lambda _folder: MemoryReplayStorage(),
        "SQLite": lambda folder: SQLiteReplayStorage("recordings.sqlite3", folder),
        "lines": lambda folder: JSONLinesReplayStorage(folder / "lines.jsonl"),
    }
    for kind, make in makes.items():
        async with AsyncExitStack() as stack:
            contenders = {count: await stack.enter_async_context(_replaying(make, count)) for count in counts}
            yield kind, await _race(contenders, _recorded(counts[0]), quick=quick)


@asynccontextmanager
async def _replaying(make: Callable[[Path], Any], count: int) -> AsyncIterator[Step]:
    """Opens what replays as many recordings."""
    with TemporaryDirectory() as folder:
        storage = make(Path(folder))
        async with ReplayTransport(wire_of(httpx), GracyReplay("record", storage)) as recorder:
            for number in range(count):
                await read(await recorder.handle_async_request(httpx.Request("GET", f"{HOST}/{number}")))
        async with ReplayTransport(wire_of(httpx), GracyReplay("replay", storage)) as player:
            yield _sender(player)


def _recorded(least: int) -> Callable[[int], Sequence[Any]]:
    turns = iter(range(10**12))

    def requests(count: int) -> Sequence[Any]:
        return [httpx.Request("GET", f"{HOST}/{next(turns) * 37 % least}") for _ in range(count)]

    return requests
