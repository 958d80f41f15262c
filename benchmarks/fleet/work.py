"""What a process of the fleet does, and what it writes down of it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from gracy_transport import ConcurrentRequestLimit, GracefulThrottle, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.clock import SystemClock
from gracy_transport.events import Event, RequestDispatched
from gracy_transport.redis import Away, RedisLimits

__all__ = ["Job", "main"]


@dataclass(frozen=True)
class Job:
    """What the processes of a fleet are to do.

    Attributes:
        server, namespace, origin: where the limits are, their namespace, and whom to ask.
        limit, period: of the rate rule; no rule with a limit of 0.
        slots: of the concurrency limit; none with 0.
        tasks: how many requests at once. `keys`: over how many keys they are spread.
        away, lease, processes: as for `RedisLimits`.
        log: the folder for the logs. `skew`: seconds by which the clock of the process is wrong.
    """

    server: str
    namespace: str
    origin: str
    log: str
    limit: int = 0
    period: float = 1.0
    slots: int = 0
    tasks: int = 20
    keys: int = 1
    away: Away = "local_share"
    lease: float = 30.0
    processes: int = 1
    skew: float = 0.0

    def written(self) -> str:
        """Returns it as text, for a command line."""
        return json.dumps(asdict(self))


class SkewedClock(SystemClock):
    """A clock that is wrong."""

    def __init__(self, skew: float) -> None:
        self.skew = skew

    def now(self) -> float:
        """Returns monotonic seconds from another zero point."""
        return time.monotonic() + self.skew

    def wall(self) -> float:
        """Returns the wrong time."""
        return time.time() - self.skew


class Journal:
    """One line for each thing that happened, written at once: the process may be killed at any moment."""

    def __init__(self, path: Path, skew: float) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._skew = skew

    def note(self, word: str, at: float | None = None) -> None:
        """Notes that something happened, now or at an instant of the process's clock."""
        instant = time.monotonic() if at is None else at - self._skew
        os.write(self._file, f"{word} {instant:.6f}\n".encode())


async def work(job: Job, journal: Journal) -> None:
    """Sends requests until the process is told to end."""
    shared = RedisLimits(
        job.server,
        namespace=job.namespace,
        away=job.away,
        lease=job.lease,
        processes=job.processes,
    )

    def key_of(request: httpx.Request) -> str:
        return request.url.path if job.keys > 1 else ""

    rules = [ThrottleRule(".*", job.limit, job.period, key=key_of)] if job.limit else []
    limits = [ConcurrentRequestLimit(job.slots, limit_per_uurl=False, shared=shared)] if job.slots else []
    config = GracyConfig(throttling=GracefulThrottle(rules, shared=shared), concurrent_requests=limits)

    def observe(event: Event) -> None:
        if isinstance(event, RequestDispatched):
            journal.note("sent", event.at)

    transport = GracyTransport(httpx.AsyncHTTPTransport(), config, clock=SkewedClock(job.skew), observers=[observe])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    async with httpx.AsyncClient(transport=transport, base_url=job.origin, timeout=30.0) as client:
        journal.note("ready")
        tasks = [asyncio.ensure_future(one_after_another(client, job, number, journal)) for number in range(job.tasks)]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    journal.note(f"trips-{shared.round_trips}")
    shared.close()


async def one_after_another(client: httpx.AsyncClient, job: Job, number: int, journal: Journal) -> None:
    """Sends one request after the other."""
    while True:
        number = (number + job.tasks) % job.keys
        try:
            await client.get(f"/{number}")
        except httpx.HTTPError as error:
            journal.note(f"failed-{type(error).__name__}")
            await asyncio.sleep(0.05)
        else:
            journal.note("done")


def main() -> None:
    """Works as the command line says: the job, and the name of the journal."""
    job = Job(**json.loads(sys.argv[1]))
    asyncio.run(work(job, Journal(Path(job.log, sys.argv[2]), job.skew)))


if __name__ == "__main__":
    main()
