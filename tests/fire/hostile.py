"""The full stack in front of a hostile origin, by each way in, and what has to be true when the request is over."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import anyio
import trio

from gracy_transport import (
    Call,
    GracefulRetry,
    Gracy,
    GracyConfig,
    GracyTransport,
    LogEvent,
    LogLevel,
    ThrottleRule,
    attach,
)
from gracy_transport.clock import SYSTEM_CLOCK, Clock
from gracy_transport.exceptions import GracyException
from gracy_transport.loops import current_loop
from gracy_transport.wires.aiohttp import AiohttpTransport

PATIENCE = 2.0
"""Seconds of a read timeout where it should not come to one, however busy the machine."""
RETRIES = 2
"""How often the stack tries again."""
CONFIG = GracyConfig(
    log_request=LogEvent(LogLevel.DEBUG),
    log_response=LogEvent(LogLevel.DEBUG),
    log_errors=LogEvent(LogLevel.DEBUG),
    retry=GracefulRetry(delay=0, max_attempts=RETRIES, retry_on={429, 503, Exception}),
    throttling=ThrottleRule(".*", 10_000),
    concurrent_requests=1,
)
"""All concerns at once, at a limit of one request: a slot that is not given back stops the next one for good."""
READABLE = re.compile(r"GET /\w* (\d{3}( \w+)?|\w+) in \d\.\d s: (back-off \d\.\d, )?(?P<attempts>\d+) attempts?")


@dataclass
class Bench:
    """One client, or one API object, with the stack in front of it.

    Attributes:
        family: the package of the client.
        client, stack: what the request goes through.
        send: makes a GET request of a path: the way in.
        requests: what the client handed to the stack, hops included.
        error: what the newest request ended with, if it failed.
    """

    family: ModuleType
    client: Any
    stack: GracyTransport
    send: Callable[[str], Awaitable[Any]]
    requests: list[Any] = field(default_factory=list[Any])
    error: Exception | None = None

    async def ask(self, path: str = "/hostile") -> str:
        """Returns what a GET request of a path came to: status and the begin of its body, or the error."""
        self.error = None
        try:
            response = await self.send(path)
        except Exception as error:  # noqa: BLE001 - which one, is the question
            self.error = error
            ours = isinstance(error, GracyException) and error.__cause__ is not None
            return f"{type(error).__name__} from {type(error.__cause__).__name__}" if ours else type(error).__name__
        return f"{response.status_code} {response.text[:10]}".rstrip()

    @property
    def call(self) -> Call:
        """What happened to the newest request."""
        found = self.requests[-1].extensions["gracy"]
        assert isinstance(found, Call)
        return found

    @property
    def row(self) -> Any:
        """The report's row of the hostile path."""
        return next(row for row in self.stack.get_report().rows if row.url.endswith("/hostile"))

    @property
    def slots_and_waiters(self) -> tuple[int, int]:
        """How many slots are held, and how many requests wait, by what the layers say of themselves."""
        return in_flight(repr(self.stack)), waiting(repr(self.stack))

    @property
    def busy_connections(self) -> int:
        """How many connections of the pool are neither idle nor closed."""
        pool: Any = self.stack.wire
        if isinstance(pool, AiohttpTransport):
            return sum(session.busy for session in pool._sessions.values())
        return sum(not (each.is_idle() or each.is_closed()) for each in pool._pool.connections)

    async def recover(self) -> None:
        """Asserts that nothing is left of what happened, and that the next request, a normal one, passes."""
        self.error = None
        self.client.timeout = PATIENCE
        gc.collect()  # what was dropped unread says so here, as a warning that is an error
        assert self.slots_and_waiters == (0, 0)
        assert self.busy_connections == 0
        with anyio.fail_after(5):
            assert await self.ask("/fine") == "200 fine"
        assert self.slots_and_waiters == (0, 0)
        assert self.busy_connections == 0


def in_flight(shown: str) -> int:
    """Returns how many slots a stack says are held."""
    found = re.search(r"(\d+) in flight", shown)
    assert found is not None, shown
    return int(found[1])


def waiting(shown: str) -> int:
    """Returns how many requests a stack says are waiting."""
    found = re.search(r"(\d+) waiting", shown)
    assert found is not None, shown
    return int(found[1])


def noting(requests: list[Any]) -> dict[str, list[Callable[[Any], Awaitable[None]]]]:
    """Returns client hooks that note each request, hops included."""

    async def note(request: Any) -> None:
        requests.append(request)
        await anyio.lowlevel.checkpoint()

    return {"request": [note]}


@asynccontextmanager
async def bench(
    family: ModuleType,
    url: str,
    way: str,
    config: GracyConfig = CONFIG,
    *,
    clock: Clock = SYSTEM_CLOCK,
    patience: float = PATIENCE,
    connections: int = 1,
    verify: Any = False,  # which saves reading the certificates of this machine
    wire: str | None = None,
    **options: Any,
) -> AsyncGenerator[Bench]:
    """Gives a stack in front of a pool of so many connections, by the way in of that name: "client" or "facade"."""
    requests: list[Any] = []
    config = config.merged(GracyConfig(wire=wire))  # type: ignore[arg-type]
    client = family.AsyncClient(
        base_url=url,
        timeout=family.Timeout(PATIENCE, read=patience),
        limits=family.Limits(max_connections=connections),
        event_hooks=noting(requests),
        verify=verify,
        trust_env=False,
        **options,
    )

    class API(Gracy[str]):
        class Config:
            REQUEST_TIMEOUT = None
            SETTINGS = config

        def _create_client(self) -> Any:
            return client

    if way == "client":
        made = Bench(family, client, attach(client, config, clock=clock), client.get, requests)
        async with client:
            yield made
        return
    async with API(clock=clock) as api:
        yield Bench(family, client, api._gracy.sessions.newest.stack, api.get, requests)


def living_tasks() -> int:
    """Returns how many tasks the loop that runs here has."""
    if current_loop().is_trio:
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())
