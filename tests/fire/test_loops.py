"""One stack, one API object, one storage, one hook: in loop after loop, on both backends, and in two threads."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    Gracy,
    GracyConfig,
    GracyNamespace,
    GracyReplay,
    GracyReplayStorage,
    GracyRequestContext,
    GracyTransport,
    ThrottleRule,
    call_options,
)
from gracy_transport.common_hooks import HttpHeaderRetryAfterBackOffHook, RateLimitBackOffHook
from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, PokeEndpoint
from tests.support import at_once, gather, sent_at, worst_window

RUNS = pytest.mark.parametrize(
    "backends",
    [("asyncio",) * 3, ("asyncio", "asyncio", "trio"), ("trio", "trio", "asyncio")],
    ids=lambda backends: "-".join(backends),
)
PAIRS = pytest.mark.parametrize(
    "backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "trio")], ids=lambda backends: "-".join(backends)
)


async def crowd(work: Callable[[], Coroutine[Any, Any, object]], size: int) -> None:
    """Does the same thing many times at once."""
    async with anyio.create_task_group() as group:
        for _ in range(size):
            group.start_soon(work)


class SharedWire:
    """Answers several loops at once, each call with 503 the first time, and counts who is there."""

    def __init__(self, family: ModuleType) -> None:
        self.family = family
        self.lock = threading.Lock()
        self.asked = self.here = self.most = 0

    async def handle_async_request(self, request: Any) -> Any:
        with self.lock:
            self.asked += 1
            self.here += 1
            self.most = max(self.most, self.here)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        with self.lock:
            self.here -= 1
        return self.family.Response(503 if request.extensions["gracy"].attempt.number == 1 else 200)

    async def aclose(self) -> None:
        """Holds nothing."""


# ---------------------------------------------------------------- stacks

BUSY = GracyConfig(
    retry=GracefulRetry(delay=0, max_attempts=1),
    concurrent_requests=ConcurrentRequestLimit(3, limit_per_uurl=False),
    allowed_status_code=404,
)


def slots_held(stack: GracyTransport) -> int:
    return sum(gate.held for keyed in stack._shared.limits.all() for gate in keyed.all())


@RUNS
def test_a_stack_keeps_its_limits_from_loop_to_loop(family: ModuleType, backends: tuple[str, ...]) -> None:
    """Three runs under contention: the rate holds across them as if they were one, and nothing is lost."""
    clock = FakeClock()
    wire = ScriptedWire(503, ScriptedResponse(delay=0.25), clock=clock)
    config = GracyConfig(
        throttling=ThrottleRule(".*", 3), concurrent_requests=2, retry=GracefulRetry(delay=1, max_attempts=2)
    )
    stack = GracyTransport(wire, config, clock=clock)

    async def run() -> None:
        client = family.AsyncClient(transport=stack)
        answers = await gather(client, [f"https://api.test/{number}" for number in range(10)])
        assert [answer.status_code for answer in answers] == [200] * 10

    for backend in backends:
        anyio.run(run, backend=backend)
    assert len(wire.sent) == 31
    assert worst_window(sent_at(wire), 1.0) == 3
    assert wire.most_in_flight == 2
    assert (slots_held(stack), stack._shared.desk.waiting, wire.in_flight) == (0, 0, 0)
    assert stack.get_report().total.attempts == 31


@PAIRS
def test_a_stack_serves_two_threads_at_once(family: ModuleType, backends: tuple[str, ...]) -> None:
    """Slots pass between loops, retries are each call's own, calls bring configs, and the report adds up."""
    wire = SharedWire(family)
    stack = GracyTransport(wire, BUSY)

    async def run() -> None:
        client = family.AsyncClient(transport=stack)
        own = call_options(allowed_status_code=[404, 410])

        async def ask() -> None:
            for options in ({}, own):
                answer = await client.get("https://api.test/", extensions=options)
                assert answer.status_code == 200

        await crowd(ask, 20)

    at_once(backends, run)
    assert wire.most <= 3
    assert (slots_held(stack), stack._shared.desk.waiting) == (0, 0)
    total = stack.get_report().total
    assert (total.calls, total.attempts, total.successes) == (80, 160, 80)
    assert (total.retries, wire.asked) == (80, 160)


# ---------------------------------------------------------------- API objects and hooks


class Items(GracyNamespace[str]):
    """A namespace, as it shares the stack and the hooks."""

    async def list_all(self) -> Any:
        return await self.get(PokeEndpoint.LIST_POKEMON)


class Sharing(Gracy[str]):
    """An API over a transport that all its clients share."""

    def __init__(self, family: ModuleType, wire: Any, **kwargs: Any) -> None:
        self.family, self.wire = family, wire
        self.counted: Counter[str] = Counter()
        self.lock = threading.Lock()
        super().__init__(**kwargs)

    def _create_client(self) -> Any:
        return self.family.AsyncClient(transport=self.wire)


class Hooked(Sharing):
    """One with hooks, retries, a limit and a namespace."""

    class Config:
        BASE_URL = BASE
        SETTINGS = BUSY

    items: Items

    async def before(self, context: GracyRequestContext) -> None:
        with self.lock:
            self.counted["before"] += 1

    async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
        with self.lock:
            self.counted["after"] += 1

    async def ask(self) -> None:
        """Asks itself and its namespace."""
        response = await self.get(PokeEndpoint.GET_POKEMON, {"NAME": "ditto"})
        assert response.status_code == 200
        assert (await self.items.list_all()).status_code == 200


@RUNS
def test_an_api_with_hooks_and_namespaces_lives_in_loop_after_loop(
    family: ModuleType, backends: tuple[str, ...]
) -> None:
    """Under contention in each of them: hooks run for every attempt, and the limit never loses a slot."""
    wire = SharedWire(family)
    api = Hooked(family, wire)
    for backend in backends:
        anyio.run(crowd, api.ask, 10, backend=backend)
    assert wire.most == 3
    assert api.counted == {"before": 120, "after": 120}
    assert (api.get_report().total.attempts, api.get_report().total.calls, wire.asked) == (120, 60, 120)


@PAIRS
def test_an_api_with_hooks_and_namespaces_lives_in_two_threads(family: ModuleType, backends: tuple[str, ...]) -> None:
    """Both at once, with a client each and one limit for both."""
    wire = SharedWire(family)
    api = Hooked(family, wire)
    at_once(backends, lambda: crowd(api.ask, 20))
    assert wire.most <= 3
    assert api.counted == {"before": 160, "after": 160}
    assert (api.get_report().total.attempts, api.get_report().total.calls, wire.asked) == (160, 80, 160)


class Pausing(Sharing):
    """One that pauses at a 429, by one of the two common hooks."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(allowed_status_code=429)

    def __init__(self, make_hook: Callable[[Any], Any], *args: Any, **kwargs: Any) -> None:
        self.hook = make_hook(self._reporter)
        super().__init__(*args, **kwargs)

    async def before(self, context: GracyRequestContext) -> None:
        await self.hook.before(context)

    async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
        await self.hook.after(context, response_or_exc)

    async def ask_once(self) -> None:
        await self.get(PokeEndpoint.GET_POKEMON, {"NAME": "ditto"})


@RUNS
@pytest.mark.parametrize(
    "make_hook",
    [HttpHeaderRetryAfterBackOffHook, lambda reporter: RateLimitBackOffHook(30, reporter)],
    ids=["retry-after", "rate-limit"],
)
def test_a_pause_goes_on_in_the_next_loop(
    family: ModuleType, backends: tuple[str, ...], make_hook: Callable[[Any], Any]
) -> None:
    """Who was told to stay away for 30 s in one loop stays away in the next, and in one of another thread."""
    clock = FakeClock()
    wire = ScriptedWire(ScriptedResponse(status=429, headers={"retry-after": "30"}), 200, clock=clock)
    api = Pausing(make_hook, family, wire, clock=clock)
    first, second, third = backends
    anyio.run(api.ask_once, backend=first)
    thread = threading.Thread(target=lambda: anyio.run(crowd, api.ask_once, 3, backend=second))
    thread.start()
    thread.join(30)
    anyio.run(api.ask_once, backend=third)
    assert [at - 1000 for at in sent_at(wire)] == [0, 30, 30, 30, 30]


# ---------------------------------------------------------------- recordings


class Remembering(GracyReplayStorage):
    """A user's own storage: responses by URL."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    async def record(self, response: Any) -> None:
        self.kept[str(response.request.url)] = (response.status_code, response.content)

    async def _load(self, request: Any) -> Any:
        if str(request.url) not in self.kept:
            raise GracyReplayRequestNotFound("nothing is there")
        status, content = self.kept[str(request.url)]
        family: Any = sys.modules[type(request).__module__.partition(".")[0]]
        return family.Response(status, content=content)


STORAGES = pytest.mark.parametrize(
    "make_storage",
    [lambda directory: SQLiteReplayStorage("loops.sqlite3", dir=str(directory)), lambda _directory: Remembering()],
    ids=["sqlite", "a user's own"],
)
URLS = [f"https://api.test/{number}" for number in range(20)]


async def fetch(family: ModuleType, stack: GracyTransport) -> None:
    """Gets every URL at once; each answers with its own name."""
    async with family.AsyncClient(transport=stack) as client:
        answers = await gather(client, URLS, in_turn=False)
    assert [answer.json() for answer in answers] == [{"url": url} for url in URLS]


def recording(family: ModuleType, mode: Any, storage: GracyReplayStorage) -> GracyTransport:
    """Returns a stack that records, or replays, through a wire that is there and healthy, or not."""
    wire = ScriptedWire(lambda request: ScriptedResponse(json={"url": str(request.url)}) if mode == "record" else 500)
    return GracyTransport(wire, GracyConfig(concurrent_requests=3), replay=GracyReplay(mode, storage))


@RUNS
@STORAGES
def test_a_storage_is_used_in_loop_after_loop(
    family: ModuleType, backends: tuple[str, ...], make_storage: Callable[[Path], GracyReplayStorage], tmp_path: Path
) -> None:
    """Recorded in the first, replayed in the others, by the same stack each time."""
    storage = make_storage(tmp_path)
    first, *others = backends
    anyio.run(fetch, family, recording(family, "record", storage), backend=first)
    stack = recording(family, "replay", storage)
    for backend in others:
        anyio.run(fetch, family, stack, backend=backend)
    assert stack.get_report().total.replays == 40


@PAIRS
@STORAGES
def test_a_storage_is_used_in_two_threads(
    family: ModuleType, backends: tuple[str, ...], make_storage: Callable[[Path], GracyReplayStorage], tmp_path: Path
) -> None:
    """Two loops record the same at once, and replay it at once."""
    storage = make_storage(tmp_path)
    for mode in ("record", "replay"):
        stack = recording(family, mode, storage)
        at_once(backends, lambda stack=stack: fetch(family, stack))  # type: ignore[misc]
        assert stack.get_report().total.attempts == 40


# ---------------------------------------------------------------- to the very end

PROGRAM = """
import asyncio, sys, threading
import anyio, httpx
from gracy_transport import *
from gracy_transport.common_hooks import RateLimitBackOffHook
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire

class API(Gracy[str]):
    class Config:
        BASE_URL = "https://api.test"
        REQUEST_TIMEOUT = 5
        SETTINGS = GracyConfig(retry=GracefulRetry(0), concurrent_requests=2, throttling=ThrottleRule(".*", 10**6))
    def __init__(self, **kwargs):
        self.hook = RateLimitBackOffHook(0.001, self._reporter)
        super().__init__(**kwargs)
    def _create_client(self):
        return httpx.AsyncClient(transport=ScriptedWire(429, 503, ScriptedResponse(json={"ok": True})))
    async def before(self, context):
        await self.hook.before(context)
    async def after(self, context, response_or_exc, retry_state):
        await self.hook.after(context, response_or_exc)

async def ask(api):
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(api.get, f"/{number}")
    answer = await api.get("/more")
    assert answer.json() == {"ok": True}
    async with api.stream("GET", "/stream") as response:
        await response.aread()

storage = SQLiteReplayStorage("end.sqlite3", dir=sys.argv[1])
api = API(replay=GracyReplay("record", storage))
for _ in range(3):
    asyncio.run(ask(api))
anyio.run(ask, api, backend="trio")
threads = [threading.Thread(target=anyio.run, args=(ask, api)) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
asyncio.run(api.aclose())
print(api.get_report().total.calls)
"""


def test_a_program_with_many_loops_ends_without_a_warning(tmp_path: Path) -> None:
    """Every warning an error, and nothing on stderr: also not when the interpreter ends."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, ["72"], "")


def test_no_task_and_no_thread_is_left(family: ModuleType) -> None:
    """What waits at a gate needs no task or thread of its own, and leaves none behind."""
    clock = FakeClock()
    stack = GracyTransport(ScriptedWire(clock=clock), GracyConfig(throttling=ThrottleRule(".*", 1)), clock=clock)
    threads = set(threading.enumerate())
    left: list[int] = []

    async def run() -> None:
        await gather(family.AsyncClient(transport=stack), ["https://api.test/"] * 5)
        left.append(len(asyncio.all_tasks()) - 1)

    for _ in range(3):
        asyncio.run(run())
    assert left == [0, 0, 0]
    assert set(threading.enumerate()) <= threads
