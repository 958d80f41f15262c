"""What type checkers make of the paginators. Only they read this file; it is never run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any, TypedDict, assert_type

from pydantic import BaseModel

from gracy_transport import (
    Gracy,
    GracyCursorPaginator,
    GracyLinkPaginator,
    GracyOffsetPaginator,
    GracyPaginator,
    graceful,
)


class ResourceList(TypedDict):
    """A page as the README has it."""

    next: str | None
    results: list[str]


class Issue(BaseModel):
    """A model."""

    number: int


class API(Gracy[str]):
    """An API as a user would write it."""

    async def list(self, offset: int = 0, limit: int = 20) -> ResourceList:
        """With a type."""
        return await self.get[ResourceList]("/berry", params={"offset": offset, "limit": limit})

    @graceful(retry=None)
    async def decorated(self, offset: int = 0, limit: int = 20) -> ResourceList:
        """With a type and a decorator."""
        return await self.list(offset, limit)

    async def untyped(self, offset: int = 0, limit: int = 20):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """As the README has it."""
        return await self.get("/berry", params={"offset": offset, "limit": limit})

    async def maybe(self, **params: Any) -> ResourceList | None:
        """With None for no such page."""
        return await self.list(**params)

    def paginate(self, limit: int = 20) -> GracyOffsetPaginator[ResourceList]:
        """As the README has it."""
        return GracyOffsetPaginator[ResourceList](
            gracy_func=self.list,
            has_next=lambda r: bool(r["next"]) if r else True,  # type: ignore[redundant-expr] # it is never None
            page_size=limit,
        )

    @graceful(parser=None)
    async def page(self, url: str = "/issues") -> Any:
        """The response itself."""
        return await self.get(url)


def has_next(page: ResourceList | None) -> bool:
    """As the original's signature wants it."""
    return page is None or page["next"] is not None


async def offsets(api: API) -> None:
    """The type in the brackets is that of the pages."""
    paginator = api.paginate()
    assert_type(await paginator.next_page(), ResourceList | None)
    assert_type(await paginator.prev_page(), ResourceList | None)
    paginator.set_page(0)
    paginator.set_page("0")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async for page in paginator:
        assert_type(page, ResourceList)
    assert_type([page["results"] async for page in paginator], list[list[str]])
    pages = assert_type(aiter(paginator), AsyncIterator[ResourceList])
    assert_type(await anext(pages), ResourceList)


async def shapes(api: API) -> None:
    """The function may be typed, decorated or neither; without brackets its result is the type."""
    assert_type(GracyOffsetPaginator(api.decorated, has_next), GracyOffsetPaginator[ResourceList])
    assert_type(GracyOffsetPaginator(api.list, lambda page: bool(page["next"])), GracyOffsetPaginator[ResourceList])
    GracyOffsetPaginator[ResourceList](api.untyped, has_next, 50, lambda offset, size: {"o": offset, "l": size})
    GracyOffsetPaginator[int](api.list, lambda page: True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    GracyOffsetPaginator[ResourceList](api.list)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def tokens(api: API) -> None:
    """Tokens of any type."""
    paginator = GracyPaginator[ResourceList, date](
        api.untyped,
        has_next,
        date(2026, 1, 1),
        get_next_token=lambda page, token: token + timedelta(days=1),
        get_prev_token=lambda token: token - timedelta(days=1),
        prepare_params=lambda token, size: {"day": token.isoformat(), "size": size},
        has_prev=lambda token: token.year > 2025,
        max_pages=10,
    )
    assert_type(await paginator.next_page(), ResourceList | None)
    paginator.set_page(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def others(api: API) -> None:
    """Cursors and links; a parser, or a type in its place, makes the pages."""
    async for page in GracyCursorPaginator[ResourceList](api.list, lambda page: page["next"], max_pages=10):
        assert_type(page, ResourceList)
    async for issues in GracyLinkPaginator[list[Issue]](api.page, lambda r: r.json(), allowed_hosts=["a.test"]):
        assert_type(issues, list[Issue])
    async for numbers in GracyLinkPaginator[list[Issue]](api.page, parser=list[Issue]):
        assert_type(numbers, list[Issue])
    async for listed in GracyLinkPaginator[ResourceList](api.page, parser=ResourceList):
        assert_type(listed, ResourceList)
    async for response in GracyLinkPaginator[Any](api.page, get_next_url=lambda r: r.json()["next"]):
        assert_type(response, Any)
    anything: GracyPaginator[list[Issue], Any] = GracyLinkPaginator[list[Issue]](api.page, parser=list[Issue])
    assert_type(await anything.next_page(), list[Issue] | None)
