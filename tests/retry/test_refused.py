"""A retry that our own stack refuses: the error says so, and brings the last real answer or error with it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulThrottle,
    GracyConfig,
    GracyTransport,
    RetryTransport,
    ThrottleRule,
    ThrottleTransport,
    call_options,
)
from gracy_transport.exceptions import QueueFull, TransportClosed, UnexpectedResponse
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.support import sent_at

pytestmark = pytest.mark.anyio

URL = "https://api.test/things"
NARROW = GracefulThrottle(ThrottleRule(".*", 1, 60), max_waiting=1)
ONE = call_options(retry=None)


async def refused(client: Any, clock: FakeClock) -> QueueFull:
    """Returns the error of a call whose retry finds the queue full."""
    errors: list[QueueFull] = []
    async with client, anyio.create_task_group() as group:

        async def get() -> None:
            with pytest.raises(QueueFull) as caught:
                await client.get(URL)
            errors.append(caught.value)

        group.start_soon(get)
        await clock.sleep(0.5)
        group.start_soon(lambda: client.get(URL, extensions=ONE))
        await clock.sleep(5)
        assert len(errors) == 1, "it did not wait"
    return errors[0]


@pytest.mark.parametrize("is_alone", [False, True], ids=["stack", "layers"])
async def test_the_last_answer_comes_with_the_refusal(family: ModuleType, clock: FakeClock, is_alone: bool) -> None:
    """Its body readable, its connection free, and the timeline of the whole call."""
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"busy"), 200, clock=clock)
    retry = GracefulRetry(delay=2)
    if is_alone:
        transport: Any = RetryTransport(ThrottleTransport(wire, NARROW, clock=clock), retry, clock=clock)
    else:
        transport = GracyTransport(wire, GracyConfig(retry=retry, throttling=NARROW), clock=clock)
    error = await refused(family.AsyncClient(transport=transport), clock)
    assert (error.status, error.response.text, error.__cause__) == (503, "busy", None)
    assert (error.fate, error.was_sent) == ("never_sent", False)
    assert str(error.timeline) == "GET /things QueueFull in 2.0 s: back-off 2.0, 2 attempts"
    assert sent_at(wire) == [1000, 1060]
    assert wire.open_bodies == 0


async def test_the_last_error_is_the_cause_of_the_refusal(family: ModuleType, clock: FakeClock) -> None:
    """As it was raised; there was no answer."""
    wire = ScriptedWire(family.ConnectError("refused"), 200, clock=clock)
    config = GracyConfig(retry=GracefulRetry(delay=2), throttling=NARROW)
    error = await refused(family.AsyncClient(transport=GracyTransport(wire, config, clock=clock)), clock)
    assert isinstance(error.__cause__, family.ConnectError)
    assert (error.status, error.response) == (None, None)


async def test_a_rejected_answer_is_cause_and_response_of_the_refusal(family: ModuleType, clock: FakeClock) -> None:
    """As the validation had it."""
    wire = ScriptedWire(ScriptedResponse(status=500, json={"a": 1}), 200, clock=clock)
    config = GracyConfig(retry=GracefulRetry(delay=2), throttling=NARROW, strict_status_code=200)
    error = await refused(family.AsyncClient(transport=GracyTransport(wire, config, clock=clock)), clock)
    assert isinstance(error.__cause__, UnexpectedResponse)
    assert error.response.json() == {"a": 1}


async def test_a_full_queue_for_slots_does_the_same(family: ModuleType, clock: FakeClock) -> None:
    """Whatever the limit is."""
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"busy"), ScriptedResponse(delay=30), clock=clock)
    config = GracyConfig(retry=GracefulRetry(delay=2), concurrent_requests=ConcurrentRequestLimit(1, max_waiting=1))
    client = family.AsyncClient(transport=GracyTransport(wire, config, clock=clock))
    async with client, anyio.create_task_group() as group:

        async def get() -> None:
            with pytest.raises(QueueFull) as caught:
                await client.get(URL)
            assert (clock.now(), caught.value.status, caught.value.response.text) == (1002, 503, "busy")

        group.start_soon(get)
        await clock.sleep(0.5)
        for _ in range(2):
            group.start_soon(lambda: client.get(URL, extensions=ONE))


async def test_a_first_attempt_that_is_refused_has_no_answer(family: ModuleType, clock: FakeClock) -> None:
    """There is none."""
    wire = ScriptedWire(clock=clock)
    config = GracyConfig(retry=GracefulRetry(delay=2), throttling=NARROW)
    client = family.AsyncClient(transport=GracyTransport(wire, config, clock=clock))
    async with client, anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(client.get, URL)
        await clock.sleep(1)
        with pytest.raises(QueueFull) as caught:
            await client.get(URL)
        assert (caught.value.status, caught.value.response, caught.value.__cause__) == (None, None, None)


async def test_a_retry_that_was_closed_on_knows_the_last_status(family: ModuleType, clock: FakeClock) -> None:
    """Without a bounded queue nobody reads the bodies of failures before they are retried: the status is kept."""
    wire = ScriptedWire(ScriptedResponse(status=503, content=b"busy"), clock=clock)
    config = GracyConfig(retry=GracefulRetry(delay=2), throttling=ThrottleRule(".*", 1, 60))
    stack = GracyTransport(wire, config, clock=clock)
    client = family.AsyncClient(transport=stack)
    async with anyio.create_task_group() as group:

        async def get() -> None:
            with pytest.raises(TransportClosed) as caught:
                await client.get(URL)
            assert (caught.value.status, caught.value.response) == (503, None)

        group.start_soon(get)
        await clock.sleep(5)
        await client.aclose()
