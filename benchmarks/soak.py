"""Sends very many requests through the stack with everything churning, and looks whether anything stays behind.

`python -m benchmarks.soak [--requests N]`: 1,000,000 unless given. Ten times on the way it lets everything come to
rest and prints what is there then. It ends with 1 when memory grew by more than the bounds below after the first
100,000 requests (the first half, of fewer than 200,000), or when at any look a task, a slot or a waiter was left, or at
the last one more descriptors than at the first.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import tempfile
import tracemalloc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import anyio
import httpx

from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulValidator,
    GracyConfig,
    GracyReplay,
    GracyTransport,
    LogEvent,
    LogLevel,
    ThrottleRule,
    attach,
    call_options,
)
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing.origin import Origin, Reply

LOOKS: Final = 10
WORKERS: Final = 60
WARM: Final = 100_000
"""Requests after which everything that is bounded has filled up: rows, the ring, what is remembered of URLs."""
MOST_TRACED: Final = 4_000_000
"""Bytes that Python may have more of from then on. What is remembered of 4,096 URLs is forgotten all at once, several
times over, so two looks may see it full and empty; 5 bytes kept for every request would still be too much."""
MOST_RESIDENT: Final = 20_000_000
"""Bytes the same for the process: the allocator keeps some of what was free."""


class Whole(GracefulValidator):
    """Turns some bodies down."""

    def check(self, response: Any) -> None:
        if response.content == b"odd":
            raise ValueError("odd")


CONFIG: Final = GracyConfig(
    throttling=[
        ThrottleRule(r"https://slow\.test", 2, 0.01),
        ThrottleRule(".*", 100_000, 0.05, key=lambda request: request.url.host),
    ],
    concurrent_requests=ConcurrentRequestLimit(WORKERS // 3, limit_per_uurl=False),
    retry=GracefulRetry(delay=0, max_attempts=2, methods="any"),
    validators=Whole(),
    allowed_status_code=404,
    log_errors=LogEvent(LogLevel.DEBUG),
)


class Body(httpx.AsyncByteStream):
    """A body of two chunks, which may break in between."""

    def __init__(self, first: bytes, *, is_broken: bool) -> None:
        self.first, self.is_broken = first, is_broken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.first
        await asyncio.sleep(0)
        if self.is_broken:
            raise httpx.ReadError("broken")
        yield b""


class FlakyWire(httpx.AsyncBaseTransport):
    """Answers most requests, after a turn or two of the loop; the others fail in one of many ways."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        chance = random.random()
        if chance < 0.02:
            raise httpx.ReadTimeout("late")
        if chance < 0.03:
            raise httpx.ConnectError("nobody there")
        status = 503 if chance < 0.08 else 404 if chance < 0.1 else 200
        body = b"odd" if 0.1 < chance < 0.11 else b"even"
        return httpx.Response(status, stream=Body(body, is_broken=0.11 < chance < 0.12))


# ---------------------------------------------------------------- what users do

Way = Callable[[httpx.AsyncClient, int], Awaitable[object]]


async def get(client: httpx.AsyncClient, number: int) -> None:
    await client.get(f"https://api.test/items/{number % 50}")


async def get_anything(client: httpx.AsyncClient, number: int) -> None:
    """A host and a path that were never there before: a new key, a new row."""
    await client.get(f"https://host-{number}.test/{number}")


async def wait_for_permits(client: httpx.AsyncClient, _number: int) -> None:
    """Asks more often at once than a rule allows."""

    async def ask() -> None:
        with suppress(httpx.HTTPError, ValueError):
            await client.get("https://slow.test/", extensions=call_options(template="/slow"))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(ask)


async def post(client: httpx.AsyncClient, number: int) -> None:
    await client.post("https://api.test/items", json={"number": number})


async def bring_a_config(client: httpx.AsyncClient, number: int) -> None:
    """Limits of the call's own, which nobody else has."""
    own = call_options(
        throttling=ThrottleRule(f".*{number}", 5, 0.01),
        concurrent_requests=ConcurrentRequestLimit(1 + number % 7),
        retry=None,
        template="/items/{NUMBER}",
        args={"NUMBER": number},
    )
    await client.get(f"https://api.test/items/{number}", extensions=own)


async def cancel(client: httpx.AsyncClient, number: int) -> None:
    """Gives up after some turns of the loop: before the wire, in it, in a body or in a retry."""
    task = asyncio.ensure_future(get(client, number))
    for _ in range(number % 7):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def drop(client: httpx.AsyncClient, _number: int) -> None:
    """Never reads the body, nor closes it."""
    await client.send(client.build_request("GET", "https://api.test/dropped"), stream=True)


async def read_half(client: httpx.AsyncClient, _number: int) -> None:
    async with client.stream("GET", "https://api.test/half") as response:
        async for _chunk in response.aiter_raw():
            break


WAYS: Final[tuple[tuple[Way, float], ...]] = (
    *((get, 50), (get_anything, 10), (wait_for_permits, 1), (post, 10)),
    *((bring_a_config, 5), (cancel, 10), (drop, 7), (read_half, 7)),
)


# ---------------------------------------------------------------- the runs


async def send(stack: GracyTransport, numbers: range) -> None:
    """Sends so many requests through a stack, with many workers and ever new clients."""
    ways, weights = zip(*WAYS, strict=True)
    ahead = iter(numbers)

    async def work() -> None:
        client = httpx.AsyncClient(transport=stack, trust_env=False)
        for number in ahead:
            if number % 200 == 0:  # clients come and go; one that is closed here would close the stack for all
                client = httpx.AsyncClient(transport=stack, trust_env=False)
            (way,) = random.choices(ways, weights)
            with suppress(httpx.HTTPError, ValueError):
                await way(client, number)

    async with anyio.create_task_group() as group:
        for _ in range(WORKERS):
            group.start_soon(work)


async def send_for_real(directory: Path, clients: int) -> None:
    """Opens clients on real sockets, each with a stack that records into a file, and closes them."""
    async with Origin() as origin:
        origin.on("/item").reply(Reply(503), Reply(json={"ok": True}))
        for number in range(clients):
            client = httpx.AsyncClient(base_url=origin.url, trust_env=False, verify=False)
            storage = SQLiteReplayStorage(f"{number % 5}.sqlite3", dir=str(directory))
            attach(client, CONFIG, replay=GracyReplay("record" if number % 2 else "smart-replay", storage))
            async with client:
                for path in ("/item", "/item", "/missing"):
                    with suppress(httpx.HTTPError, ValueError):
                        await client.get(path)


@dataclass(frozen=True)
class Look:
    """What is there when nothing is under way."""

    requests: int
    seconds: float
    resident: int
    traced: int
    tasks: int
    descriptors: int
    slots: int
    waiting: int
    gates: int
    rows: int
    chains: int

    def __str__(self) -> str:
        return (
            f"{self.requests:>9,} requests {self.seconds:7.1f} s  rss {self.resident / 1e6:7.1f} MB  "
            f"traced {self.traced / 1e6:6.2f} MB  tasks {self.tasks}  descriptors {self.descriptors}  "
            f"slots {self.slots}  waiting {self.waiting}  gates {self.gates:,}  rows {self.rows:,}  "
            f"chains {self.chains}"
        )


async def look(stack: GracyTransport, requests: int, began: float) -> Look:
    """Lets what was dropped be collected, and looks."""
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.06)  # longer than the window of a rule: its permits are back
    shared = stack._shared  # noqa: SLF001 - what is kept is not for users to see
    slots = [gate for keyed in shared.limits.all() for gate in keyed.all()]
    permits = [gate for rule in shared.rules.all() for gate in rule.all()]
    return Look(
        requests=requests,
        seconds=monotonic() - began,
        resident=resident(),
        traced=tracemalloc.get_traced_memory()[0],
        tasks=len(asyncio.all_tasks()) - 1,
        descriptors=descriptors(),
        slots=sum(gate.held for gate in slots),
        waiting=shared.desk.waiting,
        gates=len(slots) + len(permits),
        rows=len(stack.get_report().rows),
        chains=len(stack._chains),  # noqa: SLF001 - likewise
    )


async def soak(requests: int) -> int:
    """Sends them all, and returns the exit code."""
    began = monotonic()
    tracemalloc.start()
    stack = GracyTransport(FlakyWire(), CONFIG)
    step = max(1, requests // LOOKS)
    looks: list[Look] = []
    with tempfile.TemporaryDirectory() as directory:
        for start in range(0, step * LOOKS, step):
            await send(stack, range(start, start + step))
            await send_for_real(Path(directory), max(10, step // 1000))
            looks.append(await look(stack, start + step, began))
            print(looks[-1], flush=True)
    report = stack.get_report().total
    print(
        f"calls {report.calls:,}  attempts {report.attempts:,}  retries {report.retries:,}  "
        f"cancelled {report.cancelled:,}  waits for a slot {report.slot_waits:,}, for a permit {report.throttles:,}"
    )
    faults = faults_of(looks)
    print("\n".join(f"left behind: {fault}" for fault in faults) or "nothing was left behind")
    return int(bool(faults))


def faults_of(looks: Sequence[Look]) -> list[str]:
    """Says what was left or grew, in words."""
    first, last = looks[0], looks[-1]
    warm = next(each for each in looks if each.requests >= min(WARM, last.requests / 2))
    faults = [
        f"{count} {name} after {each.requests:,} requests"
        for each in looks
        for name, count in (("tasks", each.tasks), ("slots", each.slots), ("waiters", each.waiting))
        if count
    ]
    if last.descriptors > first.descriptors:
        faults.append(f"{last.descriptors - first.descriptors} descriptors")
    for name, grown, most in (
        ("bytes that Python traces", last.traced - warm.traced, MOST_TRACED),
        ("bytes of the process", last.resident - warm.resident, MOST_RESIDENT),
    ):
        if grown > most:
            faults.append(f"{grown:,} {name}, which is more than {most:,}")
    return faults


def resident() -> int:
    """Returns the bytes of memory of this process; 0 where the system does not tell as Linux does."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096
    except OSError:
        return 0


def descriptors() -> int:
    """Returns how many files and sockets are open; 0 where the system does not tell as Linux does."""
    try:
        return sum(1 for _each in Path("/proc/self/fd").iterdir()) - 1  # without the one that lists them
    except OSError:
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line and soaks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="how many; 1,000,000 unless given")
    parser.add_argument("--seed", type=int, default=0, help="for another course of events")
    options = parser.parse_args(arguments)
    random.seed(options.seed)
    warnings.simplefilter("ignore", ResourceWarning)  # bodies are dropped on purpose
    return asyncio.run(soak(options.requests))


if __name__ == "__main__":
    sys.exit(main())
