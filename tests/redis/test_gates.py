"""The shared gates of a process, which it keeps for as long as something is lent to them."""

from __future__ import annotations

import gc

import pytest

from gracy_transport.admission import Desk
from gracy_transport.redis.gate import SharedGate
from gracy_transport.redis.gates import GateBook, deliver
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
