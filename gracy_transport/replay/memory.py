"""Recordings in memory, for tests and for what was read from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from .asked import Asked
from .key import key_of_recorded
from .nearest import nearest
from .recording import Recording
from .sequence import Sequences
from .shelf import Sequence, Shelf
from .storage import ANY, RecordingStorage, Wanted

__all__ = ["MemoryReplayStorage"]


class _Kept(NamedTuple):
    """A recording in its place."""

    sequence: Sequence
    position: int
    recording: Recording


class MemoryReplayStorage(RecordingStorage):
    """Keeps recordings in memory, for as long as it lives. Usable from any task and thread.

    ```python
    storage = MemoryReplayStorage()
    transport = ReplayTransport(httpx.AsyncHTTPTransport(), GracyReplay("smart-replay", storage))
    ```

    Args:
        recordings: those to begin with; several of one request are its answers in that order. None unless given.
    """

    def __init__(self, recordings: Iterable[Recording] = ()) -> None:
        self._lock = Lock()
        self._shelf: Shelf[_Kept] = Shelf()
        places = Sequences()
        for recording in recordings:
            sequence = key_of_recorded(recording.request), recording.request.credential
            self._shelf.add(_Kept(sequence, places.take(sequence), recording))

    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        """Keeps a recording."""
        kept = _Kept(asked.sequence, position, recording)
        with self._lock:
            if is_first:
                self._shelf.remove(asked.sequence)
            self._shelf.add(kept)

    async def find(self, asked: Asked, position: int, wanted: Wanted = ANY) -> Recording | None:
        """Returns the recording at a position among those that are wanted, or `None`."""
        with self._lock:
            return self._shelf.find(asked.key, position, wanted)

    def recordings(self) -> Iterator[Recording]:
        """Yields all recordings by URL and method, those of one request in their sequence."""
        with self._lock:
            kept = sorted(self._shelf, key=_order)
        return (each.recording for each in kept)

    async def next_position(self, asked: Asked, credential: str | None) -> int:
        """Returns the position after the last that is recorded for a key and a credential; `None` for any."""
        with self._lock:
            return self._shelf.next_position(asked.key, credential)

    async def forget_unrecorded(self, since: datetime) -> None:
        """Forgets what was recorded before that moment."""
        with self._lock:
            self._shelf.drop(lambda each: each.recording.recorded_at < since)

    async def hint(self, asked: Asked) -> str:
        """Names the recording that comes nearest to a request, and what differs."""
        return nearest(asked.facts, [each.request for each in self.recordings()], lambda each: each)

    def __repr__(self) -> str:
        """Says how many recordings it keeps."""
        with self._lock:
            return f"<MemoryReplayStorage {sum(1 for _ in self._shelf)} recordings>"


def _order(kept: _Kept) -> tuple[str, str, int, str, int]:
    request = kept.recording.request
    return request.url, request.method, *kept.sequence, kept.position
