"""The whole stack: its order, its configs, its state shared between chains, and coming in front of a client."""

from __future__ import annotations

import gc
import pickle
import weakref
from http import HTTPStatus
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
from pydantic import ValidationError

from gracy_transport import (
    ConcurrencyLimitTransport,
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulThrottle,
    GracyConfig,
    GracyReplay,
    GracyTransport,
    LogEvent,
    LoggingTransport,
    LogLevel,
    MetricsTransport,
    ReplayTransport,
    RetryTransport,
    ThrottleRule,
    ThrottleTransport,
    ValidationTransport,
    attach,
    call_options,
)
from gracy_transport.events import CallEnded, CallStarted, RequestDispatched, RetryScheduled
from gracy_transport.exceptions import CompositionError, NonOkResponse
from gracy_transport.layer import Layer
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire, capture_events
from gracy_transport.values import ABSENT
from tests.support import gather, sent_at, worst_window

pytestmark = pytest.mark.anyio

EVERYTHING = GracyConfig(
    log_request=LogEvent(LogLevel.DEBUG),
    retry=GracefulRetry(delay=1, max_attempts=2, retry_on=503),
    allowed_status_code=HTTPStatus.NOT_FOUND,
    throttling=ThrottleRule(".*", 2),
    concurrent_requests=5,
    deadline=60,
)


def names(stack: GracyTransport) -> list[str]:
    """Returns the class names of the chain below the stack itself."""
    return [type(each).__name__ for each in stack.chain()][1:]


def stacked(clock: FakeClock, config: GracyConfig, *steps: Any, **options: Any) -> tuple[GracyTransport, ScriptedWire]:
    """Returns a stack in front of a scripted wire."""
    wire = ScriptedWire(*steps, clock=clock)
    return GracyTransport(wire, config, clock=clock, **options), wire


def test_the_order_of_the_stack(tmp_path: Any) -> None:
    """Meaning above, traffic below, the recording between: the order is written once and this is it."""
    storage = SQLiteReplayStorage("r.sqlite3", dir=str(tmp_path))
    above = GracyTransport(ScriptedWire(), EVERYTHING, replay=GracyReplay("replay", storage, disable_throttling=True))
    below = GracyTransport(ScriptedWire(), EVERYTHING, replay=GracyReplay("replay", storage))
    meaning = ["MetricsTransport", "LoggingTransport", "DeadlineTransport", "RetryTransport", "ValidationTransport"]
    assert names(above) == [*meaning, "ReplayTransport", "AdmissionTransport", "ScriptedWire"]
    assert names(below) == [*meaning, "AdmissionTransport", "ReplayTransport", "ScriptedWire"]


@pytest.mark.parametrize(
    ("config", "layer"),
    [
        (GracyConfig(log_errors=LogEvent()), "LoggingTransport"),
        (GracyConfig(retry=GracefulRetry(delay=1, max_attempts=1, respect_retry_after=False)), "RetryTransport"),
        (GracyConfig(strict_status_code=200), "ValidationTransport"),
        (GracyConfig(throttling=ThrottleRule(".*", 1)), "AdmissionTransport"),
        (GracyConfig(concurrent_requests=1), "AdmissionTransport"),
        (GracyConfig(deadline=10), "DeadlineTransport"),
        (GracyConfig(parser={"default": None}), None),
        (GracyConfig(retry=None, throttling=None, log_errors=None), None),
    ],
)
def test_what_is_not_configured_is_not_in_the_chain(config: GracyConfig, layer: str | None) -> None:
    """Metrics are always there; anything else only if it was asked for."""
    expected = ["MetricsTransport", *([layer] if layer else []), "ScriptedWire"]
    assert names(GracyTransport(ScriptedWire(), config)) == expected


async def test_everything_together(family: ModuleType, clock: FakeClock) -> None:
    """A flaky server behind limits: the client sees only good answers, the limits hold, the report adds up."""
    transport, wire = stacked(clock, EVERYTHING, 503, ScriptedResponse(json={"ok": True}))
    async with family.AsyncClient(transport=transport) as client:
        responses = await gather(client, [f"https://api.test/{n}" for n in range(6)])
    assert [response.status_code for response in responses] == [200] * 6
    assert len(wire.sent) == 7
    assert worst_window(sent_at(wire), 1.0) == 2
    (call, *_) = sorted((response.extensions["gracy"] for response in responses), key=lambda c: -len(c.attempts))
    assert [attempt.status for attempt in call.attempts] == [503, 200]
    assert call.waits[0].kind == "back-off"
    report = transport.get_report()
    assert report.total.retries == 1


async def test_a_retry_waits_without_a_slot_and_pays_for_its_permit(clock: FakeClock) -> None:
    """While one request backs off another one goes; each attempt takes a permit of its own."""
    config = GracyConfig(
        retry=GracefulRetry(delay=10, max_attempts=1), concurrent_requests=1, throttling=ThrottleRule(".*", 1)
    )
    transport, wire = stacked(clock, config, 503, 200)
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://api.test/flaky", "https://api.test/healthy"])
    assert sent_at(wire, "flaky") == [1000.0, 1010.0]
    assert sent_at(wire, "healthy") == [1001.0]


async def test_an_allowed_status_is_a_success_of_the_report_though_it_was_retried(clock: FakeClock) -> None:
    """The last attempt gave what is accepted; those before it were followed by another, so they failed."""
    config = GracyConfig(allowed_status_code=404, retry=GracefulRetry(max_attempts=1))
    stack, _wire = stacked(clock, config, 404)
    async with httpx.AsyncClient(transport=stack) as client:
        assert (await client.get("https://api.test/x")).status_code == 404
    (row,) = stack.get_report().rows
    assert (row.attempts, row.retries, row.successes, row.failures) == (2, 1, 1, 1)


async def test_a_call_may_bring_its_own_config(family: ModuleType, clock: FakeClock) -> None:
    """`retry=None` for one call switches retries off for it and for no other."""
    transport, wire = stacked(clock, GracyConfig(retry=GracefulRetry(delay=1, max_attempts=1)), 503)
    async with family.AsyncClient(transport=transport) as client:
        await client.get("https://api.test/a", extensions=call_options(retry=None))
        await client.get("https://api.test/b")
    assert len(sent_at(wire, "test/a")) == 1
    assert len(sent_at(wire, "test/b")) == 2


async def test_a_single_layer_hears_a_calls_own_config_too(clock: FakeClock) -> None:
    """Without a whole stack the options of a call still mean what they say."""
    wire = ScriptedWire(503, clock=clock)
    transport = RetryTransport(wire, GracefulRetry(delay=1, max_attempts=3), clock=clock)
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("https://api.test/", extensions=call_options(retry=None))
    assert len(wire.sent) == 1


async def test_calls_with_limits_of_their_own_count_in_the_limits_of_everybody(clock: FakeClock) -> None:
    """A call that does not wait for the base rule still uses its permits, so the rule's promise holds for the rest."""
    transport, wire = stacked(clock, GracyConfig(throttling=ThrottleRule(".*", 2), concurrent_requests=3))
    async with httpx.AsyncClient(transport=transport) as client:
        free = call_options(throttling=None, concurrent_requests=None)
        for _ in range(2):
            await client.get("https://api.test/free", extensions=free)
        await client.get("https://api.test/limited")
    assert sent_at(wire, "free") == [1000.0, 1000.0]
    assert sent_at(wire, "limited") == [1001.0]


async def test_equal_rules_share_their_gate_between_configs(clock: FakeClock) -> None:
    """A call's own throttle with the same rule is the same budget, not a second one."""
    rule = ThrottleRule(".*", 1)
    transport, wire = stacked(clock, GracyConfig(throttling=rule))
    own = call_options(throttling=GracefulThrottle(rules=[ThrottleRule(".*", 1)], log_limit_reached=LogEvent()))
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("https://api.test/")
        await client.get("https://api.test/", extensions=own)
    assert sent_at(wire) == [1000.0, 1001.0]


async def test_a_stricter_limit_of_a_call_holds_besides_the_counting(clock: FakeClock) -> None:
    """A slow method waits for its own rule, and what it sends counts for everybody."""
    transport, wire = stacked(clock, GracyConfig(throttling=ThrottleRule(".*", 2, 1)))
    slow = call_options(throttling=ThrottleRule(".*slow", 1, 10))
    async with httpx.AsyncClient(transport=transport) as client:
        for _ in range(2):
            await client.get("https://api.test/slow", extensions=slow)
        await client.get("https://api.test/fast")
        await client.get("https://api.test/fast")
    assert sent_at(wire, "slow") == [1000.0, 1010.0]
    assert sent_at(wire, "fast") == [1010.0, 1011.0]


async def test_chains_of_calls_are_kept_in_bounded_number(clock: FakeClock) -> None:
    """Options made anew for each call cost a chain each, and the oldest are forgotten."""
    transport, wire = stacked(clock, GracyConfig(throttling=ThrottleRule(".*", 1000)))
    async with httpx.AsyncClient(transport=transport) as client:
        for number in range(300):
            await client.get("https://api.test/", extensions=call_options(allowed_status_code=400 + number % 50))
    assert len(transport._chains) == 256
    assert len(wire.sent) == 300


async def test_the_same_options_use_one_chain(clock: FakeClock) -> None:
    """A constant with options may be used for any number of calls."""
    transport, _wire = stacked(clock, GracyConfig())
    options = call_options(template="/pokemon/{NAME}", args={"NAME": 7}, retry=None)
    async with httpx.AsyncClient(transport=transport) as client:
        responses = [await client.get("https://api.test/pokemon/7", extensions=options) for _ in range(3)]
    assert len(transport._chains) == 1
    calls = [response.extensions["gracy"] for response in responses]
    assert len({id(call) for call in calls}) == 3
    assert {call.unformatted_url for call in calls} == {"https://api.test/pokemon/{NAME}"}
    assert dict(calls[0].args) == {"NAME": "7"}


async def test_one_request_sent_many_times_at_once(family: ModuleType, clock: FakeClock) -> None:
    """The very same request object in ten tasks: each gets a call and attempts of its own."""
    transport, _wire = stacked(clock, GracyConfig(retry=GracefulRetry(delay=1, max_attempts=1)), *[503] * 10, 200)
    calls: list[Any] = []
    async with family.AsyncClient(transport=transport) as client:
        request = client.build_request("POST", "https://api.test/", json={"n": 1}, headers={"Idempotency-Key": '"k"'})

        async def send() -> None:
            response = await client.send(request)
            calls.append((response.status_code, response.extensions["gracy"]))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(send)
    assert [status for status, _call in calls] == [200] * 10
    assert len({id(call) for _status, call in calls}) == 10
    assert {len(call.attempts) for _status, call in calls} == {2}


async def test_the_same_request_sent_again_is_another_call(clock: FakeClock) -> None:
    """A final answer ends the call."""
    transport, _wire = stacked(clock, GracyConfig())
    async with httpx.AsyncClient(transport=transport) as client:
        request = client.build_request("GET", "https://api.test/")
        first, second = [(await client.send(request)).extensions["gracy"] for _ in range(2)]
    assert first is not second
    assert len(first.attempts) == len(second.attempts) == 1


async def test_a_redirect_is_another_hop_of_the_same_call(family: ModuleType, clock: FakeClock) -> None:
    """Validation lets the redirect through, the client follows, and the call knows of both attempts."""
    moved = ScriptedResponse(status=302, headers={"location": "https://api.test/new"})
    transport, wire = stacked(clock, GracyConfig(strict_status_code=200), moved, 200)
    async with family.AsyncClient(transport=transport, follow_redirects=True) as client:
        response = await client.get("https://api.test/old")
    assert response.extensions["gracy"] is response.history[0].extensions["gracy"]
    assert len(response.extensions["gracy"].attempts) == 2
    assert [sent.url for sent in wire.sent] == ["https://api.test/old", "https://api.test/new"]


async def test_digest_auth_works_through_the_stack(family: ModuleType, clock: FakeClock) -> None:
    """The challenge passes validation and retry untouched, and the answer continues the call."""
    challenge = ScriptedResponse(status=401, headers={"www-authenticate": 'Digest realm="r", nonce="n", qop="auth"'})
    transport, wire = stacked(clock, EVERYTHING, challenge, 200)
    async with family.AsyncClient(transport=transport, auth=family.DigestAuth("user", "hush")) as client:
        response = await client.get("https://api.test/")
    assert response.status_code == 200
    assert len(wire.sent) == 2
    assert len(response.extensions["gracy"].attempts) == 2


async def test_a_rejection_is_an_error_of_the_clients_family(family: ModuleType, clock: FakeClock) -> None:
    """The error keeps a readable response, is caught as an HTTP error, and pickles."""
    transport, _wire = stacked(clock, GracyConfig(allowed_status_code=404), ScriptedResponse(status=500, json={"e": 1}))
    async with family.AsyncClient(transport=transport) as client:
        with pytest.raises(family.HTTPError) as caught:
            await client.get("https://api.test/?token=hush")
    assert isinstance(caught.value, NonOkResponse)
    assert caught.value.response.json() == {"e": 1}
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert "hush" not in f"{again!r} {again} {pickle.dumps(caught.value)!r}"


async def test_events_tell_the_story_of_a_call(clock: FakeClock) -> None:
    """Started, dispatched, retried, dispatched, ended; to every observer of the stack."""
    heard: list[Any] = []
    transport, _wire = stacked(clock, EVERYTHING, 503, 200, observers=[heard.append])
    with capture_events(transport) as events:
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get("https://api.test/")
    assert [type(event) for event in events] == [
        CallStarted,
        RequestDispatched,
        RetryScheduled,
        RequestDispatched,
        CallEnded,
    ]
    assert heard == events


async def test_a_replayed_answer_costs_no_permit_when_throttling_is_disabled(clock: FakeClock, tmp_path: Any) -> None:
    """A hundred replays under a 1/s rule take no time above the gates, and 99 s below them."""
    storage = SQLiteReplayStorage("r.sqlite3", dir=str(tmp_path))
    config = GracyConfig(throttling=ThrottleRule(".*", 1))
    recorder, _wire = stacked(clock, config, 200, replay=GracyReplay("record", storage))
    async with httpx.AsyncClient(transport=recorder) as client:
        await client.get("https://api.test/")
    took: list[float] = []
    for is_free in (True, False):
        replay = GracyReplay("replay", storage, disable_throttling=is_free)
        transport, wire = stacked(clock, config, replay=replay)
        began = clock.now()
        async with httpx.AsyncClient(transport=transport) as client:
            await gather(client, ["https://api.test/"] * 100)
        took.append(clock.now() - began)
        assert wire.sent == []
        assert transport.get_report().total.replays == 100
    assert took == [0.0, 99.0]


async def test_replays_of_any_call_config_share_their_order(clock: FakeClock, tmp_path: Any) -> None:
    """Calls with and without options of their own take the recorded answers one after the other."""
    storage = SQLiteReplayStorage("r.sqlite3", dir=str(tmp_path))
    answers = [ScriptedResponse(json=number) for number in range(3)]
    recorder, _wire = stacked(clock, GracyConfig(), *answers, replay=GracyReplay("record", storage))
    async with httpx.AsyncClient(transport=recorder) as client:
        await gather(client, ["https://api.test/"] * 3)
    transport, _wire = stacked(clock, GracyConfig(), replay=GracyReplay("replay", storage))
    async with httpx.AsyncClient(transport=transport) as client:
        first = await client.get("https://api.test/")
        second = await client.get("https://api.test/", extensions=call_options(retry=None))
        third = await client.get("https://api.test/")
    assert [first.json(), second.json(), third.json()] == [0, 1, 2]


async def test_closing_the_client_closes_the_wire_once(family: ModuleType, clock: FakeClock) -> None:
    """However many chains there are, the wire is entered once and closed once."""
    transport, wire = stacked(clock, EVERYTHING)
    async with family.AsyncClient(transport=transport) as client:
        await client.get("https://api.test/")
        await client.get("https://api.test/", extensions=call_options(retry=None))
    assert (wire.entered, wire.closed) == (1, 1)


async def test_nothing_of_a_call_outlives_its_response(clock: FakeClock) -> None:
    """A response is freed by its last reference, without the garbage collector, also after a retry."""
    transport, _wire = stacked(clock, EVERYTHING, 503, 200)
    gc.disable()
    try:
        response = await transport.handle_async_request(httpx.Request("GET", "https://api.test/"))
        await response.aread()
        known = weakref.ref(response)
        del response
        assert known() is None
    finally:
        gc.enable()


def test_repr_shows_the_chain_in_order() -> None:
    """What somebody pastes into an issue shows the stack with its settings."""
    shown = repr(GracyTransport(httpx.AsyncHTTPTransport(), EVERYTHING))
    places = [shown.index(name) for name in ("Metrics", "Logging", "Retry", "Validation", "Admission", "AsyncHTTP")]
    assert places == sorted(places)
    assert "1 rule, limit 5, server hints, 0 waiting" in shown


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: GracyTransport(ScriptedWire(), GracefulRetry()), "GracyConfig"),  # type: ignore[arg-type]
        (lambda: attach(httpx.AsyncClient(), 3), "GracyConfig"),  # type: ignore[arg-type]
        (lambda: GracyTransport(ScriptedWire(), replay="record"), "GracyReplay"),  # type: ignore[arg-type]
        (lambda: ReplayTransport(ScriptedWire(), None), "GracyReplay"),  # type: ignore[arg-type]
        (lambda: RetryTransport(ScriptedWire(), GracyConfig()), "GracefulRetry"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_config_is_refused_by_name(make: Any, name: str) -> None:
    """Where it is given, and not as an attribute that is missing somewhere below."""
    with pytest.raises(ValidationError, match=f"instance of {name}"):
        make()


def test_a_config_may_be_a_dictionary_as_a_file_has_it() -> None:
    """It is read as pydantic reads one, and one that is a config already stays the same object."""
    made: Any = GracyTransport(ScriptedWire(), {"retry": {"delay": 2}})  # type: ignore[arg-type]
    assert made.config == GracyConfig(retry=GracefulRetry(delay=2))
    config = GracyConfig(concurrent_requests=3)
    assert GracyTransport(ScriptedWire(), config).config is config


def test_two_retry_layers_in_one_stack_are_refused() -> None:
    """Their attempts would multiply, so the mistake is found when the stack is made."""
    retry = GracefulRetry(delay=1, max_attempts=3)
    stack = GracyTransport(ScriptedWire(), GracyConfig(retry=retry))
    for make in (
        lambda: RetryTransport(RetryTransport(ScriptedWire(), retry), retry),
        lambda: RetryTransport(ThrottleTransport(RetryTransport(ScriptedWire(), retry), ThrottleRule(".*", 1)), retry),
        lambda: GracyTransport(RetryTransport(ScriptedWire(), retry), GracyConfig(retry=retry)),
        lambda: RetryTransport(stack, retry),
        lambda: GracyTransport(stack, GracyConfig(retry=retry)),
    ):
        with pytest.raises(CompositionError, match="RetryTransport"):
            make()


LAYERS: dict[str, Any] = {
    "throttle": lambda inner, clock: ThrottleTransport(inner, ThrottleRule(".*", 1000), clock=clock),
    "concurrency": lambda inner, clock: ConcurrencyLimitTransport(inner, 10, clock=clock),
    "retry": lambda inner, clock: RetryTransport(inner, GracefulRetry(delay=1, max_attempts=1), clock=clock),
    "validation": lambda inner, clock: ValidationTransport(inner, allowed_status_code=404, clock=clock),
    "logging": lambda inner, clock: LoggingTransport(inner, log_request=LogEvent(), clock=clock),
    "metrics": lambda inner, clock: MetricsTransport(inner, clock=clock),
    "stack": lambda inner, clock: GracyTransport(inner, GracyConfig(concurrent_requests=3), clock=clock),
}


@pytest.mark.parametrize("outer", LAYERS)
@pytest.mark.parametrize("middle", LAYERS)
async def test_any_layer_around_any_layer(family: ModuleType, clock: FakeClock, outer: str, middle: str) -> None:
    """Whatever the order, a post with a body comes through, is answered once, and everything is closed."""
    if outer == middle == "retry":
        return
    wire = ScriptedWire(ScriptedResponse(json={"ok": True}), clock=clock)
    transport: Layer = LAYERS[outer](LAYERS[middle](wire, clock), clock)
    async with family.AsyncClient(transport=transport) as client:
        response = await client.post("https://api.test/", json={"n": 1})
        assert response.json() == {"ok": True}
        assert response.elapsed.total_seconds() >= 0
        assert response.extensions["gracy"].method == "POST"
    assert [sent.content for sent in wire.sent] == [b'{"n":1}']
    assert (wire.entered, wire.closed, wire.open_bodies) == (1, 1, 0)


@pytest.mark.parametrize("layer", LAYERS)
async def test_any_layer_around_other_peoples_transports(family: ModuleType, clock: FakeClock, layer: str) -> None:
    """Mock transports, applications and anything with the two methods can stand below a layer."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"app"})

    class Duck:
        async def handle_async_request(self, request: Any) -> Any:
            return family.Response(200, content=b"duck")

        async def aclose(self) -> None:
            pass

    for inner, body in (
        (family.MockTransport(lambda request: family.Response(200, content=b"mock")), b"mock"),
        (family.ASGITransport(app), b"app"),
        (Duck(), b"duck"),
    ):
        async with family.AsyncClient(transport=LAYERS[layer](inner, clock)) as client:
            response = await client.get("https://api.test/")
            assert response.content == body


@pytest.mark.parametrize("layer", LAYERS)
async def test_a_stack_of_one_family_under_a_client_of_the_other_is_refused(clock: FakeClock, layer: str) -> None:
    """The message names both packages and what to give instead."""
    httpx2 = pytest.importorskip("httpx2")
    for client_family, wire_family in ((httpx, httpx2), (httpx2, httpx)):
        transport = LAYERS[layer](wire_family.AsyncHTTPTransport(), clock)
        async with client_family.AsyncClient(transport=transport) as client:
            with pytest.raises(CompositionError) as caught:
                await client.get("https://api.test/")
        assert str(caught.value).startswith(f"a request of {client_family.__name__} reached AsyncHTTPTransport of ")
        assert f"of {wire_family.__name__}: give the {client_family.__name__}.AsyncClient" in str(caught.value)


class TestAttach:
    """Putting the stack in front of a client that exists."""

    async def test_it_wraps_the_main_transport_and_every_mount(self, family: ModuleType, clock: FakeClock) -> None:
        """One set of gates and one report over all; a mount that is `None` stays `None`."""
        main, mounted = ScriptedWire(clock=clock), ScriptedWire(clock=clock)
        mounts = {"https://mounted.test": mounted, "https://direct.test": None}
        client = family.AsyncClient(transport=main, mounts=mounts)
        stack = attach(client, GracyConfig(throttling=ThrottleRule(".*", 1)), clock=clock)
        async with client:
            for host in ("main", "mounted", "direct"):
                await client.get(f"https://{host}.test/")
        assert sent_at(main) == [1000.0, 1002.0]
        assert sent_at(mounted) == [1001.0]
        assert None in client._mounts.values()
        assert stack.get_report().total.attempts == 3
        assert (main.entered, main.closed, mounted.entered, mounted.closed) == (1, 1, 1, 1)

    async def test_one_transport_in_several_places_is_wrapped_once(self, family: ModuleType, clock: FakeClock) -> None:
        """The same wire as main transport and as two mounts is entered once and closed once."""
        wire = ScriptedWire(clock=clock)
        client = family.AsyncClient(transport=wire, mounts={"https://a.test": wire, "https://b.test": wire})
        attach(client, GracyConfig(), clock=clock)
        async with client:
            for host in "abc":
                await client.get(f"https://{host}.test/")
        assert (wire.entered, wire.closed, len(wire.sent)) == (1, 1, 3)

    def test_proxies_of_the_environment_stay(self, family: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        """With HTTPS_PROXY set the client still has its proxy, with the stack in front of it."""
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
        client = family.AsyncClient()
        before = [type(transport) for transport in client._mounts.values()]
        attach(client, GracyConfig())
        after = list(client._mounts.values())
        assert before
        assert all(isinstance(transport, GracyTransport) for transport in after)
        assert [type(transport.inner) for transport in after if isinstance(transport, GracyTransport)] == before

    async def test_a_client_in_use_can_be_attached_to(self, family: ModuleType, clock: FakeClock) -> None:
        """A client that was entered before closes properly after."""
        wire = ScriptedWire(clock=clock)
        async with family.AsyncClient(transport=wire) as client:
            attach(client, GracyConfig(), clock=clock)
            await client.get("https://api.test/")
        assert (wire.entered, wire.closed) == (1, 1)

    async def test_replays_and_observers_reach_every_mount(self, clock: FakeClock) -> None:
        """Who listens to the stack hears the calls of all its transports."""
        heard: list[Any] = []
        client = httpx.AsyncClient(transport=ScriptedWire(), mounts={"https://m.test": ScriptedWire()})
        attach(client, clock=clock, observers=[heard.append])
        async with client:
            await client.get("https://a.test/")
            await client.get("https://m.test/")
        assert [type(event) for event in heard] == [CallStarted, CallEnded] * 2

    async def test_unfit_clients_are_refused_with_what_to_do(self, family: ModuleType) -> None:
        """Twice, synchronous, closed, or no client at all: each is one clear sentence."""
        client = family.AsyncClient(transport=ScriptedWire())
        attach(client, GracyConfig())
        closed = family.AsyncClient(transport=ScriptedWire())
        await closed.aclose()
        name = family.__name__
        for unfit, sentence in (
            (client, f"this {name}.AsyncClient has a stack already: attach once, with one config for everything"),
            (closed, f"this {name}.AsyncClient is closed: make a new one and attach the stack before using it"),
            (family.Client(), f"{name}.Client is synchronous: the stack works in front of an AsyncClient"),
            (
                ScriptedWire(),
                (
                    "gracy_transport.ScriptedWire is no client: "
                    "give an httpx.AsyncClient or an httpx2.AsyncClient to attach"
                ),
            ),
        ):
            with pytest.raises(CompositionError) as caught:
                attach(unfit, GracyConfig())
            assert str(caught.value) == sentence
        await client.aclose()


class TestConfig:
    """One frozen value for a whole stack."""

    def test_absent_inherits_and_none_switches_off(self) -> None:
        """A field that is left out keeps what is there; `None` replaces it."""
        base = GracyConfig(retry=GracefulRetry(delay=1, max_attempts=1), strict_status_code=200)
        merged = base.merged(GracyConfig(retry=None, allowed_status_code=[404, 410]))
        assert merged.retry is None
        assert merged.strict_status_code == frozenset({200})
        assert merged.allowed_status_code == frozenset({404, 410})
        assert merged.throttling is ABSENT
        assert base.merged(None) is base

    def test_absent_and_none_are_different_configs(self) -> None:
        """In equality and in hash."""
        assert GracyConfig() != GracyConfig(retry=None)
        assert hash(GracyConfig(retry=None)) == hash(GracyConfig(retry=None))
        assert len({GracyConfig(), GracyConfig(retry=None), GracyConfig(retry=None)}) == 2

    def test_everything_is_frozen_hashable_and_printable(self) -> None:
        """Collections are stored as tuples, frozensets and frozen mappings; repr shows what was given."""
        config = GracyConfig(
            parser={"default": str, 404: None}, throttling=[ThrottleRule(".*", 1)], concurrent_requests=5
        )
        assert hash(config) == hash(config.merged(None))
        assert config.concurrent_requests == (ConcurrentRequestLimit(5),)
        assert repr(GracyConfig(retry=None)) == "GracyConfig(retry=None)"
        with pytest.raises(ValidationError, match="frozen"):
            setattr(config, "retry", None)  # noqa: B010 - type checkers know that it is frozen

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"retry": 3}, "retry"),
            ({"strict_status_code": 42}, "strict_status_code"),
            ({"concurrent_requests": -1}, "limit"),
            ({"throttling": "10/s"}, "throttling"),
            ({"parser": str}, "parser"),
            ({"parser": {"defualt": str}}, "parser"),
            ({"log_request": "INFO"}, "log_request"),
            ({"validators": 5}, "validators"),
            ({"retries": 3}, "retries"),
        ],
        ids=lambda value: str(value),
    )
    def test_a_wrong_value_names_its_field(self, fields: dict[str, Any], field: str) -> None:
        """Found at construction, in the config and in the options of a call alike."""
        for make in (GracyConfig, call_options):
            with pytest.raises(ValidationError) as caught:
                make(**fields)
            assert field in str(caught.value)


async def test_limits_of_single_calls_are_forgotten_with_their_chains(clock: FakeClock) -> None:
    """Hundreds of calls with rules of their own leave few more gates than chains."""
    transport, _wire = stacked(clock, GracyConfig())
    async with httpx.AsyncClient(transport=transport) as client:
        for number in range(800):
            own = call_options(throttling=ThrottleRule(f".*{number}|.*", 1), concurrent_requests=1 + number)
            await client.get("https://api.test/", extensions=own)
            await clock.sleep(1)
            if number % 100 == 0:
                gc.collect()
    assert len(transport._shared.rules) <= 2 * (256 + 100)
    assert len(transport._shared.limits) <= 2 * (256 + 100)


async def test_a_limit_of_single_calls_remembers_what_was_sent_when_its_chain_is_gone(clock: FakeClock) -> None:
    """Its chain makes room for those of other calls; when it is made again, the window goes on."""
    transport, wire = stacked(clock, GracyConfig())
    own = call_options(throttling=ThrottleRule(".*", 1, per_time=60))
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("https://api.test/own", extensions=own)
        for number in range(300):
            await client.get("https://api.test/", extensions=call_options(deadline=100 + number))
        gc.collect()
        await client.get("https://api.test/own", extensions=own)
    assert sent_at(wire, "own") == [1000.0, 1060.0]


async def test_a_slot_of_single_calls_stays_taken_when_its_chain_is_gone(clock: FakeClock) -> None:
    """The body is still open, so that the next call with that limit waits."""
    transport, wire = stacked(clock, GracyConfig(), ScriptedResponse(content=b"to come"))
    own = call_options(concurrent_requests=1)
    async with httpx.AsyncClient(transport=transport) as client:
        async with client.stream("GET", "https://api.test/own", extensions=own):
            for number in range(300):
                await client.get("https://api.test/", extensions=call_options(deadline=100 + number))
            gc.collect()
            with clock.timeout(5) as waiting:
                await client.get("https://api.test/own", extensions=own)
        assert waiting.cancelled_caught
        await client.get("https://api.test/own", extensions=own)
    assert sent_at(wire, "own") == [1000.0, 1005.0]
