"""`GracyLinkPaginator`: pages by the URL of the next one, as in the `Link` header."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, cast

from ..exceptions import GracyParseFailed
from ..facade.parsing import prepared
from ..family import family_of
from ..link_header import target_of
from ..showing import hidden_in, shown_url
from ..values import ABSENT
from .base import GracyPaginator, Resp
from .walk import Visit, named

if TYPE_CHECKING:
    from ..family import URL, AnyResponse

__all__ = ["GracyLinkPaginator"]


class GracyLinkPaginator(GracyPaginator[Resp, str | None]):
    """Gives the pages of a list, where each response names the URL of the next: in its `Link` header, or in its body.

    ```python
    class GitHub(Gracy[str]):
        class Config:
            BASE_URL = "https://api.github.com"
            SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

        @graceful(parser=None)  # the response itself, for its Link header
        async def issues_page(self, url: str = "/issues?per_page=100"):
            return await self.get(url, extensions=call_options(template="/issues"))

        def issues(self) -> GracyLinkPaginator[list[Issue]]:
            return GracyLinkPaginator[list[Issue]](self.issues_page, parser=lambda r: r.json())


    async for page in api.issues():
        ...
    ```

    `gracy_func` is called without arguments for the first page, and with the URL of the next for the others. It has to
    return the response, so no parser may stand between: `parser=` makes a page of it here. The template keeps all pages
    in one row of the report and under one limit, however long their URLs.

    The next URL is what the server says, and a request to it carries the credentials of the client. So it has to be on
    the host of the page it comes from, with the same scheme (or https in place of http), or on one of
    `allowed_hosts`, and never http where it was https. Any other raises a `NextPageRefused`; so does one that is no
    URL. The pages before it have been given by then. A URL that was used already raises a `RepeatedPage`.

    `prev_page` goes back the way it came; `set_page` takes a URL, `None` for the first page. All else is as in
    `GracyPaginator`: one cursor, any number of loops beside it, and an error changes nothing.

    Args:
        gracy_func: makes the request for a page and returns the response, of httpx or httpx2.
        parser: what makes a page of the response: a callable, or a type as in `GracyConfig(parser=...)`; without it the
            pages are the responses.
        get_next_url: finds the next URL in the response, absolute or relative; `None` or an empty string when there is
            none. Without it, it is that of the link with `rel="next"`.
        allowed_hosts: other hosts, one or several, a next URL may lead to, as `"host"` (on the usual port)
            or `"host:port"`.
        max_pages: with so many pages behind it, asking for the next raises a `TooManyPages`; `None` for any number.

    Raises:
        ValueError: when a host has more to it than a port, or `max_pages` is less than 1.
    """

    def __init__(
        self,
        gracy_func: Callable[..., Awaitable[Any]],
        parser: Callable[[AnyResponse], Resp | Awaitable[Resp]] | type[Resp] | None = None,
        *,
        get_next_url: Callable[[AnyResponse], str | None] | None = None,
        allowed_hosts: str | Iterable[str] = (),
        max_pages: int | None = None,
    ) -> None:
        find = _next_in_header if get_next_url is None else get_next_url
        super().__init__(
            gracy_func,
            has_next=lambda response: bool(find(response)),
            initial_token=None,
            get_next_token=lambda response, _: find(response),
            max_pages=max_pages,
        )
        self._find_next = find
        self._parse = None if parser is None else prepared(parser)
        self._allowed = frozenset(
            [_checked_host(host) for host in ([allowed_hosts] if isinstance(allowed_hosts, str) else allowed_hosts)]
        )

    def has_prev(self, token: str | None) -> bool:
        """Tells whether there may be a page before the one of that URL: a URL does not say which."""
        return token is not None

    def _identity(self, token: str | None) -> Hashable:
        return token

    async def _visit(self, token: str | None) -> Visit[Resp, str | None] | None:
        response: Any = await (self._gracy_func() if token is None else self._gracy_func(token))
        if response is None:
            return None
        _demand_response(response)
        identity = token or str(_asked(response))
        target = self._find_next(response)
        page = await self._parsed(response)
        if page is None:
            return None
        if not target:
            return Visit(page, ABSENT, identity)
        url = _resolved(target, response)
        hidden = hidden_in(response.request)
        if url is None:
            refusal = f"the next page would be {named(target, hidden)}, which is no URL"
            return Visit(page, target, identity, refusal, hidden)
        # Braces are placeholders to an endpoint. In a URL they have no place but as what they are encoded to.
        text = str(url).replace("{", "%7B").replace("}", "%7D")
        is_foreign = not self._may_follow(url, _asked(response))
        return Visit(page, text, identity, _foreign(url, response) if is_foreign else None, hidden)

    async def _parsed(self, response: AnyResponse) -> Resp:
        if self._parse is None:
            return cast("Resp", response)
        try:
            page = self._parse(response)
            return cast("Resp", await page if isawaitable(page) else page)
        except Exception as error:
            raise GracyParseFailed(
                f"{shown_url(response.request)}: the parser of the paginator raised {type(error).__name__} on the "
                f"response with status {response.status_code}; make one that can read it",
                request=response.request,
                response=response,
            ) from error

    def _may_follow(self, url: URL, asked: URL) -> bool:
        """Tells whether a page may lead to a URL, by the one that was asked for."""
        if url.scheme != asked.scheme and (asked.scheme, url.scheme) != ("http", "https"):
            return False
        if url.netloc == asked.netloc:
            # A port that is named belongs to one scheme.
            return url.scheme == asked.scheme or url.port is None
        return url.netloc.decode("ascii", "replace") in self._allowed


def _next_in_header(response: AnyResponse) -> str | None:
    target = target_of(response.headers.get_list("link"), "next")
    # An empty reference is one to the page itself, which is not the same as no next page.
    return str(response.url) if target == "" else target


def _asked(response: AnyResponse) -> URL:
    """Returns the URL that the user's code asked for, which a redirect may have led away from."""
    first = response.history[0] if response.history else response
    return cast("URL", first.url)


def _resolved(target: str, response: AnyResponse) -> URL | None:
    """Returns a target as a whole URL of the response's family; `None` when it cannot be one."""
    try:
        return cast("URL", response.url.join(target))
    except (ValueError, family_of(response).module.InvalidURL):
        return None


def _foreign(url: URL, response: AnyResponse) -> str:
    host = url.netloc.decode("ascii", "replace")
    return (
        f"the page at {shown_url(response.request)} leads to {shown_url(response.request, url)}, which is another host "
        "or a less safe scheme than the one asked, and the request would carry the credentials of this client: give "
        f"allowed_hosts=[{host!r}] if that host is to be trusted (http in place of https never is)"
    )


def _demand_response(thing: object) -> None:
    if not (hasattr(thing, "headers") and hasattr(thing, "history")):
        raise TypeError(
            f"gracy_func returned {type(thing).__name__}, and GracyLinkPaginator needs the response: decorate the "
            "method with @graceful(parser=None), and give the parser to the paginator, parser=..."
        )


def _checked_host(host: str) -> str:
    if not host or any(character in host for character in "/@?#\\ *"):
        raise ValueError(f"allowed_hosts has {host!r} in it: give 'host' or 'host:port'")
    return host.lower()
