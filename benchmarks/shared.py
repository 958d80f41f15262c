"""Asks what a limit costs that many processes share on a server, beside the libraries that offer the same.

The server counts what it reads: a round trip is one read, however many commands are in it. Processor time is that of
the process, with its thread for the server.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from time import monotonic, process_time
from typing import Any, TypeAlias

import httpx
from redis.asyncio import Redis

from gracy_transport.redis import RedisLimits
from gracy_transport.throttle import GracefulThrottle, ThrottleRule, ThrottleTransport

from .figures import Figure
from .fleet.judge import busiest_window
from .fleet.server import Server, server
from .subjects import URL, wire_of

TITLE = "A limit that many processes share on a server"
PLENTY = 1_000_000
"""Permits in a second that nobody ever uses up."""
RATE, PERIOD = 100, 1.0
RULES = (0, 1, 10, 100)

Send: TypeAlias = Callable[[httpx.Request], Awaitable[object]]
"""Sends a request once there is a permit."""
Open: TypeAlias = Callable[[str, str, int, AsyncExitStack], Awaitable[Send]]
"""Sets a library up: URL of the server, name of the limit, limit in `PERIOD`, and what closes it in the end."""


async def ask(*, quick: bool) -> list[Figure]:
    """Lets all take turns, first where there is plenty, then where there is not, and adds rules."""
    before = os.getloadavg()[0]
    with server() as shared:
        figures = [
            *[figure for tasks in (1, 4) for figure in await _plenty(shared, tasks, 60 if quick else 400, quick=quick)],
            *await _scarce(shared, 3 if quick else 6),
            *await _rules(shared, 60 if quick else 300),
        ]
    load = f"of the minute before, on {os.cpu_count()} processors; the higher, the less the figures per second say"
    return [Figure("load of the machine", before, "", note=load), *figures]


async def _plenty(shared: Server, tasks: int, count: int, *, quick: bool) -> list[Figure]:
    """Returns how many permits each gives in a second, and what that takes, when none is ever missing."""
    rates: dict[str, list[float]] = {}
    trips: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        contenders = await _opened(shared, PLENTY, stack)
        for name in [*contenders, *list(contenders) * (2 if quick else 6)]:
            reads, began = await _reads(shared), monotonic()
            await _send_all(contenders[name], count, tasks)
            took = monotonic() - began
            rates.setdefault(name, []).append(count / took)
            trips.setdefault(name, []).append((await _reads(shared) - reads - 1) / count)
    who = "1 task" if tasks == 1 else f"{tasks} tasks"
    figures: list[Figure] = []
    for name in contenders:
        per_second, per_permit = rates[name][1:], trips[name][1:]
        is_ours = name == OURS
        figures += [
            Figure(f"{name}, {who}: permits in a second", median(per_second), "", best=max(per_second)),
            Figure(
                f"{name}, {who}: round trips for a permit", median(per_permit), "", at_most=0.2 if is_ours else None
            ),
        ]
    return figures


async def _scarce(shared: Server, windows: int) -> list[Figure]:
    """Returns how well each uses a limit that four tasks want more of, and how often it asks for a permit."""
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        for name, send in (await _opened(shared, RATE, stack)).items():
            stamps: list[float] = []
            reads = await _reads(shared)
            with_end = asyncio.wait_for(_send_for_ever(send, stamps), windows * PERIOD)
            await asyncio.gather(with_end, return_exceptions=True)
            made = await _reads(shared) - reads - 1
            # The first window holds whatever was saved up; what matters is what follows.
            later = [at for at in stamps if at >= stamps[0] + PERIOD]
            used = 100 * len(later) / (RATE * (windows - 1)) if later else 0.0
            worst = busiest_window(stamps, PERIOD)[0] / RATE
            figures += [
                Figure(f"{name}, {RATE} in {PERIOD:g} s: the part that was used", used, "%"),
                Figure(f"{name}, the same: the worst window", worst, "×", at_most=1.0 if name == OURS else None),
                Figure(f"{name}, the same: round trips for a permit", made / max(1, len(stamps)), ""),
            ]
    return figures


async def _rules(shared: Server, count: int) -> list[Figure]:
    """Returns the processor time of a request under so many rules, shared and not."""
    figures: list[Figure] = []
    for number in RULES:
        took: dict[str, list[float]] = {"shared": [], "not shared": []}
        limits = RedisLimits(shared.url, namespace=f"rules-{number}", timeout=5.0)
        rules = [ThrottleRule(".*", PLENTY + place, 1.0) for place in range(number)]
        wires = {
            "shared": ThrottleTransport(wire_of(httpx), GracefulThrottle(rules, shared=limits)),
            "not shared": ThrottleTransport(wire_of(httpx), rules),
        }
        for turn in range(4):
            for name, wire in wires.items():
                before = process_time()
                await _send_all(wire.handle_async_request, count, 4)
                if turn:
                    took[name].append((process_time() - before) / count * 1e6)
        await asyncio.to_thread(limits.close)
        figures += [
            Figure(f"{number} rules, {name}: a request", median(each), "µs", best=min(each), note="processor time")
            for name, each in took.items()
            if number or name == "shared"
        ]
    return figures


async def _send_all(send: Send, count: int, tasks: int) -> None:
    async def one_after_another() -> None:
        for _ in range(count // tasks):
            await send(httpx.Request("GET", URL))

    await asyncio.gather(*[one_after_another() for _ in range(tasks)])


async def _send_for_ever(send: Send, stamps: list[float], tasks: int = 4) -> None:
    async def one_after_another() -> None:
        while True:
            await send(httpx.Request("GET", URL))
            stamps.append(monotonic())

    await asyncio.gather(*[one_after_another() for _ in range(tasks)])


async def _reads(shared: Server) -> int:
    """Returns how often the server read from a connection; the question is one more."""
    return int((await asyncio.to_thread(shared.client.info, "stats"))["total_reads_processed"])


# The contenders.

OURS = "gracy_transport"


async def _opened(shared: Server, limit: int, stack: AsyncExitStack) -> dict[str, Send]:
    name = f"limit-{time.monotonic_ns()}"
    return {
        title: await open_it(shared.url, name, limit, stack)
        for title, (package, open_it) in CONTENDERS.items()
        if find_spec(package) is not None
    }


async def _ours(url: str, name: str, limit: int, stack: AsyncExitStack) -> Send:
    shared = RedisLimits(url, namespace=name, timeout=5.0)
    stack.push_async_callback(asyncio.to_thread, shared.close)
    rule = ThrottleRule(".*", limit, PERIOD)
    return ThrottleTransport(wire_of(httpx), GracefulThrottle(rule, shared=shared)).handle_async_request


async def _pyrate(url: str, name: str, limit: int, stack: AsyncExitStack) -> Send:
    package = import_module("pyrate_limiter")
    client: Any = Redis.from_url(url)
    stack.push_async_callback(client.aclose)
    bucket = await package.RedisBucket.init([package.Rate(limit, int(PERIOD * 1000))], client, f"pyrate-{name}")
    limiter = package.Limiter(bucket)
    wire = wire_of(httpx)

    async def send(request: httpx.Request) -> object:
        await limiter.try_acquire_async("all")
        return await wire.handle_async_request(request)

    return send


async def _limits(url: str, name: str, limit: int, _stack: AsyncExitStack) -> Send:
    storages, strategies = import_module("limits.aio.storage"), import_module("limits.aio.strategies")
    storage = storages.RedisStorage(f"async+{url}", implementation="redispy")
    strategy = strategies.MovingWindowRateLimiter(storage)
    item = import_module("limits").RateLimitItemPerSecond(limit, int(PERIOD))
    wire = wire_of(httpx)

    async def send(request: httpx.Request) -> object:
        while not await strategy.hit(item, name):
            reset = (await strategy.get_window_stats(item, name)).reset_time
            await asyncio.sleep(max(0.001, reset - time.time()))
        return await wire.handle_async_request(request)

    return send


async def _throttled(url: str, name: str, limit: int, _stack: AsyncExitStack) -> Send:
    package = import_module("throttled.asyncio")
    quota = package.per_sec(limit, burst=limit)
    throttle = package.Throttled(
        key=name, using="token_bucket", quota=quota, store=package.RedisStore(server=url), timeout=60
    )
    wire = wire_of(httpx)

    async def send(request: httpx.Request) -> object:
        await throttle.limit()
        return await wire.handle_async_request(request)

    return send


CONTENDERS: Mapping[str, tuple[str, Open]] = {
    OURS: ("redis", _ours),
    "pyrate-limiter": ("pyrate_limiter", _pyrate),
    "limits": ("limits", _limits),
    "throttled-py": ("throttled", _throttled),
}
"""What each needs to be installed, and how it is set up."""
