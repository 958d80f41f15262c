"""Recordings in a SQLite file, for any number of tasks, threads and processes at once."""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, Final

import anyio.to_thread

from ..exceptions import UnreadableRecording
from ..forks import rest_at_fork
from .ahead import Ahead, Wish
from .asked import Asked
from .nearest import nearest
from .opening import open_to_read
from .processes import PerProcess
from .recording import Recording
from .schema import ALL, CREDENTIALS, NEAREST, NEXT, SOME, recording_of_row, row_of
from .storage import ANY, RecordingStorage, Wanted
from .writer import Writer

__all__ = ["SQLiteReplayStorage"]

_EVER: Final = float("-inf")
_ANY_STATUS: Final = 1_000
_BAD_STATUS: Final = 400
_LOOK_AGAIN: Final = 0.05
"""Seconds after which it is looked again whether another process has written."""


class SQLiteReplayStorage(RecordingStorage):
    """Keeps recordings in a SQLite file. Use one from any task, thread and process; several on one file do no harm.

    Reading takes some microseconds and is done where it is asked for. Writing is done in batches by a thread that
    lives while there is something to write: what was recorded in the last 50 ms before a crash may be lost, nothing is
    lost when a program just ends. A file that may only be read is enough to replay.

    Args:
        file_name: the file; made when the first recording is written.
        dir: the directory it is in, made with its parents; `.gracy` unless given. A relative one is that in the working
            directory in which the storage is made.

    Raises:
        ValueError: for a file in memory, which could not outlive the program that records.
    """

    def __init__(self, file_name: str = "gracy-records.sqlite3", dir: str | Path = ".gracy") -> None:  # noqa: A002
        if file_name == ":memory:":
            raise ValueError('":memory:" keeps nothing: give the name of a file, in a temporary directory if need be')
        self.path = (Path(dir) / file_name).absolute()
        self._here = PerProcess(partial(_Files, self.path), _Files.abandon)

    def prepare(self) -> None:
        """Refuses a file that cannot be used; makes none.

        Raises:
            UnreadableRecording: when the file is not ours or of a newer version.
        """
        self._here().prepare()

    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        """Lets a recording be written."""
        writer = self._here().writer
        if writer.add(row_of(recording, asked.key, position), is_first=is_first):
            await anyio.to_thread.run_sync(writer.flush)

    async def find(self, asked: Asked, position: int, wanted: Wanted = ANY) -> Recording | None:
        """Returns the recording at a position among those that are wanted, or `None`.

        Raises:
            UnreadableRecording: when the file cannot be used.
        """
        files = self._here()
        if files.writer.holds(asked.key):
            await anyio.to_thread.run_sync(files.writer.flush)
        since = _EVER if wanted.since is None else wanted.since.timestamp()
        below = _BAD_STATUS if wanted.only_good else _ANY_STATUS
        return files.find(asked.key, position, (wanted.credential, since, below))

    def recordings(self) -> Iterator[Recording]:
        """Yields all recordings by URL and method, those of one request in their sequence.

        Raises:
            UnreadableRecording: when the file cannot be used.
        """
        self.flush()
        for row in self._here().select(ALL):
            yield recording_of_row(row)

    def is_empty(self) -> bool:
        """Returns whether nothing at all is recorded."""
        files = self._here()
        files.writer.flush()
        return not files.select(SOME)

    async def next_position(self, asked: Asked, credential: str | None) -> int:
        """Returns the position after the last that is recorded for a key and a credential; `None` for any."""
        files = self._here()
        if files.writer.holds(asked.key):
            await anyio.to_thread.run_sync(files.writer.flush)
        rows = files.select(NEXT, (asked.key, credential))
        return int(rows[0][0]) if rows else 0

    async def forget_unrecorded(self, since: datetime) -> None:
        """Deletes what was recorded before that moment."""
        await anyio.to_thread.run_sync(self._here().writer.forget, since.timestamp())

    def credentials(self) -> frozenset[str]:
        """Returns the credentials of the recorded requests."""
        self._here().writer.flush()
        return frozenset(credential.decode() for (credential,) in self._here().select(CREDENTIALS)) - {""}

    async def hint(self, asked: Asked) -> str:
        """Names the recording that comes nearest to a request."""
        return await anyio.to_thread.run_sync(self._nearest, asked)

    def flush(self) -> None:
        """Writes what waits and closes the file, which is opened again when it is needed."""
        self._here().close()

    def __repr__(self) -> str:
        """Names the file."""
        return f"<SQLiteReplayStorage {self.path}>"

    def __reduce__(self) -> tuple[type[SQLiteReplayStorage], tuple[str, Path]]:
        """Copies and pickles as another storage on the same file."""
        return type(self), (self.path.name, self.path.parent)

    def _nearest(self, asked: Asked) -> str:
        if not self.path.exists():
            return f"{self.path} does not exist"
        known = [recording_of_row(row).request for row in self._here().select(NEAREST)]
        return nearest(asked.facts, known, lambda each: each)


class _Files:
    """What one process has open of a recording."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path)
        self._path = path
        self._lock = RLock()
        self._ahead: Ahead | None = None
        self._looked = float("-inf")
        self._batches: int = 0
        self._closing: Any = None
        rest_at_fork(self, self._lock, _Files._close)

    def prepare(self) -> None:
        """Refuses a file that cannot be used."""
        with self._lock:
            connection = open_to_read(self._path)
            if connection is not None:
                connection.close()

    def find(self, key: int, position: int, wish: Wish) -> Recording | None:
        """Returns the recording at a position among those that are wished for, or `None`.

        What this process wrote is found at once, what another one wrote 50 ms later at the latest.
        """
        with self._lock:
            try:
                ahead = self._open()
                if ahead is None:
                    return None
                is_fresh = self._is_fresh()
                if not is_fresh:
                    ahead.look()
                found = ahead.find(key, position, wish)
                if found is None and is_fresh and ahead.look():
                    found = ahead.find(key, position, wish)
                return found
            except sqlite3.DatabaseError as error:
                raise self._unreadable(error) from error

    def select(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Returns the rows of a query; none while there is no file."""
        with self._lock:
            try:
                ahead = self._open()
                return [] if ahead is None else ahead.connection.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise self._unreadable(error) from error

    def close(self) -> None:
        """Writes what waits and closes the file."""
        with self._lock:
            self._close()
        self.writer.flush()

    def _close(self) -> None:
        """Closes what reads the file; also before a fork, since a child could not rely on its own files otherwise."""
        if self._closing is not None:
            self._closing()
        self._ahead = None

    def abandon(self) -> None:
        """Lets go of what belongs to the parent of this process."""
        if self._closing is not None:
            self._closing.detach()

    def _open(self) -> Ahead | None:
        """Returns what reads the file, which is opened if it is not yet; `None` while there is none."""
        if self._ahead is None:
            reader = open_to_read(self._path)
            if reader is None:
                return None
            # Who forgets to close the client must not be reminded by a warning about a connection.
            self._closing = weakref.finalize(self, reader.close)
            self._ahead = Ahead(reader)
        return self._ahead

    def _is_fresh(self) -> bool:
        """Tells whether what was read ahead may be used without looking whether somebody has written."""
        now, batches = time.monotonic(), self.writer.batches
        if now - self._looked <= _LOOK_AGAIN and batches == self._batches:
            return True
        self._looked, self._batches = now, batches
        return False

    def _unreadable(self, error: Exception) -> UnreadableRecording:
        return UnreadableRecording(f"{self._path} cannot be read ({error}): record again")
