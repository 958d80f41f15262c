"""The wait that is foreseen for a newcomer: never longer than the real one, and exact where everything is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gracy_transport.admission import Desk, Gate
from gracy_transport.admission.foresight import LOOKED_AT
from gracy_transport.admission.lanes import Admission, Waiter
from gracy_transport.admission.pausing import HintGate, PauseGate
from gracy_transport.hints import Hint
from gracy_transport.testing import FakeClock

LATE = 1e-6
"""Seconds that are no difference: sums of the same figures in another order."""


@dataclass(frozen=True)
class Step:
    """Somebody comes who needs these gates and works for so long, or a pause of them begins, so long after the last."""

    after: float
    needs: tuple[int, ...]
    seconds: float = 0.0
    is_pause: bool = False


@dataclass(frozen=True)
class Waited:
    """What was foreseen for one who came, what came, and whether a pause began in between."""

    foreseen: float
    real: float
    was_paused: bool


class Play:
    """Plays steps at a desk and notes what each was told and how long it really took."""

    def __init__(self, gates: list[Gate]) -> None:
        self.clock = FakeClock()
        self.desk = Desk(self.clock)
        self.gates = gates
        self.pauses: list[float] = []
        self.waited: list[Waited] = []

    def run(self, steps: list[Step]) -> list[Waited]:
        """Plays them to the end."""
        anyio.run(self._run, steps)
        return self.waited

    async def _run(self, steps: list[Step]) -> None:
        async with anyio.create_task_group() as group:
            for step in steps:
                await self.clock.sleep(step.after)
                gates = tuple(self.gates[need] for need in step.needs)
                if step.is_pause:
                    self.pauses.append(self.clock.now())
                    self.desk.pause(gates, step.seconds)
                else:
                    group.start_soon(self._come, gates, step.seconds)
                    await anyio.lowlevel.checkpoint()

    async def _come(self, gates: tuple[Gate, ...], seconds: float) -> None:
        began = self.clock.now()
        if self.desk.try_now(gates) is None:
            known = len(self.pauses)
            foreseen = self.desk.estimate(gates)
            at = await self.desk.wait(gates)
            self.waited.append(Waited(foreseen, at - began, len(self.pauses) > known))
        await self.clock.sleep(seconds)
        self.desk.release(tuple(gate for gate in gates if gate.period is None))


LIMITS = st.integers(1, 5)
PERIODS = st.sampled_from([0.5, 1.0, 3.0, 10.0])
AFTER = st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.25, 1.0, 4.0])
PAUSES = st.sampled_from([0.5, 1.0, 5.0, 30.0])
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@example(2, 1.0, [Step(0.0, (0,))] * 3 + [Step(0.0, (0,), 5.0, is_pause=True)] + [Step(0.0, (0,))] * 3)
@given(
    LIMITS,
    PERIODS,
    st.lists(st.builds(Step, AFTER, st.just((0,)), PAUSES, st.sampled_from([False] * 5 + [True])), max_size=40),
)
def test_one_rate_is_foreseen_exactly(limit: int, period: float, steps: list[Step]) -> None:
    """Whoever is before, whatever is back, behind a pause or not; a pause that comes later makes it longer."""
    for waited in Play([Gate(limit, period)]).run(steps):
        if waited.was_paused:
            assert waited.foreseen <= waited.real + LATE
        else:
            assert waited.foreseen == pytest.approx(waited.real, abs=LATE)


@QUICK
@given(
    LIMITS,
    PERIODS,
    st.lists(st.builds(Step, AFTER, st.just((0, 1)), PAUSES, st.sampled_from([False] * 5 + [True])), max_size=40),
)
def test_one_rate_behind_a_pause_of_another_gate_is_foreseen_exactly(
    limit: int, period: float, steps: list[Step]
) -> None:
    """The permits that come back during the pause are free at its end, the others are not."""
    for waited in Play([PauseGate(), Gate(limit, period)]).run(steps):
        if waited.was_paused:
            assert waited.foreseen <= waited.real + LATE
        else:
            assert waited.foreseen == pytest.approx(waited.real, abs=LATE)


# Two rates for all, two for some, slots for some, a pause for all and one for some.
NEEDS = st.sampled_from(
    [(0,), (0, 1), (0, 2), (0, 3), (1,), (0, 4), (0, 1, 4), (5, 0), (5, 6, 0), (5, 0, 1), (5, 6, 0, 1), (5, 0, 2), (4,)]
)


@settings(QUICK, max_examples=200)
@given(
    st.lists(st.tuples(LIMITS, PERIODS), min_size=4, max_size=4),
    LIMITS,
    st.lists(st.builds(Step, AFTER, NEEDS, PAUSES), max_size=60),
    st.lists(st.builds(Step, AFTER, st.sampled_from([(5,), (6,), (0,), (0, 1)]), PAUSES, st.just(True)), max_size=3),
)
def test_no_wait_is_shorter_than_foreseen(
    rates: list[tuple[int, float]], slots: int, comes: list[Step], pauses: list[Step]
) -> None:
    """For any rates, slots, pauses and crowds, as long as nobody gives up: what could have fitted is not refused."""
    gates = [*(Gate(limit, period) for limit, period in rates), Gate(slots), PauseGate(), PauseGate()]
    for waited in Play(gates).run(pauses + comes):
        assert waited.foreseen <= waited.real + LATE


def foresee(admission: Admission, gates: tuple[Gate, ...], now: float = 0.0) -> float:
    """Returns the wait foreseen for a newcomer."""
    return admission.estimate(gates, now)[0]


def queued(admission: Admission, gates: tuple[Gate, ...], many: int, now: float = 0.0) -> None:
    """Puts waiters into the queue."""
    for _ in range(many):
        admission.enqueue(Waiter(gates), now)


def test_those_who_wait_for_something_else_are_not_counted() -> None:
    """A hundred wait for a tenant's own limit: whoever needs only the wide one passes them, and is told so."""
    wide, narrow, admission = Gate(1, 1.0), Gate(1, 3600.0), Admission()
    assert admission.try_now((wide, narrow), 0.0)
    queued(admission, (wide, narrow), 100)
    assert foresee(admission, (wide,)) == 1.0
    assert foresee(admission, (wide, Gate(1))) == 1.0
    assert foresee(admission, (wide, narrow)) == 3600.0 * 101


def test_those_of_other_queues_count_when_nothing_else_holds_them() -> None:
    """Endpoints with pauses of their own share a rate: all that are before have their turn before."""
    rate, for_all, admission = Gate(2, 1.0), PauseGate(), Admission()
    own = [(for_all, PauseGate(), rate) for _ in range(3)]
    for gates in own[:2]:
        assert admission.try_now(gates, 0.0)
    for gates in own:
        queued(admission, gates, 4)
    assert foresee(admission, own[0]) == 7.0
    admission.pause(own[1][1], 60.0, 0.0)
    assert foresee(admission, own[0]) == 5.0, "who is paused alone is passed"
    admission.pause(for_all, 30.0, 0.0)
    assert foresee(admission, own[0]) == 34.0


def test_two_rates_are_foreseen_together() -> None:
    """Three in ten seconds and two in one: each round of the one waits for a round of the other."""
    gates, admission = (Gate(2, 1.0), Gate(3, 10.0)), Admission()
    foreseen: list[float] = []
    for _ in range(6):
        foreseen.append(foresee(admission, gates))
        if not admission.try_now(gates, 0.0):
            queued(admission, gates, 1)
    assert foreseen == [0.0, 0.0, 1.0, 10.0, 10.0, 11.0]


def test_a_crowd_is_foreseen_over_many_windows() -> None:
    """Ten a second and a hundred a minute: the 251st is the eleventh of the fifth ten of the third hundred."""
    gates, admission = (Gate(10, 1.0), Gate(100, 60.0)), Admission()
    for _ in range(10):
        assert admission.try_now(gates, 0.0)
    queued(admission, gates, 240)
    assert foresee(admission, gates) == 125.0


@pytest.mark.parametrize(("place", "expected"), [(1, 0.0), (2, 0.0), (3, 30.0), (7, 30.0), (8, 90.0)])
def test_a_limit_of_the_server_renews_and_holds_again(place: int, expected: float) -> None:
    """Two are left, then five a minute: the eighth has to wait for the next minute as well."""
    gate = HintGate()
    gate.heed([Hint(name="minute", remaining=2, reset=30.0, limit=5, window=60.0)], 0, 100.0, 3600.0)
    assert gate.goes_at(place, 100.0, 100.0) == 100.0 + expected
    assert gate.goes_at(place, 100.0, 145.0) == max(145.0, 190.0 if place > 5 else 145.0)


def test_without_a_known_limit_any_number_may_follow() -> None:
    """Nobody says how many there will be."""
    gate = HintGate()
    gate.heed([Hint(name="minute", remaining=0, reset=30.0)], 0, 100.0, 3600.0)
    assert gate.goes_at(1000, 100.0, 100.0) == 130.0


def test_who_was_let_through_but_has_not_gone_yet_is_before_the_newcomer() -> None:
    """Its permit comes back a period after it goes, which is not yet."""
    gate, admission = Gate(1, 10.0), Admission()
    assert admission.try_now((gate,), 0.0)
    queued(admission, (gate,), 1)
    assert len(admission.tick(12.0)) == 1
    assert foresee(admission, (gate,), 13.0) == 10.0
    admission.pause(gate, 20.0, 13.0)
    assert foresee(admission, (gate,), 13.0) == 17.0, "it has to wait for the end of the pause, too"


def test_the_gate_that_takes_longest_is_named() -> None:
    """The pause where that is all, the rate where it takes longer."""
    rate, pause, admission = Gate(1, 10.0), PauseGate(), Admission()
    admission.pause(pause, 5.0, 0.0)
    assert admission.estimate((pause, rate), 0.0) == (5.0, pause)
    assert admission.try_now((rate,), 0.0)
    assert admission.estimate((pause, rate), 0.0) == (10.0, rate)


def test_a_slot_is_foreseen_as_no_wait() -> None:
    """Nobody knows when one comes back."""
    slot, admission = Gate(1), Admission()
    assert admission.try_now((slot,), 0.0)
    queued(admission, (slot,), 3)
    assert foresee(admission, (slot,)) == 0.0
    assert slot.goes_at(9, 5.0, 7.0) == 7.0


def test_units_counted_without_waiting_are_paid_back_first() -> None:
    """Calls with limits of their own have used three more than there are."""
    gate, admission = Gate(2, 10.0), Admission()
    for at in range(5):
        admission.count_in((gate,), float(at))
    assert foresee(admission, (gate,), 4.0) == 9.0
    assert math.isclose(gate.goes_at(3, 4.0, 4.0), 23.0)


def test_others_that_share_several_limits_count_while_all_wait_for_all_of_them() -> None:
    """Whoever needs one of the limits alone could get in between."""
    rate, slot, admission = Gate(1, 10.0), Gate(5), Admission()
    one, other = (PauseGate(), rate, slot), (PauseGate(), rate, slot)
    assert admission.try_now(one, 0.0)
    queued(admission, one, 2)
    queued(admission, other, 2)
    assert foresee(admission, other) == 50.0
    queued(admission, (rate,), 1)
    assert foresee(admission, other) == 40.0, "two of its own and the one that needs nothing else"


def test_only_so_many_other_queues_are_looked_at() -> None:
    """A thousand endpoints with pauses of their own do not make every newcomer look at all of them."""
    rate, admission = Gate(1, 1.0), Admission()
    assert admission.try_now((rate,), 0.0)
    for _ in range(1_000):
        queued(admission, (PauseGate(), rate), 1)
    assert foresee(admission, (rate,)) == 1.0 + LOOKED_AT
