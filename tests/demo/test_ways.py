"""The three ways, on real sockets but few calls; on trio as well, though the demo itself runs on asyncio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import httpx
import pytest

from gracy_transport.demo.alone import read, run_alone
from gracy_transport.demo.api import make_origin
from gracy_transport.demo.attached import run_attached
from gracy_transport.demo.board import Board
from gracy_transport.demo.data import elements
from gracy_transport.demo.declared import run_declared
from gracy_transport.demo.naive import ask_naively
from gracy_transport.demo.plan import NO_COUNTRIES, Plan
from gracy_transport.testing import ScriptedWire

pytestmark = pytest.mark.anyio


async def at_once(_seconds: float) -> None:
    """Stands in for the sleep of the API."""
    await anyio.lowlevel.checkpoint()


WayRun: TypeAlias = Callable[[str, Plan, Board], Awaitable[None]]
FEW = Plan(elements=4, countries=22, planets=3, feeds=1, naive=12)


@pytest.mark.parametrize(
    ("way", "endpoints"),
    [
        (run_attached, {"/elements/{SYMBOL}": 4}),
        (run_declared, {"/countries": 2, "/countries/{CODE}": 22 + len(NO_COUNTRIES)}),
        (run_alone, {"/planets/{NAME}": 3, "/feed": 1}),
    ],
)
async def test_every_call_of_a_way_gets_its_true_answer(way: WayRun, endpoints: dict[str, int]) -> None:
    """None is lost, none is wrong, and the report has every endpoint by its template."""
    board = Board(FEW.calls)
    async with make_origin(at_once) as origin:
        await way(url := origin.url, FEW, board)
    for template, count in endpoints.items():
        tally = board.tallies[template]
        assert (tally.asked, tally.answered, tally.in_flight) == (count, count, 0), template
        assert len(tally.dispatched) >= count
    urls = {row.url.removeprefix(url) for row in board.report.rows}
    assert urls == set(endpoints)


async def test_plain_calls_get_what_the_api_says() -> None:
    """Each comes to one of the outcomes."""
    outcomes: Counter[str] = Counter()
    async with make_origin(at_once) as origin:
        await ask_naively(origin.url, FEW.naive, outcomes)
    assert outcomes.total() == FEW.naive


async def test_plain_calls_that_fail_are_counted_too() -> None:
    """Nobody listens there."""
    async with make_origin() as origin:
        url = origin.url
    outcomes: Counter[str] = Counter()
    await ask_naively(url, 3, outcomes)
    assert outcomes == {"broken off": 3}


async def test_a_feed_that_says_no_is_an_error() -> None:
    """And not an endless loop."""
    async with httpx.AsyncClient(transport=ScriptedWire(503), base_url="http://api.test") as client:
        with pytest.raises(httpx.HTTPStatusError):
            await read(client, len(elements()), lambda _template, _events: None)
