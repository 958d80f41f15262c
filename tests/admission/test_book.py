"""The book of gates: what it shares, what it keeps, and what it drops."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from gracy_transport.admission import Book, Desk, Gate, KeyedGates
from gracy_transport.testing import FakeClock


class User:
    """Somebody who has a limit."""


def made(clock: FakeClock, period: float | None = 60) -> KeyedGates:
    """Returns the gates of a limit of one."""
    return KeyedGates(lambda _key: Gate(1, period, subject="a limit"), Desk(clock))


def use(gates: KeyedGates, clock: FakeClock) -> Gate:
    """Takes a unit."""
    gate = gates.get(None)
    assert gate.has_room(clock.now())
    gate.use(clock.now())
    return gate


def fill(book: Book[str, KeyedGates], clock: FakeClock, count: int = 100) -> None:
    """Asks for so many other limits, which nobody uses any more."""
    for number in range(count):
        book.gates_of(f"other {number}", User(), lambda: made(clock))
    gc.collect()


def test_equal_limits_share_their_gates(clock: FakeClock) -> None:
    """Whoever asks first has them made."""
    book: Book[str, KeyedGates] = Book(Desk(clock))
    one, other = User(), User()
    assert book.gates_of("a", one, lambda: made(clock)) is book.gates_of("a", other, lambda: made(clock))
    assert book.gates_of("b", one, lambda: made(clock)) is not book.gates_of("a", one, lambda: made(clock))


def test_gates_without_a_user_stay_while_they_remember_a_request(clock: FakeClock) -> None:
    """However many other limits come and go."""
    book: Book[str, KeyedGates] = Book(Desk(clock))
    gates = book.gates_of("a", User(), lambda: made(clock))
    use(gates, clock)
    fill(book, clock, 1000)
    assert book.gates_of("a", User(), lambda: made(clock)) is gates


def test_gates_with_a_user_stay_when_they_are_idle(clock: FakeClock) -> None:
    """The user may pass them at any time, and others have to know of it."""
    book: Book[str, KeyedGates] = Book(Desk(clock))
    user = User()
    gates = book.gates_of("a", user, lambda: made(clock))
    fill(book, clock, 1000)
    assert book.gates_of("a", User(), lambda: made(clock)) is gates


def test_idle_gates_without_a_user_are_dropped(clock: FakeClock) -> None:
    """What they knew is of no use any more, so that any number of limits may come and go."""
    book: Book[str, KeyedGates] = Book(Desk(clock))
    fill(book, clock, 10_000)
    assert len(book) <= 64


@pytest.mark.anyio
async def test_a_thousand_busy_gates_are_all_kept(clock: FakeClock) -> None:
    """And gone when they are idle again, at the next look."""
    book: Book[str, KeyedGates] = Book(Desk(clock))
    for number in range(1000):
        use(book.gates_of(f"busy {number}", User(), lambda: made(clock, period=10)), clock)
    assert len(book) == 1000
    await clock.advance(10)
    fill(book, clock, 2000)
    assert len(book) <= 64


def test_threads_that_ask_at_once_get_the_same_gates(clock: FakeClock) -> None:
    """A limit with two sets of gates would be two limits."""
    book: Book[int, KeyedGates] = Book(Desk(clock))
    users = [User() for _ in range(4)]
    together = Barrier(len(users))

    def ask(user: User) -> list[KeyedGates]:
        found: list[KeyedGates] = []
        for number in range(200):
            together.wait()
            found.append(book.gates_of(number, user, lambda: made(clock)))
        return found

    with ThreadPoolExecutor(len(users)) as pool:
        first, *others = pool.map(ask, users)
    assert all(other == first for other in others)
