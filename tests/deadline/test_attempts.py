"""A deadline over attempts: what is under way when it comes, and what the error says of it."""

from __future__ import annotations

import gc
import pickle
import weakref
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import (
    DeadlineTransport,
    GracefulRetry,
    GracefulValidator,
    Gracy,
    GracyConfig,
    RetryTransport,
    ThrottleRule,
)
from gracy_transport.exceptions import DeadlineExceeded, NonOkResponse
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire
from tests.deadline.support import URL, exceeded, mute, stacked
from tests.support import sent_at

pytestmark = pytest.mark.anyio


async def test_a_server_that_never_answers_is_left_at_the_deadline(family: ModuleType, clock: FakeClock) -> None:
    """A deadline of 10 s and a read timeout of 4 s: three attempts, the last cut short, and the last real error."""
    wire = ScriptedWire(mute(clock), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=0, max_attempts=9)) as client:
        error = await exceeded(client.get(URL))
    assert clock.now() == 1010
    assert sent_at(wire) == [1000, 1004, 1008]
    assert isinstance(error.__cause__, family.ReadTimeout)
    assert isinstance(error, family.TimeoutException)
    assert (error.seconds, error.would_wait, error.retry_in, error.response) == (10, None, None, None)
    assert error.fate == "maybe_applied"
    assert str(error) == (
        f"GET {URL}: the deadline of 10 s passed while attempt 3 was under way; allow more time, or try again later"
    )


async def test_the_timeouts_of_an_attempt_are_at_most_what_is_left(family: ModuleType, clock: FakeClock) -> None:
    """Each attempt has its own; the request of the caller keeps the ones it came with."""
    seen: list[dict[str, float]] = []

    async def answer(request: Any) -> int:
        seen.append(request.extensions["timeout"])
        return await mute(clock)(request)

    wire = ScriptedWire(answer, clock=clock)
    patience = family.Timeout(connect=3, read=6, write=None, pool=60)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=1)) as client:
        request = client.build_request("GET", URL, timeout=patience)
        await exceeded(client.send(request))
    assert seen == [
        {"connect": 3, "read": 6, "write": 10, "pool": 10},
        {"connect": 3, "read": 3, "write": 3, "pool": 3},
    ]
    assert request.extensions["timeout"] == patience.as_dict()


async def test_a_request_that_waited_has_its_timeouts_shortened(family: ModuleType, clock: FakeClock) -> None:
    """What a wait for a permit took is gone for the attempt."""
    seen: list[float] = []

    def answer(request: Any) -> int:
        seen.append(request.extensions["timeout"]["read"])
        return 200

    wire = ScriptedWire(answer, clock=clock)
    async with stacked(family, wire, clock, 5, throttling=ThrottleRule(".*", 1, 3)) as client:
        await client.get(URL)
        await client.get(URL)
    assert seen == [4, 2]


async def test_an_answer_of_an_earlier_attempt_is_kept(family: ModuleType, clock: FakeClock) -> None:
    """Readable, with what judged it as the cause, though the attempt that was cut short gave nothing."""
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"busy"), ScriptedResponse(delay=NEVER), clock=clock)
    retry = GracefulRetry(delay=1)
    async with stacked(family, wire, clock, 10, retry=retry, allowed_status_code=404) as client:
        judged = await exceeded(client.get(URL))
    assert (judged.status, judged.response.text) == (503, "busy")
    assert isinstance(judged.__cause__, NonOkResponse)
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"busy"), ScriptedResponse(delay=NEVER), clock=clock)
    async with stacked(family, wire, clock, 10, retry=retry) as client:
        plain = await exceeded(client.get(URL))
    assert (plain.status, plain.response.text, plain.__cause__) == (503, "busy", None)
    assert wire.open_bodies == 0


async def test_an_error_body_that_drips_costs_a_second_of_the_back_off(family: ModuleType, clock: FakeClock) -> None:
    """It is read for the error at most that long, and the next attempt starts when it would have anyway."""
    drip = ScriptedResponse(status=503, chunks=[b"x"] * 100, chunk_delay=0.3)
    wire = ScriptedWire(drip, ScriptedResponse(delay=NEVER), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=3)) as client:
        error = await exceeded(client.get(URL))
    assert sent_at(wire) == [1000, 1003]
    assert error.status == 503
    assert wire.open_bodies == 0


async def test_a_good_answer_in_time_is_untouched(family: ModuleType, clock: FakeClock) -> None:
    """The deadline leaves nothing behind."""
    wire = ScriptedWire(ScriptedResponse(content=b"fine", delay=9.9), clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        response = await client.get(URL)
    assert response.text == "fine"
    assert wire.open_bodies == 0


async def test_an_error_in_time_is_raised_as_it_is(family: ModuleType, clock: FakeClock) -> None:
    """A timeout of httpx before the deadline is no matter of ours."""
    wire = ScriptedWire(mute(clock), clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        with pytest.raises(family.ReadTimeout) as caught:
            await client.get(URL)
    assert not isinstance(caught.value, DeadlineExceeded)


async def test_it_survives_pickle_with_its_figures(family: ModuleType, clock: FakeClock) -> None:
    """A process pool gives them back."""
    wire = ScriptedWire(503, clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=30)) as client:
        error = await exceeded(client.get(URL))
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, DeadlineExceeded)
    assert isinstance(copy, family.TimeoutException)
    assert (copy.seconds, copy.would_wait, copy.retry_in, copy.waits_for) == (10, 30, 30, "a back-off")
    assert str(copy) == str(error)


@pytest.mark.parametrize("deadline", [10, None])
async def test_cancelling_from_outside_is_no_deadline(
    family: ModuleType, clock: FakeClock, deadline: float | None
) -> None:
    """Neither before the deadline, nor at the same instant."""
    for patience in (3, 10):
        wire = ScriptedWire(ScriptedResponse(delay=NEVER), clock=clock)
        async with stacked(family, wire, clock, deadline) as client:
            began = clock.now()
            with clock.timeout(patience) as scope:
                await client.get(URL)
            assert scope.cancelled_caught
            assert clock.now() == began + patience
            assert wire.in_flight == 0


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_scope_that_ends_at_the_same_instant_gets_its_cancellation(
    family: ModuleType, clock: FakeClock, *, is_first: bool
) -> None:
    """In whatever order the two are told, both backends unwind to the outer one, and the task goes on afterwards."""
    wire = ScriptedWire(ScriptedResponse(delay=NEVER), 200, clock=clock)
    ended: list[str] = []
    async with stacked(family, wire, clock, 10) as client, anyio.create_task_group() as group:

        async def call() -> None:
            try:
                await client.get(URL)
            except DeadlineExceeded:
                ended.append("deadline")
            except BaseException:
                ended.append("cancelled")
                raise

        async def cancel() -> None:
            await clock.sleep(10)
            group.cancel_scope.cancel()

        for start in (cancel, call) if is_first else (call, cancel):
            group.start_soon(start)
            await anyio.lowlevel.checkpoint()
    assert len(ended) == 1
    assert clock.now() == 1010
    with anyio.CancelScope() as scope:
        await anyio.lowlevel.checkpoint()
    assert not scope.cancelled_caught


async def test_a_validator_that_hangs_is_left(family: ModuleType, clock: FakeClock) -> None:
    """The server has answered; its response is closed."""

    class Ponder(GracefulValidator):
        needs_body = False

        async def check(self, response: Any) -> None:
            await clock.sleep(NEVER)

    wire = ScriptedWire(clock=clock)
    async with stacked(family, wire, clock, 10, validators=Ponder()) as client:
        await exceeded(client.get(URL))
    assert (clock.now(), wire.open_bodies) == (1010, 0)


async def test_a_hook_that_hangs_before_the_attempt_is_left(family: ModuleType, clock: FakeClock) -> None:
    """Nothing was sent, so it is a refusal."""
    wire = ScriptedWire(clock=clock)

    class Api(Gracy[str]):
        class Config:
            BASE_URL = "https://api.test"
            SETTINGS = GracyConfig(deadline=10)

        def _create_client(self) -> Any:
            return family.AsyncClient(transport=wire)

        async def before(self, context: Any) -> None:
            await clock.sleep(NEVER)

    async with Api(clock=clock) as api:
        error = await exceeded(api.get("/things"))
        assert (error.fate, error.was_sent, api.get_report().total.refused) == ("never_sent", False, 1)
    assert (clock.now(), wire.sent) == (1010, [])
    assert error.timeline is not None
    assert error.timeline.result == "DeadlineExceeded"


async def test_no_error_of_a_deadline_outlives_its_except(family: ModuleType, clock: FakeClock) -> None:
    """It is in no circle with a frame or a call, which would keep its response until the collector comes by."""
    wire = ScriptedWire(503, mute(clock), clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=8)) as client:
        gc.collect()
        gc.disable()
        try:
            left: list[weakref.ref[DeadlineExceeded]] = []
            try:
                await client.get(URL)
            except DeadlineExceeded as error:
                left.append(weakref.ref(error))
            assert [each() for each in left] == [None]
        finally:
            gc.enable()


async def test_a_layer_alone_is_enough(family: ModuleType, clock: FakeClock) -> None:
    """In front of any transport, over any other layer."""
    wire = ScriptedWire(503, clock=clock)
    transport = DeadlineTransport(RetryTransport(wire, GracefulRetry(delay=4), clock=clock), 10, clock=clock)
    async with family.AsyncClient(transport=transport) as client:
        error = await exceeded(client.get(URL))
    assert sent_at(wire) == [1000, 1004, 1008]
    assert clock.now() == 1008
    assert (error.would_wait, error.status) == (4, 503)
    assert repr(transport) == "<DeadlineTransport 10 s>"


async def test_a_layer_below_the_retries_ends_them_too(family: ModuleType, clock: FakeClock) -> None:
    """The time of a call is over for all layers, and a refusal of ours is not retried."""
    wire = ScriptedWire(ScriptedResponse(delay=NEVER), clock=clock)
    transport = RetryTransport(DeadlineTransport(wire, 10, clock=clock), GracefulRetry(delay=1), clock=clock)
    async with family.AsyncClient(transport=transport) as client:
        await exceeded(client.get(URL))
    assert (clock.now(), len(wire.sent)) == (1010, 1)


async def test_the_earliest_of_two_deadlines_holds(family: ModuleType, clock: FakeClock) -> None:
    """Whichever of them stands outside."""
    for outer, inner in ((3, 10), (10, 3)):
        wire = ScriptedWire(ScriptedResponse(delay=NEVER), clock=clock)
        transport = DeadlineTransport(DeadlineTransport(wire, inner, clock=clock), outer, clock=clock)
        began = clock.now()
        async with family.AsyncClient(transport=transport) as client:
            error = await exceeded(client.get(URL))
        assert (clock.now() - began, error.seconds) == (3, 3)
