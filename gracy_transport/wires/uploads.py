"""The body of a request, as it is sent with aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from ..bodies import content_of, leave
from ..family import AnyRequest
from .failures import named

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

__all__ = ["Upload", "upload_of"]

_PIECE: Final = 64 * 1024
"""Bytes that are written at a time: a write timeout is about one of them, however long the body is."""

_AT_ONCE: Final = 32 * 1024
"""Bytes that a fresh connection always takes, so that no timer is needed for them."""


class Upload(aiohttp.Payload):
    """A body on its way. aiohttp sends it in a task of its own, while the answer is waited for.

    Args:
        request: whose body it is.
        length: bytes that are announced, `None` when it goes in chunks.
        patience: seconds that a write may take, `None` for any time.

    Attributes:
        error: what broke it: an error of the user's own stream, or one of the request's package.
        is_over: whether all of it was sent.
    """

    def __init__(self, request: AnyRequest, length: int | None, patience: float | None) -> None:
        super().__init__(None)
        self.error: BaseException | None = None
        self.is_over = False
        self._request = request
        self._length = length
        self._patience = patience
        self._written = 0
        self._response: aiohttp.ClientResponse | None = None

    @property
    def size(self) -> int | None:
        """The length that is announced."""
        return self._length

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Is asked for by nobody: the body is sent, and not looked at."""
        raise NotImplementedError

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Sends the body."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Sends the body, and keeps what goes wrong: aiohttp would only say that something did."""
        try:
            await self._send(writer)
            self.is_over = True
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            self.error = error
            if self._response is not None:
                self._response.close()  # or whoever reads it would wait for an end that cannot come
            raise

    def break_with(self, response: aiohttp.ClientResponse) -> None:
        """Lets an answer that came before the end of the upload break when the upload does."""
        self._response = response

    async def _send(self, writer: AbstractStreamWriter) -> None:
        stream: Any = self._request.stream
        pieces: AsyncIterator[bytes] = aiter(stream)
        try:
            async for piece in pieces:
                await self._take(writer, piece)
        finally:
            await leave(pieces, stream)
        if self._length is not None and self._written < self._length:
            raise self._misfit("fewer")

    async def _take(self, writer: AbstractStreamWriter, piece: bytes) -> None:
        self._written += len(piece)
        if self._length is not None and self._written > self._length:
            raise self._misfit("more")
        try:
            if self._patience is None or self._written <= _AT_ONCE:
                await writer.write(piece)
                return
            for start in range(0, len(piece), _PIECE):
                async with asyncio.timeout(self._patience):
                    await writer.write(memoryview(piece)[start : start + _PIECE])
                    await writer.drain()
        except TimeoutError as error:
            text = f"nothing could be sent for {self._patience:g} s"
            raise named(self._request, "WriteTimeout", text) from error
        except OSError as error:
            text = "the connection broke while the body was being sent"
            raise named(self._request, "WriteError", text) from error

    def _misfit(self, which: str) -> Exception:
        text = f"the body has {which} bytes than the Content-Length of {self._length}"
        return named(self._request, "LocalProtocolError", text)


def upload_of(request: AnyRequest, announced: str | None, patience: float | None) -> Upload | None:
    """Returns the body of a request, `None` when it has none.

    `announced` is its length as the headers have it, `None` when it goes in chunks.

    Raises:
        Exception: the `LocalProtocolError` of the request's package, when that is no number.
    """
    if announced is None:
        return Upload(request, None, patience)
    if not (announced.isascii() and announced.isdigit()):
        raise named(request, "LocalProtocolError", f"Content-Length is {announced!r}, which is no number")
    length = int(announced)
    if not length and content_of(request) == b"":
        return None
    return Upload(request, length, patience)
