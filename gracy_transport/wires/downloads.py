"""The body of an answer, as it comes from aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, cast

import aiohttp

from ..family import AnyRequest
from .failures import failure_of

if TYPE_CHECKING:
    from aiohttp.connector import Connection

    from .uploads import Upload

__all__ = ["Answer", "Download"]


class Answer(aiohttp.ClientResponse):
    """A response of aiohttp that goes on to heed its read timeout after an interim answer (a 100, a 103).

    Attributes:
        upload: the body of the request: while it is on its way the server may be silent.
    """

    upload: Upload | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Reads status and headers."""
        protocol = connection.protocol
        assert protocol is not None
        read = protocol.read

        async def read_on() -> Any:
            message = await read()
            code = message[0].code
            if code == 101:
                protocol.force_close()  # whatever it speaks from here on, it is not to be asked again
            elif 100 <= code < 200 and (self.upload is None or self.upload.is_over):
                protocol.start_timeout()
            return message

        # The one place at which interim answers pass by; every one of them stops the timer.
        vars(protocol)["read"] = read_on
        try:
            return await super().start(connection)
        finally:
            del vars(protocol)["read"]


class Download:
    """A body that is read as it comes, at the reader's pace.

    Args:
        request: what it is the answer to.
        answer: aiohttp's response.
        patience: seconds that a read may wait for something to come, `None` for any time.
        over: called once when the connection is needed no longer, in the loop it was opened in.
    """

    def __init__(self, request: AnyRequest, answer: Answer, patience: float | None, over: Callable[[], object]) -> None:
        self._request = request
        self._answer = answer
        self._patience = patience
        self._over: Callable[[], object] | None = over
        self._loop = asyncio.get_running_loop()
        self._limit(None)  # the time between two reads is the reader's own

    def __aiter__(self) -> AsyncIterator[bytes]:
        return cast("AsyncIterator[bytes]", self)

    async def __anext__(self) -> bytes:
        if self._over is None:
            raise StopAsyncIteration
        try:
            piece = await self._next()
        except Exception as error:  # noqa: BLE001 - each comes out, by the name that the client knows
            lost = self._lost()
            await self.aclose()
            upload = self._answer.upload
            if upload is not None and upload.error is not None:
                raise upload.error from None
            failure = failure_of(self._request, lost or error)
            raise failure from failure.__cause__
        if not piece:
            await self.aclose()
            raise StopAsyncIteration
        return piece

    async def _next(self) -> bytes:
        content = self._answer.content
        error = content.exception()
        if error is not None:
            # What came before the error is given out before it, which `content` would not do by itself.
            content.set_exception(cast("Any", None))
            piece = content.read_nowait()
            content.set_exception(error)
            if not piece:
                raise error
            return piece
        piece = content.read_nowait()
        if piece or content.is_eof():
            return piece
        self._limit(self._patience)
        try:
            return await content.readany()
        finally:
            self._limit(None)

    def _lost(self) -> Exception | None:
        """Returns the error of a connection that was reset: the body itself knows only that bytes are missing."""
        connection = self._answer.connection
        error = None if connection is None or connection.protocol is None else connection.protocol.exception()
        return error if isinstance(error, aiohttp.ClientOSError) else None

    def _limit(self, seconds: float | None) -> None:
        """Sets how long the connection may be silent from now on."""
        connection = self._answer.connection
        protocol = None if connection is None else connection.protocol
        if protocol is not None:
            protocol.read_timeout = seconds
            protocol.start_timeout()

    async def aclose(self) -> None:
        """Gives the connection back: for another request when the body was read to its end, else to be closed."""
        over, self._over = self._over, None
        if over is not None:
            if not self._answer.content.is_eof():
                self._answer.close()
            over()

    def __del__(self) -> None:
        # aiohttp takes care of the connection of a response that was dropped; this may be any thread.
        if self._over is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over)
