"""Writing rows to the SQLite file in batches."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

from .batches import Batch, Batches
from .opening import open_to_write
from .schema import FORGET, Row, write

__all__ = ["Writer"]


class Writer(Batches[Row]):
    """Writes rows to one file, in batches of one transaction each. Usable from any thread.

    Args:
        path: the file, made when the first row is written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def forget(self, before: float) -> None:
        """Writes what waits and deletes what was recorded before that moment, in seconds since 1970 UTC.

        Raises:
            UnreadableRecording: when the file is not ours or of a newer version.
            sqlite3.Error, OSError: when it cannot be written.
        """
        self.flush(partial(self._forget, before))

    def _forget(self, before: float) -> None:
        self._open().execute(FORGET, (before,))
        self.batches += 1

    def _store(self, batch: Batch[Row]) -> None:
        write(self._open(), batch)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_to_write(self._path)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
