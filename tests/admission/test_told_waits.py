"""Tests of what a call says of one wait at the gates that several pauses fell into."""

from __future__ import annotations

from types import ModuleType

import anyio
import pytest

from gracy_transport import GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.call import EXTENSION, Call, Wait
from gracy_transport.order import Shared
from gracy_transport.testing import FakeClock, ScriptedWire

pytestmark = pytest.mark.anyio

RULE = ThrottleRule(".*", 1, 10)
RULE_WORDS = str(RULE)
PAUSE = "a pause of all requests"


async def second_of_two(family: ModuleType, clock: FakeClock, pauses: list[tuple[float, float]]) -> Call:
    """Returns the call of a request that waits behind another while pauses come, each a delay and a length."""
    shared = Shared(GracyConfig(throttling=RULE), None, clock)
    stack = GracyTransport(ScriptedWire(clock=clock), shared.base, clock=clock, shared=shared)
    shared.hook()
    assert shared.pauses is not None
    calls: list[Call] = []
    async with family.AsyncClient(transport=stack) as client, anyio.create_task_group() as group:

        async def get() -> None:
            calls.append((await client.get("https://api.test")).extensions[EXTENSION])

        for delay, seconds in pauses[:1]:
            await clock.sleep(delay)
            shared.pauses.pause(seconds)
        for _ in range(2):
            group.start_soon(get)
        for delay, seconds in pauses[1:]:
            await clock.sleep(delay)
            shared.pauses.pause(seconds)
    return calls[1]


async def test_two_pauses_in_one_wait_do_not_make_the_call_longer(family: ModuleType, clock: FakeClock) -> None:
    """The permit came at 10, within the second pause: both take 22 of the 25 seconds, to the end of the wait."""
    call = await second_of_two(family, clock, [(0, 0), (1, 2), (4, 20)])
    assert call.waits == (Wait("pause", 22, PAUSE, 1003), Wait("throttle", 3, RULE_WORDS, 1000))
    assert call.timeline.seconds == 25


async def test_a_wait_that_begins_in_a_pause_begins_with_it(family: ModuleType, clock: FakeClock) -> None:
    """The other got its permit at 5, so that this one gets its own at 15; the second pause ends at 28."""
    call = await second_of_two(family, clock, [(0, 5), (8, 20)])
    assert call.waits == (Wait("pause", 25, PAUSE, 1000), Wait("throttle", 3, RULE_WORDS, 1025))
    assert call.timeline.seconds == 28
