"""Ten thousand who wait: one timer, one wake each, and memory that stays bounded over any number of keys."""

from __future__ import annotations

import math

import anyio
import pytest

from gracy_transport.admission import Desk, Gate
from gracy_transport.admission.lanes import SLICE, Admission, Waiter
from gracy_transport.admission.pausing import PauseGate
from gracy_transport.admission.refusals import DeskLate
from gracy_transport.testing import FakeClock
from gracy_transport.testing.cancelling import Driven

pytestmark = pytest.mark.anyio

MANY = 10_000
FEWER = 2_000


class CountingClock(FakeClock):
    """A clock that notes how many timers stood at most."""

    most_timers = 0

    async def sleep(self, seconds: float) -> None:
        """Waits as ever."""
        self.most_timers = max(self.most_timers, 1 + len(self._wakes))
        await super().sleep(seconds)


async def crowd(desk: Desk, gates: tuple[Gate, ...], many: int) -> list[int]:
    """Lets many wait at once and returns how often each was woken."""
    woken: list[int] = []

    async def wait() -> None:
        driven = Driven(desk.wait(gates))
        await driven
        woken.append(driven.awaits)

    async with anyio.create_task_group() as group:
        for _ in range(many):
            group.start_soon(wait)
    return woken


async def test_ten_thousand_waiters_cost_one_timer_and_one_wake_each() -> None:
    """Counted and not timed: suspensions of each, and timers at any instant."""
    clock = CountingClock()
    desk, gate = Desk(clock), Gate(100, 1.0)
    woken = await crowd(desk, (gate,), MANY)
    assert clock.now() == 1099.0
    assert len(woken) == MANY
    assert clock.most_timers == 1
    openings, timers = MANY // gate.limit, len(clock.waits)
    slices = openings * math.ceil(gate.limit / SLICE)
    assert timers <= slices, "one for each slice that an opening is handed out in"
    assert sum(woken) <= MANY + timers
    assert sum(count > 1 for count in woken) <= slices - openings, "who holds the timer is woken by it as well"


async def test_a_pause_does_not_wake_those_who_wait_for_a_permit_after_it() -> None:
    """They are woken once, when they may go."""
    clock = CountingClock()
    desk, pause, gate = Desk(clock), PauseGate(), Gate(20, 1.0)
    desk.pause((pause,), 3600.0)
    woken = await crowd(desk, (pause, gate), FEWER)
    assert clock.now() == 4699.0
    assert clock.most_timers == 1
    assert sum(woken) <= FEWER + len(clock.waits) <= FEWER + 400


async def test_a_pause_wakes_those_whose_time_is_up_before_and_nobody_else() -> None:
    """Half of a crowd has a deadline: they go at once, the others are woken once, when they may go."""
    clock = CountingClock()
    desk, gate = Desk(clock), Gate(20, 1.0)
    woken: list[int] = []
    refused: list[float] = []

    async def wait(until: float) -> None:
        driven = Driven(desk.wait((gate,), until=until))
        try:
            await driven
        except DeskLate:
            refused.append(clock.now())
            assert driven.awaits <= 2
        else:
            woken.append(driven.awaits)

    async with anyio.create_task_group() as group:
        for number in range(FEWER):
            group.start_soon(wait, 2000.0 if number % 2 else math.inf)
        await clock.sleep(0.5)
        desk.pause((gate,), 900.0)
        await clock.sleep(0.1)
        assert refused == []
        desk.pause((gate,), 3600.0)
    assert set(refused) == {1000.6}
    assert FEWER // 2 - 20 <= len(refused) == FEWER - len(woken) <= FEWER // 2
    assert sum(woken) <= len(woken) + 400
    assert clock.most_timers <= 2


def test_deadlines_of_those_who_went_are_forgotten() -> None:
    """A lane that never empties keeps no more of them than it has waiters, give or take."""
    gate, admission = Gate(1, 1.0), Admission()
    assert admission.try_now((gate,), 0.0)
    waiters = []
    for number in range(10_000):
        waiters.append(Waiter((gate,), 1e9))
        admission.enqueue(waiters[-1], 0.0)
        if number > 10:
            admission.leave(waiters.pop(0), 0.0)
    (lane,) = gate.lanes
    assert len(lane.queue) == 11
    assert len(lane.dated) <= 2 * 11 + 40


async def test_waiters_for_slots_cost_one_wake_each_and_no_timer() -> None:
    """Without a rate nothing but a release wakes anybody."""
    clock = CountingClock()
    desk, gate = Desk(clock), Gate(10)
    woken: list[int] = []

    async def work() -> None:
        driven = Driven(desk.wait((gate,)))
        await driven
        woken.append(driven.awaits)
        desk.release((gate,))

    async with anyio.create_task_group() as group:
        for _ in range(FEWER):
            group.start_soon(work)
    assert len(woken) == FEWER
    assert clock.most_timers <= 1
    assert sum(woken) <= FEWER + 100
    assert gate.free == 10


async def test_half_of_a_crowd_may_give_up_without_waking_the_others() -> None:
    """A waiter that leaves wakes nobody but a new holder of the timer."""
    clock = CountingClock()
    desk, gate = Desk(clock), Gate(20, 1.0)
    woken: list[int] = []

    async def wait(scope: anyio.CancelScope) -> None:
        with scope:
            driven = Driven(desk.wait((gate,)))
            await driven
            woken.append(driven.awaits)

    async with anyio.create_task_group() as group:
        scopes = [anyio.CancelScope() for _ in range(FEWER)]
        for scope in scopes:
            group.start_soon(wait, scope)
        await clock.sleep(0.5)
        for scope in scopes[1::2]:
            scope.cancel()
    # The first twenty went at once; one half of the others gave up.
    assert desk.waiting == 0
    assert len(woken) >= FEWER // 2
    assert sum(woken) <= len(woken) + 400


def test_nothing_is_kept_for_keys_whose_waiters_gave_up() -> None:
    """A hundred thousand gates with an hour to go, each waited for once in vain, leave no timer and no lane."""
    admission = Admission()
    one = Waiter((Gate(1, 1.0),))
    assert admission.try_now(one.gates, 0.0)
    admission.enqueue(one, 0.0)
    for _ in range(100_000):
        gate = Gate(1, 3600.0)
        assert admission.try_now((gate,), 0.0)
        waiter = Waiter((gate,))
        admission.enqueue(waiter, 0.0)
        admission.leave(waiter, 0.0)
        assert not gate.parked
    assert len(admission._lanes) == 1
    assert len(admission._timers) < 1_000
    admission.leave(one, 0.0)
    assert not admission._timers
    assert one.gates[0].timer_at is None


def test_a_gate_that_was_waited_for_in_vain_still_wakes_the_next() -> None:
    """Forgetting timers forgets none that somebody needs."""
    admission = Admission()
    gates = [Gate(1, float(seconds)) for seconds in range(10, 210)]
    for gate in gates:
        assert admission.try_now((gate,), 0.0)
        waiter = Waiter((gate,))
        admission.enqueue(waiter, 0.0)
        admission.leave(waiter, 0.0)
    waiters = [Waiter((gate,)) for gate in gates]
    for waiter in waiters:
        assert admission.enqueue(waiter, 0.0) == []
    went: list[Waiter] = []
    while (opening := admission.next_opening()) is not None:
        granted = admission.tick(opening)
        assert all(waiter.gates[0].period == opening for waiter in granted)
        went += granted
    assert went == waiters


class Overtaken(FakeClock):
    """A clock that goes on while its timers are yet to fire, as it does while a loop is busy."""

    ahead = 0.0

    def now(self) -> float:
        """Returns the time, which may be ahead of the timers."""
        return super().now() + self.ahead


async def test_those_who_come_late_do_not_hand_out_what_is_due() -> None:
    """Whoever leads does, a slice in each turn of the loop: each of a crowd would let another slice go in the same."""
    clock = Overtaken(auto=False)
    desk, gate, went = Desk(clock), Gate(4, 1.0), list[float]()

    async def wait() -> None:
        went.append(await desk.wait((gate,)))

    assert all(desk.try_now((gate,)) for _ in range(4))
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
        clock.ahead = 1.0
        for _ in range(2):
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
        assert went == []
        clock.ahead = 0.0
        await clock.advance(1.0)
    assert went == [1001.0] * 4
