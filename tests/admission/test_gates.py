"""The arithmetic of one limit: units that are taken, stamped and come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.admission import Gate


def test_a_permit_comes_back_one_period_after_its_stamp() -> None:
    """A window of 10 s opens again 10 s after the stamp, and not an instant before."""
    gate = Gate(1, 10.0)
    gate.take()
    gate.stamp(5.0)
    assert not gate.has_room(14.999)
    assert gate.opens_at(6.0) == 15.0
    assert gate.has_room(15.0)


def test_a_gate_is_called_by_what_it_stands_for() -> None:
    """In words, and it never stands alone for a limit of many processes."""
    gate = Gate(1, subject=("two", 2))
    assert (gate.title, gate.is_alone(0.0)) == ("('two', 2)", False)


def test_a_slot_comes_back_when_it_is_given_back() -> None:
    """A slot gate has no period: only a release opens it."""
    gate = Gate(1)
    gate.take()
    gate.stamp(0.0)
    assert gate.opens_at(1e9) is None
    gate.give_back()
    assert gate.has_room(0.0)


def test_units_that_are_not_stamped_yet_open_a_period_from_now_at_the_earliest() -> None:
    """With all permits granted and none stamped there is still a next opening, so no timer waits for ever."""
    gate = Gate(2, 1.0)
    gate.take()
    gate.take()
    assert gate.opens_at(7.0) == 8.0


def test_a_pause_holds_back_what_is_free() -> None:
    """Until the pause is over nothing passes, and the gate opens exactly when it is."""
    gate = Gate(3, 1.0)
    gate.paused_until = 42.0
    assert not gate.has_room(41.9)
    assert gate.opens_at(0.0) == 42.0
    assert gate.has_room(42.0)


def test_a_spared_unit_is_not_room() -> None:
    """A unit that is left for somebody else counts as taken for everybody but that one."""
    gate = Gate(2, 1.0)
    gate.take()
    gate.stamp(0.0)
    assert gate.has_room(0.5)
    assert not gate.has_room(0.5, spared=1)
    assert gate.opens_at(0.5, spared=1) == 1.0


def test_calls_counted_without_waiting_make_later_ones_wait_longer() -> None:
    """Forced units drive the free count below zero and are paid back before anybody passes."""
    gate = Gate(1, 10.0)
    for at in (0.0, 1.0, 2.0):
        gate.take()
        gate.stamp(at)
    assert gate.held == 3
    assert gate.opens_at(2.0) == 12.0
    assert not gate.has_room(11.0)
    assert gate.has_room(12.0)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 10.0), (2, 11.0), (3, 20.0), (4, 21.0), (7, 40.0)], ids=lambda value: str(value)
)
def test_returns_are_foreseen_over_several_rounds(count: int, expected: float) -> None:
    """The n-th unit from now comes back with the n-th of its round, one period later for each full round."""
    gate = Gate(2, 10.0)
    for at in (0.0, 1.0):
        gate.take()
        gate.stamp(at)
    assert gate.return_of(count, 2.0) == expected


def test_a_free_unit_goes_out_now_and_comes_back_a_period_later() -> None:
    """Units that nobody holds are foreseen too, for a gate that is not what holds the queue up."""
    gate = Gate(3, 10.0)
    gate.take()
    gate.stamp(0.0)
    assert [gate.return_of(count, 5.0) for count in (1, 2, 3, 4)] == [10.0, 15.0, 15.0, 20.0]


def test_a_new_gate_is_free_and_idle() -> None:
    """Nobody waits, nothing is paused, no timer is set, and it knows what it stands for."""
    gate = Gate(2, 10.0, subject="rule")
    assert (gate.free, gate.held, gate.limit, gate.period, gate.subject) == (2, 0, 2, 10.0, "rule")
    assert (gate.waiting, gate.queued, gate.parked, gate.timer_at) == (0, 0, [], None)
    assert gate.paused_for(1e9) == 0.0
    assert gate.is_idle(0.0)


def test_a_unit_may_be_taken_and_used_in_one_step() -> None:
    """A permit comes back a period later, a slot when it is given back."""
    permits, slots = Gate(4, 10.0), Gate(4)
    for gate in (permits, slots):
        gate.use(5.0)
        gate.use(6.0)
        assert gate.held == 2
    assert (permits.opens_at(6.0, spared=2), slots.opens_at(6.0, spared=2)) == (15.0, None)
    assert permits.has_room(16.0, spared=3)
    slots.give_back()
    assert (slots.held, slots.free) == (1, 3)


def test_an_earlier_pause_is_never_shortened() -> None:
    """The longest holds, and the time that several take together is counted once."""
    gate = Gate(1, 1.0)
    gate.pause(30.0, 10.0)
    gate.pause(20.0, 12.0)
    assert gate.paused_until == 30.0
    assert [gate.paused_for(at) for at in (10.0, 15.0, 30.0, 40.0)] == [0.0, 5.0, 20.0, 20.0]
    gate.pause(45.0, 40.0)
    assert [gate.paused_for(at) for at in (40.0, 42.0, 50.0)] == [20.0, 22.0, 25.0]


def test_a_pause_that_begins_as_another_ends_is_another_pause() -> None:
    """At that very instant the first is over."""
    gate = Gate(1)
    gate.pause(20.0, 10.0)
    gate.pause(25.0, 20.0)
    assert gate.paused_from == 20.0
    assert gate.paused_for(30.0) == 15.0


def test_a_gate_that_is_free_opens_now() -> None:
    """Not before now, though a pause was over long ago."""
    gate = Gate(2, 1.0)
    gate.pause(3.0, 1.0)
    assert (gate.opens_at(2.0), gate.opens_at(7.0), gate.opens_at(7.0, spared=1)) == (3.0, 7.0, 7.0)
    assert Gate(1).opens_at(7.0) == 7.0


@pytest.mark.parametrize(
    ("place", "paused_until", "expected"),
    [
        *[(1, 0.0, 2.0), (2, 0.0, 10.0), (3, 0.0, 12.0), (4, 0.0, 20.0)],
        *[(1, 5.0, 5.0), (2, 5.0, 10.0)],
        *[(2, 30.0, 30.0), (3, 30.0, 40.0), (4, 30.0, 40.0), (5, 30.0, 50.0)],
    ],
)
def test_when_a_place_in_the_queue_goes(place: int, paused_until: float, expected: float) -> None:
    """When as many permits are back as it needs, and the pause is over; those who go then come back a period later."""
    gate = Gate(2, 10.0)
    gate.use(0.0)
    gate.paused_until = paused_until
    assert gate.goes_at(place, 2.0, 0.0) == expected


def test_what_should_be_back_already_is_not_waited_for() -> None:
    """Nobody goes before now, though nobody has looked at the gate for long."""
    gate = Gate(1, 10.0)
    gate.use(0.0)
    assert gate.goes_at(1, 50.0, 0.0) == 50.0


def test_nobody_knows_when_a_slot_comes_back() -> None:
    """So it is foreseen for now."""
    gate = Gate(1)
    gate.use(0.0)
    assert gate.goes_at(3, 5.0, 0.0) == 5.0


def test_a_gate_in_use_is_not_idle() -> None:
    """A permit out, a slot held, somebody in the queue, a pause: each keeps it."""
    used, counted, queued, paused = Gate(2, 10.0), Gate(2), Gate(2), Gate(2)
    used.use(0.0)
    counted.take()
    queued.queued = 1
    paused.pause(10.0, 0.0)
    assert [gate.is_idle(5.0) for gate in (used, counted, queued, paused)] == [False] * 4
    queued.queued = 0
    counted.give_back()
    assert [gate.is_idle(10.0) for gate in (used, counted, queued, paused)] == [True] * 4


@given(
    limit=st.integers(1, 5),
    period=st.floats(0.001, 1000, allow_nan=False),
    gaps=st.lists(st.floats(0, 500, allow_nan=False), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more_than_the_limit(limit: int, period: float, gaps: list[float]) -> None:
    """Whoever takes a unit as soon as there is room never sees more than N stamps in any window."""
    gate = Gate(limit, period)
    now = 0.0
    stamps: list[float] = []
    for gap in gaps:
        now += gap
        if not gate.has_room(now):
            opens = gate.opens_at(now)
            assert opens is not None and opens > now
            now = opens
            assert gate.has_room(now)
        gate.take()
        gate.stamp(now)
        stamps.append(now)
        assert len(gate.returns) <= limit
    for earlier, later in zip(stamps, stamps[limit:], strict=False):
        assert not later < earlier + period


def test_no_window_is_known_to_pass_before_a_slot() -> None:
    """Its units come back when they are released, which nobody foresees."""
    assert Gate(1).rounds_before(3) == (0, 3)


def test_who_was_let_through_goes_now_and_the_queue_a_window_after() -> None:
    """Whenever the queue itself may begin, a unit that is about to go is stamped before that."""
    gate = Gate(2, 10.0)
    gate.take()
    assert gate.goes_at(2, 5.0, 9.0) == 15.0
