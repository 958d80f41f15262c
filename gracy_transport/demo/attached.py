"""The first way: one line puts the whole stack in front of a client that exists."""

from __future__ import annotations

from functools import partial
from itertools import cycle, islice
from typing import Final

import httpx

from ..concurrency import ConcurrentRequestLimit
from ..config import GracyConfig, call_options
from ..retry import GracefulRetry
from ..stack import attach
from .board import Board
from .crowd import Crowd
from .data import Record, elements
from .meter import Meter
from .naive import TIMEOUT
from .plan import ELEMENTS_RULE, SLOTS, Plan

__all__ = ["CODE", "ELEMENT", "run_attached"]

CODE: Final = "attach(client, GracyConfig(…))"
"""How the view names this way."""

ELEMENT: Final = "/elements/{SYMBOL}"

CONFIG: Final = GracyConfig(
    throttling=ELEMENTS_RULE,
    concurrent_requests=ConcurrentRequestLimit(SLOTS[ELEMENT]),
    # `buffer_body` retries bodies that break off, too.
    retry=GracefulRetry(delay=0.2, delay_modifier=1.5, max_delay=1.0, max_attempts=12, jitter=True, buffer_body=True),
)


async def run_attached(url: str, plan: Plan, board: Board) -> None:
    """Asks for many elements at once through a plain client."""
    async with httpx.AsyncClient(
        base_url=url, timeout=TIMEOUT, transport=Meter(httpx.AsyncHTTPTransport(), board)
    ) as client:
        stack = attach(client, CONFIG, observers=[board.hear])  # the line
        board.sources.append(stack.get_report)

        async def get(symbol: str) -> Record:
            options = call_options(template=ELEMENT, args={"SYMBOL": symbol})
            response = await client.get(f"/elements/{symbol}", extensions=options)
            element: Record = response.raise_for_status().json()
            return element

        async with Crowd(board) as crowd:
            for symbol, element in islice(cycle(elements().items()), plan.elements):
                await crowd.ask(ELEMENT, partial(get, symbol), element)
