"""What the tests of retries share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from types import ModuleType
from typing import Any

from gracy_transport.call import Call
from gracy_transport.retry import GracefulRetry, RetryTransport
from gracy_transport.testing import FakeClock, ScriptedWire

URL = "https://api.test/things"


@asynccontextmanager
async def retrying(
    family: ModuleType, wire: Any, clock: FakeClock, config: GracefulRetry | None = None, **options: Any
) -> AsyncIterator[Any]:
    """Gives a client of a family whose transport is a retry layer in front of `wire`."""
    wanted = GracefulRetry(delay=1) if config is None else config
    async with family.AsyncClient(transport=RetryTransport(wire, wanted, clock=clock, **options)) as client:
        yield client


def call_of(carrier: Any) -> Call:
    """Returns the Call of a response, or of an error by its request."""
    extensions = carrier.extensions if hasattr(carrier, "extensions") else carrier.request.extensions
    call = extensions["gracy"]
    assert isinstance(call, Call)
    return call


def gaps(wire: ScriptedWire) -> list[float]:
    """Returns the seconds between the requests that reached a wire."""
    times = [sent.at for sent in wire.sent]
    return [later - earlier for earlier, later in pairwise(times)]


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    """Yields a body that can be read only once."""
    for chunk in chunks:
        yield chunk


def messages(records: Iterable[Any]) -> list[str]:
    """Returns the texts of the records of our logger."""
    return [record.getMessage() for record in records if record.name == "gracy_transport"]
