"""The transport that a check puts below the one under test: it answers by a function and notes what reached it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Final, Self

from anyio.lowlevel import checkpoint

__all__ = ["CHUNKS", "URL", "Body", "Probe", "probe", "request_of"]

URL: Final = "https://conformance.test"
CHUNKS: Final = (b"[1, ", b"2, ", b"3]")
"""The body of an answer, unless it is told otherwise: JSON, for transports that look into it."""


class Body:
    """The body of an answer, which counts how often it was asked for a chunk and closed."""

    def __init__(self, chunks: Iterable[bytes | Exception]) -> None:
        self._chunks = iter(chunks)
        self.given = 0
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await checkpoint()
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            self.given += 1
            return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Counts that it was closed, before anything can cancel that."""
        self.closed += 1
        await checkpoint()


class Probe:
    """An inner transport.

    Attributes:
        journal: "enter", "exit" and "close", in the order in which it was entered, left and closed.
        left_with: the class of the error it was left with.
        bodies: those it gave out.
        raises: what happens when it is entered, left or closed, by those names.
    """

    def __init__(self, family: ModuleType, answer: Callable[[Any, Any], Awaitable[Any]] | None) -> None:
        self._family = family
        self._answer = answer
        self.journal: list[str] = []
        self.left_with: type[BaseException] | None = None
        self.bodies: list[Body] = []
        self.raises: dict[str, Exception] = {}

    async def handle_async_request(self, request: Any) -> Any:
        """Answers by the function, or reads the request and answers well."""
        await checkpoint()
        if self._answer is not None:
            return await self._answer(self, request)
        async for _ in request.stream:
            pass
        return self.respond()

    def respond(
        self,
        status: int = 200,
        chunks: Iterable[bytes | Exception] = CHUNKS,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> Any:
        """Returns an answer whose body is watched."""
        body = type("ProbeBody", (Body, self._family.AsyncByteStream), {})(chunks)
        self.bodies.append(body)
        given = {"content-type": "application/json"} if headers is None else headers
        return self._family.Response(status, headers=given, stream=body, extensions=dict(extensions or {}))

    @property
    def left_open(self) -> int:
        """How many bodies were given out and never closed."""
        return sum(not body.closed for body in self.bodies)

    async def __aenter__(self) -> Self:
        self._note("enter")
        return self

    async def __aexit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        self.left_with = kind
        self._note("exit")

    async def aclose(self) -> None:
        """Notes that it was closed."""
        self._note("close")

    def _note(self, what: str) -> None:
        self.journal.append(what)
        if what in self.raises:
            raise self.raises[what]


def probe(family: ModuleType, answer: Callable[[Any, Any], Awaitable[Any]] | None = None) -> Any:
    """Returns a `Probe` that is a transport of the family; `answer(probe, request)` is awaited for each request."""
    return type("ProbeTransport", (Probe, family.AsyncBaseTransport), {})(family, answer)


def request_of(family: ModuleType, method: str = "GET", path: str = "/", content: Any = None) -> Any:
    """Returns a request as a client makes it."""
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), 5.0)
    headers = [("x-own", "1"), ("x-own", "2"), ("accept", "*/*")]
    return family.Request(method, URL + path, headers=headers, content=content, extensions={"timeout": timeouts})
