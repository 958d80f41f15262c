"""What a process of the fleet does, and what it writes down of it."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Literal

import anyio
import httpx

from gracy_transport import ConcurrentRequestLimit, GracefulThrottle, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.clock import SystemClock
from gracy_transport.events import Event, RequestDispatched
from gracy_transport.redis import Away, RedisLimits

__all__ = ["Job", "main"]

NOWHERE = "http://fleet.test"
TELLING = 0.25
"""Seconds between two notes of how often the server was asked: a process that is killed says nothing at its end."""


@dataclass(frozen=True)
class Job:
    """What the processes of a fleet are to do.

    Attributes:
        server, namespace: where the limits are, and their namespace.
        log: the folder for the journals.
        origin: whom to ask; with none requests end at a wire that answers by itself, after `hold` seconds.
        limit, period: of the rate rule; no rule with a limit of 0.
        slots: of the concurrency limit; none with 0.
        tasks: how many requests at once, in each of `loops` event loops, one a thread. `keys`: over how many keys of
            the rule they are spread.
        away, timeout, lease, processes: as for `RedisLimits`.
        skew: seconds by which the clock of the process is wrong.
        busy: seconds of each half second for which the event loop does nothing else.
        backend: what runs the loops.
    """

    server: str
    namespace: str
    log: str
    origin: str = ""
    limit: int = 0
    period: float = 1.0
    slots: int = 0
    hold: float = 0.0
    tasks: int = 20
    loops: int = 1
    keys: int = 1
    away: Away = "local_share"
    timeout: float = 0.1
    lease: float = 30.0
    processes: int = 1
    skew: float = 0.0
    busy: float = 0.0
    backend: Literal["asyncio", "trio"] = "asyncio"

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

    def note(self, word: str, detail: object = "", at: float | None = None) -> None:
        """Notes that something happened, now or at an instant of the process's clock."""
        instant = time.monotonic() if at is None else at - self._skew
        os.write(self._file, f"{word} {instant:.9f} {detail}\n".encode())


class Wire(httpx.AsyncBaseTransport):
    """Notes what really leaves and when it is over, and hands it on, or answers by itself."""

    def __init__(self, job: Job, journal: Journal) -> None:
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=None)) if job.origin else None
        self._hold = job.hold
        self._journal = journal

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request."""
        self._journal.note("in")
        try:
            if self._inner is not None:
                return await self._inner.handle_async_request(request)
            if self._hold:
                await anyio.sleep(self._hold)
            return httpx.Response(200)
        finally:
            self._journal.note("out")

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._inner is not None:
            await self._inner.aclose()


class Worker:
    """Sends requests until it is told to end."""

    def __init__(self, job: Job, journal: Journal) -> None:
        self.job = job
        self.journal = journal
        self.numbers = count()
        self.is_over = False
        self.shared = RedisLimits(
            job.server,
            namespace=job.namespace,
            away=job.away,
            timeout=job.timeout,
            lease=job.lease,
            processes=job.processes,
        )
        wire = Wire(job, journal)
        self.transport = GracyTransport(wire, self._config(), clock=SkewedClock(job.skew), observers=[self._observe])

    def _config(self) -> GracyConfig:
        job = self.job
        rule = ThrottleRule(".*", job.limit, job.period, key=_key_of if job.keys > 1 else None) if job.limit else None
        limit = ConcurrentRequestLimit(job.slots, limit_per_uurl=False, shared=self.shared) if job.slots else None
        return GracyConfig(
            throttling=None if rule is None else GracefulThrottle([rule], shared=self.shared), concurrent_requests=limit
        )

    def _observe(self, event: Event) -> None:
        if isinstance(event, RequestDispatched):
            self.journal.note("sent", event.call.url.query.decode(), event.at)

    async def work(self) -> None:
        """Does what the job says, in one event loop."""
        async with anyio.create_task_group() as group:
            for _ in range(self.job.tasks):
                group.start_soon(self._one_after_another)
            if self.job.busy:
                group.start_soon(self._hog)
            while not self.is_over:
                self.tell()
                await anyio.sleep(TELLING)
            group.cancel_scope.cancel()

    async def _one_after_another(self) -> None:
        while True:
            number = next(self.numbers)
            request = httpx.Request("GET", f"{self.job.origin or NOWHERE}/{number % self.job.keys}?{number}")
            try:
                response = await self.transport.handle_async_request(request)
                await response.aread()
            except httpx.HTTPError as error:
                self.journal.note("failed", type(error).__name__)
                await anyio.sleep(0.05)
            else:
                await response.aclose()

    async def _hog(self) -> None:
        while True:
            time.sleep(self.job.busy)  # noqa: ASYNC251 - that is what it is for
            await anyio.sleep(0.5 - self.job.busy)

    def tell(self) -> None:
        """Notes how often the server was asked up to now, how often it was away, and what was lost."""
        self.journal.note("trips", self.shared.round_trips)
        self.journal.note("outages", self.shared.outages)
        self.journal.note("lost", self.shared.lost_leases)


def _key_of(request: httpx.Request) -> str:
    return request.url.path


def main() -> None:
    """Works as the command line says: the job, and the name of the journal. Begins with a line, ends with the input."""
    job = Job(**json.loads(sys.argv[1]))
    journal = Journal(Path(job.log, sys.argv[2]), job.skew)
    worker = Worker(job, journal)
    journal.note("ready")
    if not sys.stdin.readline():
        return
    journal.note("begun")
    threads = [Thread(target=partial(anyio.run, worker.work, backend=job.backend)) for _ in range(job.loops)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    worker.is_over = True
    for thread in threads:
        thread.join()
    worker.tell()
    worker.shared.close()


if __name__ == "__main__":
    main()
