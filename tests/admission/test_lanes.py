"""Who goes next: joint grants, first come first served, nobody starves, nothing is lost."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gracy_transport.admission.gates import Gate
from gracy_transport.admission.lanes import BOUNCES, SLICE, Admission, Gates, Waiter
from gracy_transport.admission.pausing import PauseGate


def enqueue(admission: Admission, gates: Gates, now: float) -> tuple[Waiter, list[Waiter]]:
    """Puts a waiter in and returns it with those who may go."""
    waiter = Waiter(gates)
    return waiter, admission.enqueue(waiter, now)


def test_a_newcomer_passes_when_all_its_gates_have_room() -> None:
    """A free request takes and stamps its units at once."""
    gate = Gate(1, 10.0)
    admission = Admission()
    assert admission.try_now((gate,), 0.0)
    assert not admission.try_now((gate,), 9.0)
    assert admission.try_now((gate,), 10.0)


def test_nothing_is_taken_when_one_gate_is_closed() -> None:
    """A request that has to wait for one gate holds nothing of the other."""
    slot, rate = Gate(1), Gate(1, 10.0)
    admission = Admission()
    assert admission.try_now((slot,), 0.0)
    assert not admission.try_now((rate, slot), 0.0)
    assert rate.free == 1


def test_a_newcomer_does_not_pass_those_who_wait_for_the_same_gate() -> None:
    """The permit that comes back belongs to the first who waited, not to who asks at the right moment."""
    gate = Gate(1, 10.0)
    admission = Admission()
    admission.try_now((gate,), 0.0)
    first, granted = enqueue(admission, (gate,), 1.0)
    assert granted == []
    assert not admission.try_now((gate,), 10.0)
    assert admission.tick(10.0) == [first]


def test_requests_that_do_not_need_the_closed_gate_pass() -> None:
    """A slow endpoint's own limit does not hold up requests that share only the wide one."""
    wide, narrow = Gate(100, 1.0), Gate(1, 60.0)
    admission = Admission()
    assert admission.try_now((wide, narrow), 0.0)
    enqueue(admission, (wide, narrow), 0.0)
    assert all(admission.try_now((wide,), 0.0) for _ in range(99))


def test_the_oldest_lane_goes_first_when_a_gate_opens() -> None:
    """Between lanes at one gate the ticket of the head decides."""
    gate, other = Gate(1), Gate(5)
    admission = Admission()
    admission.try_now((gate,), 0.0)
    first, _ = enqueue(admission, (gate, other), 0.0)
    second, _ = enqueue(admission, (gate,), 0.0)
    third, _ = enqueue(admission, (gate, other), 0.0)
    order = [admission.release((gate,), 0.0) for _ in range(3)]
    assert order == [[first], [second], [third]]


def test_a_cancelled_head_gives_its_place_to_the_next() -> None:
    """Leaving the queue costs the others nothing."""
    gate = Gate(1, 10.0)
    admission = Admission()
    admission.try_now((gate,), 0.0)
    first, _ = enqueue(admission, (gate,), 0.0)
    second, _ = enqueue(admission, (gate,), 0.0)
    assert admission.leave(first, 1.0) == []
    assert admission.leave(first, 1.0) == []
    assert admission.tick(10.0) == [second]
    assert admission.waiting == 0


def test_a_grant_that_is_not_used_goes_to_the_next_at_once() -> None:
    """Cancelled between the grant and going on: the unit is handed on in the same moment."""
    gate = Gate(1, 10.0)
    admission = Admission()
    admission.try_now((gate,), 0.0)
    first, _ = enqueue(admission, (gate,), 0.0)
    second, _ = enqueue(admission, (gate,), 0.0)
    assert admission.tick(10.0) == [first]
    assert admission.leave(first, 10.0) == [second]


def test_units_in_use_are_not_given_back_by_whoever_wakes_too_late() -> None:
    """A thread that comes to wake a waiter of a loop that has gone on and ended finds nothing to take back."""
    slot, rate = Gate(1), Gate(1, 10.0)
    admission = Admission()
    admission.try_now((slot, rate), 0.0)
    waiter, _ = enqueue(admission, (slot, rate), 0.0)
    assert (admission.release((slot,), 0.0), admission.tick(10.0)) == ([], [waiter])
    assert admission.use(waiter, (), 10.0) == (10.0, [])
    enqueue(admission, (slot, rate), 10.0)
    assert admission.leave(waiter, 10.0) == []
    assert (slot.held, rate.held) == (1, 1)


def test_a_released_slot_moves_a_lane_to_its_rate_gate_and_sets_the_timer() -> None:
    """Once the slot is free the permit is what is waited for, and there is an instant to wake up at."""
    slot, rate = Gate(1), Gate(1, 10.0)
    admission = Admission()
    admission.try_now((slot, rate), 0.0)
    waiter, _ = enqueue(admission, (slot, rate), 1.0)
    assert admission.next_opening() is None
    assert admission.release((slot,), 2.0) == []
    assert admission.next_opening() == 10.0
    assert admission.tick(10.0) == [waiter]


def test_grants_are_handed_out_in_slices() -> None:
    """A gate that opens for thousands gives out a slice and asks to be called again at once."""
    gate = Gate(3 * SLICE, 1.0)
    admission = Admission()
    for _ in range(3 * SLICE):
        assert admission.try_now((gate,), 0.0)
    for _ in range(2 * SLICE + 1):
        enqueue(admission, (gate,), 0.5)
    assert len(admission.tick(1.0)) == SLICE
    assert admission.next_opening() == 1.0
    assert len(admission.tick(1.0)) == SLICE
    assert len(admission.tick(1.0)) == 1
    assert admission.tick(1.0) == []


def test_a_pause_wakes_the_waiters_at_the_limited_rate() -> None:
    """After a pause no window holds more than the rule allows, and pauses do not add up."""
    gate = Gate(2, 10.0)
    admission = Admission()
    for _ in range(4):
        admission.pause(gate, 30.0, 0.0)
    admission.pause(gate, 5.0, 0.0)
    waiters = [enqueue(admission, (gate,), 1.0)[0] for _ in range(3)]
    assert admission.tick(29.9) == []
    granted = admission.tick(30.0)
    assert granted == waiters[:2]
    admission.stamp((gate, gate), 30.0)
    assert admission.next_opening() == 40.0
    assert admission.tick(40.0) == [waiters[2]]


def test_a_pause_of_a_gate_where_somebody_waits_moves_the_timer() -> None:
    """The wake-up planned for the permit finds the gate paused and is planned anew."""
    gate = Gate(1, 10.0)
    admission = Admission()
    admission.try_now((gate,), 0.0)
    waiter, _ = enqueue(admission, (gate,), 0.0)
    admission.pause(gate, 25.0, 0.0)
    assert admission.tick(10.0) == []
    assert admission.next_opening() == 25.0
    assert admission.tick(25.0) == [waiter]


def test_a_release_in_the_instant_of_a_permit_serves_the_oldest() -> None:
    """What comes first of the two, the timer or the slot, does not decide who goes first."""
    slot, rate = Gate(1), Gate(1, 10.0)
    admission = Admission()
    assert admission.try_now((slot, rate), 0.0)
    first, _ = enqueue(admission, (rate,), 1.0)
    enqueue(admission, (slot, rate), 2.0)
    assert admission.release((slot,), 10.0) == [first]


def test_timeouts_on_a_closed_gate_leave_nothing_behind() -> None:
    """A hundred thousand callers who give up at a closed gate leave a bounded heap and no lane."""
    gate = Gate(1, 3600.0)
    other = [Gate(1) for _ in range(50)]
    admission = Admission()
    admission.try_now((gate,), 0.0)
    for number in range(20_000):
        waiter, _ = enqueue(admission, (gate, other[number % 50]), 1.0)
        admission.leave(waiter, 1.0)
    assert len(gate.parked) <= 64
    assert gate.queued == gate.waiting == admission.waiting == 0
    assert admission._lanes == {}


def simulate(kinds: dict[str, Gates], seconds: float, *, busy: int = 20) -> dict[str, int]:
    """Runs a closed loop of callers of each kind in virtual time; returns how many grants each kind got."""
    admission = Admission()
    grants = dict.fromkeys(kinds, 0)
    names: dict[Waiter, str] = {}
    now = 0.0

    def come(name: str) -> None:
        waiter = Waiter(kinds[name])
        names[waiter] = name
        pending.extend(admission.enqueue(waiter, now))

    pending: list[Waiter] = []
    for name in kinds:
        for _ in range(busy):
            come(name)
    while now < seconds:
        while pending:
            waiter = pending.pop(0)
            admission.stamp(waiter.gates, now)
            grants[names.pop(waiter)] += 1
            come_again = next(name for name, gates in kinds.items() if gates is waiter.gates)
            come(come_again)
        opening = admission.next_opening()
        assert opening is not None
        now = max(now, opening)
        pending.extend(admission.tick(now))
    return grants


def test_one_slow_endpoint_does_not_stall_everyone() -> None:
    """Callers of a 100/s limit alone use what callers that also need a 1/s limit cannot."""
    wide, narrow = Gate(100, 1.0), Gate(1, 1.0)
    grants = simulate({"both": (wide, narrow), "wide": (wide,)}, 20.0, busy=150)
    assert grants["both"] >= 19
    assert grants["wide"] >= 1_800


def test_a_caller_of_two_crossing_gates_is_not_starved() -> None:
    """Although others are always at either of its gates, it gets its share, and nothing of the limits is wasted."""
    left, right = Gate(10, 1.0), Gate(7, 1.0)
    grants = simulate({"left": (left,), "right": (right,), "both": (left, right)}, 60.0)
    assert grants["both"] >= 20
    assert grants["left"] + grants["both"] == 600, "what the left gate allows is used to the last unit"
    assert grants["right"] + grants["both"] == 420, "and so is the right one"


def test_two_lanes_that_cross_both_ways_do_not_block_each_other() -> None:
    """Only one lane is guarded at a time, so two starving lanes cannot wait for each other."""
    a, b, c = Gate(5, 1.0), Gate(4, 1.0), Gate(3, 1.0)
    kinds = {"a": (a,), "b": (b,), "c": (c,), "ab": (a, b), "bc": (b, c), "ca": (c, a), "abc": (a, b, c)}
    grants = simulate(kinds, 120.0)
    assert min(grants.values()) >= BOUNCES


def test_a_guarded_caller_that_gives_up_sets_the_others_free() -> None:
    """Units that were left for a lane are handed on in the moment it empties."""
    left, right = Gate(1), Gate(1)
    admission = Admission()
    admission.try_now((left, right), 0.0)
    starving, _ = enqueue(admission, (left, right), 0.0)
    lane = starving.lane
    assert lane is not None
    gate, spared = left, right
    admission.release((gate,), 0.0)
    while lane.bounces < BOUNCES:
        assert admission.try_now((gate,), 0.0)
        gate, spared = spared, gate
        admission.release((gate,), 0.0)
    spared = gate
    assert admission._guarded is lane
    assert not admission.try_now((spared,), 0.0)
    late, granted = enqueue(admission, (spared,), 0.0)
    assert granted == []
    assert admission.leave(starving, 0.0) == [late]


def guarded(admission: Admission, left: Gate, right: Gate, other: Gate) -> Waiter:
    """Returns a waiter for three gates whose lane is guarded, because two of them never had room together."""
    assert admission.try_now((left, right), 0.0)
    starving, _ = enqueue(admission, (left, right, other), 0.0)
    gate, spared = left, right
    admission.release((gate,), 0.0)
    while admission._guarded is None:
        assert admission.try_now((gate,), 0.0)
        gate, spared = spared, gate
        admission.release((gate,), 0.0)
    return starving


@pytest.mark.parametrize("is_before", [False, True], ids=["in the queue", "newcomer"])
def test_a_guarded_caller_that_is_paused_keeps_nobody_up(is_before: bool) -> None:
    """What is left for it is of no use to it before the pause is over, and others need it."""
    left, right, own, admission = Gate(1), Gate(1), PauseGate(), Admission()
    starving = guarded(admission, left, right, own)
    free = left if left.free else right
    late: Waiter | None = None
    if is_before:
        late, granted = enqueue(admission, (free,), 0.0)
        assert granted == []
    admission.pause(own, 3600.0, 1.0)
    assert admission._guarded is None
    if late is not None:
        assert admission.next_opening() == 1.0
        assert admission.tick(1.0) == [late]
    else:
        assert admission.try_now((free,), 1.0)
    admission.release((left,), 2.0)
    admission.release((right,), 2.0)
    assert admission.tick(3600.0) == [starving]


def test_a_caller_that_is_paused_is_not_guarded() -> None:
    """It moves from gate to gate for as long as it is paused, and takes nothing away from anybody."""
    left, right, own, admission = Gate(1), Gate(1), PauseGate(), Admission()
    assert admission.try_now((left, right), 0.0)
    starving, _ = enqueue(admission, (left, right, own), 0.0)
    admission.pause(own, 3600.0, 0.0)
    for _ in range(BOUNCES):
        for gate in (left, right):
            admission.release((gate,), 1.0)
            assert admission.try_now((gate,), 1.0)
    assert admission._guarded is None
    admission.leave(starving, 1.0)


class AnyInterleaving(RuleBasedStateMachine):
    """Arrivals, departures, stamps, releases, pauses and time in any order, against what must always hold."""

    waiters = Bundle("waiters")

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission()
        self.gates = [Gate(2, 5.0), Gate(3, 2.0), Gate(1), Gate(2)]
        self.now = 0.0
        self.order = count()
        self.arrived: dict[Waiter, int] = {}
        self.granted: list[Waiter] = []
        self.running: list[Gates] = []
        self.stamps: dict[Gate, list[float]] = {gate: [] for gate in self.gates}

    def grant(self, waiters: list[Waiter]) -> None:
        for waiter in waiters:
            assert waiter.is_granted
            mine = self.arrived.pop(waiter)
            same = [place for other, place in self.arrived.items() if other.gates == waiter.gates]
            assert all(mine < place for place in same), "overtaken within its own lane"
            self.granted.append(waiter)

    def use(self, gates: Gates) -> None:
        for gate in gates:
            self.stamps[gate].append(self.now)
            if gate.period is not None:
                out = [stamp for stamp in self.stamps[gate] if self.now < stamp + gate.period]
                assert len(out) <= gate.limit, "a window held too many"
        self.running.append(tuple(gate for gate in gates if gate.period is None))

    @rule(target=waiters, picks=st.sets(st.integers(0, 3), min_size=1))
    def arrive(self, picks: set[int]) -> Waiter | None:
        gates = tuple(self.gates[pick] for pick in sorted(picks))
        if self.admission.try_now(gates, self.now):
            self.use(gates)
            return None
        waiter = Waiter(gates)
        self.arrived[waiter] = next(self.order)
        self.grant(self.admission.enqueue(waiter, self.now))
        return waiter

    @rule(waiter=consumes(waiters))
    def give_up(self, waiter: Waiter | None) -> None:
        if waiter is None or not (waiter in self.arrived or waiter in self.granted):
            return
        self.arrived.pop(waiter, None)
        if waiter in self.granted:
            self.granted.remove(waiter)
        self.grant(self.admission.leave(waiter, self.now))

    @rule(pick=st.integers(0, 100))
    def go_on(self, pick: int) -> None:
        if self.granted:
            waiter = self.granted.pop(pick % len(self.granted))
            self.admission.stamp(waiter.gates, self.now)
            self.use(waiter.gates)

    @rule(pick=st.integers(0, 100))
    def finish(self, pick: int) -> None:
        if self.running:
            slots = self.running.pop(pick % len(self.running))
            self.grant(self.admission.release(slots, self.now))

    @rule(pick=st.integers(0, 3), seconds=st.floats(0, 20))
    def pause(self, pick: int, seconds: float) -> None:
        self.admission.pause(self.gates[pick], self.now + seconds, self.now)

    @rule(seconds=st.floats(0, 8))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.grant(self.admission.tick(self.now))

    @rule()
    def next_opening(self) -> None:
        opening = self.admission.next_opening()
        if opening is not None:
            self.now = max(self.now, opening)
            self.grant(self.admission.tick(self.now))

    @rule(pick=st.integers(0, 3))
    def count_in(self, pick: int) -> None:
        gate = self.gates[pick]
        if gate.period is not None:
            self.admission.count_in((gate,), self.now)

    @invariant()
    def units_are_conserved(self) -> None:
        for gate in self.gates:
            unstamped = sum(gate in waiter.gates for waiter in self.granted)
            running = sum(gate in slots for slots in self.running)
            back = len(gate.returns) if gate.period is not None else running
            assert gate.free + unstamped + back == gate.limit

    @invariant()
    def who_waits_is_known(self) -> None:
        assert self.admission.waiting == len(self.arrived)
        for gate in self.gates:
            assert gate.queued == sum(gate in waiter.gates for waiter in self.arrived)

    @invariant()
    def nobody_waits_in_front_of_open_gates(self) -> None:
        due = self.admission.next_opening()
        if self.admission._guarded is not None or (due is not None and due <= self.now):
            return
        for waiter in self.arrived:
            assert not all(gate.has_room(self.now) for gate in waiter.gates)

    @invariant()
    def somebody_will_wake_up(self) -> None:
        slots_out = any(self.running) or self.granted
        if self.arrived and not slots_out:
            assert self.admission.next_opening() is not None

    def teardown(self) -> None:
        """Everybody who is left goes sooner or later, once nobody holds on to anything."""
        for _ in range(2_000):
            if not (self.arrived or self.granted or self.running):
                self.nothing_is_left()
                return
            self.go_on(0)
            self.finish(0)
            self.next_opening()
        raise AssertionError(f"{len(self.arrived)} never went")

    def nothing_is_left(self) -> None:
        """No lane, no timer, no guard; and once all windows are over every gate is as good as new."""
        assert (self.admission._lanes, len(self.admission._timers), self.admission._guarded) == ({}, 0, None)
        for gate in self.gates:
            assert (gate.queued, gate.waiting, gate.parked, gate.timer_at) == (0, 0, [], None)
            assert gate.is_idle(self.now + 1e4)


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def arrivals(seed: int) -> Iterator[tuple[float, Gates]]:
    """Yields a long random run of arrivals for two rates and a slot."""
    import random

    chance = random.Random(seed)
    gates = (Gate(3, 1.0), Gate(10, 7.0))
    now = 0.0
    for _ in range(3_000):
        now += chance.expovariate(4.0)
        yield now, gates[: chance.randint(1, 2)]


@pytest.mark.parametrize("seed", range(5))
def test_no_window_is_ever_overfull_in_a_long_run(seed: int) -> None:
    """Three thousand random arrivals at two rules: no window of either holds more than its limit."""
    admission = Admission()
    stamps: dict[Gate, list[float]] = {}
    waiting: list[tuple[float, int, Gates]] = []
    for place, (at, gates) in enumerate(arrivals(seed)):
        heapq.heappush(waiting, (at, place, gates))
    now = 0.0
    ready: list[Waiter] = []
    while waiting or ready or admission.waiting:
        opening = admission.next_opening()
        comes = waiting[0][0] if waiting else None
        instants = [instant for instant in (opening, comes) if instant is not None]
        now = max(now, min(instants))
        ready = admission.tick(now)
        if comes is not None and comes <= now:
            _at, _place, gates = heapq.heappop(waiting)
            if admission.try_now(gates, now):
                for gate in gates:
                    stamps.setdefault(gate, []).append(now)
            else:
                ready += admission.enqueue(Waiter(gates), now)
        for waiter in ready:
            admission.stamp(waiter.gates, now)
            for gate in waiter.gates:
                stamps.setdefault(gate, []).append(now)
        ready = []
    for gate, instants in stamps.items():
        assert gate.period is not None
        for earlier, later in zip(instants, instants[gate.limit :], strict=False):
            assert not later < earlier + gate.period
