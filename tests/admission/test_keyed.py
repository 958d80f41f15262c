"""Gates by key: each has its own, and only what is in use is kept."""

from __future__ import annotations

import pytest

from gracy_transport.admission import Book, Desk, Gate, KeyedGates
from gracy_transport.testing import FakeClock


def test_each_key_has_a_gate_of_its_own(clock: FakeClock) -> None:
    """None is a key as any other: a user's function may return it for some requests."""
    gates = KeyedGates(lambda _key: Gate(1, 10.0, subject="rule"), Desk(clock))
    of_none, of_one = gates.get(None), gates.get("one")
    assert of_one is not of_none
    assert gates.get("one") is of_one
    assert gates.get("two") is not of_one


def test_a_gate_is_made_as_the_limit_says(clock: FakeClock) -> None:
    """With its number, its window, and what it belongs to; it may depend on the key."""
    gate = KeyedGates(lambda key: Gate(2, 10.0, subject=f"rule for {key}"), Desk(clock)).get("one")
    assert (gate.limit, gate.period, gate.subject) == (2, 10.0, "rule for one")


def test_two_that_come_together_have_one_gate(clock: FakeClock) -> None:
    """Of two threads that found none, one finds that of the other."""
    gates = KeyedGates(lambda _key: Gate(1), Desk(clock))
    assert gates._find_or_make("one") is gates._find_or_make("one")


def test_it_is_looked_again_when_their_number_has_doubled(clock: FakeClock) -> None:
    """At 65 keys, and when these are all in use at 129."""
    looked: list[Gate] = []

    class Used(Gate):
        def is_idle(self, now: float) -> bool:
            looked.append(self)
            return False

    gates, counts = KeyedGates(lambda _key: Used(1), Desk(clock)), list[int]()
    for number in range(130):
        gates.get(number)
        counts.append(len(looked))
    assert [counts.index(count) for count in (0, 64, 64 + 128)] == [0, 64, 128]
    assert len(looked) == 64 + 128


def test_nothing_is_dropped_while_there_are_few_keys(clock: FakeClock) -> None:
    """Sixty-four gates take less room than it takes time to look which are idle."""
    gates = KeyedGates(lambda _key: Gate(1, 10.0, subject="rule"), Desk(clock))
    first = [gates.get(number) for number in range(64)]
    assert [gates.get(number) for number in range(64)] == first
    assert len(gates) == len(gates.all()) == 64


def test_what_is_kept_is_at_most_three_times_what_is_in_use(clock: FakeClock) -> None:
    """However many keys come that nobody asks for again."""
    gates = KeyedGates(lambda _key: Gate(1, None, subject="limit"), Desk(clock))
    for number in range(1_000):
        gates.get(number).take()
    for number in range(1_000, 20_000):
        gates.get(number)
        assert len(gates) <= 3_000
    assert sum(gate.held for gate in gates.all()) == 1_000


def test_idle_keys_are_dropped_and_used_ones_kept(clock: FakeClock) -> None:
    """A hundred thousand keys that come once leave a bounded number of gates; a used gate is never dropped."""
    gates = KeyedGates(lambda _key: Gate(1, 10.0, subject="rule"), Desk(clock))
    used = gates.get("used")
    used.take()
    used.stamp(clock.now())
    for number in range(100_000):
        gates.get(number)
    assert len(gates) < 1_000
    assert gates.get("used") is used


def test_a_gate_that_was_just_asked_for_survives_the_sweep(clock: FakeClock) -> None:
    """The gate somebody is about to pass is still the gate of that key, however many others came in between."""
    gates = KeyedGates(lambda _key: Gate(1, 10.0, subject="rule"), Desk(clock))
    asked = gates.get("mine")
    for number in range(1_000):
        gates.get(number)
    assert gates.get("mine") is asked
    assert asked in gates.all()


def test_a_limit_is_idle_when_all_its_gates_are(clock: FakeClock) -> None:
    """One that is in use is enough, until its permit is back."""
    gates = KeyedGates(lambda _key: Gate(1, 10.0, subject="rule"), Desk(clock))
    assert gates.is_idle(0.0)
    gates.get("idle")
    gates.get("used").use(0.0)
    assert not gates.is_idle(9.0)
    assert gates.is_idle(10.0)


def test_a_gate_that_was_held_at_a_sweep_is_kept_for_what_passed_it_since(clock: FakeClock) -> None:
    """It was idle then, and is in use now: what its window holds still counts when the next one comes."""
    gates = KeyedGates(lambda _key: Gate(1, 10.0, subject="rule"), Desk(clock))
    asked = gates.get("mine")
    for number in range(64):
        gates.get(number)
    asked.use(clock.now())
    del asked
    for number in range(64, 1_000):
        gates.get(number)
    assert gates.get("mine").held == 1


@pytest.mark.parametrize("kind", ["keys", "limits"])
def test_nobody_passes_a_gate_while_it_is_looked_whether_it_is_idle(clock: FakeClock, kind: str) -> None:
    """To look counts what has come back, which another thread that decides would count as well."""
    desk, looked = Desk(clock), list[bool]()

    class Watched(Gate):
        """A gate that notes whether somebody else could decide."""

        def is_idle(self, now: float) -> bool:
            looked.append(desk._lock.locked())
            return super().is_idle(now)

    gates = KeyedGates(lambda _key: Watched(1), desk)
    book: Book[int, KeyedGates] = Book(desk)
    for number in range(65):
        if kind == "keys":
            gates.get(number)
        else:
            book.gates_of(number, Gate(1), lambda: KeyedGates(lambda _key: Watched(1), desk)).get(None)
    assert looked
    assert all(looked)
