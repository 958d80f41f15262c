"""The wire of aiohttp: many times faster than that of httpx where many requests are in flight, and it looks the same.

It is chosen by `GracyConfig(wire="aiohttp")`, and needs `pip install 'gracy-transport[aiohttp]'`. `AiohttpTransport`
takes the place of an `AsyncHTTPTransport` of httpx or httpx2 and reads its settings from it.

As with httpx are: connect, read, write and pool timeouts, proxies, `verify` and `cert`, lazy bodies both ways, the
classes of errors, every byte of the URL and of the headers, in their order and spelling. Redirects, cookies,
credentials and content codings stay the client's business. No attempt is sent twice behind the back of the retry layer.

What is different:

- asyncio alone: under trio the first request says so.
- HTTP/1.1 alone, and no `network_stream` in the extensions of a response: an upgrade (a 101) is refused.
- Idle connections are kept up to `max_connections`, not `max_keepalive_connections` (0 keeps none all the same).
- The body of a request is sent in a task of its own, so an answer may come before the end of it.
- What comes along with the status line has to be right as a whole: a broken chunk, or more bytes than were announced,
  is an error of the answer, not of its body. What a lenient parser forgives passes, such as bare line feeds.
- A look-up of a host is remembered for ten seconds.
- Header values that are not UTF-8, or hold control characters, are refused.
- Tools that trace the transport of httpx see nothing: let them trace aiohttp, or the client once it has its stack.

This stands on aiohttp itself, not on httpx-aiohttp, which carries a request and loses guarantees. As of 0.2.0 it calls
a connection that broke after sending a `ConnectTimeout`, which means "never sent", so that a retry sends a POST twice.
It respells URLs and the names of headers, lets errors of aiohttp through, waits for ever after a 103, has no write
timeout, tells no pool timeout from a connect timeout, and sends some requests again by itself. Nearly all of this wire
would have been mending around it.

While something stands in for the wire of httpx (respx, pytest-httpx, vcrpy, the plugin of this package), it is asked
and not the network: a test that is mocked stays mocked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from ..exceptions import CompositionError
from ..family import AnyRequest, AnyResponse, TransportBase, family_of, is_httpx_wire
from .exchange import Exchange
from .settings import WireSettings, settings_of

if TYPE_CHECKING:
    from ..family import AsyncTransport

__all__ = ["AiohttpTransport"]

_LONGEST_LINE: Final = 100 * 1024
"""Bytes of a status or header line: as many as httpx takes of all of them together."""

_MOST_HEADERS: Final = 256


class AiohttpTransport(TransportBase):
    """Sends over aiohttp what an `AsyncHTTPTransport` would send, with the settings of that.

    ```python
    wire = AiohttpTransport(httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=50)))
    async with httpx.AsyncClient(transport=RetryTransport(wire, GracefulRetry())) as client:
        ...
    ```

    Every event loop gets a session of its own, which ends with its loop, or when the transport is closed.

    Args:
        like: the transport to stand for, of httpx or httpx2. Either serves requests of both.

    Raises:
        CompositionError: when it is none, or has settings that aiohttp cannot keep.
    """

    def __init__(self, like: AsyncTransport) -> None:
        if not is_httpx_wire(like):
            name = f"{type(like).__module__}.{type(like).__name__}"
            raise CompositionError(f"{name} cannot be stood for: give an AsyncHTTPTransport of httpx or httpx2")
        self._like: Any = like
        self._settings = settings_of(like)
        self._sessions: dict[asyncio.AbstractEventLoop, _Session] = {}
        self._genuine: set[object] = set()

    async def handle_async_request(self, request: AnyRequest) -> AnyResponse:
        """Answers a request of either family.

        Raises:
            CompositionError: when no loop of asyncio runs.
            Exception: the errors of the request's package, as its own transport raises them.
        """
        if self._is_stood_in:
            return await self._like.handle_async_request(request)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise CompositionError(
                'aiohttp runs on asyncio alone: under trio leave wire="aiohttp" out of the config'
            ) from None
        session = self._sessions.get(loop) or await self._opened(loop)
        exchange = Exchange(request, self._settings)
        slots = session.slots
        if slots is None:
            return await exchange.take_place(session.client, _nothing)
        await exchange.wait_for(slots)
        session.busy += 1
        try:
            return await exchange.take_place(session.client, session.give_back)
        except BaseException:
            session.give_back()
            raise

    @property
    def _is_stood_in(self) -> bool:
        """Whether somebody has put something in the place of the functions of httpx by which it sends."""
        like = self._like
        for function in (like.handle_async_request, like._pool.handle_async_request):  # noqa: SLF001 - as in settings.py
            plain = getattr(function, "__func__", function)
            if plain not in self._genuine:
                home = plain.__globals__["__name__"] if isinstance(plain, FunctionType) else ""
                if home.partition(".")[0] not in _GENUINE:
                    return True
                self._genuine.add(plain)
        return False

    async def _opened(self, loop: asyncio.AbstractEventLoop) -> _Session:
        session = self._sessions[loop] = _Session(self._settings, loop, self._forget)
        await session.open()
        for other in list(self._sessions.values()):  # in one step, because loops of other threads open theirs
            if other.loop.is_closed() and self._forget(other):
                await other.close()  # its loop ended in a way that told nobody
        return session

    def _forget(self, session: _Session) -> bool:
        """Takes a session out; returns whether it was there, not taken by another thread nor replaced by its loop."""
        known, loop = self._sessions, session.loop
        return known.get(loop) is session and known.pop(loop, None) is session

    async def aclose(self) -> None:
        """Closes the connections of all loops; those of a loop of another thread as soon as that comes to it."""
        for session in list(self._sessions.values()):
            if not self._forget(session):
                continue
            if session.is_here or session.loop.is_closed():
                await session.close()
            else:
                with suppress(RuntimeError):  # it has ended since
                    session.loop.call_soon_threadsafe(session.close_soon)
        await self._like.aclose()

    def __repr__(self) -> str:
        """Says for what it stands, and how many connections are in use."""
        busy = sum(session.busy for session in self._sessions.values())
        return f"<AiohttpTransport for {family_of(self._like).name}, {busy} in use>"


_GENUINE: Final = frozenset({"httpx", "httpx2", "httpcore", "httpcore2"})
"""The packages whose functions send a request of httpx when nobody stands in for them."""


class _Session:
    """The connections of one event loop.

    Attributes:
        client: aiohttp's session.
        slots: as many as there may be connections, `None` for any number.
        busy: how many of them are taken.
        loop: the loop.
    """

    def __init__(
        self, settings: WireSettings, loop: asyncio.AbstractEventLoop, forget: Callable[[_Session], object]
    ) -> None:
        self.loop = loop
        self.busy = 0
        self.slots = None if settings.most is None else asyncio.Semaphore(settings.most)
        self.client = aiohttp.ClientSession(
            connector=_connector(settings),
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies are the client's
            auto_decompress=False,  # as codings are
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
        )
        self._forget = forget
        self._life = self._live()
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_here(self) -> bool:
        """Whether it is its loop that runs here, in place of another one or of trio."""
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def give_back(self) -> None:
        """Notes that a connection is free, or gone."""
        self.busy -= 1
        assert self.slots is not None
        self.slots.release()

    async def open(self) -> None:
        """Lets the session end with its loop at the latest."""
        await anext(self._life)

    async def _live(self) -> AsyncGenerator[None]:
        # A loop that ends closes its asynchronous generators while it still runs. That is the only word it gives.
        try:
            yield
        finally:
            self._forget(self)
            await self.client.close()

    async def close(self) -> None:
        """Closes the connections."""
        if self.loop.is_closed():
            self._forget(self)
            await self.client.close()
        else:
            await self._life.aclose()

    def close_soon(self) -> None:
        """Closes the connections from within the loop."""
        self._closing = self.loop.create_task(self.close())


def _connector(settings: WireSettings) -> aiohttp.BaseConnector:
    options: dict[str, Any] = {"limit": 0}  # slots are counted above it: a pool timeout is not about connecting
    if settings.keeps:
        options["keepalive_timeout"] = settings.expiry
    else:
        options["force_close"] = True
    if settings.uds is not None:
        return aiohttp.UnixConnector(settings.uds, **options)
    if settings.local_address is not None:
        options["local_addr"] = (settings.local_address, 0)
    if settings.socket_options:
        options["socket_factory"] = _socket_factory(settings.socket_options)
    settings.tls.set_alpn_protocols(["http/1.1"])
    resolver = aiohttp.ThreadedResolver()  # the system's, as httpx asks it, also where aiodns is installed
    return aiohttp.TCPConnector(ssl=settings.tls, resolver=resolver, **options)


def _socket_factory(socket_options: tuple[Any, ...]) -> Callable[[Any], socket.socket]:
    def make(address: Any) -> socket.socket:
        made = socket.socket(*address[:3])
        for option in socket_options:
            made.setsockopt(*option)
        return made

    return make


def _nothing() -> None:
    """Is all there is to do where connections are not counted."""
