"""What a report, the log and the events say of a call that its deadline ended."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, LogEvent, ThrottleRule, call_options
from gracy_transport.events import CallEnded, RequestDispatched, RetriesExhausted
from gracy_transport.metrics import GracyReport
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire, capture_events
from tests.deadline.support import URL, exceeded

pytestmark = pytest.mark.anyio


async def reported(family: ModuleType, clock: FakeClock, *steps: Any, calls: int = 1, **fields: Any) -> GracyReport:
    """Returns the report of calls whose last one ends at a deadline of 10 s."""
    stack = GracyTransport(ScriptedWire(*steps, clock=clock), GracyConfig(deadline=10, **fields), clock=clock)
    async with family.AsyncClient(transport=stack) as client:
        for _ in range(calls - 1):
            await client.get(URL)
        await exceeded(client.get(URL))
    return stack.get_report()


def counts(report: GracyReport) -> dict[str, int]:
    """Returns what was counted, without what was not."""
    row = report.total
    names = ("calls", "attempts", "failures", "aborts", "responses_5xx", "retries", "refused", "cancelled")
    return {name: getattr(row, name) for name in names if getattr(row, name)}


async def test_a_server_that_lets_the_deadline_pass_has_failed(family: ModuleType, clock: FakeClock) -> None:
    """The attempt was aborted: the request had gone out."""
    report = await reported(family, clock, ScriptedResponse(delay=NEVER))
    assert counts(report) == {"calls": 1, "attempts": 1, "failures": 1, "aborts": 1}


async def test_a_body_that_lets_the_deadline_pass_is_an_abort(family: ModuleType, clock: FakeClock) -> None:
    """As any body that breaks."""
    report = await reported(family, clock, ScriptedResponse(chunks=[b"a"], chunk_delay=NEVER))
    assert counts(report) == {"calls": 1, "attempts": 1, "failures": 1, "aborts": 1}


async def test_a_request_that_was_never_sent_is_refused(family: ModuleType, clock: FakeClock) -> None:
    """By us, at the throttle: the server did nothing wrong."""
    report = await reported(family, clock, 200, calls=2, throttling=ThrottleRule(".*", 1, 60))
    assert counts(report) == {"calls": 2, "attempts": 1, "refused": 1}


async def test_a_slot_that_never_came_is_a_refusal(family: ModuleType, clock: FakeClock) -> None:
    """The deadline came in the queue."""
    wire = ScriptedWire(ScriptedResponse(delay=60), clock=clock)
    stack = GracyTransport(wire, GracyConfig(deadline=10, concurrent_requests=1), clock=clock)
    async with family.AsyncClient(transport=stack) as client, anyio.create_task_group() as group:
        group.start_soon(partial(client.get, URL, extensions=call_options(deadline=None)))
        await clock.sleep(1)
        await exceeded(client.get(URL))
        assert counts(stack.get_report()) == {"calls": 1, "refused": 1}


async def test_a_retry_that_cannot_fit_leaves_the_attempt_with_its_status(family: ModuleType, clock: FakeClock) -> None:
    """Nothing is counted that did not happen, and nothing twice."""
    report = await reported(family, clock, 503, retry=GracefulRetry(delay=6))
    assert counts(report) == {"calls": 1, "attempts": 2, "failures": 2, "responses_5xx": 2, "retries": 1}


async def test_an_attempt_that_could_not_connect_is_an_abort(family: ModuleType, clock: FakeClock) -> None:
    """Also when its retry cannot fit."""
    report = await reported(family, clock, family.ConnectError, retry=GracefulRetry(delay=20))
    assert counts(report) == {"calls": 1, "attempts": 1, "failures": 1, "aborts": 1}


async def test_a_second_attempt_that_never_went_out_is_refused(family: ModuleType, clock: FakeClock) -> None:
    """The first is counted as what it was."""
    rule = ThrottleRule(".*", 1, 60)
    report = await reported(family, clock, 503, retry=GracefulRetry(delay=1), throttling=rule)
    assert counts(report) == {
        "calls": 1,
        "attempts": 1,
        "failures": 1,
        "responses_5xx": 1,
        "retries": 1,
        "refused": 1,
    }


async def test_the_log_says_that_the_call_failed(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with the time it took, and why no other attempt was made."""
    retry = GracefulRetry(delay=6, log_exhausted=LogEvent())
    with caplog.at_level("INFO", "gracy_transport"):
        await reported(family, clock, 503, retry=retry, log_errors=LogEvent(), log_response=LogEvent())
    assert [record.getMessage() for record in caplog.records] == [
        f"GET {URL}: [Bad Status Code: 503]: the deadline leaves no time for a back-off of 6 s",
        f"GET {URL} failed after 6.000s: DeadlineExceeded",
    ]


async def test_events_tell_of_it(family: ModuleType, clock: FakeClock) -> None:
    """No event of a wait that was not begun."""
    stack = GracyTransport(
        ScriptedWire(503, clock=clock), GracyConfig(deadline=10, retry=GracefulRetry(delay=20)), clock=clock
    )
    with capture_events(stack) as events:
        async with family.AsyncClient(transport=stack) as client:
            await exceeded(client.get(URL))
    assert [type(event) for event in events][1:] == [RequestDispatched, RetriesExhausted, CallEnded]
    assert [event.error for event in events if isinstance(event, CallEnded)] == ["DeadlineExceeded"]
