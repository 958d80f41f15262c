"""Knowing when the body of a response is over: a slot comes back then, and an attempt has ended."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from .bodies import PassingStream, stream_of
from .family import family_of
from .showing import shown_path

if TYPE_CHECKING:
    from .family import AsyncByteStream, Request, Response

__all__ = ["on_end"]

Fact = TypeVar("Fact")

AtEnd: TypeAlias = Callable[[Fact, BaseException | None], None]
"""Called once, synchronously, when a body is over: with a fact of its own, and the error that broke it or `None`."""

_BODILESS: Final = frozenset({204, 304})


class _WatchedStream(PassingStream):
    """A response body that says when it is over: at its end, when it breaks, is closed, or is dropped unread."""

    def __init__(self, source: AsyncByteStream, request: Request, at_end: tuple[AtEnd[Any], Any]) -> None:
        super().__init__(source)
        self._request = request
        self.at_end: tuple[tuple[AtEnd[Any], Any], ...] = (at_end,)

    async def __anext__(self) -> bytes:
        chunks = self._chunks
        if chunks is None:
            raise StopAsyncIteration
        try:
            return await chunks.__anext__()
        except StopAsyncIteration:
            self._chunks = None  # a generator is a heavy thing to keep for as long as somebody keeps the response
            self._over(None)
            raise
        except BaseException as error:
            self._over(error)
            raise

    async def aclose(self) -> None:
        try:
            await super().aclose()
        finally:
            if self.at_end:
                self._over(None)

    def _over(self, error: BaseException | None) -> None:
        at_end, self.at_end = self.at_end, ()
        for tell, fact in at_end:
            tell(fact, error)

    def __del__(self) -> None:
        if self.at_end:
            self._over(None)
            warnings.warn(
                f"the body of {self._request.method} {shown_path(self._request)} was dropped unread: read it, or close "
                "the response, or its connection stays open",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )


def on_end(request: Request, response: Response, at_end: AtEnd[Fact], fact: Fact) -> None:
    """Calls `at_end(fact, error)` once when the body of the response is over.

    That is at its end, on an error in it, on closing, or when it is dropped unread; at once where nothing is to come
    from the wire: after a HEAD, with a 204 or a 304, and where the body was read, or is in memory, already.
    """
    stream: Any = response.stream
    if isinstance(stream, _WatchedStream) and stream.at_end and not response.is_closed:
        stream.at_end += ((at_end, fact),)
    elif (
        type(stream) is family_of(request).ByteStream
        or response.is_closed
        or request.method == "HEAD"
        or response.status_code in _BODILESS
    ):
        at_end(fact, None)
    else:
        response.stream = stream_of(request, _WatchedStream)(stream, request, (at_end, fact))
