"""What a server says of its limits: whom it holds, for how long, and at what rate they go on."""

from __future__ import annotations

import logging
from email.utils import formatdate
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

from gracy_transport import (
    GracefulRetry,
    GracefulThrottle,
    GracyConfig,
    GracyReplay,
    GracyTransport,
    LogEvent,
    LogLevel,
    RetryTransport,
    ThrottleRule,
    ThrottleTransport,
    call_options,
)
from gracy_transport.call import EXTENSION, CallOptions, Wait
from gracy_transport.exceptions import DeadlineExceeded
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.support import gather, sent_at, sent_paths

pytestmark = pytest.mark.anyio

URL = "https://api.test/a"
ASKED = "what the server asked for"
FOLLOW = GracefulThrottle(follow_server=True)


def asks(seconds: float, status: int = 429, **more: Any) -> ScriptedResponse:
    """Returns an answer that asks to wait."""
    return ScriptedResponse(status=status, headers={"retry-after": f"{seconds:g}"}, **more)


def says(remaining: int, reset: float, status: int = 200, **more: Any) -> ScriptedResponse:
    """Returns an answer that tells what is left."""
    return ScriptedResponse(status=status, headers={"ratelimit": f'"default";r={remaining};t={reset:.0f}'}, **more)


def client_of(family: ModuleType, wire: ScriptedWire, **fields: Any) -> Any:
    """Returns a client of a family whose stack stands in front of a scripted wire."""
    return family.AsyncClient(transport=GracyTransport(wire, GracyConfig(**fields), clock=wire.clock))


def waits_of(response: Any) -> list[tuple[str, float]]:
    """Returns kind and seconds of each wait of a call."""
    return [(wait.kind, wait.seconds) for wait in response.extensions[EXTENSION].waits]


async def test_one_429_pauses_everybody_and_they_leave_at_the_rate(family: ModuleType, clock: FakeClock) -> None:
    """Twenty tasks at 5/s and one Retry-After of 3 s: nothing is sent for 3 s, then 5 a second, with no herd."""
    wire = ScriptedWire(asks(3, delay=0.5), 200, clock=clock)
    async with client_of(family, wire, retry=GracefulRetry(), throttling=ThrottleRule(".*", 5)) as client:
        answers = await gather(client, [URL] * 20)
    assert {answer.status_code for answer in answers} == {200}
    assert sent_at(wire) == [1000] * 5 + [1003.5] * 5 + [1004.5] * 5 + [1005.5] * 5 + [1006.5]


async def test_many_429s_at_once_do_not_add_up(family: ModuleType, clock: FakeClock) -> None:
    """Twenty requests in flight are all told to wait 3 s: it is over after 3 s."""
    wire = ScriptedWire(*[asks(3, delay=0.5)] * 20, 200, clock=clock)
    async with client_of(family, wire, retry=GracefulRetry()) as client:
        await gather(client, [URL] * 20)
    assert sent_at(wire) == [1000] * 20 + [1003.5] * 20


async def test_a_lone_caller_waits_exactly_what_it_was_asked_to(family: ModuleType, clock: FakeClock) -> None:
    """Its own back-off is the wait; the pause is over when it comes back."""
    wire = ScriptedWire(503, asks(2), 200, clock=clock)
    async with client_of(family, wire, retry=GracefulRetry(delay=1)) as client:
        response = await client.get(URL)
    assert clock.waits == [1, 2]
    assert waits_of(response) == [("back-off", 1), ("back-off", 2)]


@pytest.mark.parametrize("status", [429, 503])
async def test_who_comes_later_waits_for_the_rest(family: ModuleType, clock: FakeClock, status: int) -> None:
    """It need not be told to wait itself; its timeline says what it waited for."""
    wire = ScriptedWire(asks(10, status), 200, clock=clock)
    async with client_of(family, wire, retry=GracefulRetry(max_attempts=0)) as client:
        assert (await client.get(URL)).status_code == status
        await clock.sleep(4)
        response = await client.get(URL)
    assert sent_at(wire) == [1000, 1010]
    assert response.extensions[EXTENSION].waits == (Wait("pause", 6, ASKED, 1004),)
    assert "pause 6.0" in str(response.extensions[EXTENSION])


async def test_who_waits_for_a_permit_is_held_too(clock: FakeClock) -> None:
    """What arrives while there is a queue stops the queue, and the timeline tells the two waits apart."""
    slow = ScriptedResponse(status=429, headers={"retry-after": "10"}, delay=1.5)
    wire = ScriptedWire(slow, 200, clock=clock)
    fields: dict[str, Any] = {"retry": GracefulRetry(max_attempts=0), "throttling": ThrottleRule(".*", 1)}
    async with client_of(httpx, wire, **fields) as client:
        *_, last = await gather(client, [URL] * 4)
    assert sent_at(wire) == [1000, 1001, 1011.5, 1012.5]
    assert waits_of(last) == [("pause", 10), ("throttle", 2.5)]


async def test_who_was_just_let_through_is_held_too(clock: FakeClock) -> None:
    """The pause comes after the grant of a slot and before the request really goes on; its turn stays."""
    wire = ScriptedWire(ScriptedResponse(delay=1), asks(10, delay=1), ScriptedResponse(delay=1), clock=clock)
    fields: dict[str, Any] = {"retry": GracefulRetry(max_attempts=0), "concurrent_requests": 2}
    async with client_of(httpx, wire, **fields) as client:
        await gather(client, [f"https://api.test/{number}" for number in range(6)])
    assert sent_at(wire)[2:] == [1011, 1011, 1012, 1012]
    assert sorted(sent_paths(wire.sent)[2:4]) == ["2", "3"]  # the two of them in any order


async def test_who_waits_for_a_slot_is_held_too(clock: FakeClock) -> None:
    """The slot is free, but the server is not."""
    wire = ScriptedWire(asks(10), 200, clock=clock)
    fields: dict[str, Any] = {"retry": GracefulRetry(max_attempts=0), "concurrent_requests": 1}
    async with client_of(httpx, wire, **fields) as client:
        await gather(client, [URL] * 2)
    assert sent_at(wire) == [1000, 1010]


async def test_a_back_off_that_is_shorter_ends_at_the_gate(clock: FakeClock) -> None:
    """A retry is a request like any other: it waits out the rest."""
    wire = ScriptedWire(503, asks(10), 200, clock=clock)
    async with client_of(httpx, wire, retry=GracefulRetry(delay=1)) as client:
        first_, _second = await gather(client, [URL] * 2)
    assert sent_at(wire) == [1000, 1000, 1010, 1010]
    assert waits_of(first_) == [("back-off", 1), ("pause", 9)]


async def test_other_origins_go_on(family: ModuleType, clock: FakeClock) -> None:
    """A server speaks for itself, even where one rule stands for all."""
    wire = ScriptedWire(asks(10), 200, clock=clock)
    fields: dict[str, Any] = {"retry": GracefulRetry(max_attempts=0), "throttling": ThrottleRule(".*", 100)}
    async with client_of(family, wire, **fields) as client:
        await client.get("https://a.test/")
        await gather(client, ["https://a.test/", "https://b.test/", "https://a.test:8443/"])
    assert sent_at(wire, "a.test/") == [1000, 1010]
    assert sent_at(wire, "b.test/") == sent_at(wire, "8443") == [1000]


async def test_requests_under_other_rules_go_on(clock: FakeClock) -> None:
    """Who has rules for them knows that the server counts them apart."""
    wire = ScriptedWire(asks(10), 200, clock=clock)
    rules = [ThrottleRule(".*", 100), ThrottleRule(".*/search", 100)]
    async with client_of(httpx, wire, retry=GracefulRetry(max_attempts=0), throttling=rules) as client:
        await client.get("https://a.test/search/1")
        await gather(client, ["https://a.test/search/2", "https://a.test/items"])
    assert sent_at(wire, "items") == [1000]
    assert sent_at(wire, "search/2") == [1010]


async def test_requests_with_another_key_go_on(clock: FakeClock) -> None:
    """One tenant that is over its limit says nothing about the next."""
    wire = ScriptedWire(asks(10), 200, clock=clock)
    rule = ThrottleRule(".*", 100, key=lambda request: request.url.path)
    async with client_of(httpx, wire, retry=GracefulRetry(max_attempts=0), throttling=rule) as client:
        await client.get("https://a.test/one")
        await gather(client, ["https://a.test/one?again", "https://a.test/two"])
    assert sent_at(wire, "two") == [1000]
    assert sent_at(wire, "again") == [1010]


@pytest.mark.parametrize(
    "own", [{"throttling": None}, {"throttling": ThrottleRule(".*", 50)}, {"retry": None}, {"strict_status_code": 200}]
)
async def test_calls_with_a_config_of_their_own_wait_too(clock: FakeClock, own: dict[str, Any]) -> None:
    """And what they are told holds for the others."""
    wire = ScriptedWire(asks(10), 200, asks(10), 200, clock=clock)
    fields: dict[str, Any] = {"retry": GracefulRetry(max_attempts=0), "throttling": ThrottleRule(".*", 100)}
    async with client_of(httpx, wire, **fields) as client:
        await client.get(URL)
        await client.get(URL, extensions=call_options(**own))
        await clock.sleep(5)
        try:
            await client.get(URL, extensions=call_options(**own))
        except httpx.HTTPError:
            assert "strict_status_code" in own
        await client.get(URL)
    assert sent_at(wire) == [1000, 1010, 1015, 1025]


async def test_a_longer_wait_than_is_respected_pauses_for_as_long_as_is(clock: FakeClock) -> None:
    """The one who was told gives up; the others try again after `max_retry_after`."""
    wire = ScriptedWire(asks(86400), 200, clock=clock)
    async with client_of(httpx, wire, retry=GracefulRetry(max_retry_after=20)) as client:
        assert (await client.get(URL)).status_code == 429
        await client.get(URL)
    assert sent_at(wire) == [1000, 1020]


async def test_a_later_hint_never_shortens_a_pause(clock: FakeClock) -> None:
    """The longest holds."""
    wire = ScriptedWire(asks(30, delay=1), asks(10, delay=2), 200, clock=clock)
    async with client_of(httpx, wire, retry=GracefulRetry(max_attempts=0)) as client:
        await gather(client, [URL] * 2)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1000, 1031]


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        (asks(10), GracefulRetry(max_attempts=0, respect_retry_after=False)),
        (asks(10, 301), GracefulRetry(max_attempts=0)),
        (asks(10, 403), GracefulRetry(max_attempts=0)),
        (asks(0), GracefulRetry(max_attempts=0)),
        (says(0, 10), GracefulRetry(max_attempts=0)),
        (ScriptedResponse(status=429, headers={"retry-after": "soon"}), GracefulRetry(max_attempts=0)),
        (says(0, 10, 429), GracefulRetry(max_attempts=0)),
        (asks(10), None),
    ],
)
async def test_nothing_else_pauses_anybody_unless_asked_to(clock: FakeClock, answer: Any, retry: Any) -> None:
    """By default only Retry-After on a 429 or a 503, and only where a retry respects it."""
    wire = ScriptedWire(answer, 200, clock=clock)
    async with client_of(httpx, wire, retry=retry) as client:
        await gather(client, [URL])
        await client.get(URL)
    assert sent_at(wire) == [1000, 1000]


async def test_a_date_is_understood(clock: FakeClock) -> None:
    """By the response's own clock where it has one."""
    date = {"date": formatdate(5000, usegmt=True), "retry-after": formatdate(5007, usegmt=True)}
    wire = ScriptedWire(ScriptedResponse(status=503, headers=date), 200, clock=clock)
    async with client_of(httpx, wire, retry=GracefulRetry(max_attempts=0)) as client:
        await client.get(URL)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1007]


async def test_following_sends_no_more_than_is_left(family: ModuleType, clock: FakeClock) -> None:
    """Three are left for ten seconds: three go, then nobody, before any 429."""
    wire = ScriptedWire(says(3, 10), 200, clock=clock)
    async with client_of(family, wire, throttling=FOLLOW) as client:
        await client.get(URL)
        answers = await gather(client, [URL] * 5)
    assert sent_at(wire) == [1000] * 4 + [1010] * 2
    assert [waits_of(answer) for answer in answers] == [[]] * 3 + [[("pause", 10)]] * 2


async def test_what_is_under_way_counts_against_what_is_left(clock: FakeClock) -> None:
    """The server had not seen it when it said so."""
    wire = ScriptedWire(says(4, 10, delay=1), ScriptedResponse(delay=5), clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client, anyio.create_task_group() as group:
        group.start_soon(gather, client, [URL] * 3)
        await clock.sleep(2)
        await gather(client, [URL] * 3)
    assert sent_at(wire) == [1000] * 3 + [1002] * 2 + [1011]


async def test_a_newer_word_replaces_an_older_one(clock: FakeClock) -> None:
    """Also when it brings more."""
    wire = ScriptedWire(says(1, 100), says(3, 50), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        await client.get(URL)
        await client.get(URL)
        await gather(client, [URL] * 4)
    assert sent_at(wire) == [1000] * 5 + [1050]


async def test_a_newer_word_that_the_limit_starts_anew_now_opens_it(clock: FakeClock) -> None:
    """A full bucket, or an instant that has just passed: there is nothing left to wait for."""
    wire = ScriptedWire(says(1, 60), says(100, 0), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        for _ in range(3):
            await client.get(URL)
    assert sent_at(wire) == [1000] * 3


async def test_a_newer_word_of_nothing_left_opens_nothing(clock: FakeClock) -> None:
    """When it says no second until there is more, the older one tells more."""
    wire = ScriptedWire(says(1, 60), says(0, 0), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        for _ in range(3):
            await client.get(URL)
    assert sent_at(wire) == [1000, 1000, 1060]


async def test_a_word_that_crossed_another_opens_nothing(clock: FakeClock) -> None:
    """That there is plenty may have been said before the other took it away."""
    wire = ScriptedWire(says(0, 60, delay=1), says(9, 0, delay=2), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        await gather(client, [URL] * 2)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1000, 1061]


async def test_of_words_that_crossed_the_stricter_holds(clock: FakeClock) -> None:
    """Nobody knows which of the two the server said last."""
    wire = ScriptedWire(says(0, 100, delay=1), says(9, 50, delay=2), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        await gather(client, [URL] * 2)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1000, 1101]


async def test_a_late_word_does_not_count_twice_what_was_answered_meanwhile(clock: FakeClock) -> None:
    """A slow answer after many quick ones: its server had seen them."""
    wire = ScriptedWire(says(5, 100, delay=2), *[200] * 10, 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client, anyio.create_task_group() as group:
        group.start_soon(client.get, URL)
        await anyio.lowlevel.checkpoint()
        await gather(client, [URL] * 10)
        await clock.sleep(3)
        await gather(client, [URL] * 6)
    assert sent_at(wire)[11:] == [1003] * 5 + [1102]


async def test_all_limits_of_a_server_hold(clock: FakeClock) -> None:
    """Two a second and three for a minute."""
    headers = {"ratelimit": '"second";r=2;t=1, "minute";r=3;t=60'}
    wire = ScriptedWire(ScriptedResponse(headers=headers), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        await client.get(URL)
        await gather(client, [URL] * 5)
    assert sent_at(wire) == [1000, 1000, 1000, 1001, 1060, 1060]


async def test_after_a_reset_not_more_go_than_the_limit_says(clock: FakeClock) -> None:
    """No herd where no rule of ours sets a rate: the policy of the server does, until it says something else."""
    headers = {"ratelimit": '"a";r=0;t=10', "ratelimit-policy": '"a";q=4;w=5'}
    wire = ScriptedWire(ScriptedResponse(headers=headers), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        await client.get(URL)
        await gather(client, [URL] * 6)
    assert sent_at(wire) == [1000] + [1010] * 4 + [1015] * 2


async def test_retry_after_says_when_a_limit_opens(clock: FakeClock) -> None:
    """It takes precedence over the other headers."""
    headers = {"retry-after": "3", "ratelimit": '"a";r=0;t=60'}
    wire = ScriptedWire(ScriptedResponse(status=429, headers=headers), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        await client.get(URL)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1003]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225630"},
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "0m30s"},
        {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:30Z"},
        {"ratelimit-limit": "60", "ratelimit-remaining": "0", "ratelimit-reset": "30"},
        {"retry-after-ms": "30000"},
    ],
)
async def test_following_reads_every_dialect(family: ModuleType, clock: FakeClock, headers: dict[str, str]) -> None:
    """GitHub answers 403, and says when by the clock on the wall."""
    wire = ScriptedWire(ScriptedResponse(status=403, headers=headers), 200, clock=clock)
    async with client_of(family, wire, throttling=FOLLOW) as client:
        await client.get(URL)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1030]


@pytest.mark.parametrize("answer", [asks(1e9), says(0, 86400 * 365)])
async def test_an_absurd_figure_is_capped(clock: FakeClock, answer: Any) -> None:
    """Nobody waits longer than `max_pause` at a time."""
    wire = ScriptedWire(answer, 200, clock=clock)
    throttle = GracefulThrottle(follow_server=True, max_pause=90)
    async with client_of(httpx, wire, throttling=throttle) as client:
        await client.get(URL)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1090]


@pytest.mark.parametrize("answer", [asks(30), says(0, 30)])
async def test_the_cap_holds_beside_retries_that_would_wait_longer(clock: FakeClock, answer: Any) -> None:
    """`max_retry_after` is 60 seconds unless given: that is for the retry itself, and not for everybody."""
    wire = ScriptedWire(answer, 200, clock=clock)
    throttle = GracefulThrottle(follow_server=True, max_pause=5)
    async with client_of(httpx, wire, throttling=throttle, retry=GracefulRetry()) as client:
        await client.get(URL, extensions=call_options(retry=None))
        await client.get(URL)
    assert sent_at(wire) == [1000, 1005]


@pytest.mark.parametrize("max_pause", [0, -1, float("inf"), float("nan")])
def test_a_cap_that_is_none_is_refused(max_pause: float) -> None:
    """Nobody waits for ever because a server says so."""
    with pytest.raises(ValueError, match="max_pause"):
        GracefulThrottle(follow_server=True, max_pause=max_pause)


async def test_a_throttle_alone_follows_too(family: ModuleType, clock: FakeClock) -> None:
    """The transport needs no stack around it, and its rules hold beside."""
    wire = ScriptedWire(says(1, 10), 200, clock=clock)
    throttle = GracefulThrottle(ThrottleRule(".*", 2), follow_server=True)
    transport = RetryTransport(ThrottleTransport(wire, throttle, clock=clock), GracefulRetry(), clock=clock)
    async with family.AsyncClient(transport=transport) as client:
        await client.get(URL)
        await gather(client, [URL] * 4)
    assert sent_at(wire) == [1000, 1000, 1010, 1010, 1011]


async def test_a_wait_is_logged_once_as_those_of_rules_are(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """By the events of the throttle, with the words of a pause."""
    caplog.set_level(logging.INFO, "gracy_transport")
    event = LogEvent(LogLevel.INFO)
    throttle = GracefulThrottle(log_limit_reached=event, log_wait_over=event, follow_server=True)
    wire = ScriptedWire(asks(3), 200, clock=clock)
    async with client_of(family, wire, throttling=throttle) as client:
        await client.get(URL)
        await client.get(URL)
    assert [record.getMessage() for record in caplog.records] == [
        f"{URL} has to wait 3.0s: {ASKED}",
        f"{URL} waited 3.0s: {ASKED}",
    ]
    assert caplog.records[0].gracy["THROTTLE_LIMIT"] == 0  # type: ignore[attr-defined]
    assert caplog.records[0].gracy["THROTTLE_TIME_RANGE"] == "3 seconds"  # type: ignore[attr-defined]


async def test_a_pause_and_the_rate_after_it_are_logged_apart(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each with its own part of the wait, and only that of the rule counts as throttling."""
    caplog.set_level(logging.INFO, "gracy_transport")
    event = LogEvent(LogLevel.INFO, "{THROTTLE_TIME} of {THROTTLE_LIMIT}")
    throttle = GracefulThrottle(ThrottleRule(".*", 1), event, event)
    wire = ScriptedWire(asks(3), 200, clock=clock)
    stack = GracyTransport(wire, GracyConfig(throttling=throttle, retry=GracefulRetry(max_attempts=0)), clock=clock)
    async with httpx.AsyncClient(transport=stack) as client:
        await client.get(URL)
        caplog.clear()
        await gather(client, [URL] * 2)
    assert [record.getMessage() for record in caplog.records] == [
        *["3.0 of 0", "3.0 of 0", "3.0 of 0", "3.0 of 0", "1.0 of 1", "1.0 of 1"],
    ]
    total = stack.get_report().total
    assert (total.throttles, total.throttle_seconds) == (1, 1)


async def test_a_replayed_answer_pauses_nobody(clock: FakeClock, tmp_path: Any) -> None:
    """It says nothing of the server now."""
    storage = SQLiteReplayStorage(str(tmp_path / "recorded.sqlite3"))
    fields: dict[str, Any] = {"retry": GracefulRetry(max_attempts=0), "throttling": FOLLOW}
    for mode, waited in (("record", 10.0), ("replay", 0.0)):
        replay = GracyReplay(mode, storage)  # type: ignore[arg-type]
        stack = GracyTransport(ScriptedWire(asks(10), clock=clock), GracyConfig(**fields), replay=replay, clock=clock)
        async with httpx.AsyncClient(transport=stack) as client:
            assert (await client.get(URL)).status_code == 429
            began = clock.now()
            await client.get(URL)
        assert clock.now() - began == waited


async def test_a_request_of_a_hook_waits_for_nothing_but_counts(clock: FakeClock) -> None:
    """It would wait inside the wait of another; what it uses is gone for the others."""
    wire = ScriptedWire(says(2, 10), 200, clock=clock)
    async with client_of(httpx, wire, throttling=FOLLOW) as client:
        bare = {EXTENSION: CallOptions(is_bare=True)}
        await client.get(URL)
        for _ in range(3):
            await client.get(URL, extensions=bare)
        await client.get(URL)
    assert sent_at(wire) == [1000] * 4 + [1010]


async def test_who_gives_up_leaves_nothing_behind(clock: FakeClock) -> None:
    """Neither in the queue nor in what is left."""
    wire = ScriptedWire(says(0, 10), says(1, 10), 200, clock=clock)
    stack = GracyTransport(wire, GracyConfig(throttling=FOLLOW, concurrent_requests=1), clock=clock)
    async with httpx.AsyncClient(transport=stack) as client:
        await client.get(URL)
        with clock.timeout(1):
            await client.get(URL)
        await client.get(URL)
        await client.get(URL)
    assert sent_at(wire) == [1000, 1010, 1010]
    assert "0 waiting" in repr(stack)


async def test_thousands_of_servers_leave_no_gates_behind(clock: FakeClock) -> None:
    """Gates that are open and unused are dropped."""
    wire = ScriptedWire(says(5, 1), clock=clock)
    stack = GracyTransport(wire, GracyConfig(throttling=FOLLOW), clock=clock)
    async with httpx.AsyncClient(transport=stack) as client:
        for number in range(2000):
            await client.get(f"https://{number}.test/")
            await clock.sleep(1)
    assert len(stack._shared.hints._gates) <= 256


@pytest.mark.parametrize("follows", [True, False])
async def test_a_key_that_fails_when_the_answer_is_there_leaves_nothing_open(
    family: ModuleType, clock: FakeClock, *, follows: bool
) -> None:
    """The rule asks for it once more then, and it may look at what has changed meanwhile."""
    wire = ScriptedWire(asks(3, content=b"x"), clock=clock)

    def key(request: Any) -> int:
        if wire.sent:
            raise LookupError("gone")
        return 1

    rules = GracefulThrottle(ThrottleRule(".*", 5, key=key), follow_server=follows)
    retry = GracefulRetry(max_attempts=0)
    async with client_of(family, wire, throttling=rules, retry=retry, concurrent_requests=1) as client:
        with pytest.raises(LookupError):
            await client.get(URL)
    assert (wire.open_bodies, wire.in_flight) == (0, 0)


async def test_the_layer_says_that_a_server_wants_a_pause(clock: FakeClock) -> None:
    """Where one looks when nothing moves."""
    stack = GracyTransport(ScriptedWire(asks(10), clock=clock), GracyConfig(throttling=FOLLOW), clock=clock)
    assert "server hints, 0 waiting" in repr(stack)
    assert "not paused by a server" in repr(stack)
    async with httpx.AsyncClient(transport=stack) as client:
        await client.get(URL)
    assert "1 paused by their server" in repr(stack)


def test_a_retry_brings_its_gates_with_it() -> None:
    """And a stack without one has none."""
    wire = ScriptedWire()
    assert "server hints" in repr(GracyTransport(wire, GracyConfig(retry=GracefulRetry())))
    assert "server hints" not in repr(GracyTransport(wire, GracyConfig(throttling=ThrottleRule(".*", 1))))


async def test_no_gate_is_made_while_no_server_says_anything(clock: FakeClock) -> None:
    """What costs nothing until it is needed."""
    wire = ScriptedWire(200, 429, 503, 200, clock=clock)
    stack = GracyTransport(wire, GracyConfig(retry=GracefulRetry()), clock=clock)
    async with httpx.AsyncClient(transport=stack) as client:
        await gather(client, [URL] * 3)
    assert not stack._shared.hints.is_used


async def test_a_pause_that_does_not_fit_into_a_deadline_is_not_begun(family: ModuleType, clock: FakeClock) -> None:
    """The caller learns at once how long it would have been."""
    wire = ScriptedWire(asks(30), clock=clock)
    async with client_of(family, wire, retry=GracefulRetry(max_attempts=0)) as client:
        await client.get(URL)
        with pytest.raises(DeadlineExceeded) as caught:
            await client.get(URL, extensions=call_options(deadline=5))
    assert clock.now() == 1000
    assert (caught.value.would_wait, caught.value.waits_for) == (30, f"pause, {ASKED}")
