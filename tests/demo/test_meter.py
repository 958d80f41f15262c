"""What is in flight, from the wire to the end of the body; and the crowd that asks."""

from __future__ import annotations

from types import ModuleType

import anyio
import pytest

from gracy_transport.config import call_options
from gracy_transport.demo.board import Board
from gracy_transport.demo.crowd import MOST_AT_ONCE, Crowd
from gracy_transport.demo.meter import Meter
from gracy_transport.testing import ScriptedWire

pytestmark = pytest.mark.anyio

FEED = "/feed"


async def test_a_request_is_in_flight_until_its_body_is_over(family: ModuleType) -> None:
    """The peak stays."""
    board = Board({FEED: 1})
    meter = Meter(ScriptedWire(), board)
    async with family.AsyncClient(transport=meter, base_url="http://api.test") as client:
        async with client.stream("GET", FEED), client.stream("GET", FEED):
            assert board.tallies[FEED].in_flight == 2
            assert repr(meter) == "<Meter 2 in flight>"
        assert board.tallies[FEED].in_flight == 0
    assert board.tallies[FEED].peak == 2


async def test_a_request_that_fails_is_in_flight_no_longer(family: ModuleType) -> None:
    """Whatever the wire raises."""
    board = Board({FEED: 1})
    wire = ScriptedWire(family.ConnectError("refused"))
    async with family.AsyncClient(transport=Meter(wire, board), base_url="http://api.test") as client:
        with pytest.raises(family.ConnectError):
            await client.get("/anything", extensions=call_options(template=FEED))
    assert (board.tallies[FEED].in_flight, board.tallies[FEED].peak) == (0, 1)


async def test_a_crowd_asks_for_so_many_at_once_and_no_more() -> None:
    """The others are asked for as answers come; the block ends with the last one."""
    board = Board({FEED: MOST_AT_ONCE + 10})
    gate = anyio.Event()
    tally = board.tallies[FEED]

    async def ask_all() -> None:
        async with Crowd(board) as crowd:
            for _ in range(MOST_AT_ONCE + 10):
                await crowd.ask(FEED, gate.wait, expected=None)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask_all)
        await anyio.wait_all_tasks_blocked()
        assert (tally.asked, tally.settled) == (MOST_AT_ONCE, 0)
        gate.set()
    assert tally.answered == MOST_AT_ONCE + 10
