"""Rate limits: the promise about any window, which requests a rule touches, logs, words and refusals."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gracy_transport.call import EXTENSION, CallOptions
from gracy_transport.events import RequestDispatched, ThrottleLimitReached, ThrottleWaitOver
from gracy_transport.exceptions import TransportClosed
from gracy_transport.logevents import LogEvent, LogLevel
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire, capture_events
from gracy_transport.throttle import GracefulThrottle, ThrottleRule, ThrottleTransport
from tests.support import gather, sent_at, sent_paths, worst_window

pytestmark = pytest.mark.anyio


def throttled(
    clock: FakeClock, config: GracefulThrottle | ThrottleRule | Sequence[ThrottleRule], *steps: Any
) -> tuple[ThrottleTransport, ScriptedWire]:
    """Returns a throttle in front of a scripted wire."""
    wire = ScriptedWire(*steps, clock=clock)
    return ThrottleTransport(wire, config, clock=clock), wire


async def test_fifty_requests_at_five_a_second_take_nine(family: ModuleType, clock: FakeClock) -> None:
    """Every window of a second holds at most five sends, and not a moment is wasted."""
    transport, wire = throttled(clock, ThrottleRule(".*", 5))
    async with family.AsyncClient(transport=transport) as client:
        await gather(client, [f"https://api.test/{number}" for number in range(50)])
    assert worst_window(sent_at(wire), 1.0) == 5
    assert clock.now() == 1009.0


async def test_requests_go_in_the_order_they_came(clock: FakeClock) -> None:
    """First come, first served."""
    transport, wire = throttled(clock, ThrottleRule(".*", 1))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, [f"https://api.test/{number}" for number in range(10)])
    assert sent_paths(wire.sent) == [str(number) for number in range(10)]


async def test_a_wait_lasts_until_the_oldest_permit_frees(clock: FakeClock) -> None:
    """The third request of 2/s at t=0.9 waits 0.1 s, not a whole window."""
    transport, wire = throttled(clock, ThrottleRule(".*", 2))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://api.test/1", "https://api.test/2"])
        await clock.sleep(0.9)
        await client.get("https://api.test/3")
    assert sent_at(wire)[-1] == 1001.0


async def test_far_more_requests_than_the_limit_are_still_limited(clock: FakeClock) -> None:
    """Fifty requests at 2 per 5 s take 120 s: a count above the limit never turns into a negative wait."""
    transport, wire = throttled(clock, ThrottleRule(".*", 2, timedelta(seconds=5)))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, [f"https://api.test/{number}" for number in range(50)])
    assert clock.now() == 1120.0
    assert worst_window(sent_at(wire), 5.0) == 2


async def test_several_rules_hold_at_once(clock: FakeClock) -> None:
    """With 10/s and 30/min both windows are kept."""
    transport, wire = throttled(clock, [ThrottleRule(".*", 10), ThrottleRule(".*", 30, timedelta(minutes=1))])
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, [f"https://api.test/{number}" for number in range(70)])
    assert worst_window(sent_at(wire), 1.0) == 10
    assert worst_window(sent_at(wire), 60.0) == 30
    assert clock.now() == 1120.0


async def test_a_rule_touches_only_urls_it_matches(clock: FakeClock) -> None:
    """Requests to /berry/ do not wait for the rule of /pokemon/."""
    transport, wire = throttled(clock, ThrottleRule(r".*\/pokemon\/.*", 1))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, [f"https://api.test/{kind}/{n}" for n in range(3) for kind in ("pokemon", "berry")])
    assert sent_at(wire, "/berry/") == [1000.0] * 3
    assert sent_at(wire, "/pokemon/") == [1000.0, 1001.0, 1002.0]


async def test_a_pattern_sees_neither_userinfo_nor_query(clock: FakeClock) -> None:
    """A secret or a parameter can neither match a rule by accident nor escape one."""
    transport, wire = throttled(clock, ThrottleRule(r".*secret", 1))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://secret:secret@api.test/a?q=secret#secret"] * 3)
    assert sent_at(wire) == [1000.0] * 3


async def test_two_hosts_have_separate_budgets_by_key(clock: FakeClock) -> None:
    """A key splits the rule: one host's requests are not delayed by the other's."""
    rule = ThrottleRule(".*", 1, key=lambda request: request.url.host)
    transport, wire = throttled(clock, rule)
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://a.test/", "https://b.test/", "https://a.test/"])
    assert sent_at(wire, "a.test") == [1000.0, 1001.0]
    assert sent_at(wire, "b.test") == [1000.0]


async def test_a_margin_widens_the_window(clock: FakeClock) -> None:
    """With a margin of 0.25 s requests of a 1/s rule start 1.25 s apart."""
    transport, wire = throttled(clock, ThrottleRule(".*", 1, margin=0.25))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://api.test/"] * 3)
    assert sent_at(wire) == [1000.0, 1001.25, 1002.5]


async def test_smooth_spaces_requests_evenly(clock: FakeClock) -> None:
    """Four per second go a quarter of a second apart instead of in a burst."""
    transport, wire = throttled(clock, ThrottleRule(".*", 4, smooth=True))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://api.test/"] * 6)
    assert sent_at(wire) == [1000.0, 1000.25, 1000.5, 1000.75, 1001.0, 1001.25]


@pytest.mark.parametrize(
    ("per_time", "second_at"),
    [(0.01, 1000.01), (timedelta(days=3), 1000.0 + 3 * 86400), (61, 1061.0)],
    ids=["sub-second", "days", "61 s"],
)
async def test_windows_of_any_length_hold(clock: FakeClock, per_time: Any, second_at: float) -> None:
    """Ten milliseconds, a minute and a second, three days."""
    transport, wire = throttled(clock, ThrottleRule(".*", 1, per_time))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://api.test/"] * 2)
    assert sent_at(wire)[1] == second_at


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(1, 4),
    period=st.sampled_from([0.05, 1.0, 7.5]),
    gaps=st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=25),
    backend=st.sampled_from(["asyncio", "trio"]),
)
def test_no_window_holds_more_than_the_limit_whatever_arrives(
    limit: int, period: float, gaps: list[float], backend: str
) -> None:
    """For any arrival times, concurrent or trickled, the wire never sees more than N in any window."""

    async def run() -> list[float]:
        clock = FakeClock()
        transport, wire = throttled(clock, ThrottleRule(".*", limit, period))

        async def send() -> None:
            await transport.handle_async_request(httpx.Request("GET", "https://api.test/"))

        async with anyio.create_task_group() as group:
            for gap in gaps:
                await clock.sleep(gap)
                group.start_soon(send)
        return sent_at(wire)

    sent: list[float] = anyio.run(run, backend=backend)
    assert len(sent) == len(gaps)
    assert worst_window(sent, period) <= limit


async def test_a_cancelled_waiter_gives_its_turn_back(clock: FakeClock) -> None:
    """Who gives up costs those behind nothing: they go one turn earlier."""
    transport, wire = throttled(clock, ThrottleRule(".*", 1))
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        await client.get("https://api.test/first")
        scope = anyio.CancelScope()

        async def impatient() -> None:
            with scope:
                await client.get("https://api.test/impatient")

        group.start_soon(impatient)
        await clock.sleep(0.1)
        group.start_soon(client.get, "https://api.test/patient")
        await clock.sleep(0.1)
        scope.cancel()
    assert sent_at(wire, "patient") == [1001.0]
    assert len(wire.sent) == 2


async def test_closing_wakes_waiters_with_a_named_error(family: ModuleType, clock: FakeClock) -> None:
    """A request that waits when the client is closed fails with an error of its family, and nothing is sent."""
    transport, wire = throttled(clock, ThrottleRule(".*", 1, timedelta(hours=1)))
    client = family.AsyncClient(transport=transport)
    errors: list[Exception] = []

    async def late() -> None:
        try:
            await client.get("https://api.test/late?token=hush")
        except family.HTTPError as error:
            errors.append(error)

    await client.get("https://api.test/")
    async with anyio.create_task_group() as group:
        group.start_soon(late)
        await clock.sleep(1.0)
        await client.aclose()
    (error,) = errors
    assert isinstance(error, TransportClosed)
    assert (
        str(error)
        == "GET https://api.test/late?token=[redacted]: the transport was closed while the request waited for its turn"
    )
    assert error.call is not None and [wait.kind for wait in error.call.waits] == ["throttle"]
    assert len(wire.sent) == 1
    assert wire.closed == 1


async def test_an_answer_that_fails_costs_its_permit(clock: FakeClock) -> None:
    """A request that was dispatched and broke has been counted by the server, so it counts here."""
    transport, wire = throttled(clock, ThrottleRule(".*", 1), httpx.ReadTimeout, 200)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("https://api.test/")
        await client.get("https://api.test/")
    assert sent_at(wire) == [1000.0, 1001.0]


async def test_waits_are_told_logged_and_noted_on_the_call(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """Once as a request starts to wait, once as it goes on; the call knows how long it was."""
    config = GracefulThrottle(
        rules=ThrottleRule(".*", 2, timedelta(seconds=90)),
        log_limit_reached=LogEvent(
            LogLevel.ERROR, "{METHOD} {URL}: {THROTTLE_LIMIT} per {THROTTLE_TIME_RANGE}, {THROTTLE_TIME}s"
        ),
        log_wait_over=LogEvent(LogLevel.WARNING),
    )
    transport, _wire = throttled(clock, config)
    caplog.set_level(logging.DEBUG, "gracy_transport")
    with capture_events(transport) as events:
        async with httpx.AsyncClient(transport=transport) as client:
            await gather(client, ["https://api.test/1"] * 2)
            await clock.sleep(30.0)
            response = await client.get("https://api.test/2?api_key=hush")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "GET https://api.test/2?api_key=[redacted]: 2 per 90 seconds, 60.0s"),
        ("WARNING", "https://api.test/2?api_key=[redacted] waited 60.0s: the limit is 2 requests per 90 seconds"),
    ]
    call = response.extensions["gracy"]
    assert [(wait.kind, wait.seconds) for wait in call.waits] == [("throttle", 60.0)]
    assert call.attempt.dispatched == 1090.0
    waits = [event for event in events if isinstance(event, ThrottleLimitReached | ThrottleWaitOver)]
    assert [(type(event), event.at) for event in waits] == [(ThrottleLimitReached, 1030.0), (ThrottleWaitOver, 1090.0)]
    assert [event.at for event in events if isinstance(event, RequestDispatched)] == [1000.0, 1000.0, 1090.0]


async def test_the_wait_foreseen_grows_with_the_queue(clock: FakeClock) -> None:
    """Each of those who wait is told a wait that takes into account who is before it."""
    transport, _wire = throttled(clock, ThrottleRule(".*", 1, 10))
    with capture_events(transport) as events:
        async with httpx.AsyncClient(transport=transport) as client:
            await gather(client, ["https://api.test/"] * 4)
    assert [event.wait for event in events if isinstance(event, ThrottleLimitReached)] == [10.0, 20.0, 30.0]
    assert [event.waited for event in events if isinstance(event, ThrottleWaitOver)] == [10.0, 20.0, 30.0]


async def test_repr_says_rules_waiters_and_the_next_permit(clock: FakeClock) -> None:
    """What somebody pastes into an issue shows the state."""
    transport, _wire = throttled(clock, [ThrottleRule(".*", 1), ThrottleRule(".*", 5, 0.5, smooth=True)])
    assert repr(transport) == "<ThrottleTransport 2 rules, 0 waiting, next permit in 0.00s>"
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(client.get, "https://api.test/")
        await clock.sleep(0.6)
        assert repr(transport) == "<ThrottleTransport 2 rules, 2 waiting, next permit in 0.40s>"


async def test_memory_stays_bounded_over_distinct_urls(clock: FakeClock) -> None:
    """Five thousand different URLs leave no more than the limit's stamps and a capped memo."""
    transport, wire = throttled(clock, ThrottleRule(r"https://api\.test/.*", 10_000, 0.001))
    wire.sent = []
    for number in range(5_000):
        await transport.handle_async_request(httpx.Request("GET", f"https://api.test/{number}"))
    (keeper,) = transport.keepers
    assert len(keeper._gates_at) <= 4096  # type: ignore[attr-defined]
    assert len(set(keeper._gates_at.values())) == 1  # type: ignore[attr-defined]


async def test_streams_pass_unread(family: ModuleType, clock: FakeClock) -> None:
    """A throttle has nothing to do with bodies."""
    transport, wire = throttled(clock, ThrottleRule(".*", 1), ScriptedResponse(chunks=[b"a", b"b"]))
    async with family.AsyncClient(transport=transport) as client, client.stream("GET", "https://api.test/") as response:
        assert wire.open_bodies == 1
        assert [chunk async for chunk in response.aiter_raw()] == [b"a", b"b"]
    assert wire.open_bodies == 0


async def test_without_rules_everything_passes(clock: FakeClock) -> None:
    """An empty throttle is not an error; it does nothing."""
    transport, wire = throttled(clock, GracefulThrottle())
    async with httpx.AsyncClient(transport=transport) as client:
        response = await client.get("https://api.test/", extensions={EXTENSION: CallOptions()})
    assert response.extensions["gracy"].attempt.dispatched is None
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ThrottleRule(url_pattern=r".*", max_requests=2), "2 requests per second for URLs matching re.compile('.*')"),
        (
            ThrottleRule(url_pattern=r".*\/pokemon\/.*", max_requests=10, per_time=timedelta(minutes=1, seconds=30)),
            "10 requests per 90 seconds for URLs matching re.compile('.*\\\\/pokemon\\\\/.*')",
        ),
        (ThrottleRule(".*", 1, 0.5), "1 request per 0.5 seconds for URLs matching re.compile('.*')"),
    ],
    ids=["second", "90 seconds", "half a second"],
)
def test_a_rule_reads_as_a_sentence(rule: ThrottleRule, words: str) -> None:
    """The words users know, for any duration."""
    assert str(rule) == words


def test_the_former_name_of_the_window_is_accepted() -> None:
    """`per_time_range` means the same as `per_time`."""
    assert ThrottleRule(".*", 2, per_time_range=timedelta(minutes=1)) == ThrottleRule(".*", 2, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: ThrottleRule(".*", -1), "max_requests"),
        (lambda: ThrottleRule(".*", 0), "max_requests"),
        (lambda: ThrottleRule("(", 1), "url_pattern"),
        (lambda: ThrottleRule(".*", 1, timedelta(0)), "per_time"),
        (lambda: ThrottleRule(".*", 1, margin=-0.1), "margin"),
        (lambda: ThrottleRule(".*", 1, key="host"), "key"),  # type: ignore[arg-type]
        (lambda: ThrottleRule(".*", 1, burst=3), "burst"),
        (lambda: GracefulThrottle("rule"), "rules"),  # type: ignore[arg-type]
        (lambda: GracefulThrottle(log_limit_reached=5), "log_limit_reached"),  # type: ignore[arg-type]
    ],
    ids=["negative", "zero", "pattern", "window", "margin", "key", "unknown", "rules", "log"],
)
def test_a_wrong_value_names_its_field(make: Any, field: str) -> None:
    """A mistake is found when the config is made, not when the first request waits for ever."""
    with pytest.raises(ValidationError) as caught:
        make()
    assert field in str(caught.value)


def test_rules_are_values() -> None:
    """Equal rules are equal and hash alike; collections of them are stored as tuples."""
    rule = ThrottleRule(".*", 2)
    assert hash(rule) == hash(ThrottleRule(".*", 2))
    assert GracefulThrottle([rule]) == GracefulThrottle(rule)
    assert GracefulThrottle({rule}).rules == (rule,)


async def test_a_key_may_give_another_answer_each_time(clock: FakeClock) -> None:
    """A round robin over budgets: everybody goes, nobody is left in the queue."""
    turns = cycle("ab")
    transport, wire = throttled(clock, ThrottleRule(".*", 1, key=lambda _request: next(turns)))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://api.test/"] * 7)
    assert len(wire.sent) == 7
    assert transport.desk.waiting == 0


async def test_equal_rules_are_one_rule(clock: FakeClock) -> None:
    """A rule that is listed twice does not take two permits."""
    transport, _wire = throttled(clock, [ThrottleRule(".*", 10), ThrottleRule(".*", 10)])
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://api.test/"] * 30)
    assert clock.now() == 1002.0


class Raising(logging.Filter):
    """A filter that fails, as a handler of somebody's may."""

    def filter(self, record: logging.LogRecord) -> bool:
        raise KeyboardInterrupt


@pytest.mark.parametrize("which", ["log_limit_reached", "log_wait_over"])
async def test_whatever_breaks_in_logging_leaves_nobody_in_the_queue(clock: FakeClock, which: str) -> None:
    """Interrupted as it starts to wait or as it goes on: the next one has its turn, exactly on time."""
    logged: Any = {which: LogEvent(LogLevel.ERROR)}
    config = GracefulThrottle(ThrottleRule(".*", 1), **logged)
    transport, wire = throttled(clock, config)
    breaking = Raising()
    logger = logging.getLogger("gracy_transport")
    request = httpx.Request("GET", "https://api.test/")
    await transport.handle_async_request(request)
    logger.addFilter(breaking)
    try:
        with pytest.raises(KeyboardInterrupt):
            await transport.handle_async_request(httpx.Request("GET", "https://api.test/"))
    finally:
        logger.removeFilter(breaking)
    assert transport.desk.waiting == 0
    await transport.handle_async_request(httpx.Request("GET", "https://api.test/"))
    assert sent_at(wire) == [1000.0, 1001.0 if which == "log_limit_reached" else 1002.0]
