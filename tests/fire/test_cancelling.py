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
    GracefulValidator,
    GracyConfig,
    GracyTransport,
    ThrottleRule,
    ThrottleTransport,
)
from gracy_transport.admission import AdmissionTransport, Gate
from gracy_transport.loops import current_loop
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.fire.cancelling import cancel_at, count_awaits, ways_to_cancel

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
    seen: Counter[str] = field(default_factory=Counter[str])

    def answer(self, request: Any) -> Any:
        """Answers as `first` says the first time that the victim asks, and well otherwise."""
        self.seen[request.url.path] += 1
        if request.url.path == "/victim" and self.seen["/victim"] == 1 and self.first is not None:
            return self.first
        return ScriptedResponse(delay=1.0, chunks=[b"one", b"two"], chunk_delay=0.5)


def stacked(**config: Any) -> Callable[[ScriptedWire, FakeClock], Any]:
    """Returns how to make a stack of that config."""
    return lambda wire, clock: GracyTransport(wire, GracyConfig(**config), clock=clock)


RETRY = GracefulRetry(delay=1.0, max_attempts=2)
FAILED = ScriptedResponse(status=503, delay=0.5, chunks=[b"sor", b"ry"], chunk_delay=0.5)
MOVED = ScriptedResponse(status=302, headers={"location": f"{URL}/elsewhere"}, chunks=[b"gone"], chunk_delay=0.5)

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
    stack = scene.make(wire, clock)
    async with family.AsyncClient(transport=stack) as client:
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
