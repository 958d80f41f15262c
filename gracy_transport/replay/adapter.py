"""A storage of somebody's own, seen as one of recordings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ..exceptions import GracyReplayRequestNotFound
from ..family import AnyResponse
from .asked import Asked, request_from
from .exchange import read_answer, response_from
from .grouping import Groups
from .recording import RecordedResponse, Recording
from .storage import ANY, GracyReplayStorage, RecordingStorage, Wanted

__all__ = ["StorageAdapter"]


class StorageAdapter(RecordingStorage):
    """Lets a storage that deals in responses stand in for one that deals in recordings.

    It keeps no sequences and does not tell credentials apart: such a storage has one answer for a request. A recording
    it gives out counts as made now, because the storage itself judges by age.
    """

    def __init__(self, storage: GracyReplayStorage) -> None:
        self._storage = storage
        record_batch = getattr(storage, "record_batch", None)
        self._record = storage.record if record_batch is None else Groups[AnyResponse](record_batch).add

    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        """Hands the storage a response with its request, both without secrets and read; errors it does not know."""
        if recording.error is not None:
            return
        response = response_from(recording, asked.live)
        response.request = request_from(asked)
        await response.aread()
        await self._record(response)

    async def find(self, asked: Asked, position: int, wanted: Wanted = ANY) -> Recording | None:
        """Asks the storage, with a request without secrets."""
        try:
            response = await self._storage.load(request_from(asked), wanted.since, wanted.only_good)
        except GracyReplayRequestNotFound:
            return None
        headers, content = read_answer(response.headers, await response.aread())
        answer = RecordedResponse(response.status_code, headers, content, reason=response.reason_phrase)
        return Recording(asked.facts, datetime.now(UTC), answer)

    def recordings(self) -> Iterator[Recording]:
        """Yields nothing: such a storage can only be asked for an answer."""
        yield from ()

    async def let_go(self) -> None:
        """Flushes right here: a storage may not like other threads."""
        self._storage.flush()
