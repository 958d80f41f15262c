"""`GracyOffsetPaginator`: pages by how many items come before them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sized
from typing import Any

from .base import GracyPaginator, Resp

__all__ = ["GracyOffsetPaginator"]


class GracyOffsetPaginator(GracyPaginator[Resp, int]):
    """Gives the pages of a list, by the number of items before a page and on it.

    ```python
    class PokeApi(Gracy[str]):
        class Config:
            BASE_URL = "https://pokeapi.co/api/v2/"
            SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

        async def list_berries(self, offset: int = 0, limit: int = 20):
            return await self.get("/berry", params={"offset": offset, "limit": limit})

        def berries(self, limit: int = 20) -> GracyOffsetPaginator[ResourceList]:
            return GracyOffsetPaginator[ResourceList](
                gracy_func=self.list_berries,
                has_next=lambda page: bool(page["next"]),
                page_size=limit,
            )


    async for page in api.berries(50):
        ...
    ```

    A page that says by its length that it is empty (a list, a tuple, a dictionary) is given, and is the last one
    whatever `has_next` says: beyond the end of a list there are only more of those.

    All else is as in `GracyPaginator`: one cursor, any number of loops beside it, and an error changes nothing.

    Args:
        gracy_func: makes the request for a page.
        has_next: tells by a page whether there is another after it. The first page is always asked for.
        page_size: how many items a page has.
        prepare_params: makes the keyword arguments of `gracy_func`, by the offset and the page size; without it they
            are `offset` and `limit`.
        has_prev: tells by the offset of a page whether there is one before it; without it, any offset above 0 has.
        max_pages: with so many pages behind it, asking for the next raises a `TooManyPages`; `None` for any number.

    Raises:
        ValueError: when `page_size` or `max_pages` is less than 1.
    """

    def __init__(
        self,
        gracy_func: Callable[..., Awaitable[Resp]],
        has_next: Callable[[Resp], bool],
        page_size: int = 20,
        prepare_params: Callable[[int, int], Mapping[str, Any]] | None = None,
        has_prev: Callable[[int], bool] | None = None,
        *,
        max_pages: int | None = None,
    ) -> None:
        super().__init__(
            gracy_func,
            has_next,
            initial_token=0,
            page_size=page_size,
            get_next_token=lambda _, offset: offset + page_size,
            get_prev_token=lambda offset: max(0, offset - page_size),
            prepare_params=_offset_and_limit if prepare_params is None else prepare_params,
            has_prev=has_prev,
            max_pages=max_pages,
        )

    def set_page(self, token: int) -> None:
        """Makes the page that begins after so many items the next one: an offset, 0 for the first page.

        Raises:
            ValueError: when it is negative.
        """
        if token < 0:
            raise ValueError(f"set_page({token!r}) is before the first item: give an offset of 0 or more")
        super().set_page(token)

    def has_prev(self, token: int) -> bool:
        """Tells whether there is a page before the one at that offset."""
        return token > 0 if self._custom_has_prev is None else self._custom_has_prev(token)

    def _is_last(self, resp: Resp) -> bool:
        return (isinstance(resp, Sized) and len(resp) == 0) or super()._is_last(resp)


def _offset_and_limit(offset: int, page_size: int) -> Mapping[str, Any]:
    return {"offset": offset, "limit": page_size}
