"""Copying a body while it passes, so that whoever reads it notices nothing and nothing is read twice."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ..bodies import BODY_CAP, PassingStream, discard, tee_request, tee_response

if TYPE_CHECKING:
    from ..clock import Clock
    from ..family import Request, Response

__all__ = ["AtCopy", "BodyCopy", "copy_request", "copy_response"]


class BodyCopy:
    """A copy of a body, of at most `CAP` bytes, that grows while the body passes.

    Args:
        content: the body, where it is there already.
        keeps_pieces: whether it matters in which pieces the body comes.
        clock: what the pauses between the pieces are measured by; they are not unless given.

    Attributes:
        content: the whole body, or what came before it broke, once it is over; `None` before that, and for good when
            it is over the cap.
        error: what broke the body.
        pieces: the pieces it came in, if they matter.
        waits: the seconds that were waited for each piece, and at last for the end; none without a clock.
    """

    __slots__ = ("_chunks", "_clock", "_keeps_pieces", "_size", "content", "error", "pieces", "waits")

    CAP: ClassVar = BODY_CAP

    def __init__(self, content: bytes | None = None, *, keeps_pieces: bool = False, clock: Clock | None = None) -> None:
        self.content = content
        self.error: Exception | None = None
        self.pieces: list[bytes] = []
        self.waits: list[float] = []
        self._keeps_pieces = keeps_pieces
        self._clock = clock
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def is_over_cap(self) -> bool:
        """Whether more passed than may be held in memory."""
        return self._size > self.CAP

    @property
    def lost(self) -> str:
        """Why there is no whole copy, in words; empty when there is one."""
        if self.error is not None:
            return f"broke with a {type(self.error).__name__}"
        if self.content is not None:
            return ""
        return f"is larger than {self.CAP} bytes" if self.is_over_cap else "was not read to its end"

    def now(self) -> float:
        """Returns the time in seconds, if there is a clock."""
        return 0.0 if self._clock is None else self._clock.now()

    def add(self, chunk: bytes, asked_at: float) -> None:
        """Takes the next piece, which was asked for at that time."""
        self._size += len(chunk)
        if self.is_over_cap:
            self._chunks.clear()
            return
        self._chunks.append(chunk)
        self._wait_since(asked_at)

    def complete(self, asked_at: float, error: Exception | None = None) -> None:
        """Notes that the body is over, after asking for more at that time, or broken."""
        if self.is_over_cap:
            return
        self._wait_since(asked_at)
        self.content, self.error = b"".join(self._chunks), error
        if self._keeps_pieces:
            self.pieces = self._chunks

    def _wait_since(self, asked_at: float) -> None:
        if self._clock is not None:
            self.waits.append(self._clock.now() - asked_at)


AtCopy: TypeAlias = Callable[[BodyCopy], Awaitable[None]]
"""Awaited once when a body that is copied is over: whole, broken, or left before its end."""


class _TeedStream(PassingStream):
    """A body that is copied while it passes. What was read ahead is kept for whoever reads the body later."""

    def __init__(self, source: Any, copy: BodyCopy, at_copy: AtCopy | None = None) -> None:
        super().__init__(source)
        # None when the body is over. A client keeps what it has read in a circle, so whatever is kept here stays until
        # the garbage collector comes by.
        self._copy: BodyCopy | None = copy
        self._at_copy = at_copy
        self._ahead: deque[bytes | Exception] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return self._give(self._ahead) if self._ahead else self._pull()

    async def _give(self, ahead: deque[bytes | Exception]) -> bytes:
        read = ahead.popleft()
        if isinstance(read, Exception):
            raise read
        return read

    async def read_ahead(self) -> None:
        """Reads up to the end of the body, or to a little more than the cap. Raises whatever breaks it."""
        copy, ahead = self._copy, deque[bytes | Exception]()
        self._ahead = ahead
        try:
            while copy is not None and not copy.is_over_cap:
                ahead.append(await self._pull())
        except StopAsyncIteration:
            pass  # all of it is read

    def break_with(self, error: Exception) -> None:
        """Lets whoever reads what was read ahead meet an error after it."""
        self._ahead = deque([*(self._ahead or ()), error])

    async def aclose(self) -> None:
        try:
            await super().aclose()
        finally:
            await self._over()

    async def _pull(self) -> bytes:
        copy = self._copy
        if copy is None:
            raise StopAsyncIteration
        chunks = self._chunks = self._source.__aiter__() if self._chunks is None else self._chunks
        asked_at = copy.now()
        try:
            chunk: bytes = await chunks.__anext__()
        except StopAsyncIteration:
            copy.complete(asked_at)
            await self._over()
            raise
        except Exception as error:
            copy.complete(asked_at, error)
            await self._over()
            raise
        copy.add(chunk, asked_at)
        return chunk

    async def _over(self) -> None:
        copy, at_copy = self._copy, self._at_copy
        self._copy = self._at_copy = self._chunks = None
        if copy is not None and at_copy is not None:
            await at_copy(copy)


async def copy_request(request: Request, *, ahead: bool = False) -> tuple[Request, BodyCopy]:
    """Returns a request to send in place of this one, and the copy of its body that sending it makes.

    With `ahead` the body is read now; the request that is returned sends it all the same, also one over the cap.
    Raises whatever breaks the body then.
    """
    copy = BodyCopy()
    sent, stream = tee_request(request, _TeedStream, copy)
    if ahead:
        await stream.read_ahead()
    return sent, copy


async def copy_response(
    request: Request, response: Response, copy: BodyCopy, at_copy: AtCopy, *, ahead: bool = False
) -> None:
    """Copies the body of the response into `copy`, and lets `at_copy` have that when the body is over.

    With `ahead` the body is read now, up to the cap. When that is cancelled, the response is closed.
    """
    stream = tee_response(request, response, _TeedStream, copy, at_copy)
    if not ahead:
        return
    try:
        await stream.read_ahead()
    except Exception as error:  # noqa: BLE001 - without recording only who reads on would meet it
        stream.break_with(error)
    except BaseException:
        await discard(response)
        raise
