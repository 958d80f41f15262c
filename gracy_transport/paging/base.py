"""`GracyPaginator`: pages by tokens of any kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ..values import ABSENT, Absent
from .walk import Route, Visit, Walk

__all__ = ["GracyPaginator", "Resp", "Token"]

Resp = TypeVar("Resp")
Token = TypeVar("Token")


class GracyPaginator(Generic[Resp, Token]):
    """Gives the pages of a list, by tokens of any kind: an offset, a date, the number of a page.

    ```python
    paginator = GracyPaginator[Day, date](
        gracy_func=days.get_day,  # called with what prepare_params returns
        has_next=lambda day: not day["is_last"],
        initial_token=date(2026, 1, 1),
        get_next_token=lambda day, token: token + timedelta(days=1),
        get_prev_token=lambda token: token - timedelta(days=1),
        prepare_params=lambda token, page_size: {"day": token.isoformat(), "limit": page_size},
    )
    first = await paginator.next_page()
    async for day in paginator:  # the second and all after it
        ...
    paginator.set_page(date(2026, 1, 1))  # back to the start
    ```

    It has one cursor, which `next_page`, `prev_page` and `set_page` move. Every `async for` is a way of its own: it
    begins with the page that `next_page()` would give at that moment, and moves neither the cursor nor another loop.

    An error or a cancellation while a page is fetched changes nothing: the same call asks for the same page again. In
    a loop, keep the iterator for that, `pages = aiter(paginator)`, and use `anext(pages)`. Tasks that share a cursor or
    an iterator get their pages one after the other, each page once.

    Args:
        gracy_func: makes the request for a page: a method of an API, or any async function. `None` as its result means
            that there is no such page.
        has_next: tells by a page whether there is another after it. The first page is always asked for.
        initial_token: the token of the first page.
        page_size: how many items to ask for.
        get_next_token: finds the token of the next page, by a page and its token.
        get_prev_token: finds the token of the page before; without it, `prev_page` goes back the way it came.
        prepare_params: makes the keyword arguments of `gracy_func`, by a token and the page size; without it they are
            `token` and `limit`.
        has_prev: tells by the token of a page whether there is one before it.
        max_pages: with so many pages behind it, asking for the next raises; `prev_page` takes them off again. `None`,
            for any number, unless given, because only the user knows how long the list may be.

    Raises:
        TypeError: when there is nothing to find the next token with.
        ValueError: when `page_size` or `max_pages` is less than 1.
    """

    def __init__(  # noqa: PLR0917 - positional as in the original
        self,
        gracy_func: Callable[..., Awaitable[Resp]],
        has_next: Callable[[Resp], bool],
        initial_token: Token,
        page_size: int = 20,
        get_next_token: Callable[[Resp, Token], Token] | None = None,
        get_prev_token: Callable[[Token], Token] | None = None,
        prepare_params: Callable[[Token, int], Mapping[str, Any]] | None = None,
        has_prev: Callable[[Token], bool] | None = None,
        *,
        max_pages: int | None = None,
    ) -> None:
        if get_next_token is None:
            raise TypeError(f"{type(self).__name__} needs get_next_token=, to find the page after a page")
        for name, number in (("page_size", page_size), ("max_pages", max_pages)):
            if number is not None and number < 1:
                raise ValueError(f"{name} is {number!r}: give 1 or more")
        self.has_next = has_next
        self._gracy_func = gracy_func
        self._initial_token = initial_token
        self._page_size = page_size
        self._get_next_token = get_next_token
        self._get_prev_token = get_prev_token
        self._prepare = _token_and_limit if prepare_params is None else prepare_params
        self._custom_has_prev = has_prev
        self._route: Route[Resp, Token] = Route(self._visit, self._token_before, self._identity, max_pages)
        self._cursor: Walk[Resp, Token] = Walk(self._route, initial_token)

    async def next_page(self) -> Resp | None:
        """Returns the next page; `None` when there is none.

        Raises:
            TooManyPages: when `max_pages` were given and there are more.
            PagingStopped: when the page must not be asked for; a subclass may say why.
            Exception: what `gracy_func` raises; the cursor stays, so that the same page can be asked for again.
        """
        return await self._cursor.forward()

    async def prev_page(self) -> Resp | None:
        """Returns the page before the one that came last; `None` when there is none.

        Raises as `gracy_func` does; the cursor stays then.
        """
        return await self._cursor.back()

    def set_page(self, token: Token) -> None:
        """Makes the page of that token the next one, and counts pages anew."""
        self._cursor = Walk(self._route, token)

    def has_prev(self, token: Token) -> bool:
        """Tells whether there is a page before the one of that token."""
        if self._custom_has_prev is not None:
            return self._custom_has_prev(token)
        return token != self._initial_token

    def __aiter__(self) -> AsyncIterator[Resp]:
        """Returns a new iterator over the pages from here on; it raises as `next_page` does."""
        return self._cursor.fork()

    def __repr__(self) -> str:
        """Says where the cursor stands: `<GracyOffsetPaginator next 40>`."""
        return f"<{type(self).__name__} {self._cursor.state()}>"

    def _is_last(self, resp: Resp) -> bool:
        return not self.has_next(resp)

    def _identity(self, token: Token) -> Hashable:
        """Returns what tells the page of a token from others; `None` when a token may come again."""
        return None

    async def _visit(self, token: Token) -> Visit[Resp, Token] | None:
        page = await self._gracy_func(**self._prepare(token, self._page_size))
        if page is None:
            return None
        following = ABSENT if self._is_last(page) else self._get_next_token(page, token)
        return Visit(page, following, self._identity(token))

    def _token_before(self, trail: Sequence[Token], start: Token | Absent) -> Token | Absent:
        """Returns the token of the page before the last of a trail, or before where it would have begun."""
        here = trail[-1] if trail else start
        if isinstance(here, Absent) or not self.has_prev(here):
            return ABSENT
        if self._get_prev_token is not None:
            return self._get_prev_token(here)
        return trail[-2] if len(trail) > 1 else ABSENT


def _token_and_limit(token: object, page_size: int) -> Mapping[str, Any]:
    return {"token": token, "limit": page_size}
