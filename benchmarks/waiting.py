"""Asks what waiting costs, and whether the rule is kept: 10,000 tasks get a URL under a rule of 200 a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from time import monotonic, process_time
from typing import Any

import httpx

from gracy_transport.throttle import ThrottleRule, ThrottleTransport

from .figures import Figure
from .peers import Limiter, limiters
from .subjects import URL, wire_of

TITLE = "10,000 tasks wait at a rule of 200 a second"
TASKS = 10_000
RATE, PERIOD = 200, 1.0


async def ask(*, quick: bool) -> list[Figure]:
    """Lets them wait for some windows, sends the others home, and does the same without a rule."""
    windows = 4 if quick else 10
    wire, per_grant, per_cancel = await _queue(windows, _ours)
    lag = await _lag(2 if quick else 4)
    free = await _free()
    return [
        Figure("the rate that was used", _used(wire, windows), "%", at_least=99.5),
        Figure("the worst window, of what the rule allows", _worst_window(wire.stamps) / RATE, "×", at_most=1.0),
        Figure("requests that overtook another", _overtaken(wire.numbers), "", at_most=0),
        Figure("a request that waited", per_grant, "µs", note="processor time of the task, its wait and its request"),
        Figure("the same without a rule", free, "µs"),
        Figure("ratio of the two", per_grant / free, "×", at_most=1.3),
        Figure("a waiter that is cancelled", per_cancel, "µs", note="processor time, with its task"),
        Figure("longest time the loop was busy", lag, "ms", at_most=10.0),
        *[figure for limiter in limiters() for figure in await _of_peer(limiter, windows)],
    ]


async def _of_peer(limiter: Limiter, windows: int) -> list[Figure]:
    wire, per_grant, _per_cancel = await _queue(windows, lambda inner: limiter.wrap(inner, RATE, PERIOD))
    return [
        Figure(f"{limiter.name}: the rate that was used", _used(wire, windows), "%"),
        Figure(f"{limiter.name}: the worst window", _worst_window(wire.stamps) / RATE, "×"),
        Figure(f"{limiter.name}: requests that overtook another", _overtaken(wire.numbers), ""),
        Figure(f"{limiter.name}: a request that waited", per_grant, "µs"),
    ]


def _ours(wire: Any) -> Any:
    return ThrottleTransport(wire, ThrottleRule(".*", RATE, PERIOD))


class _StampingWire:
    """Answers at once and notes when, and as which, each request was dispatched, and when enough were."""

    def __init__(self, enough: int) -> None:
        self._wire = wire_of(httpx)
        self._enough = enough
        self.stamps: list[float] = []
        self.numbers: list[int] = []
        self.is_done = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = request.extensions.get("gracy")
        self.stamps.append(monotonic() if call is None else call.attempt.dispatched)
        self.numbers.append(request.extensions["number"])
        if len(self.stamps) == self._enough:
            self.is_done.set()
        response: httpx.Response = await self._wire.handle_async_request(request)
        return response

    async def aclose(self) -> None:
        await self._wire.aclose()


async def _queue(windows: int, limit: Callable[[Any], Any]) -> tuple[_StampingWire, float, float]:
    """Returns what was dispatched in that many windows, and the µs for each that waited and each sent home."""
    wire = _StampingWire(RATE * windows)
    transport = limit(wire)
    before = process_time()
    tasks = _start(transport, TASKS)
    await asyncio.sleep(0)  # each of them has been admitted now, or waits
    per_arrival = (process_time() - before) / TASKS
    before, granted_before = process_time(), len(wire.stamps)
    await wire.is_done.wait()
    granted = len(wire.stamps) - granted_before  # none, where the arrival of all takes longer than all windows
    per_grant = (process_time() - before) / max(1, granted)
    left, before = TASKS - len(wire.stamps), process_time()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return wire, (per_arrival + per_grant) * 1e6, (process_time() - before) / left * 1e6


async def _free() -> float:
    """Returns the µs of as many requests, from as many tasks, when nothing holds them up."""
    took: list[float] = []
    for _ in range(3):
        wire = _StampingWire(TASKS)
        before = process_time()
        tasks = _start(wire, TASKS)
        await asyncio.gather(*tasks)
        took.append((process_time() - before) / TASKS * 1e6)
    return median(took)


async def _lag(windows: int) -> float:
    """Returns the milliseconds by which a task that wants to run every millisecond was late at worst."""
    wire = _StampingWire(RATE * windows)
    transport = _ours(wire)
    tasks = _start(transport, TASKS)
    await asyncio.sleep(0)  # each of them has been admitted now, or waits
    worst = 0.0
    while not wire.is_done.is_set():
        due = monotonic() + 0.001
        await asyncio.sleep(0.001)
        worst = max(worst, monotonic() - due)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return worst * 1e3


def _start(transport: Any, count: int) -> list[asyncio.Task[httpx.Response]]:
    client = httpx.AsyncClient(transport=transport)
    return [asyncio.create_task(client.get(URL, extensions={"number": number})) for number in range(count)]


def _used(wire: _StampingWire, windows: int) -> float:
    """Returns the rate in percent, from the second window on: in the first the loop is busy with the arrival of all."""
    took = wire.stamps[RATE * (windows - 1)] - wire.stamps[RATE]
    return 100 * (windows - 2) * PERIOD / took


def _worst_window(stamps: list[float]) -> int:
    """Returns the most requests in any window; what comes a whole period later belongs to the next."""
    worst = first = 0
    for last, stamp in enumerate(stamps):
        while stamps[first] + PERIOD <= stamp:
            first += 1
        worst = max(worst, last - first + 1)
    return worst


def _overtaken(numbers: list[int]) -> int:
    return sum(later < earlier for earlier, later in pairwise(numbers))
