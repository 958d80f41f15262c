"""Pauses: what they hold up, for how long, and at what rate it goes on."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import GracefulRetry, GracefulThrottle, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.admission import PauseGate
from gracy_transport.call import EXTENSION, CallOptions, Wait
from gracy_transport.clock import Clock
from gracy_transport.events import Event, ThrottleLimitReached, ThrottleWaitOver
from gracy_transport.exceptions import TransportClosed
from gracy_transport.logevents import LogEvent, LogLevel
from gracy_transport.order import Shared
from gracy_transport.testing import FakeClock, ScriptedWire
from tests.support import sent_at, worst_window

pytestmark = pytest.mark.anyio

URL = "https://api.test"


class Paused:
    """A client whose stack can be paused."""

    def __init__(self, family: ModuleType, wire: ScriptedWire, clock: Clock, **fields: Any) -> None:
        shared = Shared(GracyConfig(**fields), None, clock)
        self.stack = GracyTransport(wire, shared.base, clock=clock, shared=shared)
        shared.hook()
        assert shared.pauses is not None
        self.pauses = shared.pauses
        self.client = family.AsyncClient(transport=self.stack)

    async def get(self, path: str = "/a", **options: Any) -> Any:
        told = CallOptions(template=path, **options)
        return await self.client.get(URL + path, extensions={EXTENSION: told})


def call_of(response: Any) -> Any:
    return response.extensions[EXTENSION]


async def test_a_pause_holds_every_request_until_it_is_over(family: ModuleType, clock: FakeClock) -> None:
    """To the second, and the timeline of the call says so."""
    wire = ScriptedWire(clock=clock)
    paused = Paused(family, wire, clock)
    paused.pauses.pause(30)
    async with paused.client:
        response = await paused.get()
        again = await paused.get()
    assert sent_at(wire) == [1030, 1030]
    assert call_of(response).waits == (Wait("pause", 30, "a pause of all requests", 1000),)
    assert "pause 30.0" in str(call_of(response))
    assert call_of(again).waits == ()


async def test_the_pause_of_an_endpoint_leaves_the_others_alone(family: ModuleType, clock: FakeClock) -> None:
    """Endpoints are told apart by their unformatted URL."""
    wire = ScriptedWire(clock=clock)
    paused = Paused(family, wire, clock)
    paused.pauses.pause(30, f"{URL}/a")
    async with paused.client, anyio.create_task_group() as group:
        group.start_soon(paused.get, "/a")
        group.start_soon(paused.get, "/b")
    assert [(each.at, each.url) for each in wire.sent] == [(1000, f"{URL}/b"), (1030, f"{URL}/a")]


async def test_pauses_do_not_add_up(family: ModuleType, clock: FakeClock) -> None:
    """The longest holds, and none is shortened."""
    wire = ScriptedWire(clock=clock)
    paused = Paused(family, wire, clock)
    for seconds in (10, 30, 20):
        paused.pauses.pause(seconds)
    paused.pauses.pause(25, f"{URL}/a")
    async with paused.client:
        response = await paused.get()
    assert sent_at(wire) == [1030]
    assert call_of(response).waited == 30


async def test_a_pause_can_be_extended_while_requests_wait(family: ModuleType, clock: FakeClock) -> None:
    """They stay."""
    wire = ScriptedWire(clock=clock)
    paused = Paused(family, wire, clock)
    paused.pauses.pause(10)
    async with paused.client, anyio.create_task_group() as group:
        group.start_soon(paused.get)
        await clock.sleep(5)
        paused.pauses.pause(20)
    assert sent_at(wire) == [1025]


async def test_what_waited_leaves_at_the_rate_of_the_throttle(clock: FakeClock) -> None:
    """A pause of 30 s at 10/s does not save up 300 permits."""
    import httpx

    wire = ScriptedWire(clock=clock)
    paused = Paused(httpx, wire, clock, throttling=ThrottleRule(".*", 10))
    paused.pauses.pause(30)

    async def arrive() -> None:
        await paused.get()

    async with paused.client, anyio.create_task_group() as group:
        for _ in range(300):
            group.start_soon(arrive)
            await clock.sleep(0.1)
    instants = sent_at(wire)
    assert len(instants) == 300
    assert min(instants) == 1030
    assert worst_window(instants, 1.0) == 10
    assert max(instants) == pytest.approx(1030 + 29)


async def test_a_pause_keeps_the_order_of_the_queue(clock: FakeClock) -> None:
    """Who came first goes first when the pause is over, and who comes in that instant does not pass."""
    import httpx

    wire = ScriptedWire(clock=clock)
    paused = Paused(httpx, wire, clock, throttling=ThrottleRule(".*", 1))
    paused.pauses.pause(30)
    paths = [f"/{number:02}" for number in range(12)]
    async with paused.client, anyio.create_task_group() as group:
        for path in paths:
            group.start_soon(paused.get, path)
            await clock.sleep(30 / 11)
    assert [each.url.removeprefix(URL) for each in wire.sent] == paths


async def test_what_is_told_of_a_wait_after_a_pause_is_the_wait_after_it(clock: FakeClock) -> None:
    """Two pauses and two waits for permits are told apart to the second."""
    import httpx

    wire = ScriptedWire(clock=clock)
    throttle = GracefulThrottle(
        ThrottleRule(".*", 1, 10),
        log_limit_reached=LogEvent(LogLevel.INFO),
        log_wait_over=LogEvent(LogLevel.INFO),
    )
    paused = Paused(httpx, wire, clock, throttling=throttle)
    events: list[Event] = []
    paused.stack.observers = [events.append]
    paused.pauses.pause(5)
    responses: list[Any] = []

    async def second() -> None:
        responses.append(await paused.get("/b"))

    async with paused.client, anyio.create_task_group() as group:
        group.start_soon(paused.get, "/a")
        await anyio.lowlevel.checkpoint()
        group.start_soon(second)
        await clock.sleep(8)
        paused.pauses.pause(20)
    assert sent_at(wire) == [1005, 1028]
    waits = call_of(responses[0]).waits
    assert sum(wait.seconds for wait in waits if wait.kind == "pause") == 25
    assert [wait.seconds for wait in waits if wait.kind == "throttle"] == [3]
    told = [event.wait for event in events if isinstance(event, ThrottleLimitReached)]
    over = [(event.at, event.waited) for event in events if isinstance(event, ThrottleWaitOver)]
    assert (told, over) == ([3], [(1028, 3)])


async def test_who_waits_for_a_permit_is_held_too(clock: FakeClock) -> None:
    """A pause that begins while there is a queue stops the queue."""
    import httpx

    wire = ScriptedWire(clock=clock)
    paused = Paused(httpx, wire, clock, throttling=ThrottleRule(".*", 1))
    async with paused.client, anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(paused.get)
        await clock.sleep(1.5)
        paused.pauses.pause(10)
    assert sent_at(wire) == [1000, 1001, 1011.5, 1012.5]


async def test_a_pause_counts_as_no_throttling(family: ModuleType, clock: FakeClock) -> None:
    """Its part of a wait is told apart from that of the rate limit, in the timeline and in the report."""
    wire = ScriptedWire(clock=clock)
    throttle = GracefulThrottle(ThrottleRule(".*", 1))
    paused = Paused(family, wire, clock, throttling=throttle)
    timelines: dict[int, Any] = {}

    async def get(number: int) -> None:
        waits = call_of(await paused.get()).waits
        timelines[number] = [(wait.kind, wait.began, wait.seconds) for wait in waits]

    async with paused.client, anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(get, number)
            await anyio.lowlevel.checkpoint()
        await clock.sleep(1.5)
        paused.pauses.pause(10)
        group.start_soon(get, 3)
    assert sorted(timelines.values()) == [
        [],
        [("pause", 1001.5, 10), ("throttle", 1000, 1.5)],
        [("pause", 1001.5, 10), ("throttle", 1011.5, 1)],
        [("throttle", 1000, 1)],
    ]
    total = paused.stack.get_report().total
    assert (total.throttles, total.throttle_seconds) == (3, 3.5)


async def test_a_retry_waits_at_the_pause(family: ModuleType, clock: FakeClock) -> None:
    """It is a request like any other."""
    wire = ScriptedWire(503, 200, clock=clock)
    paused = Paused(family, wire, clock, retry=GracefulRetry(delay=1))
    async with paused.client, anyio.create_task_group() as group:
        group.start_soon(paused.get)
        await clock.sleep(0.5)
        paused.pauses.pause(10)
    assert sent_at(wire) == [1000, 1010.5]


async def test_closing_sends_away_who_waits(family: ModuleType, clock: FakeClock) -> None:
    """With the error that ends other waits."""
    paused = Paused(family, ScriptedWire(clock=clock), clock)
    paused.pauses.pause(3600)
    caught: list[Exception] = []

    async def get() -> None:
        try:
            await paused.get()
        except TransportClosed as error:
            caught.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(get)
        await clock.sleep(1)
        await paused.client.aclose()
    assert len(caught) == 1
    [wait] = caught[0].call.waits  # type: ignore[attr-defined]
    assert (wait.kind, wait.seconds) == ("pause", 1)


async def test_who_gives_up_leaves_nothing_behind(clock: FakeClock) -> None:
    """The pause goes on for the others."""
    import httpx

    wire = ScriptedWire(clock=clock)
    paused = Paused(httpx, wire, clock, concurrent_requests=1)
    paused.pauses.pause(10)
    async with paused.client:
        with clock.timeout(1):
            await paused.get()
        await paused.get()
    assert sent_at(wire) == [1010]
    assert paused.pauses.desk.waiting == 0


async def test_a_bare_request_waits_at_no_pause(family: ModuleType, clock: FakeClock) -> None:
    """A hook makes it, and a hook never waits for the gates of its own API."""
    wire = ScriptedWire(clock=clock)
    paused = Paused(family, wire, clock)
    paused.pauses.pause(10)
    async with paused.client:
        await paused.get(is_bare=True)
    assert sent_at(wire) == [1000]


async def test_the_layer_says_that_it_is_paused(clock: FakeClock) -> None:
    """Where one looks when nothing moves."""
    import httpx

    paused = Paused(httpx, ScriptedWire(clock=clock), clock)
    assert "pauses, 0 waiting, not paused" in repr(paused.stack)
    paused.pauses.pause(12)
    assert "pauses, 0 waiting, paused for 12.00s" in repr(paused.stack)


def test_a_stack_that_is_not_hooked_has_no_pauses() -> None:
    """Nor hooks: nothing is in the chain that nobody asked for."""
    stack = GracyTransport(ScriptedWire(), GracyConfig(throttling=ThrottleRule(".*", 1)))
    assert "Hooks" not in repr(stack)
    assert "pauses" not in repr(stack)


def test_hooking_a_stack_twice_changes_nothing() -> None:
    """The pauses that were asked for stay."""
    shared = Shared(GracyConfig(), None, FakeClock())
    shared.hook()
    first = shared.pauses
    shared.hook()
    assert shared.pauses is first


def test_a_gate_knows_what_pauses_took() -> None:
    """All of them together, and when the newest began."""
    gate = PauseGate()
    gate.pause(10, 5)
    gate.pause(20, 8)
    assert [gate.paused_for(now) for now in (3, 7, 20, 30)] == [0, 2, 15, 15]
    gate.pause(40, 30)
    assert (gate.paused_for(35), gate.paused_from) == (20, 30)
    assert (gate.held, gate.is_idle(35), gate.is_idle(40)) == (0, False, True)
