"""The same calls without the stack: plain httpx, all at once, as code that knows of no limits makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, cycle, islice
from typing import Final

import anyio
import httpx

from .board import outcome_of
from .data import countries, elements, planets

__all__ = ["TIMEOUT", "ask_naively"]

TIMEOUT: Final = httpx.Timeout(1.0, pool=None)
"""Seconds of silence after which a client gives up; the demo has no time for the five that httpx waits."""


async def ask_naively(url: str, count: int, outcomes: Counter[str]) -> None:
    """Makes so many calls at once, and counts into `outcomes` what became of them."""

    async def ask(path: str) -> None:
        try:
            response = await client.get(path)
        except httpx.TransportError as error:
            outcomes[outcome_of(None, type(error).__name__)] += 1
        else:
            outcomes[outcome_of(response.status_code, None)] += 1

    client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False)
    async with client, anyio.create_task_group() as tasks:
        for path in islice(_paths(), count):
            tasks.start_soon(ask, path)


def _paths() -> Iterator[str]:
    """Returns what the demo asks for, elements, countries and planets in turn."""
    paths = (
        [f"/elements/{symbol}" for symbol in elements()],
        [f"/countries/{code}" for code in countries()],
        [f"/planets/{name}" for name in planets()],
    )
    return chain.from_iterable(zip(*map(cycle, paths), strict=False))
