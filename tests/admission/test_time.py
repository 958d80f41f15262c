"""Windows of any length, clocks of any age, and time that jumps."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gracy_transport import GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.admission import Desk, Gate
from gracy_transport.testing import FakeClock, ScriptedWire
from tests.support import worst_window

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("smooth", [False, True], ids=["bursts", "smooth"])
@pytest.mark.parametrize("jump", [3.0, 3600.0, 864_000.0])
async def test_a_machine_that_slept_sends_no_burst(clock: FakeClock, jump: float, smooth: bool) -> None:
    """After a suspend, or a loop that stood still, nothing of what was missed is made up for."""
    import httpx

    wire = ScriptedWire(clock=clock)
    rule = ThrottleRule(".*", 5, smooth=smooth)
    transport = GracyTransport(wire, GracyConfig(throttling=rule), clock=clock)
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        for _ in range(40):
            group.start_soon(client.get, "https://api.test/")
        await clock.sleep(1.5)
        clock._now += jump  # no timer fires on the way: all are late at once
    instants = [each.at for each in wire.sent]
    assert len(instants) == 40
    assert worst_window(instants, 1.0) == 5
    after = [at for at in instants if at >= 1001.5 + jump]
    assert worst_window(after, 1.0) <= 5
    assert max(after) - min(after) >= (len(after) - 5) / 5, "those who are left go at the rate of the rule"


async def test_a_waiter_that_resumes_late_holds_its_permit_from_then_on(clock: FakeClock) -> None:
    """The loop stands still for 2 s between the grant and the going on: the window runs from the going on."""
    desk, gate = Desk(clock), Gate(2, 1.0)
    stamps: list[float] = []

    async def caller() -> None:
        at = desk.try_now((gate,))
        stamps.append(await desk.wait((gate,)) if at is None else at)
        clock._now += 2.0  # what this one does blocks the loop, and the next are late

    async with anyio.create_task_group() as group:
        for _ in range(7):
            group.start_soon(caller)
    assert len(stamps) == 7
    assert worst_window(stamps, 1.0) <= 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    limit=st.integers(1, 4),
    period=st.one_of(st.floats(1e-4, 1.0), st.floats(1.0, 86_400.0), st.floats(86_400.0, 1e7)),
    start=st.sampled_from([0.0, 1e-3, 1.1, 1e3, 1e6 + 1 / 3, 1e9 + 0.1]),
    callers=st.integers(1, 12),
)
def test_windows_of_any_length_hold_on_a_clock_of_any_age(
    limit: int, period: float, start: float, callers: int
) -> None:
    """From a tenth of a millisecond to months, however much a float has lost of them, and without waking in vain."""
    clock = FakeClock(start=start)
    desk, gate = Desk(clock), Gate(limit, period)
    stamps: list[float] = []

    async def caller() -> None:
        at = desk.try_now((gate,))
        stamps.append(await desk.wait((gate,)) if at is None else at)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(callers):
                group.start_soon(caller)

    anyio.run(main)
    assert len(stamps) == callers
    assert worst_window(stamps, period) <= limit
    rounds = (callers - 1) // limit
    assert clock.now() == pytest.approx(start + rounds * period, rel=1e-9)
    assert len(clock.waits) <= 2 * callers + 2


@pytest.mark.parametrize("per_time", [0.02, 0.25, 1.0, 90_000.0, 2_592_000.0])
async def test_a_rule_of_any_window_is_exact_to_the_end(clock: FakeClock, per_time: float) -> None:
    """Sub-second windows and windows over a day alike: thirty requests, three a window."""
    import httpx

    wire = ScriptedWire(clock=clock)
    transport = GracyTransport(wire, GracyConfig(throttling=ThrottleRule(".*", 3, per_time)), clock=clock)
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        for _ in range(30):
            group.start_soon(client.get, "https://api.test/")
    assert [each.at for each in wire.sent] == pytest.approx([1000.0 + per_time * (n // 3) for n in range(30)])
    assert worst_window([each.at for each in wire.sent], per_time) == 3
