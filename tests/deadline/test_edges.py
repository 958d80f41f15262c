"""A deadline to the very instant: what comes exactly then, too late, or cannot be cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.deadline.support import URL, exceeded, stacked

pytestmark = pytest.mark.anyio


class LateClock(FakeClock):
    """A clock of a machine that wakes its sleepers five seconds late."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + 5)


async def test_a_back_off_to_the_very_deadline_is_not_begun(family: ModuleType, clock: FakeClock) -> None:
    """It would leave no time for the attempt."""
    async with stacked(family, ScriptedWire(503, clock=clock), clock, 10, retry=GracefulRetry(delay=10)) as client:
        assert (await exceeded(client.get(URL))).would_wait == 10
    assert clock.now() == 1000


async def test_a_timeout_at_the_deadline_is_its_cause(family: ModuleType, clock: FakeClock) -> None:
    """A wire that cannot be cancelled gives up by its own, shortened timeout."""

    async def stubborn(request: Any) -> int:
        with anyio.CancelScope(shield=True):
            await clock.sleep(request.extensions["timeout"]["connect"])
        raise family.ConnectTimeout("nobody there", request=request)

    wire = ScriptedWire(stubborn, clock=clock)
    config = GracyConfig(deadline=3)
    stack = GracyTransport(wire, config, clock=clock)
    async with family.AsyncClient(transport=stack, timeout=4) as client:
        error = await exceeded(client.get(URL))
    assert clock.now() == 1003
    assert isinstance(error.__cause__, family.ConnectTimeout)
    row = stack.get_report().total
    assert (error.fate, row.attempts, row.aborts, row.refused) == ("never_sent", 1, 1, 0)


async def test_a_timeout_at_the_deadline_is_not_retried(family: ModuleType, clock: FakeClock) -> None:
    """There is no time left, not even for a retry without delay; the attempt counts all the same."""

    async def stubborn(request: Any) -> int:
        with anyio.CancelScope(shield=True):
            await clock.sleep(3)
        raise family.ConnectTimeout("nobody there", request=request)

    wire = ScriptedWire(stubborn, clock=clock)
    stack = GracyTransport(wire, GracyConfig(deadline=3, retry=GracefulRetry(delay=0)), clock=clock)
    async with family.AsyncClient(transport=stack) as client:
        error = await exceeded(client.get(URL))
    row = stack.get_report().total
    assert (clock.now(), len(wire.sent), error.would_wait) == (1003, 1, None)
    assert (row.attempts, row.aborts, row.refused) == (1, 1, 0)


async def test_a_timeout_of_a_body_at_the_deadline_is_its_cause(family: ModuleType, clock: FakeClock) -> None:
    """As that of the headers."""

    class Stubborn(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"a"
            with anyio.CancelScope(shield=True):
                await clock.sleep(10)
            raise family.ReadTimeout("no more")

    wire = ScriptedWire(lambda request: family.Response(200, stream=Stubborn()), clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        error = await exceeded(client.get(URL))
    assert clock.now() == 1010
    assert isinstance(error.__cause__, family.ReadTimeout)


async def test_a_call_keeps_no_failure_when_it_has_left(family: ModuleType, clock: FakeClock) -> None:
    """Neither the answer of an earlier attempt nor what it waited for."""
    wire = ScriptedWire(503, 200, clock=clock)
    async with stacked(family, wire, clock, 10, retry=GracefulRetry(delay=1)) as client:
        call = (await client.get(URL)).extensions["gracy"]
    assert (call.last, call.waits_for) == (None, None)


async def test_an_error_body_is_not_read_into_the_deadline(family: ModuleType, clock: FakeClock) -> None:
    """Half of the time that is left goes into it at most, so that the error can say what was not begun."""
    wire = ScriptedWire(ScriptedResponse(status=503, chunks=[b"x"] * 9, chunk_delay=0.6), clock=clock)
    async with stacked(family, wire, clock, 0.8, retry=GracefulRetry(delay=5)) as client:
        error = await exceeded(client.get(URL))
    assert (error.would_wait, error.status) == (5, 503)
    assert clock.now() == pytest.approx(1000.4)


async def test_a_back_off_that_oversleeps_counts_nothing_twice(family: ModuleType) -> None:
    """The attempt before it is counted already, and the next was never sent."""
    clock = LateClock()
    stack = GracyTransport(
        ScriptedWire(503, clock=clock), GracyConfig(deadline=4, retry=GracefulRetry(delay=1)), clock=clock
    )
    async with family.AsyncClient(transport=stack) as client:
        error = await exceeded(client.get(URL))
    row = stack.get_report().total
    assert (clock.now(), error.waits_for) == (1004, "a back-off")
    assert (row.attempts, row.responses_5xx, row.retries, row.refused) == (1, 1, 1, 1)
