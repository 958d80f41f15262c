"""Tests of the metrics layer on a client: what is counted, when, and that counting changes nothing."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport.call import Call, CallOptions, Outcome
from gracy_transport.events import (
    CallEnded,
    ConcurrencyLimitFreed,
    Event,
    RequestDispatched,
    RetryScheduled,
    ThrottleWaitOver,
    tell,
)
from gracy_transport.exceptions import NonOkResponse, TransportClosed
from gracy_transport.family import error_for
from gracy_transport.layer import Layer
from gracy_transport.metrics import MetricsRegistry, MetricsTransport, ReportRow
from gracy_transport.retry import GracefulRetry, RetryTransport
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.validation import GracefulValidator, ValidationTransport

pytestmark = pytest.mark.anyio

URL = "https://api.test/things"


class Below(Layer):
    """A layer below the metrics that does what a test wants and passes the request on."""

    def __init__(self, inner: Any, act: Callable[[Any, Call], object]) -> None:
        super().__init__(inner)
        self.act = act

    async def handle(self, request: Any, call: Call) -> Any:
        """Acts first."""
        self.act(request, call)
        return await self.inner.handle_async_request(request)


class Rejecting(Layer):
    """Stands for validation: it turns every response down with an error of its own or of the user's."""

    error: Exception | None = None

    async def handle(self, request: Any, call: Call) -> Any:
        """Rejects the answer of the transport below."""
        response = await self.inner.handle_async_request(request)
        await response.aread()
        error = self.error or error_for(request, NonOkResponse, "rejected", response=response, call=call)
        call.rejected = Outcome(response, error)
        raise error


def client_of(family: ModuleType, transport: Any) -> Any:
    """Returns a client of the family."""
    return family.AsyncClient(transport=transport)


async def get(family: ModuleType, transport: Any) -> Any:
    """Asks once through a client that has this transport, and returns the answer, read."""
    async with client_of(family, transport) as client:
        return await client.get(URL)


def only_row(transport: MetricsTransport) -> ReportRow:
    """Returns the one row there is."""
    (row,) = transport.get_report().rows
    return row


def facts(row: ReportRow) -> dict[str, Any]:
    """Returns the counters of a row that are not zero, without rates and instants."""
    names = (
        "calls attempts successes failures responses_2xx responses_3xx responses_4xx responses_5xx aborts "
        "retries replays throttles slot_waits refused cancelled"
    )
    return {name: getattr(row, name) for name in names.split() if getattr(row, name)}


async def test_an_answer_counts_when_its_body_is_over(family: ModuleType, clock: FakeClock) -> None:
    """Latency runs to the end of the body, not to its headers."""
    slow = ScriptedResponse(delay=1, chunks=[b"a", b"b"], chunk_delay=2)
    transport = MetricsTransport(ScriptedWire(slow, clock=clock), clock=clock)
    async with client_of(family, transport) as client, client.stream("GET", URL) as response:
        assert transport.get_report().rows == ()
        assert await response.aread() == b"ab"
        assert facts(only_row(transport)) == {"calls": 1, "attempts": 1, "successes": 1, "responses_2xx": 1}
    assert only_row(transport).max_latency == 5
    call = response.extensions["gracy"]
    assert (call.attempt.status, call.attempt.latency, call.attempt.error) == (200, 5, None)


async def test_latency_starts_at_dispatch(family: ModuleType, clock: FakeClock) -> None:
    """What a request waited for its permit is not the server's fault."""

    async def wait_at_the_gate(request: Any) -> ScriptedResponse:
        await clock.sleep(10)
        request.extensions["gracy"].attempt.dispatched = clock.now()
        return ScriptedResponse(delay=2)

    transport = MetricsTransport(ScriptedWire(wait_at_the_gate, clock=clock), clock=clock)
    await get(family, transport)
    assert only_row(transport).avg_latency == 2


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, {"successes": 1, "responses_2xx": 1}),
        (204, {"successes": 1, "responses_2xx": 1}),
        (304, {"successes": 1, "responses_3xx": 1}),
        (401, {"failures": 1, "responses_4xx": 1}),
        (404, {"failures": 1, "responses_4xx": 1}),
        (503, {"failures": 1, "responses_5xx": 1}),
    ],
)
async def test_without_other_knowledge_codes_below_400_are_successes(
    family: ModuleType, status: int, expected: dict[str, int]
) -> None:
    """Nobody has judged them."""
    transport = MetricsTransport(ScriptedWire(status))
    await get(family, transport)
    assert facts(only_row(transport)) == {"calls": 1, "attempts": 1, **expected}


async def test_an_allowed_status_is_a_success(family: ModuleType) -> None:
    """What is accepted is said by whoever puts the stack together."""
    transport = MetricsTransport(ScriptedWire(404), is_success=lambda status: status in {200, 404})
    await get(family, transport)
    assert only_row(transport).success_rate == 100


@pytest.mark.parametrize(("status", "failures"), [(404, 0), (503, 1)])
async def test_an_answer_that_retries_gave_up_on_is_judged_as_any_other(
    family: ModuleType, clock: FakeClock, status: int, failures: int
) -> None:
    """An allowed status may be worth a retry and is accepted all the same; the retried attempts failed."""
    retries = RetryTransport(ScriptedWire(status, clock=clock), GracefulRetry(max_attempts=2), clock=clock)
    transport = MetricsTransport(retries, is_success=lambda code: code in {200, 404}, clock=clock)
    async with client_of(family, transport) as client:
        assert (await client.get(URL)).status_code == status
    row = only_row(transport)
    assert (row.attempts, row.retries, row.successes, row.failures) == (3, 2, 1 - failures, 2 + failures)


class Turning(GracefulValidator):
    """Turns every response down."""

    def check(self, response: Any) -> None:
        """Always raises."""
        raise ValueError("not what was hoped for")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_rejected_response_that_is_passed_on_is_a_failure(
    family: ModuleType, clock: FakeClock, stream: bool
) -> None:
    """Though its status code alone would pass, and though the call knows no more of it when the body is over."""
    judging = ValidationTransport(ScriptedWire(200, clock=clock), validators=Turning(), clock=clock)
    config = GracefulRetry(max_attempts=1, behavior="pass")
    transport = MetricsTransport(RetryTransport(judging, config, clock=clock), clock=clock)
    async with client_of(family, transport) as client:
        response = await client.send(client.build_request("GET", URL), stream=stream)
        await response.aread()
    row = only_row(transport)
    assert (row.attempts, row.successes, row.failures, row.responses_2xx) == (2, 0, 2, 2)


@pytest.mark.parametrize("error", [None, ValueError("not what was hoped for")])
async def test_a_rejected_response_counts_in_its_class(family: ModuleType, error: Exception | None) -> None:
    """Whether its status was wrong or a validator of the user's raised something."""
    rejecting = Rejecting(ScriptedWire(418))
    rejecting.error = error
    transport = MetricsTransport(rejecting)
    with pytest.raises(family.HTTPError if error is None else ValueError):
        await get(family, transport)
    assert facts(only_row(transport)) == {"calls": 1, "attempts": 1, "failures": 1, "responses_4xx": 1}


async def test_an_error_with_a_status_counts_in_its_class(family: ModuleType) -> None:
    """As long as it is one of ours, which know what they judged."""

    def reject(request: Any) -> Any:
        raise error_for(request, NonOkResponse, "rejected", response=family.Response(503))

    transport = MetricsTransport(ScriptedWire(reject))
    with pytest.raises(NonOkResponse):
        await get(family, transport)
    assert facts(only_row(transport)) == {"calls": 1, "attempts": 1, "failures": 1, "responses_5xx": 1}


async def test_no_response_is_an_abort(family: ModuleType, clock: FakeClock) -> None:
    """It has a latency as well: a time-out is the longest of them."""

    async def hang(request: Any) -> Any:
        await clock.sleep(30)
        return family.ReadTimeout("timed out", request=request)

    transport = MetricsTransport(ScriptedWire(hang, clock=clock), clock=clock)
    with pytest.raises(family.ReadTimeout) as caught:
        await get(family, transport)
    row = only_row(transport)
    assert facts(row) == {"calls": 1, "attempts": 1, "failures": 1, "aborts": 1}
    assert row.max_latency == 30
    attempt = caught.value.request.extensions["gracy"].attempt
    assert (attempt.status, attempt.error, attempt.latency) == (None, "ReadTimeout", 30)


async def test_a_body_that_breaks_is_an_abort(family: ModuleType) -> None:
    """It never became a complete response; it counts once."""
    broken = ScriptedResponse(chunks=[b"half", family.ReadError("reset")])
    transport = MetricsTransport(ScriptedWire(broken))
    with pytest.raises(family.ReadError):
        await get(family, transport)
    assert facts(only_row(transport)) == {"calls": 1, "attempts": 1, "failures": 1, "aborts": 1}


async def test_our_own_refusal_is_no_failure_and_no_attempt(family: ModuleType) -> None:
    """The server did nothing wrong."""

    def refuse(request: Any) -> Any:
        raise error_for(request, TransportClosed, "closed")

    transport = MetricsTransport(ScriptedWire(refuse))
    with pytest.raises(TransportClosed):
        await get(family, transport)
    assert facts(only_row(transport)) == {"calls": 1, "refused": 1}


async def test_a_cancelled_request_is_shown_apart(family: ModuleType, clock: FakeClock) -> None:
    """Before the headers."""
    transport = MetricsTransport(ScriptedWire(ScriptedResponse(delay=NEVER), clock=clock), clock=clock)
    with clock.timeout(1):
        await get(family, transport)
    assert facts(only_row(transport)) == {"calls": 1, "cancelled": 1}


async def test_a_request_cancelled_in_its_body_is_shown_apart(family: ModuleType, clock: FakeClock) -> None:
    """Its response never was complete."""
    slow = ScriptedResponse(chunks=[b"a"], chunk_delay=100)
    transport = MetricsTransport(ScriptedWire(slow, clock=clock), clock=clock)
    with clock.timeout(1):
        await get(family, transport)
    assert facts(only_row(transport)) == {"calls": 1, "cancelled": 1}


async def test_a_body_that_is_left_early_counts_by_its_status(family: ModuleType) -> None:
    """The caller had enough."""
    transport = MetricsTransport(ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"])))
    async with client_of(family, transport) as client, client.stream("GET", URL):
        assert transport.get_report().rows == ()
    assert facts(only_row(transport)) == {"calls": 1, "attempts": 1, "successes": 1, "responses_2xx": 1}


async def test_a_body_that_is_dropped_unread_counts(family: ModuleType) -> None:
    """When the garbage collector finds it."""
    transport = MetricsTransport(ScriptedWire(200))
    async with client_of(family, transport) as client:
        response = await client.send(client.build_request("GET", URL), stream=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del response
            gc.collect()
    assert "dropped unread" in str(caught[-1].message)
    assert only_row(transport).attempts == 1


async def test_attempts_that_were_retried_are_heard_of(family: ModuleType, clock: FakeClock) -> None:
    """Each in its class, with its latency, as a failure; the last one when its body is over."""

    def fail_twice(_request: Any, call: Call) -> None:
        tell(RetryScheduled(call, clock.now(), 1, 0.5, "status 503", 503, None, 2.0))
        call.is_replayed = True
        tell(RetryScheduled(call, clock.now(), 2, 0.5, "ConnectError", None, "ConnectError", 4.0))
        call.begin_attempt(clock.now())

    transport = MetricsTransport(Below(ScriptedWire(200), fail_twice), clock=clock)
    await get(family, transport)
    row = only_row(transport)
    assert facts(row) == {
        "calls": 1,
        "attempts": 3,
        "successes": 1,
        "failures": 2,
        "responses_2xx": 1,
        "responses_5xx": 1,
        "aborts": 1,
        "retries": 2,
        "replays": 1,
    }
    assert row.avg_latency == 2
    assert row.last_at == pytest.approx(clock.wall())
    assert row.first_at == pytest.approx(clock.wall() - 4)


async def test_waits_are_heard_of(family: ModuleType, clock: FakeClock) -> None:
    """Their number and how long they were; other events count as nothing."""

    def wait(_request: Any, call: Call) -> None:
        tell(ThrottleWaitOver(call, clock.now(), "rule", 0.75))
        tell(ThrottleWaitOver(call, clock.now(), "rule", 0.25))
        tell(ConcurrencyLimitFreed(call, clock.now(), "limit", 0.5))
        tell(RequestDispatched(call, clock.now()))

    transport = MetricsTransport(Below(ScriptedWire(200), wait), clock=clock)
    await get(family, transport)
    row = only_row(transport)
    assert (row.throttles, row.throttle_seconds, row.slot_waits, row.slot_seconds) == (2, 1.0, 1, 0.5)
    waits = transport.get_report().timeline.waits
    assert [(wait.waited, wait.gate) for wait in waits] == [(0.75, "permit"), (0.25, "permit"), (0.5, "slot")]
    assert {wait.at + wait.waited for wait in waits} == {clock.wall()}


async def test_replayed_answers_are_counted_as_such(family: ModuleType) -> None:
    """They are attempts as well, as their answers are judged like any other."""

    def replay(_request: Any, call: Call) -> None:
        call.is_replayed = True

    transport = MetricsTransport(Below(ScriptedWire(200), replay))
    await get(family, transport)
    assert (only_row(transport).attempts, only_row(transport).replays) == (1, 1)


async def test_with_real_retries_every_attempt_counts_once(family: ModuleType, clock: FakeClock) -> None:
    """Two failures of different kinds, then an answer."""
    wire = ScriptedWire(503, family.ConnectError, ScriptedResponse(delay=1), clock=clock)
    retry = RetryTransport(wire, GracefulRetry(delay=3), clock=clock)
    transport = MetricsTransport(retry, clock=clock)
    await get(family, transport)
    row = only_row(transport)
    assert facts(row) == {
        "calls": 1,
        "attempts": 3,
        "successes": 1,
        "failures": 2,
        "responses_2xx": 1,
        "responses_5xx": 1,
        "aborts": 1,
        "retries": 2,
    }
    assert row.latencies.total == 1


@pytest.mark.parametrize("behavior", ["break", "pass"])
async def test_exhausted_retries_count_their_last_attempt_too(
    family: ModuleType, clock: FakeClock, behavior: Any
) -> None:
    """Whether the caller gets the answer or not."""
    retry = GracefulRetry(delay=3, max_attempts=2, behavior=behavior)
    transport = MetricsTransport(RetryTransport(Rejecting(ScriptedWire(500)), retry, clock=clock), clock=clock)
    async with client_of(family, transport) as client:
        if behavior == "pass":
            await client.get(URL)
        else:
            with pytest.raises(NonOkResponse):
                await client.get(URL)
    assert facts(only_row(transport)) == {
        "calls": 1,
        "attempts": 3,
        "failures": 3,
        "responses_5xx": 3,
        "retries": 2,
    }


async def test_a_call_cancelled_in_its_back_off_keeps_what_is_known_of_the_attempt(
    family: ModuleType, clock: FakeClock
) -> None:
    """The attempt was over and counted before."""
    retry = RetryTransport(ScriptedWire(503, clock=clock), GracefulRetry(delay=60), clock=clock)
    transport = MetricsTransport(retry, clock=clock)
    async with client_of(family, transport) as client:
        request = client.build_request("GET", URL)
        with clock.timeout(1):
            await client.send(request)
    assert facts(only_row(transport)) == {
        "calls": 1,
        "attempts": 1,
        "failures": 1,
        "responses_5xx": 1,
        "retries": 1,
        "cancelled": 1,
    }
    assert request.extensions["gracy"].attempt.status == 503


async def test_metrics_below_retries_count_each_attempt_once(family: ModuleType, clock: FakeClock) -> None:
    """À la carte the layers may stand in any order."""
    transport = MetricsTransport(ScriptedWire(503, 200, clock=clock), clock=clock)
    retry = RetryTransport(transport, GracefulRetry(delay=3), clock=clock)
    await get(family, retry)
    assert facts(only_row(transport)) == {
        "calls": 1,
        "attempts": 2,
        "successes": 1,
        "failures": 1,
        "responses_2xx": 1,
        "responses_5xx": 1,
    }


async def test_a_redirect_is_an_attempt_of_the_same_call(family: ModuleType) -> None:
    """Each hop has the row of its own URL; the call is counted where it began."""
    moved = ScriptedResponse(status=302, headers={"location": "https://api.test/there"})
    transport = MetricsTransport(ScriptedWire(moved, 200))
    async with client_of(family, transport) as client:
        await client.get("https://api.test/here", follow_redirects=True)
    here, there = transport.get_report().rows
    assert (here.url, facts(here)) == (
        "https://api.test/here",
        {"calls": 1, "attempts": 1, "successes": 1, "responses_3xx": 1},
    )
    assert (there.url, facts(there)) == (
        "https://api.test/there",
        {"attempts": 1, "successes": 1, "responses_2xx": 1},
    )


async def test_rows_are_named_by_template(family: ModuleType) -> None:
    """And without one by origin and path, never by query or userinfo."""
    transport = MetricsTransport(ScriptedWire(200))
    options = {"gracy": CallOptions(template="/pokemon/{NAME}", base="https://pokeapi.co/api/v2")}
    async with client_of(family, transport) as client:
        for name in ("pikachu", "ditto"):
            await client.get(f"https://pokeapi.co/api/v2/pokemon/{name}", extensions=dict(options))
        await client.get("https://user:hunter2@api.test/x?api_key=SECRET")
    assert [(row.url, row.attempts) for row in transport.get_report().rows] == [
        ("https://pokeapi.co/api/v2/pokemon/{NAME}", 2),
        ("https://api.test/x", 1),
    ]


async def test_the_rate_is_taken_from_when_attempts_began(family: ModuleType, clock: FakeClock) -> None:
    """Two seconds apart, and a second."""
    transport = MetricsTransport(ScriptedWire(200, clock=clock), clock=clock)
    async with client_of(family, transport) as client:
        for _ in range(3):
            await client.get(URL)
            await clock.sleep(2)
    row = only_row(transport)
    assert row.requests_per_second == pytest.approx(3 / 5)
    assert row.first_at == pytest.approx(1_767_225_600)


async def test_elapsed_works_with_a_response_that_was_read_before(family: ModuleType, clock: FakeClock) -> None:
    """As those of `MockTransport(json=...)` are."""

    def answer(_request: Any) -> Any:
        return family.Response(200, json={"name": "pikachu"})

    response = await get(family, MetricsTransport(family.MockTransport(answer), clock=clock))
    assert response.json() == {"name": "pikachu"}
    assert response.elapsed == timedelta(0)


async def test_elapsed_of_a_response_that_was_read_before_is_the_time_it_took(
    family: ModuleType, clock: FakeClock
) -> None:
    """From entering the layer, retries and all, as a client takes it."""

    async def answer(_request: Any) -> Any:
        await clock.sleep(2)
        return family.Response(200, json={})

    wire = ScriptedWire(503, answer, clock=clock)
    retry = RetryTransport(wire, GracefulRetry(delay=3), clock=clock)
    response = await get(family, MetricsTransport(retry, clock=clock))
    assert response.elapsed == timedelta(seconds=5)


async def test_elapsed_works_with_a_response_that_is_read_by_the_client(family: ModuleType) -> None:
    """The client times it by itself."""
    async with client_of(family, MetricsTransport(ScriptedWire(ScriptedResponse(json={})))) as client:
        response = await client.get(URL)
    assert response.elapsed >= timedelta(0)


async def test_a_hundred_concurrent_requests_are_all_counted(family: ModuleType, clock: FakeClock) -> None:
    """Half of them fail once and are retried: each has its own number of attempts."""
    failed: set[str] = set()

    def flaky(request: Any) -> ScriptedResponse:
        path = request.url.path
        if int(path.rpartition("/")[2]) % 2 and path not in failed:
            failed.add(path)
            return ScriptedResponse(status=503, delay=1)
        return ScriptedResponse(delay=1)

    retry = RetryTransport(ScriptedWire(flaky, clock=clock), GracefulRetry(delay=1), clock=clock)
    transport = MetricsTransport(retry, clock=clock)
    async with client_of(family, transport) as client, anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(client.get, f"https://api.test/{number}")
    report = transport.get_report()
    assert len(report.rows) == 100
    assert {row.attempts for row in report.rows} == {1, 2}
    assert facts(report.total) == {
        "calls": 100,
        "attempts": 150,
        "successes": 100,
        "failures": 50,
        "responses_2xx": 100,
        "responses_5xx": 50,
        "retries": 50,
    }
    assert report.total.latencies.total == 150


async def test_observers_hear_what_they_heard_without_metrics(family: ModuleType, clock: FakeClock) -> None:
    """Those of the layer, those of a layer above, and those of a layer below, to the end of the call."""

    def act(_request: Any, call: Call) -> None:
        call.observe(below.append)
        tell(RequestDispatched(call, clock.now()))

    above: list[Event] = []
    own: list[Event] = []
    below: list[Event] = []
    metrics = MetricsTransport(Below(ScriptedWire(200), act), clock=clock, observers=[own.append])
    await get(family, Layer(metrics, observers=[above.append]))
    for events in (above, own, below):
        assert {type(event) for event in events} >= {RequestDispatched, CallEnded}
    assert only_row(metrics).attempts == 1


async def test_nothing_listens_once_the_call_has_left(family: ModuleType) -> None:
    """So that its end is no event when nobody else wants to know."""
    response = await get(family, MetricsTransport(ScriptedWire(200)))
    assert response.extensions["gracy"].observers == ()


async def test_layers_that_share_a_registry_share_a_report(family: ModuleType) -> None:
    """As the chains for the configs of single calls do."""
    registry = MetricsRegistry()
    layers = [MetricsTransport(ScriptedWire(200), registry=registry) for _ in range(2)]
    for layer in layers:
        async with client_of(family, layer) as client:
            await client.get(URL)
    assert layers[0].get_report() == layers[1].get_report() == registry.report()
    assert only_row(layers[0]).attempts == 2


async def test_an_attempt_under_way_at_a_reset_counts_in_the_new_report(family: ModuleType) -> None:
    """It ends after it."""
    transport = MetricsTransport(ScriptedWire(200))
    async with client_of(family, transport) as client, client.stream("GET", URL) as response:
        transport.registry.reset()
        await response.aread()
    assert only_row(transport).attempts == 1


async def test_metrics_keep_no_response(family: ModuleType) -> None:
    """Nor anything else of a request: numbers only."""
    transport = MetricsTransport(ScriptedWire(ScriptedResponse(content=b"x" * 1000)))
    async with client_of(family, transport) as client:
        response = await client.get(URL)
        kept = weakref.ref(response)
        del response
        gc.collect()
        assert kept() is None


async def test_reading_a_report_changes_nothing(family: ModuleType) -> None:
    """However often, and what was read before stays as it was."""
    transport = MetricsTransport(ScriptedWire(200))
    async with client_of(family, transport) as client:
        await client.get(URL)
        first = transport.get_report()
        assert transport.get_report() == first
        await client.get(URL)
    assert (first.total.attempts, transport.get_report().total.attempts) == (1, 2)


async def test_repr_says_how_much_has_been_counted(family: ModuleType) -> None:
    """As every layer says its state."""
    transport = MetricsTransport(ScriptedWire(200))
    await get(family, transport)
    assert repr(transport) == "<MetricsTransport 1 row, 1 attempt>"


async def test_report_status_shows_the_report(family: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """In the terminal, as asked for."""
    transport = MetricsTransport(ScriptedWire(200))
    await get(family, transport)
    transport.report_status("list")
    assert f"1. {URL}\n    Total Reqs (#): 1\n" in capsys.readouterr().out
