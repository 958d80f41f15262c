"""Writing rows to the SQLite file in batches."""

from __future__ import annotations

import logging
import sqlite3
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

from ..logevents import LOGGER_NAME
from .background import Background
from .opening import open_to_write
from .schema import FORGET, Row, write

__all__ = ["Writer", "warn_unwritten"]

MOST_WAITING: Final = 32 * 1024 * 1024
"""Bytes of bodies that may wait; above, whoever adds more writes them first."""

_logger = logging.getLogger(LOGGER_NAME)


class Writer:
    """Writes rows to one file, in batches of one transaction each. Usable from any thread.

    Args:
        path: the file, made when the first row is written.

    Attributes:
        batches: how many were written.
    """

    def __init__(self, path: Path) -> None:
        self.batches: int = 0
        self._path = path
        self._lock = Lock()
        self._waiting: list[tuple[Row, bool]] = []
        self._unwritten: set[int] = set()
        self._unreplaced: set[tuple[int, str]] = set()
        self._size = 0
        self._connection: sqlite3.Connection | None = None
        self._background = Background(self._write, self._close)

    def add(self, row: Row, *, is_first: bool) -> bool:
        """Takes a row; returns whether so much waits that `flush` should be called before going on."""
        with self._lock:
            self._waiting.append((row, is_first))
            self._unwritten.add(row.key)
            self._size += len(row.body or b"")
            is_much = self._size > MOST_WAITING
        return not self._background.ask() or is_much

    def holds(self, key: int) -> bool:
        """Tells whether something for this key is not yet in the file."""
        return key in self._unwritten

    def flush(self) -> None:
        """Writes what waits and closes the file; a failure is a warning."""
        self._background.now()

    def forget(self, before: float) -> None:
        """Writes what waits and deletes what was recorded before that moment, in seconds since 1970 UTC.

        Raises:
            UnreadableRecording: when the file is not ours or of a newer version.
            sqlite3.Error, OSError: when it cannot be written.
        """
        self._background.now(partial(self._forget, before))

    def _forget(self, before: float) -> None:
        if self._connection is None:
            self._connection = open_to_write(self._path)
        self._connection.execute(FORGET, (before,))
        self.batches += 1

    def _write(self) -> None:
        """Writes what waits. Its caller has the turn."""
        with self._lock:
            batch, self._waiting, self._size = self._waiting, [], 0
        if not batch:
            return
        batch = self._marked(batch)
        try:
            if self._connection is None:
                self._connection = open_to_write(self._path)
            write(self._connection, batch)
            self.batches += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread has to go on
            self._unreplaced.update([row.sequence for row, is_first in batch if is_first])
            self._close()
            warn_unwritten(len(batch), self._path, error)
        with self._lock:
            self._unwritten = {row.key for row, _is_first in self._waiting}

    def _marked(self, batch: list[tuple[Row, bool]]) -> list[tuple[Row, bool]]:
        """Marks as first what follows a lost first answer, lest it be mixed with what that should have replaced."""
        marked: list[tuple[Row, bool]] = []
        for row, is_first in batch:
            marked.append((row, is_first or row.sequence in self._unreplaced))
            self._unreplaced.discard(row.sequence)
        return marked

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def warn_unwritten(count: int, path: Path, error: Exception) -> None:
    """Says in the log that recordings could not be written."""
    _logger.warning(
        "%d recording%s could not be written to %s, and will be missing: %s; the responses are not affected",
        count,
        "" if count == 1 else "s",
        path,
        error,
    )
