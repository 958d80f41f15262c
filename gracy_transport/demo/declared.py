"""The second way: an API described as a class, with endpoints, a configuration and parsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from typing import Final

import httpx

from ..concurrency import ConcurrentRequestLimit
from ..config import GracyConfig
from ..facade import BaseEndpoint, Gracy
from ..retry import GracefulRetry
from ..throttle import GracefulThrottle
from .api import COUNTRIES_A_PAGE
from .board import Board
from .crowd import Crowd
from .data import Record, countries
from .meter import Meter
from .naive import TIMEOUT
from .plan import COUNTRIES_RULE, NO_COUNTRIES, PAGES_RULE, SLOTS, Plan

__all__ = ["CODE", "Atlas", "AtlasEndpoint", "run_declared"]

CODE: Final = "class Atlas(Gracy[AtlasEndpoint])"
"""How the view names this way."""


class AtlasEndpoint(BaseEndpoint):
    """What the API has."""

    COUNTRIES = "/countries"
    COUNTRY = "/countries/{CODE}"


class Atlas(Gracy[AtlasEndpoint]):
    """Countries, as a class."""

    class Config:
        """What holds for every request."""

        SETTINGS = GracyConfig(
            throttling=GracefulThrottle([COUNTRIES_RULE, PAGES_RULE]),
            concurrent_requests=ConcurrentRequestLimit(SLOTS[AtlasEndpoint.COUNTRY]),
            # Named, because otherwise an allowed 404 would be tried again as well.
            retry=GracefulRetry(
                retry_on={429, 500, 502, 503, 504, httpx.TransportError},
                delay=0.2,
                delay_modifier=1.5,
                max_delay=1.0,
                max_attempts=12,
                jitter=True,
            ),
            allowed_status_code=HTTPStatus.NOT_FOUND,
            parser={"default": Record, HTTPStatus.NOT_FOUND: None},
            log_errors=None,
        )

    def __init__(self, url: str, board: Board) -> None:
        self._wire = Meter(httpx.AsyncHTTPTransport(), board)
        self._url = url
        super().__init__(observers=[board.hear])

    def _create_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"{self._url}/", timeout=TIMEOUT, transport=self._wire)

    async def country(self, code: str) -> Record | None:
        """Returns one country, or `None` for a code that stands for none."""
        return await self.get[Record | None](AtlasEndpoint.COUNTRY, {"CODE": code})

    async def page(self, offset: int) -> list[Record]:
        """Returns one page of the list of all countries."""
        params = {"offset": offset, "limit": COUNTRIES_A_PAGE}
        page = await self.get[Record](AtlasEndpoint.COUNTRIES, params=params)
        results: list[Record] = page["results"]
        return results


async def run_declared(url: str, plan: Plan, board: Board) -> None:
    """Lists the countries page by page and asks for each one on it."""
    true = countries()
    async with Atlas(url, board) as atlas, Crowd(board) as crowd:
        board.sources.append(atlas.get_report)
        for code in NO_COUNTRIES:
            await crowd.ask(AtlasEndpoint.COUNTRY, partial(atlas.country, code), None)
        async for code in listed(atlas, plan.countries, board):
            await crowd.ask(AtlasEndpoint.COUNTRY, partial(atlas.country, code), true[code])


async def listed(atlas: Atlas, count: int, board: Board) -> AsyncIterator[str]:
    """Yields so many codes, page by page; after the last page it starts again with the first."""
    everything = list(countries().values())
    given = 0
    while given < count:
        offset = given % len(everything)
        page = everything[offset : offset + COUNTRIES_A_PAGE]
        await board.ask(AtlasEndpoint.COUNTRIES, partial(atlas.page, offset), page)
        for country in page[: count - given]:
            yield country["alpha2"]
        given += len(page)
