"""`GracyCursorPaginator`: pages by what the server calls the next one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any

from .base import GracyPaginator, Resp

__all__ = ["GracyCursorPaginator"]


class GracyCursorPaginator(GracyPaginator[Resp, Any]):
    """Gives the pages of a list, where each page names the cursor of the next.

    ```python
    class Chat(Gracy[str]):
        class Config:
            BASE_URL = "https://chat.example/api"
            SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

        async def list_messages(self, limit: int, cursor: str | None = None):
            return await self.get("/messages", params={"limit": limit, **({"cursor": cursor} if cursor else {})})

        def messages(self) -> GracyCursorPaginator[Messages]:
            return GracyCursorPaginator[Messages](
                self.list_messages,
                get_cursor=lambda page: page["next_cursor"],
                page_size=100,
            )


    async for page in api.messages():
        ...
    ```

    `prev_page` goes back the way it came. A page may be empty and not the last one: many servers filter after they
    have cut their pages. A cursor that was used already raises a `RepeatedPage`, instead of going in circles. (Behind
    one and the same cursor some servers keep the place themselves: `GracyPaginator` is for those.)

    All else is as in `GracyPaginator`: one cursor, any number of loops beside it, and an error changes nothing. Where
    the server names a whole URL, use `GracyLinkPaginator`, which looks where it leads.

    Args:
        gracy_func: makes the request for a page.
        get_cursor: finds the cursor of the next page in a page; `None` or an empty string when there is none.
        page_size: how many items to ask for.
        prepare_params: makes the keyword arguments of `gracy_func`, by the cursor (`None` for the first page) and the
            page size; without it they are `cursor`, left out for the first page, and `limit`.
        initial_cursor: where to begin, kept from another time; `None` for the first page.
        max_pages: with so many pages behind it, asking for the next raises a `TooManyPages`; `None` for any number.

    Raises:
        ValueError: when `page_size` or `max_pages` is less than 1.
    """

    def __init__(
        self,
        gracy_func: Callable[..., Awaitable[Resp]],
        get_cursor: Callable[[Resp], object],
        page_size: int = 20,
        prepare_params: Callable[[Any, int], Mapping[str, Any]] | None = None,
        *,
        initial_cursor: object = None,
        max_pages: int | None = None,
    ) -> None:
        super().__init__(
            gracy_func,
            has_next=lambda page: not _is_end(get_cursor(page)),
            initial_token=initial_cursor,
            page_size=page_size,
            get_next_token=lambda page, _: get_cursor(page),
            prepare_params=_cursor_and_limit if prepare_params is None else prepare_params,
            max_pages=max_pages,
        )

    def has_prev(self, token: Any) -> bool:
        """Tells whether there may be a page before the one of that cursor: a cursor does not say which."""
        return token is not None

    def _identity(self, token: Any) -> Hashable:
        # A cursor may be a mapping, as the keys of some databases are. The pair keeps that of `None` from being none.
        return (repr(token),)


def _cursor_and_limit(cursor: object, page_size: int) -> Mapping[str, Any]:
    return {"limit": page_size} if cursor is None else {"cursor": cursor, "limit": page_size}


def _is_end(cursor: object) -> bool:
    return cursor is None or cursor == ""
