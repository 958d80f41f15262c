"""What is measured: wires that do nothing, and the stack as a user would set it up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from gracy_transport.concurrency import ConcurrentRequestLimit
from gracy_transport.config import GracyConfig
from gracy_transport.logevents import LogEvent, LogLevel
from gracy_transport.retry import GracefulRetry
from gracy_transport.stack import GracyTransport
from gracy_transport.throttle import ThrottleRule

URL = "https://api.example.com/v2/pokemon/pikachu"
BODY = b'{"id": 25, "name": "pikachu"}'

EVERYTHING = GracyConfig(
    # Limits that are counted and never reached: the free path is what most requests take.
    throttling=ThrottleRule(r"https://api\.example\.com/.*", 1_000_000, 0.5),
    concurrent_requests=ConcurrentRequestLimit(100),
    retry=GracefulRetry(delay=1, max_attempts=3),
    allowed_status_code=404,
    log_request=LogEvent(LogLevel.DEBUG),
    log_response=LogEvent(LogLevel.DEBUG),
    log_errors=LogEvent(LogLevel.DEBUG),
)
"""Every concern but recordings, which would put another wire in place of this one: they have rows of their own."""


def families() -> list[ModuleType]:
    """Returns httpx, and httpx2 where it is installed."""
    return [import_module(name) for name in ("httpx", "httpx2") if find_spec(name) is not None]


def wire_of(family: ModuleType, *, is_streamed: bool = False) -> Any:
    """Returns a wire that answers at once, with a body of one chunk that is still to be read.

    The body is in memory, or with `is_streamed` comes as one from a connection does, whose end has to be watched.
    """
    headers = {"content-type": "application/json", "content-length": str(len(BODY))}
    respond: Callable[..., Any] = family.Response

    class OneChunk(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, chunk: bytes) -> None:
            self.chunk = chunk

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield self.chunk

    make_stream: Callable[[bytes], Any] = OneChunk if is_streamed else family.ByteStream

    class NoOpWire(family.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            return respond(200, headers=headers, stream=make_stream(BODY))

    return NoOpWire()


def stack_on(wire: Any) -> GracyTransport:
    """Returns the stack with everything on, in front of a wire."""
    return GracyTransport(wire, EVERYTHING)


async def read(response: Any) -> None:
    """Reads a body as a client does: to its end, then closes it."""
    async for _chunk in response.stream:
        pass
    await response.stream.aclose()
