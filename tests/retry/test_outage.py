"""A retry budget at work: what an outage does to the traffic of many callers, in virtual time."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, LogEvent, LogLevel, RetryBudget, call_options
from gracy_transport.events import RetriesExhausted
from gracy_transport.retry import RetryTransport
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire, capture_events
from tests.retry.support import URL, call_of, messages, retrying

pytestmark = pytest.mark.anyio

CALLERS = 100
MINUTES = 3
PAUSE = 4.0
NONE = RetryBudget(share=0, floor=0)
SPENT = "the retry budget is used up (at most 0 retries per first attempt + 0 a second, over 10 s)"


async def live_through_an_outage(
    clock: FakeClock, config: GracefulRetry, callers: int = CALLERS
) -> tuple[list[float], list[float], list[int]]:
    """Lets all callers ask every few seconds while the server is down in the middle third.

    Returns when they asked, when the wire was reached, and the statuses of the last third.
    """
    began = clock.now()
    third = MINUTES * 60 / 3
    asked: list[float] = []
    recovered: list[int] = []
    wire = ScriptedWire(lambda _: 503 if third <= clock.now() - began < 2 * third else 200, clock=clock)
    stack = GracyTransport(wire, GracyConfig(retry=config), clock=clock)

    async def caller(client: Any, number: int) -> None:
        await clock.sleep(PAUSE * number / callers)
        while (now := clock.now()) < began + 3 * third:
            asked.append(now)
            response = await client.get(URL)
            if now > began + 2 * third:
                recovered.append(response.status_code)
            await clock.sleep(PAUSE)

    async with httpx.AsyncClient(transport=stack) as client, anyio.create_task_group() as group:
        for number in range(callers):
            group.start_soon(caller, client, number)
    return asked, [sent.at for sent in wire.sent], recovered


def within(instants: list[float], start: float, seconds: float) -> int:
    """Counts the instants in a stretch of time."""
    return sum(start <= at < start + seconds for at in instants)


async def test_an_outage_is_amplified_by_the_share_and_no_more(clock: FakeClock) -> None:
    """A hundred callers, a minute without a server: 1.2 requests for each that is asked, and the floor."""
    budget = RetryBudget(share=0.2, floor=1, window=10)
    asked, sent, recovered = await live_through_an_outage(clock, GracefulRetry(delay=1, jitter=True, budget=budget))
    start = 1000.0 + 60
    first = within(asked, start, 60)
    assert first > 500
    assert within(sent, start, 60) <= 1.2 * (first + within(asked, start - 10, 10)) + 1 * (60 + 10)
    assert within(sent, start + 10, 50) <= 1.2 * within(asked, start, 60) + 1 * 60
    assert within(sent, start, 60) > 1.15 * first  # the budget is there to be used
    assert set(recovered) == {200}


async def test_without_a_budget_it_is_amplified_by_all_attempts(clock: FakeClock) -> None:
    """The same minute with three retries for each: close to four times, which is what a budget is for."""
    asked, sent, _ = await live_through_an_outage(clock, GracefulRetry(delay=1, jitter=True), callers=40)
    assert within(sent, 1060, 60) > 3.5 * within(asked, 1060, 60)


async def test_a_spent_budget_gives_the_caller_the_real_outcome_at_once(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The response with its body, no wait, and the reason on the call and in the log."""
    caplog.set_level(logging.WARNING, "gracy_transport")
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"down"), clock=clock)
    config = GracefulRetry(budget=NONE, log_exhausted=LogEvent(LogLevel.WARNING))
    async with retrying(family, wire, clock, config) as client:
        response = await client.get(URL)
    assert (response.status_code, response.content, clock.waits, len(wire.sent)) == (503, b"down", [], 1)
    assert call_of(response).gave_up == f"{SPENT}: [Bad Status Code: 503]"
    assert messages(caplog.records) == [f"GET {URL}: {call_of(response).gave_up}"]


async def test_a_spent_budget_gives_the_caller_the_real_error(family: ModuleType, clock: FakeClock) -> None:
    """As it was, with the reason on its call, and told as the end of the retries."""
    error = family.ConnectError("refused")
    wire = ScriptedWire(error, clock=clock)
    layer = RetryTransport(wire, GracefulRetry(budget=NONE), clock=clock)
    with capture_events(layer) as events:
        async with family.AsyncClient(transport=layer) as client:
            with pytest.raises(family.ConnectError, match="refused") as caught:
                await client.get(URL)
    reason = f"{SPENT}: [Request Error: ConnectError]"
    assert call_of(caught.value).gave_up == reason
    assert [event.reason for event in events if isinstance(event, RetriesExhausted)] == [reason]


async def test_a_retry_that_is_not_made_for_another_reason_costs_nothing(family: ModuleType, clock: FakeClock) -> None:
    """A POST that may not be repeated leaves the one retry of the budget to the GET."""
    wire = ScriptedWire(503, 503, 200, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(budget=RetryBudget(share=0, floor=0.1))) as client:
        assert (await client.post(URL)).status_code == 503
        assert (await client.get(URL)).status_code == 200
        assert (await client.get(URL)).status_code == 200


async def test_all_clients_of_a_layer_spend_from_one_budget(family: ModuleType, clock: FakeClock) -> None:
    """One retry for both: the first client takes it."""
    wire = ScriptedWire(503, clock=clock)
    config = GracefulRetry(budget=RetryBudget(share=0, floor=0.1), max_attempts=1)
    layer = RetryTransport(wire, config, clock=clock)
    for sent in (2, 3):
        await family.AsyncClient(transport=layer).get(URL)
        assert len(wire.sent) == sent


@pytest.mark.parametrize(("share", "sent"), [(0.0, 3), (1e-9, 4)])
async def test_calls_with_an_equal_budget_of_their_own_spend_from_that_of_the_stack(
    family: ModuleType, clock: FakeClock, share: float, sent: int
) -> None:
    """By value: a call whose budget is another one has its own account."""
    wire = ScriptedWire(503, clock=clock)
    config = GracyConfig(retry=GracefulRetry(budget=RetryBudget(share=0, floor=0.1), max_attempts=1))
    async with family.AsyncClient(transport=GracyTransport(wire, config, clock=clock)) as client:
        await client.get(URL)
        own = GracefulRetry(budget=RetryBudget(share=share, floor=0.1), max_attempts=1, delay=2)
        await client.get(URL, extensions=call_options(retry=own))
    assert len(wire.sent) == sent


@pytest.mark.parametrize(("share", "sent"), [(0.0, 3), (1e-9, 4)])
async def test_so_do_the_calls_of_a_layer_alone(family: ModuleType, clock: FakeClock, share: float, sent: int) -> None:
    """A single layer keeps the accounts itself."""
    wire = ScriptedWire(503, clock=clock)
    config = GracefulRetry(budget=RetryBudget(share=0, floor=0.1), max_attempts=1)
    async with retrying(family, wire, clock, config) as client:
        await client.get(URL)
        own = GracefulRetry(budget=RetryBudget(share=share, floor=0.1), max_attempts=1, delay=2)
        await client.get(URL, extensions=call_options(retry=own))
    assert len(wire.sent) == sent


async def test_two_stacks_have_two_budgets(family: ModuleType, clock: FakeClock) -> None:
    """Equal configs are no shared state."""
    config = GracyConfig(retry=GracefulRetry(budget=RetryBudget(share=0, floor=0.1), max_attempts=1))
    for _ in range(2):
        wire = ScriptedWire(503, clock=clock)
        await family.AsyncClient(transport=GracyTransport(wire, config, clock=clock)).get(URL)
        assert len(wire.sent) == 2


def test_the_layer_says_its_budget() -> None:
    """In its repr."""
    text = repr(RetryTransport(ScriptedWire(), GracefulRetry(budget=True)))
    assert "at most 0.2 retries per first attempt + 10 a second, over 10 s" in text


async def test_a_retry_that_the_deadline_leaves_no_time_for_costs_nothing(family: ModuleType, clock: FakeClock) -> None:
    """The one retry of the budget is left for a call with more time."""
    wire = ScriptedWire(503, 503, 200, clock=clock)
    config = GracyConfig(retry=GracefulRetry(delay=5, budget=RetryBudget(share=0, floor=0.1)))
    async with family.AsyncClient(transport=GracyTransport(wire, config, clock=clock)) as client:
        with pytest.raises(family.TimeoutException, match="leaves"):
            await client.get(URL, extensions=call_options(deadline=2))
        assert (await client.get(URL, extensions=call_options(deadline=20))).status_code == 200
