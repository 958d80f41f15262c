"""The client of an API object: one for each event loop, because open connections cannot change loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import getattr_static
from threading import RLock, get_ident
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from ..call import Observer
from ..clock import Clock
from ..config import GracyConfig
from ..family import family_of
from ..loops import current_loop, has_ended
from ..options import CallOptions
from ..order import Shared
from ..stack import GracyTransport, attach
from .building import Builder
from .cookies import spare_cookies
from .endpoints import Template, is_absolute
from .routes import Base, Route

if TYPE_CHECKING:
    from ..replay import GracyReplay
    from .scope import Active

__all__ = ["Session", "Sessions"]

Aim: TypeAlias = tuple[Any, CallOptions]
"""The URL of a request, and what the stack is told of the call."""

MOST_ROUTES: Final = 1024
"""Endpoints whose ways are kept, per client; when there are more, all are forgotten and found again."""


class Session:
    """A client with the stack in front of it, as one event loop uses it.

    Attributes:
        client: an `AsyncClient` of either family.
        stack: what stands in front of it.
        builder: makes its requests.
        loop: the native loop it belongs to, `None` before the first use.
        was_used: whether a request was made, or the client entered.
        own_ways: its `request` and `stream` where they are not those of httpx: it may fetch a token there.
    """

    def __init__(self, client: Any, stack: GracyTransport, loop: object | None) -> None:
        self.client = client
        self.stack = stack
        self.builder = Builder(client)
        self.loop = loop
        self.was_used = False
        self.own_ways = _own_ways(client)
        self._rebase()

    def aim(  # noqa: PLR0917 - keywords take their time, and every request comes here
        self,
        template: Template,
        args: Mapping[str, str],
        below: str,
        active: Active,
        reads_body: bool,  # noqa: FBT001 - as above
        is_followed: bool,  # noqa: FBT001 - as above
    ) -> Aim:
        """Returns the URL of an endpoint, of the client's family, and the options of a call to it.

        `below` is what a namespace has before the endpoint: a whole URL, or a path below the base URL of the client.

        Raises:
            ValueError: when an argument does not fit, or when there is nothing to put before the endpoint.
        """
        if self.client.base_url is not self._root:
            self._rebase()
        route = self._routes.get((template, below)) or self._route(template, below)
        kept = MappingProxyType(args)
        return route.url(args), CallOptions(template.label, route.base, kept, active.own, reads_body, is_followed)

    def _route(self, template: Template, below: str) -> Route:
        base = None if template.is_absolute else self._bases.get(below) or self._base(below)
        if len(self._routes) >= MOST_ROUTES:
            self._routes.clear()
        route = self._routes[template, below] = Route(template, base, self._url)
        return route

    def refuse_unfit(self, below: str) -> None:
        """Raises what httpx raises when that makes no base URL."""
        self._base(below)

    def _rebase(self) -> None:
        """Takes over the base URL of the client, which has a slash at its end."""
        self._root: Any = self.client.base_url
        self._url: Any = type(self._root)
        self._bases = {"": Base(self._root)}
        self._routes: dict[tuple[Template, str], Route] = {}

    def _base(self, below: str) -> Base:
        bases = self._bases  # of now: the client of another thread's loop may just be given another base URL
        root = bases[""]
        if not below:
            return root
        text = below if is_absolute(below) else root.prefix and root.prefix + below.lstrip("/")
        base = bases[below] = Base(type(self._root)(text and f"{text.rstrip('/')}/"))
        return base

    async def enter(self) -> None:
        """Enters the client, unless it is at work already."""
        if not self.was_used:
            self.was_used = True
            await self.client.__aenter__()


class Sessions:
    """Hands out the session of the loop that runs here.

    The first client is made at once, so that what is wrong with it shows at once. It belongs to the first loop that
    uses it. Any other loop (the next `asyncio.run`, a second thread) gets a client of its own by the same recipe,
    with the cookies so far and the headers and credentials that were set on the one before, in front of the same gates
    and metrics. A loop takes the place of those that have ended, and of the one that ran before it in its thread.

    Args:
        create: makes a client.
        base_url: for a client that has none.
        config: what the stacks do.
        replay, clock, observers: as for `GracyTransport`.
    """

    def __init__(
        self,
        create: Callable[[], Any],
        base_url: str,
        config: GracyConfig,
        *,
        replay: GracyReplay | None,
        clock: Clock,
        observers: Iterable[Observer],
    ) -> None:
        self.shared = Shared(config, replay, clock)
        self._create = create
        self._base_url = base_url
        self._observers = tuple(observers)
        self._lock = RLock()  # since what nobody finished may be closed by a destructor
        self._by_thread: dict[int, Session] = {}
        self._is_closed = False
        self.newest = self._made(None, None)

    def current(self) -> Session:
        """Returns the session of the loop that runs here.

        Raises:
            RuntimeError: when they were closed, or no loop runs.
        """
        loop, thread = current_loop().native, get_ident()
        session = self._by_thread.get(thread)
        if session is not None and session.loop is loop:
            return session
        with self._lock:
            self._refuse_closed()
            before = self.newest
            if before.loop is None:
                before.loop, self._by_thread[thread] = loop, before
                return before
        made = self._made(before, loop)  # which takes long, and runs code of the user's own
        with self._lock:
            # Those of threads that have ended, too, would keep their connections for as long as the object lives.
            alive = {key: kept for key, kept in self._by_thread.copy().items() if not has_ended(kept.loop)}
            self._refuse_closed()
            self.newest, self._by_thread = made, {**alive, thread: made}
            return made

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise RuntimeError("this API object is closed: make a new one")

    def _made(self, before: Session | None, loop: object | None) -> Session:
        client = self._create()
        if before is not None and client is before.client:
            return Session(client, before.stack, loop)  # the user's own client: its connections are the user's care
        stack = attach(client, clock=self.shared.clock, observers=self._observers, shared=self.shared)
        if self._base_url and client.base_url.is_relative_url:
            client.base_url = self._base_url
        if before is not None:
            _continue(before.client, client)
        spare_cookies(client)
        return Session(client, stack, loop)

    async def aclose(self) -> None:
        """Closes the client of this loop. A second time does no harm; any request after it raises.

        A client of another loop cannot be closed from here, nor one whose loop has ended: only what the stack holds
        is let go then.
        """
        with self._lock:
            self._is_closed = True
            session = self._by_thread.get(get_ident(), self.newest)
            self._by_thread.clear()
        if session.loop in {None, current_loop().native}:
            await session.client.aclose()
        else:
            await session.stack.let_go()


def _own_ways(client: Any) -> tuple[Any, ...] | None:
    names, base, kind = ("request", "stream"), family_of(client).module.AsyncClient, cast("Any", type(client))
    if all(getattr_static(kind, name) is getattr_static(base, name) and name not in vars(client) for name in names):
        return None
    return tuple(getattr(client, name) for name in names)


def _continue(before: Any, client: Any) -> None:
    """Lets a client go on where the one before it is: with its cookies, and what was set on it later."""
    client.cookies.update(before.cookies)
    for name, value in before.headers.items():
        client.headers.setdefault(name, value)
    if client.auth is None:
        client.auth = before.auth
