"""What is told of retries: log lines with their placeholders, and events."""

from __future__ import annotations

import logging
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.events import CallEnded, CallStarted, Event, RetriesExhausted, RetryScheduled
from gracy_transport.logevents import LogEvent, LogLevel
from gracy_transport.retry import GracefulRetry, RetryTransport
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire, capture_events
from gracy_transport.validation import ValidationTransport
from tests.retry.support import URL, messages, retrying

pytestmark = pytest.mark.anyio

BEFORE, AFTER, EXHAUSTED = LogEvent(LogLevel.INFO), LogEvent(LogLevel.WARNING), LogEvent(LogLevel.CRITICAL)
LOGGED = GracefulRetry(
    delay=1, delay_modifier=2, max_attempts=2, log_before=BEFORE, log_after=AFTER, log_exhausted=EXHAUSTED
)


async def said(
    family: ModuleType, clock: FakeClock, wire: Any, config: GracefulRetry, caplog: pytest.LogCaptureFixture
) -> list[tuple[str, str]]:
    """Sends one GET and returns what was logged, with levels."""
    caplog.set_level(logging.INFO, "gracy_transport")
    async with retrying(family, wire, clock, config) as client:
        with suppress(family.RequestError):
            await client.get(URL)
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "gracy_transport"]


async def test_lines_come_before_and_after_each_retry_and_at_the_end(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each at its own level, in the words of the library."""
    wire = ScriptedWire(503, family.ConnectTimeout, 429, clock=clock)
    assert await said(family, clock, wire, LOGGED, caplog) == [
        ("INFO", f"GET {URL}: retry 1 of 2 in 1.0 s: [Bad Status Code: 503]"),
        ("WARNING", f"GET {URL}: retry 1 of 2 gave ConnectTimeout"),
        ("INFO", f"GET {URL}: retry 2 of 2 in 2.0 s: [Request Error: ConnectTimeout]"),
        ("WARNING", f"GET {URL}: retry 2 of 2 gave 429"),
        ("CRITICAL", f"GET {URL}: max_attempts=2 is used up: [Bad Status Code: 429]"),
    ]


async def test_nothing_is_logged_above_debug_unless_asked(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Quiet by default."""
    assert await said(family, clock, ScriptedWire(503, clock=clock), GracefulRetry(), caplog) == []


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ("log_before", "GET ABORTED in 2.000: 1/1 after 4.0 for [Request Error: ReadTimeout] ReadTimeout"),
        ("log_after", "GET 503 in 0.000: 1/1 after 4.0 for [Request Error: ReadTimeout] "),
        ("log_exhausted", "GET 503 in 0.000: 1/1 after 4.0 for [Bad Status Code: 503] "),
    ],
)
async def test_placeholders_are_filled_in(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture, event: str, line: str
) -> None:
    """Each event of a retry has the number, the delay, the cause, and how the newest attempt went."""
    text = "{METHOD} {STATUS} in {ELAPSED}: {CUR_ATTEMPT}/{MAX_ATTEMPT} after {RETRY_DELAY} "
    text += "for {RETRY_CAUSE} {ERROR}"
    events: dict[str, Any] = {event: LogEvent(LogLevel.INFO, text)}

    async def late(request: Any) -> Any:
        await clock.sleep(2)
        return family.ReadTimeout

    wire = ScriptedWire(late, 503, clock=clock)
    config = GracefulRetry(delay=4, max_attempts=1, **events)
    assert await said(family, clock, wire, config, caplog) == [("INFO", line)]


async def test_the_figures_are_on_the_record_too(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """For handlers that want them without taking a text apart."""
    await said(family, clock, ScriptedWire(503, 200, clock=clock), GracefulRetry(log_before=BEFORE), caplog)
    facts: Any = caplog.records[-1].__dict__["gracy"]
    assert (facts["CUR_ATTEMPT"], facts["MAX_ATTEMPT"], facts["RETRY_DELAY"], facts["STATUS"]) == (
        1,
        3,
        1.0,
        503,
    )


async def test_a_message_can_be_made_from_the_response(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It has its request; where there is no response it is `None`."""

    def made(response: Any) -> str:
        return "no response" if response is None else f"{response.status_code} {response.request.url.path}"

    config = GracefulRetry(max_attempts=2, log_after=LogEvent(LogLevel.INFO, made))
    wire = ScriptedWire(503, 502, family.ReadError, clock=clock)
    lines = await said(family, clock, wire, config, caplog)
    assert lines == [("INFO", "502 /things"), ("INFO", "no response")]


async def test_a_hint_over_the_cap_is_in_the_last_line(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """In the default message, and as {RETRY_AFTER} in one's own."""
    wire = ScriptedWire(ScriptedResponse(status=429, headers={"Retry-After": "3600"}), clock=clock)
    [(_, line)] = await said(family, clock, wire, LOGGED, caplog)
    assert line.startswith(f"GET {URL}: [Bad Status Code: 429]: the server asks to wait 3600 s")
    caplog.clear()
    config = GracefulRetry(log_exhausted=LogEvent(LogLevel.INFO, "come back in {RETRY_AFTER}"))
    assert await said(family, clock, wire, config, caplog) == [("INFO", "come back in 3600.0")]
    caplog.clear()
    assert await said(family, clock, ScriptedWire(503, clock=clock), config, caplog) == [("INFO", "come back in ")]


async def test_the_class_of_a_validators_error_is_named_after_a_retry(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its status alone would look like a success."""
    layer = ValidationTransport(ScriptedWire(200, clock=clock), strict_status_code=201, clock=clock)
    config = GracefulRetry(max_attempts=1, log_after=AFTER)
    caplog.set_level(logging.INFO, "gracy_transport")
    async with retrying(family, layer, clock, config) as client:
        with pytest.raises(family.HTTPStatusError):
            await client.get(URL)
    assert messages(caplog.records) == [f"GET {URL}: retry 1 of 1 gave UnexpectedResponse"]


async def test_no_secret_of_the_url_is_in_any_line(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the userinfo nor a key in the query."""
    caplog.set_level(logging.DEBUG, "gracy_transport")
    wire = ScriptedWire(503, family.ReadTimeout("hush"), clock=clock)
    async with retrying(family, wire, clock, LOGGED) as client:
        with pytest.raises(family.ReadTimeout):
            await client.get("https://user:hush@api.test/things?api_key=hush&{braces}=%s")
    lines = messages(caplog.records)
    assert len(lines) == 6  # five and the debug line of giving up
    assert not any("hush" in line for line in lines)


async def test_events_tell_of_each_retry_and_of_giving_up(family: ModuleType, clock: FakeClock) -> None:
    """With the number, the wait, the reason and what the attempt took."""
    script = (ScriptedResponse(status=503, delay=3), family.ReadError, 429)
    layer = RetryTransport(ScriptedWire(*script, clock=clock), GracefulRetry(delay=5, max_attempts=2), clock=clock)
    with capture_events(layer) as events:
        async with family.AsyncClient(transport=layer) as client:
            await client.get(URL)
    assert [type(event) for event in events] == [
        CallStarted,
        RetryScheduled,
        RetryScheduled,
        RetriesExhausted,
        CallEnded,
    ]
    first, second, third = events[1:4]
    assert told(first) == (1003, 1, 5, "[Bad Status Code: 503]", 503, None, 3)
    assert told(second) == (1008, 2, 5, "[Request Error: ReadError]", None, "ReadError", 0)
    assert isinstance(third, RetriesExhausted)
    assert (third.at, third.reason) == (1013, "max_attempts=2 is used up: [Bad Status Code: 429]")


def told(event: Event) -> tuple[object, ...]:
    assert isinstance(event, RetryScheduled)
    return (event.at, event.retry, event.delay, event.reason, event.status, event.error, event.latency)


async def test_an_observer_that_fails_changes_nothing(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It must not look like a failure of the network."""

    def fail(event: Event) -> None:
        raise RuntimeError("broken observer")

    wire = ScriptedWire(503, 200, clock=clock)
    async with retrying(family, wire, clock, observers=[fail]) as client:
        assert (await client.get(URL)).status_code == 200
    assert len(wire.sent) == 2
