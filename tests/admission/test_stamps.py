"""What is told of a dispatch is what the gates were kept by."""

from __future__ import annotations

from itertools import count

import anyio
import httpx
import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport
from gracy_transport.events import Event, RequestDispatched
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.throttle import ThrottleRule, ThrottleTransport
from tests.support import worst_window

pytestmark = pytest.mark.anyio


class RestlessClock(FakeClock):
    """A clock that moves on between two looks at it, by less and less, as a busy machine's may."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = count(1)

    def now(self) -> float:
        self._now += 1e-3 / next(self._looks)
        return super().now()


async def test_dispatches_are_told_with_the_stamp_of_the_gate() -> None:
    """One look at the clock serves both the gate and the event.

    There were two once, and 51 dispatches were told of in a window that held 50: the first of them had been told
    of later after its stamp than the last.
    """
    told: list[Event] = []
    stack = ThrottleTransport(ScriptedWire(), ThrottleRule(".*", 5), clock=RestlessClock(), observers=[told.append])
    async with httpx.AsyncClient(transport=stack) as client, anyio.create_task_group() as tasks:
        for _ in range(25):
            tasks.start_soon(client.get, "http://api.test/")
    instants = [event.at for event in told if isinstance(event, RequestDispatched)]
    assert len(instants) == 25
    assert worst_window(instants, 1.0) == 5


async def test_what_no_limit_holds_is_told_as_well(clock: FakeClock) -> None:
    """No rule is for it, or no server has asked for a pause so far: it is on its way to the wire all the same."""
    config = GracyConfig(retry=GracefulRetry(), throttling=ThrottleRule("http://other", 1))
    asking = ScriptedResponse(status=429, headers={"Retry-After": "5"})
    for each in (config, config.merged(GracyConfig(throttling=None))):
        told: list[Event] = []
        wire = ScriptedWire(200, asking, 200, clock=clock)
        stack = GracyTransport(wire, each, clock=clock, observers=[told.append])
        async with httpx.AsyncClient(transport=stack) as client:
            await client.get("http://api.test/")
            await client.get("http://api.test/")
        instants = [event.at for event in told if isinstance(event, RequestDispatched)]
        assert instants == [sent.at for sent in wire.sent]
        assert len(instants) == 3
