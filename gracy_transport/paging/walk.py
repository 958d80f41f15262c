"""One way through the pages: where it stands, and how it goes on and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

import anyio

from ..exceptions import NextPageRefused, RepeatedPage, TooManyPages
from ..redaction import Hidden, hide, redact_endpoint
from ..values import Absent

__all__ = ["Route", "Visit", "Walk", "named"]

MOST_SHOWN: Final = 100
"""Characters of a token in a message."""

Page = TypeVar("Page")
Token = TypeVar("Token")


@dataclass(frozen=True, slots=True)
class Visit(Generic[Page, Token]):
    """A page that was fetched.

    Attributes:
        page: what the user gets.
        following: the token of the page after it; absent when it is the last.
        identity: what tells the page from others, `None` when pages may be alike.
        refusal: why the page after it must not be asked for, if so.
        hidden: what of the token after it is not shown.
    """

    page: Page
    following: Token | Absent
    identity: Hashable = None
    refusal: str | None = None
    hidden: Hidden = ()


@dataclass(frozen=True, slots=True)
class Route(Generic[Page, Token]):
    """What a walk is told by its paginator.

    Attributes:
        visit: fetches the page of a token; `None` when there is no such page.
        before: finds the token of the page before, by the tokens walked and the one where the walk began.
        identity: what tells the page of a token from others, `None` when pages may be alike.
        max_pages: how many pages may be walked; `None` for any number.
    """

    visit: Callable[[Token], Awaitable[Visit[Page, Token] | None]]
    before: Callable[[Sequence[Token], Token | Absent], Token | Absent]
    identity: Callable[[Token], Hashable]
    max_pages: int | None


class Walk(AsyncIterator[Page], Generic[Page, Token]):
    """One way through the pages, which knows nothing of other ways.

    It moves only when a page has come: after an error or a cancellation it stands where it stood. Tasks that share
    one get their pages one after the other, each page once.
    """

    def __init__(
        self, route: Route[Page, Token], start: Token | Absent, refusal: str | None = None, hidden: Hidden = ()
    ) -> None:
        self._route = route
        self._start = start
        self._following = start
        self._refusal = refusal
        self._hidden = hidden
        self._trail: list[Token] = []
        self._identities: list[Hashable] = []
        self._seen: set[Hashable] = set()
        self._lock = anyio.Lock()

    def fork(self) -> Walk[Page, Token]:
        """Returns a walk of its own that begins with the page which would come next in this one."""
        return Walk(self._route, self._following, self._refusal, self._hidden)

    async def forward(self) -> Page | None:
        """Returns the next page; `None` when there is none.

        Raises:
            PagingStopped: when there is one that will not be asked for.
        """
        async with self._lock:
            token = self._following
            if isinstance(token, Absent):
                return None
            self._guard(token)
            visit = await self._route.visit(token)
            if visit is None:
                return None
            self._stand_on(token, visit)
            return visit.page

    async def back(self) -> Page | None:
        """Returns the page before the one that came last; `None` when there is none."""
        async with self._lock:
            token = self._route.before(self._trail, self._start)
            if isinstance(token, Absent):
                return None
            visit = await self._route.visit(token)
            if visit is None:
                return None
            while self._trail:
                known = self._trail.pop()
                self._seen.discard(self._identities.pop())
                if known == token:
                    break
            self._stand_on(token, visit)
            return visit.page

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Page:
        page = await self.forward()
        if page is None:
            raise StopAsyncIteration
        return page

    def __repr__(self) -> str:
        """Says how far it is: `<Walk of 2 pages, next 'abc'>`."""
        return f"<Walk of {len(self._trail)} pages, {self.state()}>"

    def state(self) -> str:
        """Returns what comes next, in words."""
        return "at the end" if isinstance(self._following, Absent) else f"next {named(self._following, self._hidden)}"

    def _stand_on(self, token: Token, visit: Visit[Page, Token]) -> None:
        # Without an await in here: a cancellation finds all of it done, or nothing.
        self._trail.append(token)
        self._identities.append(visit.identity)
        self._seen.add(visit.identity)
        self._following = visit.following
        self._refusal = visit.refusal
        self._hidden = visit.hidden

    def _guard(self, token: Token) -> None:
        """Raises when the page of that token must not be asked for."""
        count, most = len(self._trail), self._route.max_pages
        if self._refusal is not None:
            raise NextPageRefused(self._refusal, pages=count)
        identity, shown = self._route.identity(token), named(token, self._hidden)
        if identity is not None and identity in self._seen:
            raise RepeatedPage(
                f"after {count} pages the next one would be {shown}, which was given already: the server goes "
                "in circles, or what finds the next page always finds the same",
                pages=count,
            )
        if most is not None and count >= most:
            raise TooManyPages(
                f"{count} pages were given and there are more, next {shown}: raise max_pages={most} if they "
                "are wanted, or leave the loop before",
                pages=count,
            )


def named(token: Any, hidden: Hidden = ()) -> str:
    """Returns a token for people: without secrets, when it is a URL, and of bounded length."""
    text = hide(repr(redact_endpoint(token) if isinstance(token, str) else token), hidden)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
