"""Connections and bodies: a failed attempt gives its connection back before the wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport.retry import GracefulRetry
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.retry.support import URL, retrying

pytestmark = pytest.mark.anyio


def stubborn(family: ModuleType, clock: FakeClock, error: Exception | None) -> Any:
    """Returns a script step whose body raises when it is closed, or takes for ever to."""

    class Stubborn(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b""

        async def aclose(self) -> None:
            if error is not None:
                raise error
            await clock.sleep(1e6)

    return lambda request: family.Response(503, stream=Stubborn())


async def test_fifty_unread_answers_leave_no_body_open(family: ModuleType, clock: FakeClock) -> None:
    """At each send, and during each wait, a pool of one connection would have it free."""
    open_at_send: list[int] = []
    big = ScriptedResponse(status=429, content=b"x" * 1_000_000)

    def answer(request: Any) -> Any:
        open_at_send.append(wire.open_bodies)
        return big if len(open_at_send) <= 50 else 200

    wire = ScriptedWire(answer, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(max_attempts=50)) as client:
        assert (await client.get(URL)).status_code == 200
    assert open_at_send == [0] * 51
    assert (wire.most_in_flight, wire.open_bodies) == (1, 0)


async def test_the_body_is_closed_before_the_wait_begins(family: ModuleType, clock: FakeClock) -> None:
    """In the middle of the back-off nothing is open."""
    wire = ScriptedWire(503, 200, clock=clock)
    async with (
        retrying(family, wire, clock, GracefulRetry(delay=10)) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(client.get, URL)
        await clock.sleep(5)
        assert (len(wire.sent), wire.open_bodies, wire.in_flight) == (1, 0, 0)


async def test_an_error_in_closing_does_not_stop_the_retry(family: ModuleType, clock: FakeClock) -> None:
    """Nobody wanted that response any more."""
    wire = ScriptedWire(stubborn(family, clock, OSError("reset")), 200, clock=clock)
    async with retrying(family, wire, clock) as client:
        assert (await client.get(URL)).status_code == 200


async def test_a_cancellation_in_closing_ends_the_call(family: ModuleType, clock: FakeClock) -> None:
    """It is neither swallowed nor followed by another attempt."""
    wire = ScriptedWire(stubborn(family, clock, None), 200, clock=clock)
    async with retrying(family, wire, clock) as client:
        with clock.timeout(3) as scope:
            await client.get(URL)
    assert scope.cancelled_caught
    assert (len(wire.sent), clock.now()) == (1, 1003)


async def test_a_response_that_is_read_already_passes(family: ModuleType, clock: FakeClock) -> None:
    """A mock transport's response, which never was open, is as good as any."""
    answers = iter([503, 200])
    wire = family.MockTransport(lambda request: family.Response(next(answers), json={"a": 1}))
    async with retrying(family, wire, clock) as client:
        assert (await client.get(URL)).json() == {"a": 1}
    assert clock.waits == [1]
