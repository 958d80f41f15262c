"""The retry layer on a client: what is sent, when, and what the caller gets."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport.call import CallOptions
from gracy_transport.exceptions import CompositionError, TransportClosed
from gracy_transport.layer import Layer
from gracy_transport.retry import GracefulRetry, GracefulRetryState, OverrideRetryOn, RetryTransport
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire
from tests.retry.support import URL, call_of, gaps, retrying

pytestmark = pytest.mark.anyio


class Interruption(BaseException):
    """Stands for KeyboardInterrupt and its kin, which a test runner would take for its own."""


@dataclass(frozen=True)
class Own:
    """The configuration of one call."""

    retry: GracefulRetry | None


async def test_a_success_is_sent_once(family: ModuleType, clock: FakeClock) -> None:
    """Nothing is waited for, and the call has one attempt."""
    wire = ScriptedWire(200, clock=clock)
    async with retrying(family, wire, clock) as client:
        response = await client.get(URL)
    assert response.status_code == 200
    assert (len(wire.sent), clock.waits) == (1, [])
    assert (len(call_of(response).attempts), call_of(response).gave_up) == (1, None)


async def test_failures_are_retried_after_back_off_and_retry_after(family: ModuleType, clock: FakeClock) -> None:
    """503, then 429 that asks for two seconds, then 200: three sends."""
    script = (503, ScriptedResponse(status=429, headers={"Retry-After": "2"}), 200)
    wire = ScriptedWire(*script, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(delay=0.5)) as client:
        response = await client.get(URL)
    assert response.status_code == 200
    assert clock.waits == gaps(wire) == [0.5, 2]


async def test_delays_follow_the_schedule_and_none_comes_after_the_last_attempt(
    family: ModuleType, clock: FakeClock
) -> None:
    """`max_attempts` counts retries: three of them make four sends and three waits."""
    wire = ScriptedWire(503, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(delay=1, delay_modifier=1.5, max_attempts=3)) as client:
        response = await client.get(URL)
    assert response.status_code == 503
    assert clock.waits == gaps(wire) == [1, 1.5, 2.25]


@pytest.mark.parametrize("max_attempts", [0, 1, 2])
async def test_the_number_of_sends_is_one_more_than_max_attempts(
    family: ModuleType, clock: FakeClock, max_attempts: int
) -> None:
    """Zero means no retry at all."""
    wire = ScriptedWire(503, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(max_attempts=max_attempts)) as client:
        response = await client.get(URL)
    assert len(wire.sent) == max_attempts + 1
    assert call_of(response).gave_up == f"max_attempts={max_attempts} is used up: [Bad Status Code: 503]"


async def test_the_last_response_comes_back_unread(family: ModuleType, clock: FakeClock) -> None:
    """Its body is the caller's to read, also when it breaks no rule to be streamed."""
    script = (ScriptedResponse(status=503, content=b"first"), ScriptedResponse(status=503, content=b"last"))
    wire = ScriptedWire(*script, clock=clock)
    async with (
        retrying(family, wire, clock, GracefulRetry(max_attempts=1)) as client,
        client.stream("GET", URL) as response,
    ):
        assert not response.is_closed
        assert await response.aread() == b"last"
    assert wire.open_bodies == 0


async def test_the_last_error_comes_out_as_it_was(family: ModuleType, clock: FakeClock) -> None:
    """The very error of the last attempt is raised, and its call has the history."""
    errors = [family.ConnectError(f"number {number}") for number in range(3)]
    async with retrying(family, ScriptedWire(*errors, clock=clock), clock, GracefulRetry(max_attempts=2)) as client:
        with pytest.raises(family.ConnectError, match="number 2") as caught:
            await client.get(URL)
    call = call_of(caught.value)
    assert [attempt.error for attempt in call.attempts] == ["ConnectError"] * 3
    assert call.gave_up == "max_attempts=2 is used up: [Request Error: ConnectError]"


@pytest.mark.parametrize("behavior", ["break", "pass"])
async def test_an_error_replaces_the_response_of_the_attempt_before(
    family: ModuleType, clock: FakeClock, behavior: Any
) -> None:
    """404 and then two connection errors end with the error, also with behavior "pass"."""
    wire = ScriptedWire(404, family.ConnectError, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(max_attempts=2, behavior=behavior)) as client:
        with pytest.raises(family.ConnectError):
            await client.get(URL)
    assert (len(wire.sent), wire.open_bodies) == (3, 0)


async def test_a_response_replaces_the_error_of_the_attempt_before(family: ModuleType, clock: FakeClock) -> None:
    """The newest outcome counts."""
    wire = ScriptedWire(family.ReadTimeout, 503, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(max_attempts=1)) as client:
        response = await client.get(URL)
    assert response.status_code == 503
    assert [(each.status, each.error) for each in call_of(response).attempts] == [
        (None, "ReadTimeout"),
        (503, None),
    ]


async def test_attempts_and_waits_are_noted_on_the_call(family: ModuleType, clock: FakeClock) -> None:
    """Each failed attempt has its status, error and latency, each wait its real length and its reason."""
    script = (ScriptedResponse(status=503, delay=2), family.ReadTimeout, ScriptedResponse(delay=1))
    wire = ScriptedWire(*script, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(delay=4)) as client:
        response = await client.get(URL)
    call = call_of(response)
    first, second, third = call.attempts
    assert (first.number, first.started, first.status, first.latency) == (1, 1000, 503, 2)
    assert (second.number, second.started, second.error, second.latency) == (2, 1006, "ReadTimeout", 0)
    assert (third.number, third.started, third.status, third.ended) == (3, 1010, 200, 1011)
    assert [(wait.kind, wait.seconds) for wait in call.waits] == [("back-off", 4), ("back-off", 4)]
    assert [wait.reason for wait in call.waits] == ["[Bad Status Code: 503]", "[Request Error: ReadTimeout]"]
    assert call.gave_up is None


async def test_the_same_request_goes_out_each_time_untouched(family: ModuleType, clock: FakeClock) -> None:
    """Not a copy, and with the headers and timeouts it came with."""
    seen: list[Any] = []

    def remember(request: Any) -> int:
        seen.append(request)
        return 503

    async with retrying(family, ScriptedWire(remember, clock=clock), clock) as client:
        request = client.build_request("GET", URL, headers={"X-Mine": "1"}, timeout=7)
        headers, timeouts = dict(request.headers), dict(request.extensions["timeout"])
        await client.send(request)
    assert len(seen) == 4
    assert all(each is request for each in seen)
    assert (dict(request.headers), request.extensions["timeout"]) == (headers, timeouts)


async def test_a_long_hint_ends_the_retries_without_a_wait(family: ModuleType, clock: FakeClock) -> None:
    """The caller gets the response at once, and the figure."""
    wire = ScriptedWire(ScriptedResponse(status=429, headers={"Retry-After": "3600"}), clock=clock)
    async with retrying(family, wire, clock) as client:
        response = await client.get(URL)
    assert (response.status_code, len(wire.sent), clock.waits) == (429, 1, [])
    assert "asks to wait 3600 s" in str(call_of(response).gave_up)


async def test_a_date_is_compared_with_the_wall_clock(family: ModuleType, clock: FakeClock) -> None:
    """The clock's own UTC counts, whatever the time zone."""
    late = ScriptedResponse(status=503, headers={"Retry-After": "Thu, 01 Jan 2026 00:00:20 GMT"})
    async with retrying(family, ScriptedWire(late, 200, clock=clock), clock) as client:
        await client.get(URL)
    assert clock.waits == [20]


async def test_jitter_draws_each_delay_from_the_given_chances(family: ModuleType, clock: FakeClock) -> None:
    """Full jitter: a part of the delay, and a server's hint is only ever added to."""
    hinted = ScriptedResponse(status=429, headers={"Retry-After": "7"})
    chances = iter([0.25, 0.5, 0.0, 1.0])
    wire = ScriptedWire(503, hinted, 503, 200, clock=clock)
    config = GracefulRetry(delay=4, jitter=True)
    async with retrying(family, wire, clock, config, random=lambda: next(chances)) as client:
        await client.get(URL)
    assert clock.waits == [1, 9]  # what is nought is not waited for


async def test_a_zero_delay_retries_at_once(family: ModuleType, clock: FakeClock) -> None:
    """An override of zero is a delay, not the absence of one; nobody sleeps for it."""
    config = GracefulRetry(delay=9, overrides={503: OverrideRetryOn(delay=0)})
    async with retrying(family, ScriptedWire(503, 500, 200, clock=clock), clock, config) as client:
        response = await client.get(URL)
    assert [wait.seconds for wait in call_of(response).waits] == [0, 9]
    assert clock.waits == [9]


async def test_what_is_not_named_is_not_retried(family: ModuleType, clock: FakeClock) -> None:
    """Naming 503 leaves 500 and every error alone, and nobody gave up on them."""
    config = GracefulRetry(retry_on=503)
    async with retrying(family, ScriptedWire(500, clock=clock), clock, config) as client:
        response = await client.get(URL)
    assert (response.status_code, call_of(response).gave_up) == (500, None)
    async with retrying(family, ScriptedWire(family.ReadError, clock=clock), clock, config) as client:
        with pytest.raises(family.ReadError) as caught:
            await client.get(URL)
    assert call_of(caught.value).attempt.error == "ReadError"
    assert clock.waits == []


async def test_retries_end_at_the_first_outcome_that_is_not_named(family: ModuleType, clock: FakeClock) -> None:
    """503 is retried, the error after it is none of our business."""
    wire = ScriptedWire(503, family.ReadError, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(retry_on=503)) as client:
        with pytest.raises(family.ReadError) as caught:
            await client.get(URL)
    assert (len(wire.sent), call_of(caught.value).gave_up) == (2, None)


async def test_a_custom_exception_of_a_custom_transport_is_retried_by_its_class(
    family: ModuleType, clock: FakeClock
) -> None:
    """It need not be one of httpx."""
    wire = ScriptedWire(LookupError("no route"), 200, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(retry_on=LookupError)) as client:
        assert (await client.get(URL)).status_code == 200


async def test_our_own_refusal_is_not_retried(family: ModuleType, clock: FakeClock) -> None:
    """The server did nothing wrong."""
    wire = ScriptedWire(TransportClosed("closed while waiting"), clock=clock)
    async with retrying(family, wire, clock) as client:
        with pytest.raises(TransportClosed):
            await client.get(URL)
    assert (len(wire.sent), clock.waits) == (1, [])


async def test_a_call_can_bring_its_own_retries_or_none(family: ModuleType, clock: FakeClock) -> None:
    """An override of the call replaces the layer's; `None` switches it off."""
    async with retrying(family, ScriptedWire(503, clock=clock), clock, GracefulRetry(max_attempts=1)) as client:

        async def sends(options: CallOptions) -> int:
            response = await client.get(URL, extensions={"gracy": options})
            return len(call_of(response).attempts)

        assert await sends(CallOptions()) == 2
        assert await sends(CallOptions(config=Own(None))) == 1
        assert await sends(CallOptions(config=Own(GracefulRetry(max_attempts=2)))) == 3


async def test_a_redirect_is_left_to_the_client(family: ModuleType, clock: FakeClock) -> None:
    """Each hop has retries of its own, and both belong to one call."""
    moved = ScriptedResponse(status=302, headers={"Location": "/there"})
    wire = ScriptedWire(503, moved, 503, 200, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(max_attempts=1)) as client:
        response = await client.get(URL, follow_redirects=True)
    assert (response.status_code, len(wire.sent)) == (200, 4)
    assert len(call_of(response).attempts) == 4


async def test_a_challenge_is_left_to_the_client(family: ModuleType, clock: FakeClock) -> None:
    """401 with an auth flow is one more round of the same call, without a wait."""
    challenge = ScriptedResponse(status=401, headers={"WWW-Authenticate": 'Digest realm="x", nonce="y", qop="auth"'})
    wire = ScriptedWire(challenge, 200, clock=clock)
    async with retrying(family, wire, clock) as client:
        response = await client.get(URL, auth=family.DigestAuth("user", "secret"))
    assert (response.status_code, len(wire.sent), clock.waits) == (200, 2, [])


async def test_what_one_hop_gave_up_on_is_forgotten_by_the_next(family: ModuleType, clock: FakeClock) -> None:
    """A named 302 that stays is given up on, then followed, and in the end nothing was given up."""
    moved = ScriptedResponse(status=302, headers={"Location": "/there"})
    config = GracefulRetry(max_attempts=1, retry_on=302)
    async with retrying(family, ScriptedWire(moved, moved, 200, clock=clock), clock, config) as client:
        response = await client.get(URL, follow_redirects=True)
    assert (response.status_code, call_of(response).gave_up) == (200, None)


async def test_concurrent_calls_have_attempts_of_their_own(family: ModuleType, clock: FakeClock) -> None:
    """A hundred calls through one layer, half of which fail once: each has its own count."""
    asked: Counter[str] = Counter()
    attempts: dict[int, int] = {}

    def answer(request: Any) -> int:
        path = request.url.path
        asked[path] += 1
        return 503 if int(path[1:]) % 2 and asked[path] == 1 else 200

    async with retrying(family, ScriptedWire(answer, clock=clock), clock) as client:

        async def get(number: int) -> None:
            response = await client.get(f"https://api.test/{number}")
            assert response.status_code == 200
            attempts[number] = len(call_of(response).attempts)

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(get, number)
    assert attempts == {number: 1 + number % 2 for number in range(100)}
    assert clock.now() == 1001


@pytest.mark.parametrize("step", [ScriptedResponse(delay=NEVER), 503])
async def test_a_cancelled_call_ends_where_it_is(family: ModuleType, clock: FakeClock, step: Any) -> None:
    """Neither a hanging attempt nor a back-off outlives the cancellation, and nothing more is sent."""
    wire = ScriptedWire(step, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(delay=60)) as client:
        with clock.timeout(5) as scope:
            await client.get(URL)
    assert scope.cancelled_caught
    assert (len(wire.sent), wire.open_bodies, clock.now()) == (1, 0, 1005)


async def test_an_interruption_is_never_retried(family: ModuleType, clock: FakeClock) -> None:
    """What is no `Exception` goes straight through."""
    wire = ScriptedWire(Interruption, clock=clock)
    async with retrying(family, wire, clock) as client:
        with pytest.raises(Interruption):
            await client.get(URL)
    assert len(wire.sent) == 1


@pytest.mark.parametrize("retry_on", [None, 503])
async def test_a_raised_error_is_not_kept_alive(family: ModuleType, clock: FakeClock, retry_on: Any) -> None:
    """Once the caller lets go of it, it is gone with all it refers to, without the garbage collector."""
    layer = RetryTransport(ScriptedWire(family.ReadError, clock=clock), GracefulRetry(retry_on=retry_on), clock=clock)
    remembered = None
    gc.collect()
    gc.disable()
    try:
        try:
            await layer.handle_async_request(family.Request("GET", URL))
        except family.ReadError as error:
            remembered = weakref.ref(error)
        assert remembered is not None
        assert remembered() is None
    finally:
        gc.enable()


def test_two_retry_layers_are_refused() -> None:
    """Their attempts would multiply; layers in between do not hide the second."""
    lower = RetryTransport(ScriptedWire(), GracefulRetry())
    with pytest.raises(CompositionError, match="attempts of the two would multiply: keep one of them"):
        RetryTransport(lower, GracefulRetry())
    with pytest.raises(CompositionError, match="<RetryTransport 3 retries"):
        RetryTransport(Layer(lower), GracefulRetry())


def test_a_retry_layer_within_a_stack_below_is_found() -> None:
    """A layer that is a whole stack has a chain of its own, which counts too."""

    class Stack(Layer):
        def chain(self) -> Any:
            yield self
            yield from RetryTransport(self.inner, GracefulRetry()).chain()

    with pytest.raises(CompositionError, match="multiply"):
        RetryTransport(Layer(Stack(ScriptedWire())), GracefulRetry())


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (GracefulRetry(delay_modifier=1.5), "3 retries, delay 1.0 s ×1.5, idempotent methods"),
        (GracefulRetry(delay=2, max_attempts=1, methods="any"), "1 retry, delay 2.0 s, any methods"),
        (GracefulRetry(methods={"POST", "GET"}), "3 retries, delay 1.0 s, GET/POST methods"),
    ],
)
def test_repr_says_the_settings(config: GracefulRetry, text: str) -> None:
    """What a bug report shows of the layer."""
    assert repr(RetryTransport(ScriptedWire(), config)) == f"<RetryTransport {text}>"


async def test_without_a_given_chance_jitter_is_random(family: ModuleType, clock: FakeClock) -> None:
    """Ten delays of a hundred seconds are within them, and not all the same."""
    config = GracefulRetry(delay=100, max_attempts=10, jitter=True)
    async with retrying(family, ScriptedWire(503, clock=clock), clock, config) as client:
        await client.get(URL)
    assert all(0 <= wait <= 100 for wait in clock.waits)
    assert len(set(clock.waits)) > 1


def test_the_state_of_a_pass_says_how_far_it_is() -> None:
    """Hooks are given it as `retry_state`."""
    from gracy_transport.call import Outcome

    error = ValueError("no")
    state = GracefulRetryState(2, Outcome(error=error))
    assert (state.cur_attempt, state.max_attempts, state.delay) == (0, 2, 0.0)
    assert (state.last_exc, state.last_response, state.cause) == (error, None, "[Request Error: ValueError]")
    assert (state.success, state.failed, state.can_retry, state.cant_retry) == (False, True, True, False)
    state.cur_attempt, state.success = 2, True
    assert (state.failed, state.can_retry, state.cant_retry) == (False, False, True)
    assert repr(state) == "<GracefulRetryState 2 of 2 retries, [Request Error: ValueError]>"


async def test_a_back_off_that_is_cut_short_is_told_of(family: ModuleType, clock: FakeClock) -> None:
    """The timeline of a cancelled call says where its time went, as it does of a wait at a gate."""
    calls: list[Any] = []
    wire = ScriptedWire(503, clock=clock)
    transport = RetryTransport(
        wire, GracefulRetry(delay=60), clock=clock, observers=[lambda event: calls.append(event.call)]
    )
    async with family.AsyncClient(transport=transport) as client:
        with clock.timeout(5):
            await client.get(URL)
    assert str(calls[-1].timeline).endswith("503 in 5.0 s: back-off 5.0, 1 attempt")
