"""What a replay knows while it runs, apart from its configuration."""

from __future__ import annotations

from threading import Lock
from typing import Any

from .adapter import StorageAdapter
from .config import GracyReplay
from .sequence import Sequences
from .storage import RecordingStorage

__all__ = ["ReplayState"]


class ReplayState:
    """What a replay knows while it runs: how often each request was asked, how many were recorded and replayed.

    One state may serve several layers. Usable from any thread.

    Args:
        config: what is recorded or replayed; its storage is prepared.
    """

    def __init__(self, config: GracyReplay) -> None:
        self.config = config
        self.recorded = 0
        self.replayed = 0
        self.sequences = Sequences()
        self.wanted = config.wanted()
        self.storage = as_recording_storage(config.storage)
        self._lock = Lock()
        config.storage.prepare()

    def count_recorded(self) -> int:
        """Counts one more and returns how many were recorded so far."""
        with self._lock:
            self.recorded += 1
            return self.recorded

    def count_replayed(self) -> int:
        """Counts one more and returns how many were replayed so far."""
        with self._lock:
            self.replayed += 1
            return self.replayed


def as_recording_storage(storage: Any) -> RecordingStorage:
    """Returns the storage as one of recordings, whichever of the two interfaces it has."""
    return storage if isinstance(storage, RecordingStorage) else StorageAdapter(storage)
