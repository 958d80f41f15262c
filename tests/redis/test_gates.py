"""The shared gates of a process, which it keeps for as long as something is lent to them."""

from __future__ import annotations

import gc

import pytest

from gracy_transport.admission import Desk
from gracy_transport.redis.gate import SharedGate
from gracy_transport.redis.gates import REMEMBERED, GateBook, deliver
from gracy_transport.redis.permits import SharedPermits
from gracy_transport.testing import FakeClock
from tests.redis.test_slots import Engine

pytestmark = pytest.mark.anyio


class Remembering(Engine):
    """Keeps a gate that ordered something, as until that is carried out."""

    gate: SharedGate

    def order(self, gate: SharedGate) -> None:
        """Notes which it is."""
        self.gate = gate


async def test_permits_that_nobody_came_for_go_back(clock: FakeClock) -> None:
    """Also when the transport that asked for them is gone: they would be missing for a whole period."""
    book, engine = GateBook(), Remembering()

    def lend() -> None:
        desk = Desk(clock)
        gate = book.get(
            "permits-1", desk, lambda: SharedPermits("permits-1", engine, desk, 2, 3600.0, subject="two an hour")
        )
        gate.order(clock.now())
        deliver([gate], [[1_000_000, 1, 1, 0, 0, ["me.1:1:2", 1_000_000, 2]]], [clock.now()])
        book.keep([gate])

    lend()
    gc.collect()
    assert book.all()
    await clock.advance(5.0)
    book.look_after()
    assert "me.1:1:2" in engine.gate.order(clock.now()).arguments
    del engine.gate
    gc.collect()
    assert not book.all()


async def test_a_new_gate_counts_on_as_many_processes_as_the_one_before(clock: FakeClock) -> None:
    """A worker that makes a client for each task may make one while the server is away: its share is no larger."""
    book, engine = GateBook(), Remembering()

    def a_gate() -> SharedPermits:
        desk = Desk(clock)
        return book.get("permits-1", desk, lambda: SharedPermits("permits-1", engine, desk, 60, 1.0, subject="sixty"))

    first = a_gate()
    deliver([first], [[1_000_000, 1, 3, 0, 0, []]], [clock.now()])
    book.keep([first])
    del first
    gc.collect()
    assert a_gate().processes == 3


async def test_what_is_remembered_of_gates_has_an_end(clock: FakeClock) -> None:
    """A rule with keys has as many gates as there are keys."""
    book, engine = GateBook(), Remembering()

    def a_gate(number: int) -> SharedPermits:
        name, desk = f"permits-{number}", Desk(clock)
        return book.get(name, desk, lambda: SharedPermits(name, engine, desk, 60, 1.0, subject="sixty"))

    for number in range(REMEMBERED + 1):
        gate = a_gate(number)
        deliver([gate], [[1_000_000, 1, 3, 0, 0, []]], [clock.now()])
        book.keep([gate])
    assert [a_gate(number).processes for number in (0, 1, REMEMBERED)] == [engine.processes, 3, 3]


async def test_clients_one_after_the_other_share_one_share(clock: FakeClock) -> None:
    """While the server is away: else a worker with a short task for each client would know no limit at all."""
    book, engine = GateBook(), Remembering()
    engine.is_away = True

    def a_gate() -> SharedPermits:
        desk = Desk(clock)
        return book.get("permits-1", desk, lambda: SharedPermits("permits-1", engine, desk, 6, 1.0, subject="six"))

    for _ in range(3):
        gate = a_gate()
        assert gate.has_room(clock.now())
        gate.use(clock.now())
        del gate
        gc.collect()
    assert not a_gate().has_room(clock.now())
    await clock.advance(1.0)
    assert a_gate().has_room(clock.now())


async def test_once_the_server_is_back_nothing_of_that_is_kept(clock: FakeClock) -> None:
    """The next time that it is away begins by itself, and so does a process that is forked off."""
    for forget in (GateBook.came_back, GateBook.after_fork):
        book, engine = GateBook(), Remembering()
        engine.is_away = True

        def a_gate(book: GateBook = book, engine: Remembering = engine) -> SharedPermits:
            desk = Desk(clock)
            return book.get("permits-1", desk, lambda: SharedPermits("permits-1", engine, desk, 2, 1.0, subject="two"))

        a_gate().use(clock.now())
        assert not a_gate().has_room(clock.now())
        gc.collect()
        forget(book)
        assert a_gate().has_room(clock.now())
