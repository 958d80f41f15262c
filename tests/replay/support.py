"""What the tests of recording and replaying share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from gracy_transport.replay import (
    GracyReplay,
    GracyReplayStorage,
    RecordedResponse,
    Recording,
    RecordingStorage,
    ReplayTransport,
)
from gracy_transport.replay.asked import Asked
from gracy_transport.replay.config import Mode
from gracy_transport.replay.sequence import LAST
from gracy_transport.replay.storage import Wanted
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedWire

URL = "https://api.test/items/1"
AT = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)


Home: TypeAlias = Callable[[], RecordingStorage]
"""Where the recordings of a test are kept: gives a storage there, another object each time."""


def storage_in(home: Path | Home) -> RecordingStorage:
    """Returns a storage where a test keeps its recordings: in a SQLite file when it has just a directory."""
    return sqlite_in(home) if isinstance(home, Path) else home()


def sqlite_in(directory: Path) -> SQLiteReplayStorage:
    """Returns a storage on the file of a test."""
    return SQLiteReplayStorage("test.sqlite3", dir=directory)


@asynccontextmanager
async def client_of(
    family: Any, mode: Mode, where: Any, wire: Any = None, *, options: Mapping[str, Any] | None = None, **replay: Any
) -> AsyncIterator[Any]:
    """Gives a client that records or replays, somewhere or on a storage, over a wire that says 500 unless given."""
    storage = where if isinstance(where, GracyReplayStorage) else storage_in(where)
    config = GracyReplay(mode, storage, **replay)
    transport = ReplayTransport(ScriptedWire(500) if wire is None else wire, config, **(options or {}))
    async with family.AsyncClient(transport=transport) as client:
        yield client


def asked_for(place: int = 0, credential: str | None = None, **given: Any) -> Asked:
    """Returns one of many different requests."""
    request = httpx.Request("GET", f"https://api.test/items/{place}", **given)
    return Asked(request, request.content, credential)


def recording(asked: Asked, body: bytes = b"body", status: int = 200, at: datetime = AT, **headers: Any) -> Recording:
    """Returns an answer to a request."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Recording(asked.facts, at, RecordedResponse(status, pairs, body))


async def bodies_in(storage: RecordingStorage, asked: Asked, wanted: Wanted) -> list[bytes]:
    """Returns the bodies that a storage has of a request at four positions and at the last, `-` where it has none."""
    found = [await storage.find(asked, position, wanted) for position in (0, 1, 2, 3, LAST)]
    return [each.response.body if each is not None and each.response is not None else b"-" for each in found]
