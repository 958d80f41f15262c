"""A deadline over waits: one that cannot fit is not begun, and one that nobody knows the end of is cut short."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import (
    ConcurrentRequestLimit,
    DeadlineTransport,
    GracefulRetry,
    GracyConfig,
    GracyTransport,
    ThrottleRule,
    ThrottleTransport,
    attach,
    call_options,
)
from gracy_transport.exceptions import DeadlineExceeded, UnexpectedResponse
from gracy_transport.pauses import PauseKeeper
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire
from tests.deadline.support import URL, exceeded, mute, stacked
from tests.support import sent_at

pytestmark = pytest.mark.anyio


def pausing(wire: ScriptedWire, clock: FakeClock, **config: Any) -> tuple[GracyTransport, PauseKeeper]:
    """Returns a stack that hooks may pause, and what pauses it."""
    stack = GracyTransport(wire, GracyConfig(**config), clock=clock)
    stack._shared.hook()
    assert stack._shared.pauses is not None
    return stack, stack._shared.pauses


async def test_a_throttle_that_cannot_fit_refuses_at_once(family: ModuleType, clock: FakeClock) -> None:
    """With the wait it would have been, what is left, and when to come back."""
    wire = ScriptedWire(clock=clock)
    async with stacked(family, wire, clock, 10, throttling=ThrottleRule(".*", 1, 60)) as client:
        await client.get(URL)
        await clock.sleep(20)
        error = await exceeded(client.get(URL))
        assert clock.now() == 1020
        assert (error.would_wait, error.retry_in) == (40, 40)
        assert error.waits_for == f"throttle, {ThrottleRule('.*', 1, 60)}"
        assert (error.fate, error.was_sent) == ("never_sent", False)
        assert str(error).startswith(f"GET {URL}: the deadline of 10 s leaves 10.00 s, and throttle, 1 request per 60")
        assert str(error).endswith(
            "would take 40.00 s: the wait was not begun; try again in 40.00 s, or allow more time"
        )
        await clock.sleep(error.retry_in or 0)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1060]


async def test_a_throttle_that_fits_is_waited_for(family: ModuleType, clock: FakeClock) -> None:
    """To the last moment, which is no longer enough."""
    wire = ScriptedWire(clock=clock)
    async with stacked(family, wire, clock, 10, throttling=ThrottleRule(".*", 1, 9.5)) as client:
        await client.get(URL)
        await client.get(URL)
    wire = ScriptedWire(clock=clock)
    async with stacked(family, wire, clock, 10, throttling=ThrottleRule(".*", 1, 10)) as client:
        await client.get(URL)
        assert (await exceeded(client.get(URL))).would_wait == 10


async def test_the_queue_counts_in_the_estimate(family: ModuleType, clock: FakeClock) -> None:
    """Those whose turn would come too late go at once; nobody else is held up by them."""
    wire = ScriptedWire(clock=clock)
    refused: list[float | None] = []
    async with stacked(family, wire, clock, 3, throttling=ThrottleRule(".*", 1)) as client:

        async def get() -> None:
            try:
                await client.get(URL)
            except DeadlineExceeded as error:
                assert clock.now() == 1000
                refused.append(error.would_wait)

        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(get)
    assert sent_at(wire) == [1000, 1001, 1002]
    assert refused == [3, 3, 3]


async def test_a_pause_that_cannot_fit_refuses_at_once(family: ModuleType, clock: FakeClock) -> None:
    """Whoever asked for it."""
    wire = ScriptedWire(clock=clock)
    stack, pauses = pausing(wire, clock, deadline=10)
    async with family.AsyncClient(transport=stack) as client:
        pauses.pause(30)
        error = await exceeded(client.get(URL))
        assert (clock.now(), error.would_wait, error.waits_for) == (1000, 30, "pause, a pause of all requests")
        await clock.sleep(25)
        await client.get(URL)
    assert sent_at(wire) == [1030]


async def test_a_pause_that_comes_in_between_refuses_at_once(family: ModuleType, clock: FakeClock) -> None:
    """Who waits already is told of the pause, how long it is, and when to come back."""
    wire = ScriptedWire(clock=clock)
    stack, pauses = pausing(wire, clock, deadline=10, throttling=ThrottleRule(".*", 1, 5))
    errors: list[DeadlineExceeded] = []
    async with family.AsyncClient(transport=stack) as client, anyio.create_task_group() as group:
        await client.get(URL)

        async def get() -> None:
            errors.append(await exceeded(client.get(URL)))
            assert clock.now() == 1001

        group.start_soon(get)
        await clock.sleep(1)
        pauses.pause(60)
    (error,) = errors
    assert error.waits_for == "pause, a pause of all requests"
    assert (error.would_wait, error.retry_in, error.fate) == (60, 60, "never_sent")
    assert str(error) == (
        f"GET {URL}: the deadline of 10 s leaves 9.00 s, and pause, a pause of all requests would take 60.00 s more: "
        "the wait was given up; try again in 60.00 s, or allow more time"
    )
    assert str(error.timeline) == "GET /things DeadlineExceeded in 1.0 s: throttle 1.0, 1 attempt"
    assert "0 waiting" in repr(stack)


async def test_what_a_server_asks_for_refuses_those_who_wait(family: ModuleType, clock: FakeClock) -> None:
    """Retry-After: 60 for one; those behind it whose time is up before go at once, the patient one waits."""
    wire = ScriptedWire(ScriptedResponse(status=429, headers={"retry-after": "60"}, delay=1.5), 200, clock=clock)
    gone: list[tuple[float, str | None]] = []
    limits: dict[str, Any] = {"throttling": ThrottleRule(".*", 1, 5), "retry": GracefulRetry(delay=1)}
    async with stacked(family, wire, clock, 30, **limits) as client, anyio.create_task_group() as group:

        async def get() -> None:
            error = await exceeded(client.get(URL))
            gone.append((clock.now(), error.waits_for))

        group.start_soon(get)
        await clock.sleep(0.5)
        group.start_soon(get)
        group.start_soon(get)
        group.start_soon(partial(client.get, URL, extensions=call_options(deadline=90)))
        group.start_soon(partial(client.get, URL, extensions=call_options(deadline=None)))
        await clock.sleep(2)
        assert len(gone) == 3
    assert [at for at, _ in gone] == [1001.5] * 3
    assert sorted(what or "" for _, what in gone) == ["a back-off"] + ["pause, what the server asked for"] * 2
    assert sent_at(wire) == [1000, 1061.5, 1066.5]


async def test_a_pause_that_fits_refuses_nobody(family: ModuleType, clock: FakeClock) -> None:
    """Nor does one of another endpoint."""
    wire = ScriptedWire(clock=clock)
    stack, pauses = pausing(wire, clock, deadline=10, throttling=ThrottleRule(".*", 1, 5))
    async with family.AsyncClient(transport=stack) as client, anyio.create_task_group() as group:
        await client.get(URL)
        group.start_soon(client.get, URL)
        await clock.sleep(1)
        pauses.pause(8)
        pauses.pause(60, "https://api.test/others")
    assert sent_at(wire) == [1000, 1009]


async def test_a_throttle_after_a_pause_is_estimated_with_it(family: ModuleType, clock: FakeClock) -> None:
    """What could not be over in time is not even paused for."""
    wire = ScriptedWire(clock=clock)
    stack, pauses = pausing(wire, clock, deadline=10, throttling=ThrottleRule(".*", 1, 60))
    async with family.AsyncClient(transport=stack) as client:
        await client.get(URL)
        pauses.pause(5)
        error = await exceeded(client.get(URL))
    assert (clock.now(), error.would_wait) == (1000, 60)
    assert "throttle" in (error.waits_for or "")


@pytest.mark.parametrize("rate", [2, 1])
async def test_a_slot_is_waited_for_to_the_deadline(family: ModuleType, clock: FakeClock, rate: int) -> None:
    """Nobody knows when it comes; the error names the limit, also where a permit was waited for first."""
    wire = ScriptedWire(ScriptedResponse(delay=30), 200, clock=clock)
    limits: dict[str, Any] = {"concurrent_requests": 1, "throttling": ThrottleRule(".*", rate)}
    async with stacked(family, wire, clock, 10, **limits) as client, anyio.create_task_group() as group:
        group.start_soon(partial(client.get, URL, extensions=call_options(deadline=None)))
        await clock.sleep(0.5)
        error = await exceeded(client.get(URL))
        assert clock.now() == 1010.5
        assert (error.would_wait, error.retry_in) == (None, None)
        assert error.waits_for == f"a slot of {ConcurrentRequestLimit(1)}"
        assert (error.fate, error.was_sent) == ("never_sent", False)
        assert f"passed while the call waited for {error.waits_for};" in str(error)
        await client.get(URL, extensions=call_options(deadline=25))
    assert sent_at(wire) == [1000, 1030]


async def test_a_back_off_that_cannot_fit_refuses_at_once(family: ModuleType, clock: FakeClock) -> None:
    """The last answer comes with it, its body readable, and its connection is free."""
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"busy"), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=6)) as client:
        error = await exceeded(client.get(URL))
    assert sent_at(wire) == [1000, 1006]
    assert clock.now() == 1006
    assert (error.would_wait, error.retry_in, error.waits_for) == (6, 6, "a back-off")
    assert (error.status, error.response.text, error.__cause__) == (503, "busy", None)
    assert error.fate == "answered"
    assert wire.open_bodies == 0


async def test_what_a_server_asks_for_is_measured_too(family: ModuleType, clock: FakeClock) -> None:
    """Retry-After: 20 with 10 s to go."""
    wire = ScriptedWire(ScriptedResponse(status=429, headers={"retry-after": "20"}), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=1)) as client:
        error = await exceeded(client.get(URL))
    assert (clock.now(), error.would_wait, error.status) == (1000, 20, 429)


async def test_the_last_error_is_the_cause(family: ModuleType, clock: FakeClock) -> None:
    """As it was raised."""
    wire = ScriptedWire(family.ConnectError("refused"), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=20)) as client:
        error = await exceeded(client.get(URL))
    assert isinstance(error.__cause__, family.ConnectError)
    assert (error.response, error.fate) == (None, "never_sent")


async def test_a_rejected_answer_is_cause_and_response(family: ModuleType, clock: FakeClock) -> None:
    """As the validation had it."""
    wire = ScriptedWire(ScriptedResponse(status=500, json={"a": 1}), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=20), strict_status_code=200) as client:
        error = await exceeded(client.get(URL))
    assert isinstance(error.__cause__, UnexpectedResponse)
    assert error.response.json() == {"a": 1}


async def test_pass_gives_the_response_instead(family: ModuleType, clock: FakeClock) -> None:
    """`behavior="pass"` accepts a failure, for whatever reason there is no other attempt."""
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"busy"), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=20, behavior="pass")) as client:
        response = await client.get(URL)
    assert (response.status_code, response.text, clock.now()) == (503, "busy", 1000)
    assert "the deadline leaves no time for a back-off of 20 s" in response.extensions["gracy"].gave_up


async def test_a_long_error_body_does_not_hold_up_the_refusal(family: ModuleType, clock: FakeClock) -> None:
    """A second is spent on it, no more; the status is the news."""
    wire = ScriptedWire(ScriptedResponse(status=503, chunks=[b"x"] * 99, chunk_delay=0.6), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=20)) as client:
        error = await exceeded(client.get(URL))
    assert (clock.now(), error.status, wire.open_bodies) == (1001, 503, 0)


async def test_a_throttle_alone_heeds_a_deadline_above_it(family: ModuleType, clock: FakeClock) -> None:
    """Two layers without a stack."""
    wire = ScriptedWire(clock=clock)
    transport = DeadlineTransport(ThrottleTransport(wire, ThrottleRule(".*", 1, 60), clock=clock), 10, clock=clock)
    async with family.AsyncClient(transport=transport) as client:
        await client.get(URL)
        assert (await exceeded(client.get(URL))).would_wait == 60


async def test_a_refusal_after_an_answer_remembers_it(family: ModuleType, clock: FakeClock) -> None:
    """The second attempt never got its permit."""
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"busy"), clock=clock)
    rules = ThrottleRule(".*", 1, 60)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=2), throttling=rules) as client:
        error = await exceeded(client.get(URL))
    assert clock.now() == 1002
    assert (error.would_wait, error.status, error.response.text) == (58, 503, "busy")
    assert error.fate == "never_sent"


async def test_nobody_waits_after_a_deadline(family: ModuleType, clock: FakeClock) -> None:
    """Those who were cut short leave the queue, and whoever comes next has it for himself."""
    wire = ScriptedWire(ScriptedResponse(delay=NEVER), 200, clock=clock)
    client = family.AsyncClient(transport=wire)
    stack = attach(client, GracyConfig(deadline=10, concurrent_requests=1), clock=clock)
    async with client:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(exceeded, client.get(URL))
        assert (clock.now(), len(wire.sent)) == (1010, 1)
        assert (await client.get(URL)).status_code == 200
    assert "0 waiting" in repr(stack)


async def test_a_mute_server_and_a_back_off(family: ModuleType, clock: FakeClock) -> None:
    """4 s of silence, 3 s of back-off, 3 s of silence: cut short at 10."""
    wire = ScriptedWire(mute(clock), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=3)) as client:
        error = await exceeded(client.get(URL))
    assert (clock.now(), sent_at(wire)) == (1010, [1000, 1007])
    assert isinstance(error.__cause__, family.ReadTimeout)
    assert str(error.timeline) == "GET /things DeadlineExceeded in 10.0 s: back-off 3.0, 2 attempts"
