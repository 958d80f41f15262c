"""Cancelled at any await, in any way: no slot, permit, waiter, timer, task or stream is left."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from gracy_transport import (
    ConcurrencyLimitTransport,
    GracefulRetry,
    GracefulThrottle,
    GracefulValidator,
    Gracy,
    GracyConfig,
    GracyTransport,
    ThrottleRule,
    ThrottleTransport,
)
from gracy_transport.admission import AdmissionTransport, Gate
from gracy_transport.loops import current_loop
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.testing.cancelling import cancel_at, count_awaits, ways_to_cancel

pytestmark = pytest.mark.anyio

URL = "https://api.test"
RULE = ThrottleRule(".*", 1, 10)


async def get(client: Any, path: str) -> None:
    """Gets a path, following redirects."""
    response = await client.get(URL + path, follow_redirects=True)
    assert response.status_code == 200
    assert response.content == b"onetwo"


async def stream(client: Any, path: str) -> None:
    """Reads a body as it comes."""
    async with client.stream("GET", URL + path) as response:
        assert [chunk async for chunk in response.aiter_bytes()] == [b"one", b"two"]


async def glance(client: Any, path: str) -> None:
    """Closes the response unread."""
    async with client.stream("GET", URL + path) as response:
        assert response.status_code == 200


class Patient(GracefulValidator):
    """A validator that takes its time."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    async def check(self, response: Any) -> None:
        await self._clock.sleep(0.25)


@dataclass
class Scene:
    """What is cancelled: a stack, what its server answers first, and what the victim does."""

    make: Callable[[ScriptedWire, FakeClock], Any]
    first: Any = None
    victim: Callable[[Any, str], Coroutine[Any, Any, None]] = get
    config: GracyConfig | None = None
    seen: Counter[str] = field(default_factory=Counter[str])

    def open(self, family: ModuleType, wire: ScriptedWire, clock: FakeClock) -> tuple[Any, Any]:
        """Returns a client, or with `config` an API object with hooks, and the stack in front of it."""
        if self.config is None:
            stack = self.make(wire, clock)
            return family.AsyncClient(transport=stack), stack
        api = hooked(self.config, lambda: family.AsyncClient(transport=wire, timeout=5), clock)
        return api, api._gracy.sessions.newest.stack

    def answer(self, request: Any) -> Any:
        """Answers as `first` says the first time that the victim asks, and well otherwise."""
        self.seen[request.url.path] += 1
        if request.url.path == "/victim" and self.seen["/victim"] == 1 and self.first is not None:
            return self.first
        if request.url.path == "/hook":
            return 200
        return ScriptedResponse(delay=1.0, chunks=[b"one", b"two"], chunk_delay=0.5)


def hooked(settings: GracyConfig, create: Callable[[], Any], clock: FakeClock) -> Gracy[str]:
    """Returns an API whose hooks take their time, each with a request of its own."""

    class API(Gracy[str]):
        class Config:
            SETTINGS = settings

        def _create_client(self) -> Any:
            return create()

        async def before(self, context: Any) -> None:
            await clock.sleep(0.125)

        async def after(self, context: Any, response_or_exc: Any, retry_state: Any) -> None:
            await self.get(URL + "/hook")

    return API(clock=clock)


def no_stack(wire: ScriptedWire, clock: FakeClock) -> Any:
    """Stands where an API object makes the stack itself."""
    raise NotImplementedError


def stacked(**config: Any) -> Callable[[ScriptedWire, FakeClock], Any]:
    """Returns how to make a stack of that config."""
    return lambda wire, clock: GracyTransport(wire, GracyConfig(**config), clock=clock)


RETRY = GracefulRetry(delay=1.0, max_attempts=2)
FAILED = ScriptedResponse(status=503, delay=0.5, chunks=[b"sor", b"ry"], chunk_delay=0.5)
MOVED = ScriptedResponse(status=302, headers={"location": f"{URL}/elsewhere"}, chunks=[b"gone"], chunk_delay=0.5)

TOLD = ScriptedResponse(status=429, delay=0.5, headers={"retry-after": "2", "ratelimit": '"all";r=0;t=3'})

SCENES: dict[str, Callable[[], Scene]] = {
    "throttle": lambda: Scene(lambda wire, clock: ThrottleTransport(wire, RULE, clock=clock)),
    "slot": lambda: Scene(lambda wire, clock: ConcurrencyLimitTransport(wire, 1, clock=clock)),
    "both": lambda: Scene(stacked(throttling=RULE, concurrent_requests=1)),
    "both, streaming": lambda: Scene(stacked(throttling=RULE, concurrent_requests=1), victim=stream),
    "both, closed early": lambda: Scene(stacked(throttling=RULE, concurrent_requests=1), victim=glance),
    "retry": lambda: Scene(stacked(retry=RETRY, throttling=RULE, concurrent_requests=1), FAILED),
    "retry of an error": lambda: Scene(
        stacked(retry=RETRY, throttling=RULE, concurrent_requests=1), ConnectionResetError("scripted")
    ),
    "retry, held bodies": lambda: Scene(
        stacked(retry=GracefulRetry(delay=1.0, max_attempts=2, buffer_body=True), concurrent_requests=1), FAILED
    ),
    "deadline": lambda: Scene(stacked(deadline=60.0, retry=RETRY, throttling=RULE, concurrent_requests=1), FAILED),
    "deadline, streaming": lambda: Scene(stacked(deadline=60.0, throttling=RULE, concurrent_requests=1), victim=stream),
    "a server's word": lambda: Scene(
        stacked(retry=RETRY, throttling=GracefulThrottle(RULE, follow_server=True), concurrent_requests=1), TOLD
    ),
    "API with hooks": lambda: Scene(
        no_stack,
        FAILED,
        config=GracyConfig(retry=RETRY, concurrent_requests=1, deadline=60.0, log_errors=None),
    ),
    "redirect": lambda: Scene(stacked(throttling=RULE, concurrent_requests=1), MOVED),
    "validator": lambda: Scene(
        lambda wire, clock: GracyTransport(
            wire, GracyConfig(retry=RETRY, validators=Patient(clock), concurrent_requests=1), clock=clock
        ),
        FAILED,
    ),
}


def gates_of(stack: Any) -> list[Gate]:
    """Returns all gates of a stack."""
    gates: list[Gate] = []
    for layer in stack.chain():
        for keeper in layer.keepers if isinstance(layer, AdmissionTransport) else ():
            gates += [gate for rule in getattr(keeper, "_rules", ()) for gate in rule.all()]
            limits = keeper._gates if keeper.has_slots else ()  # type: ignore[attr-defined]
            gates += [gate for _limit, keyed in limits for gate in keyed.all()]
    assert gates
    return gates


def assert_nothing_is_left(stack: Any, wire: ScriptedWire, clock: FakeClock) -> None:
    """Checks that nobody waits or holds anything, here and at the wire."""
    (desk,) = [layer.desk for layer in stack.chain() if isinstance(layer, AdmissionTransport)]
    assert (desk.waiting, desk._rooms, list(desk._returned), desk._admission._lanes) == (0, {}, [], {})
    assert (wire.in_flight, wire.open_bodies) == (0, 0)
    assert clock._wakes == {}
    for gate in gates_of(stack):
        assert (gate.queued, gate.waiting) == (0, 0)
        assert gate.period is not None or gate.held == 0
        assert gate.is_idle(clock.now() + 10)


def tasks() -> set[Any]:
    """Returns the tasks of this loop; on trio task groups see to it that none is left."""
    return set() if current_loop().is_trio else asyncio.all_tasks()


async def play(
    scene: Scene, family: ModuleType, run: Callable[[Coroutine[Any, Any, None]], Coroutine[Any, Any, None]]
) -> None:
    """Lets the victim come between two others, and checks that those are served and nothing is left."""
    clock, others = FakeClock(), tasks()
    wire = ScriptedWire(scene.answer, clock=clock)
    opened, stack = scene.open(family, wire, clock)
    async with opened as client:
        async with anyio.create_task_group() as group:
            group.start_soon(get, client, "/before")
            await clock.sleep(0.1)
            group.start_soon(run, scene.victim(client, "/victim"))
            await clock.sleep(0.1)
            group.start_soon(get, client, "/behind")
        assert clock.now() <= 1045.0
        gc.collect(0)
        assert_nothing_is_left(stack, wire, clock)
        assert tasks() == others
        await clock.sleep(10.0)
        began = clock.now()
        await get(client, "/after")
        assert clock.now() <= began + 2.25, "the limits are as good as new"


@pytest.mark.parametrize("name", SCENES)
async def test_cancelled_at_any_await_nothing_is_left(family: ModuleType, name: str) -> None:
    """Each await in turn, in every way there is; those who wait before and behind are served."""
    counted: list[int] = []

    async def count(coroutine: Any) -> None:
        counted.append(await count_awaits(coroutine))

    await play(SCENES[name](), family, count)
    assert counted[0] >= 2
    for way in ways_to_cancel():
        for at in range(1, counted[0] + 1):

            async def cancel(coroutine: Any, at: int = at, way: str = way) -> None:
                assert await cancel_at(coroutine, at, way)

            await play(SCENES[name](), family, cancel)
    await anyio.lowlevel.checkpoint()
    gc.collect()
