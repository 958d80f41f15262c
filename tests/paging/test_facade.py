"""Paginators over methods of an API and of its namespaces: all that holds for a request holds for a page."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from gracy_transport import (
    GracefulRetry,
    Gracy,
    GracyConfig,
    GracyNamespace,
    GracyOffsetPaginator,
    ThrottleRule,
    graceful,
)
from gracy_transport.exceptions import NonOkResponse
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import Scripted
from tests.paging.support import collect

pytestmark = pytest.mark.anyio

PAGES = [ScriptedResponse(json={"next": True, "page": 1}), ScriptedResponse(json={"next": False, "page": 2})]


class Berries(GracyNamespace[str]):
    """A part of the API."""

    @graceful(allowed_status_code=404, parser={"default": lambda r: r.json(), 404: None})
    async def list(self, offset: int, limit: int) -> Any:
        return await self.get("/berry", params={"offset": offset, "limit": limit})


class API(Scripted):
    """One whose requests are throttled and tried again."""

    class Config:
        BASE_URL = "https://api.test"
        SETTINGS = GracyConfig(
            parser={"default": lambda r: r.json()},
            throttling=ThrottleRule(r".*", 1, per_time=10),
            retry=GracefulRetry(delay=1, max_attempts=1, retry_on=503),
        )

    berries: Berries

    async def list(self, offset: int, limit: int) -> Any:
        return await self.get("/berry", params={"offset": offset, "limit": limit})


def paginate(part: API | Berries) -> GracyOffsetPaginator[Any]:
    """Returns a paginator over its list."""
    return GracyOffsetPaginator[Any](part.list, lambda page: page["next"], 2)


async def test_limits_hold_between_pages(family: ModuleType, clock: FakeClock) -> None:
    """A loop waits as its requests do."""
    wire = ScriptedWire(*PAGES, clock=clock)
    async with API(family, wire, clock=clock) as api:
        assert [page["page"] for page in await collect(paginate(api))] == [1, 2]
    assert [sent.at - wire.sent[0].at for sent in wire.sent] == [0, 10]
    assert [sent.url for sent in wire.sent] == [f"https://api.test/berry?offset={n}&limit=2" for n in (0, 2)]


async def test_a_page_is_tried_again(family: ModuleType, clock: FakeClock) -> None:
    """By the retry of the API; what that gives up leaves the cursor where it was."""
    wire = ScriptedWire(503, PAGES[0], 503, 503, PAGES[1], clock=clock)
    async with API(family, wire, clock=clock) as api:
        paginator = paginate(api)
        page = await paginator.next_page()
        assert page and page["page"] == 1
        with pytest.raises(NonOkResponse):
            await paginator.next_page()
        page = await paginator.next_page()
        assert page and page["page"] == 2


async def test_pages_of_a_namespace(family: ModuleType, clock: FakeClock) -> None:
    """With its overrides: a 404 is the end."""
    wire = ScriptedWire(PAGES[0], 404, clock=clock)
    async with API(family, wire, clock=clock) as api:
        assert [page["page"] for page in await collect(paginate(api.berries))] == [1]
        assert isinstance(api, Gracy)
