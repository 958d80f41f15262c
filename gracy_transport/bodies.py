"""Touching bodies: holding them in memory, copying them, letting them go.

A stream is touched here, by the neighbours `watching`, `resending` and `reading`, and by the wire that sends it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import anyio

from .call import call_inside, extensions_of
from .exceptions import BodyTooLarge
from .family import error_for, family_of
from .logevents import log_failure
from .reading import facts_of_read
from .showing import shown_path, shown_url

if TYPE_CHECKING:
    from .family import Request, Response

__all__ = [
    "BODY_CAP",
    "PassingStream",
    "break_again",
    "buffer",
    "content_of",
    "discard",
    "has_end",
    "is_to_come",
    "leave",
    "read",
    "readable",
    "stream_of",
    "tee_request",
    "tee_response",
    "variant",
]

BODY_CAP: Final = 10 * 1024 * 1024
"""Bytes of a body that may be held in memory: enough for any JSON an API sends, too little to hurt a process."""

_PIECE: Final = 16 * 1024
"""Bytes that are decoded at a time: they come to 1,000 times as many at most, so that the cap can hold."""

_AT_HAND: Final = 64
"""Chunks that are let go at most when a body is left half-way: a stream that never waits has no end otherwise."""


_streams: dict[type, dict[type, Any]] = {}


def stream_of(request: Request, kind: type) -> Any:
    """Returns the class of `kind` that is also a stream of the request's family, made on first use."""
    try:
        return _streams[kind][type(request)]
    except KeyError:
        base = family_of(request).AsyncByteStream
        made = _streams.setdefault(kind, {})[type(request)] = type(kind.__name__.strip("_"), (kind, base), {})
        return made


def is_to_come(request: Request, response: Response) -> bool:
    """Tells whether the body of a response is neither read nor in memory."""
    return not response.is_closed and type(response.stream) is not family_of(request).ByteStream


def has_end(request: Request, response: Response) -> bool:
    """Tells whether there is a body to read to its end, as opposed to none at all or a connection handed over."""
    return not response.is_closed and request.method not in {"HEAD", "CONNECT"} and response.status_code >= 200


async def buffer(request: Request, response: Response, cap: int = BODY_CAP) -> bytes:
    """Reads the raw body into memory and lets the response give it out again, so that its source is free.

    Raises:
        BodyTooLarge: when there are more than `cap` bytes; the response is closed then.
        Exception: whatever broke the body; the response is closed then.
    """
    call = call_inside(request)
    if call is not None:
        call.attempt.was_answered = True  # whatever becomes of the body
    chunks: list[bytes] = []
    size = 0
    source: AsyncIterator[bytes] = aiter(response.stream)  # type: ignore[arg-type]
    try:
        async for chunk in source:
            size += len(chunk)
            if size > cap:
                raise error_for(
                    request,
                    BodyTooLarge,
                    f"{request.method} {shown_path(request)}: the body is larger than {cap} bytes, which is the most "
                    "that is held in memory; stream it without validators, recording and buffer_body",
                )
            chunks.append(chunk)
    except BaseException:
        try:
            await leave(source, response.stream)
        finally:
            await discard(response)
        raise
    await response.stream.aclose()  # type: ignore[union-attr]
    raw = b"".join(chunks)
    response.stream = family_of(request).ByteStream(raw)
    return raw


async def read(request: Request, response: Response) -> None:
    """Reads a body into the response itself, decoded, as a client does: whoever gets the response finds it read.

    There is no cap. Raises as `readable` does.
    """
    raw = content = await buffer(request, response, sys.maxsize)
    if "content-encoding" in response.headers:
        content = _decoded(request, response, raw, sys.maxsize).content
    response.__dict__.update(facts_of_read(raw, content))


async def leave(chunks: AsyncIterator[bytes], stream: object) -> None:
    """Closes the iteration of a stream: a generator that is left half-way holds its frame, and its source, until then.

    A stream that is its own iterator is left alone, since it is closed as a stream.
    """
    close = None if chunks is stream else getattr(chunks, "aclose", None)
    # With another task in the middle of it, it cannot be closed: it ends by itself as its source is.
    if close is None or getattr(chunks, "ag_running", False):
        return
    # Closing a generator forgets those it is in the middle of; cancelling what they wait for ends them all.
    try:
        with anyio.CancelScope() as scope, suppress(Exception):
            scope.cancel()
            for _ in range(_AT_HAND):
                await anext(chunks)
    finally:
        await close()


class PassingStream:
    """The base of bodies that pass on another: that is begun when somebody reads it, and left when this is closed."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._chunks: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._chunks is None:
            self._chunks = self._source.__aiter__()
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return self._next()

    async def _next(self) -> bytes:
        if self._chunks is None:
            raise StopAsyncIteration
        return await self._chunks.__anext__()

    async def aclose(self) -> None:
        """Leaves the body that is passed on, and closes it."""
        chunks, self._chunks = self._chunks, None
        try:
            if chunks is not None:
                await leave(chunks, self._source)
        finally:
            await self._source.aclose()


async def readable(request: Request, response: Response, cap: int = BODY_CAP) -> Response:
    """Returns a copy of the response whose body is read already, with `.request` set, for user code to look at.

    The response itself stays unread, so that the client treats it as any other. The cap holds for what comes over the
    wire and for what it decodes to. Raises as `buffer` does, and `DecodingError` where the encoding is broken.
    """
    if response.is_closed:
        response.request = request
        return response
    raw = await buffer(request, response, cap)
    if "content-encoding" not in response.headers:
        return _copy(request, response, raw)
    try:
        return _decoded(request, response, raw, cap)
    except BodyTooLarge:
        await discard(response)
        raise


def _copy(request: Request, response: Response, raw: bytes) -> Response:
    """Returns a copy of a response with a body that has been read and is not encoded."""
    # Not the constructor, with which all of the headers would be parsed and the body be streamed again.
    view: Response = object.__new__(type(response))
    view.__dict__.update(response.__dict__)
    view.__dict__.update(facts_of_read(raw, raw))
    view.__dict__.update(headers=response.headers.copy(), extensions=dict(extensions_of(response)), _request=request)
    return view


def _decoded(request: Request, response: Response, raw: bytes, cap: int) -> Response:
    """Returns a copy of a response with a body that has been read, decoded piece by piece up to the cap."""
    family = family_of(request)
    # Synchronous, as all bytes are here: a decoding error must not leave asynchronous generators behind.
    pieces = (raw[start : start + _PIECE] for start in range(0, len(raw), _PIECE))
    view = family.Response(
        response.status_code,
        headers=response.headers,
        stream=family.Response(200, content=pieces).stream,
        request=request,
        extensions=extensions_of(response),
    )
    content = bytearray()
    for chunk in view.iter_bytes():
        content += chunk
        if len(content) > cap:
            raise error_for(
                request,
                BodyTooLarge,
                f"{request.method} {shown_url(request)}: the body decodes to more than {cap} bytes, which is the "
                "most that is held in memory; stream it without validators, recording and buffer_body",
            )
    view.stream = family.ByteStream(raw)
    view.__dict__["_content"] = bytes(content)  # as `read` does, which knows no cap
    return view


async def discard(response: Response) -> None:
    """Closes a response that nobody will read, which gives its connection back; an error in closing is only logged."""
    try:
        await response.aclose()
    except Exception as error:  # noqa: BLE001 - a wire may raise anything
        log_failure(logging.DEBUG, error, (), "closing a discarded response failed; going on")


def variant(request: Request, **changed: Any) -> Request:
    """Returns a request of our own that shares the body of the caller's; `changed` are attributes: headers, url."""
    # Not the constructor, which would parse and encode everything again.
    twin: Request = object.__new__(type(request))
    twin.__dict__.update(request.__dict__)
    twin.__dict__.update(changed)
    return twin


def content_of(request: Request) -> bytes | None:
    """Returns the body of a request that is held in memory anyway, or `None` for one that is a stream."""
    content: bytes | None = getattr(request, "_content", None)
    return content


def tee_request(request: Request, kind: type, *args: Any) -> tuple[Request, Any]:
    """Returns a request to send in place of the caller's, and its body: the caller's in `kind(body, *args)`."""
    stream = stream_of(request, kind)(request.stream, *args)
    return variant(request, stream=stream), stream


def tee_response(request: Request, response: Response, kind: type, *args: Any) -> Any:
    """Wraps the body of the response in `kind(body, *args)` and returns the wrapper."""
    stream = response.stream = stream_of(request, kind)(response.stream, *args)
    return stream


class _BrokenStream:
    """A body that breaks as it did before."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raise self._error


def break_again(request: Request, response: Response, error: Exception) -> None:
    """Opens a response again whose body broke as it was read, so that whoever reads it gets the same error."""
    response.is_closed = False
    response.stream = stream_of(request, _BrokenStream)(error.with_traceback(None))  # which refers to the response
