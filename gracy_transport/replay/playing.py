"""A recorded body that comes piece by piece again, in its pauses, and breaks where it broke."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from ..bodies import stream_of
from .failures import error_from
from .pieces import pieces_in
from .recording import RecordedResponse, Recording

if TYPE_CHECKING:
    from ..clock import Clock
    from ..family import AsyncByteStream, Request

__all__ = ["played"]


class _PlayedStream:
    """The body of a replayed answer."""

    def __init__(self, pieces: Iterator[tuple[bytes, float]], clock: Clock | None, error: Exception | None) -> None:
        self._pieces, self._clock, self._error = pieces, clock, error

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece, delay in self._pieces:
            if delay and self._clock is not None:
                await self._clock.sleep(delay)
            if piece:
                return piece
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration


def played(recording: Recording, answer: RecordedResponse, request: Request, clock: Clock | None) -> AsyncByteStream:
    """Returns the body of a recorded answer as a stream of the request's family; without a clock it knows no pauses."""
    error = None if recording.error is None else error_from(recording.error, request)
    stream: Any = stream_of(request, _PlayedStream)
    body: AsyncByteStream = stream(pieces_in(answer), clock, error)
    return body
