"""One request and its answer over a session of aiohttp, as httpx would have sent the one and read the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import aiohttp
from yarl import URL

from ..bodies import stream_of
from ..call import extensions_with
from ..family import AnyRequest, family_of
from ..header_names import is_header_name
from .downloads import Answer, Download
from .failures import failure_of, named
from .uploads import upload_of

if TYPE_CHECKING:
    from aiohttp.client_middlewares import ClientHandlerType

    from ..family import Response
    from .settings import WireSettings

__all__ = ["Exchange"]

_SCHEMES: Final = ("http", "https")
_OF_AIOHTTP: Final = frozenset(
    {
        *("accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length"),
        *("content-type", "cookie", "expect", "host", "proxy-authorization", "transfer-encoding", "user-agent"),
    }
)
"""The headers that aiohttp adds by itself: what a request says of them is in the request."""
_TARGET: Final = re.compile(rb"[!-~]+")
_NO_TIMEOUTS: Final[dict[str, float | None]] = {}


class Exchange:
    """One request and its answer.

    Args:
        request: of either family; it is not changed.
        settings: what the transport was made with.
    """

    __slots__ = ("_extensions", "_headers", "_request", "_settings", "_timeouts", "_upload")

    def __init__(self, request: AnyRequest, settings: WireSettings) -> None:
        self._request = request
        self._settings = settings
        self._extensions = extensions_with(request)
        self._timeouts: dict[str, float | None] = self._extensions.get("timeout", _NO_TIMEOUTS)
        self._headers, announced = _head_of(request)
        self._upload = upload_of(request, announced, self._timeouts.get("write"))

    async def wait_for(self, slots: asyncio.Semaphore) -> None:
        """Waits for a connection to be free.

        Raises:
            Exception: the `PoolTimeout` of the request's package.
        """
        if not slots.locked():
            await slots.acquire()
            return
        seconds = self._timeouts.get("pool")
        try:
            async with asyncio.timeout(seconds):
                await slots.acquire()
        except TimeoutError:
            text = f"all {self._settings.most} connections were in use for {seconds:g} s: raise max_connections"
            raise named(self._request, "PoolTimeout", text) from None

    async def take_place(self, session: aiohttp.ClientSession, over: Callable[[], object]) -> Response:
        """Sends the request and returns the answer, whose body is still to come unless it came at once.

        `over` is called once when the connection is needed no longer, unless this raises.
        """
        upload = self._upload
        try:
            answer = await self._send(session)
        except Exception as error:
            if upload is not None and upload.error is not None:
                raise upload.error from None
            failure = failure_of(self._request, error)
            if failure is error:
                raise
            raise failure from failure.__cause__
        if answer.status == 101:
            answer.close()
            text = (
                'the server switched protocols, for which aiohttp has no connection to give: leave wire="aiohttp" out'
            )
            raise named(self._request, "RemoteProtocolError", text)
        return self._response(answer, over)

    async def _send(self, session: aiohttp.ClientSession) -> aiohttp.ClientResponse:
        request, settings, upload, timeouts = self._request, self._settings, self._upload, self._timeouts
        url = request.url
        if url.scheme not in _SCHEMES or request.method == "CONNECT" or (settings.uds and url.scheme == "https"):
            raise named(request, "UnsupportedProtocol", _refusal(url.scheme, request.method))
        target: bytes = self._extensions.get("target", url.raw_path)
        if not _TARGET.fullmatch(target):
            raise named(request, "LocalProtocolError", "the target has what no line can hold: escape it as %20")
        # "Encoded" keeps every byte as it is. All of it goes in as the path: an empty query would get lost otherwise.
        exact = URL.build(
            scheme=url.scheme,
            host=url.raw_host.decode("ascii"),
            port=url.port,
            path=target.decode("latin-1"),
            encoded=True,
        )
        return await session.request(
            request.method,
            exact,
            data=upload,
            headers=None if upload is None or upload.size is None else {"Content-Length": str(upload.size)},
            allow_redirects=False,
            timeout=_timeout(timeouts.get("connect"), timeouts.get("read")),
            server_hostname=self._extensions.get("sni_hostname"),
            proxy=settings.proxy,
            proxy_headers=self._for_proxy() if settings.proxy and url.scheme == "https" else None,
            middlewares=(self._exactly,),
        )

    async def _exactly(self, outgoing: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
        """Sends the headers as they are, those that aiohttp adds left out, and once: a failure ends the attempt."""
        outgoing.response_class = cast("Any", self._answer)
        # Who traces this session says in the headers where the next service goes on.
        traced = [(name, value) for name, value in outgoing.headers.items() if name.lower() not in _OF_AIOHTTP]
        outgoing.headers.clear()
        if self._settings.proxy and self._request.url.scheme == "http":
            outgoing.headers.extend(self._settings.proxy_headers)
        outgoing.headers.extend(self._headers)
        if traced:
            outgoing.headers.update(traced)
        try:
            return await handler(outgoing)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            # On these aiohttp itself sends some requests again, which nobody above would know of.
            failure = failure_of(self._request, error)
            raise failure from failure.__cause__

    def _answer(self, *args: Any, **facts: Any) -> Answer:
        answer = Answer(*args, **facts)
        answer.upload = self._upload
        return answer

    def _for_proxy(self) -> list[tuple[str, str]]:
        """Returns the headers of a CONNECT, in which aiohttp would name itself otherwise."""
        agent = self._request.headers.get("user-agent")
        return [*self._settings.proxy_headers, *([("User-Agent", agent)] if agent else [])]

    def _response(self, answer: aiohttp.ClientResponse, over: Callable[[], object]) -> Response:
        request, content = self._request, answer.content
        family = family_of(request)
        is_whole = content.is_eof() and content.exception() is None
        if is_whole:
            stream: Any = family.ByteStream(content.read_nowait())
        else:
            stream = stream_of(request, Download)(request, answer, self._timeouts.get("read"), over)
        if self._upload is not None:
            self._upload.break_with(answer)
        version = answer.version
        response = family.Response(
            answer.status,
            headers=list(answer.raw_headers),
            stream=stream,
            extensions={
                "http_version": b"HTTP/1.1" if version is None else b"HTTP/%d.%d" % version,
                "reason_phrase": (answer.reason or "").encode("utf-8", "surrogateescape"),
            },
        )
        if is_whole:
            over()
        return response


@lru_cache(64)
def _timeout(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    """Returns the same value for the same seconds, of which a program has few: to make one takes microseconds."""
    return aiohttp.ClientTimeout(connect=connect, sock_read=read)


def _head_of(request: AnyRequest) -> tuple[list[tuple[str, str]], str | None]:
    """Returns the headers in the order in which they are sent, and the length of the body, `None` for chunks.

    Raises:
        Exception: the `LocalProtocolError` of the request's package, for what is not UTF-8 or no name.
    """
    headers: list[tuple[str, str]] = []
    announced: str | None = "0"
    raw_name = b""
    try:
        for raw_name, raw_value in request.headers.raw:
            written = raw_name.decode("latin-1")
            if not is_header_name(written):  # aiohttp would send it, and it would be read as something else
                raise named(request, "LocalProtocolError", f"{raw_name!r} is no name of a header")
            header = written, raw_value.decode("utf-8")
            name = raw_name.lower()
            if name == b"host":
                headers.insert(0, header)  # wherever the user has put it
                continue
            headers.append(header)
            if name == b"content-length" and announced is not None:
                announced = header[1]
            elif name == b"transfer-encoding" and "chunked" in header[1].lower():
                announced = None
    except UnicodeDecodeError:  # its text would quote the value, which may be a secret
        text = f"the header {raw_name!r} is not UTF-8, and aiohttp sends nothing else"
        raise named(request, "LocalProtocolError", text) from None
    return headers, announced


def _refusal(scheme: str, method: str) -> str:
    if scheme not in _SCHEMES:
        return f"the URL starts with {scheme!r}, and only http:// and https:// can be asked"
    if method == "CONNECT":
        return 'a CONNECT hands a connection over, which aiohttp does not: leave wire="aiohttp" out'
    return 'aiohttp does not speak TLS over a unix socket: ask for http://, or leave wire="aiohttp" out'
