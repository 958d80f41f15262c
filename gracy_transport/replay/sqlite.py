"""Recordings in a SQLite file, for any number of tasks, threads and processes at once."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

import anyio.to_thread

from ..exceptions import UnreadableRecording
from .exchange import Asked
from .recording import Recording
from .schema import ALL, CREDENTIALS, FIND, FIND_LAST, NEAREST, NEXT, SOME, open_to_read, recording_of_row, row_of
from .sequence import LAST
from .storage import ANY, RecordingStorage, Wanted
from .writer import Writer

__all__ = ["SQLiteReplayStorage"]

_EVER: Final = float("-inf")
_ANY_STATUS: Final = 1_000
_BAD_STATUS: Final = 400
_ALIKE: Final = 0.6


class SQLiteReplayStorage(RecordingStorage):
    """Keeps recordings in a SQLite file. Use one from any task, thread and process; several on one file do no harm.

    Reading takes some microseconds and is done where it is asked for. Writing is done in batches by a thread that
    lives while there is something to write: what was recorded in the last 50 ms before a crash may be lost, nothing is
    lost when a program just ends. A file that may only be read is enough to replay.

    Args:
        file_name: the file; made when the first recording is written.
        dir: the directory it is in, made with its parents; `.gracy` unless given. A relative one is that in the working
            directory of the moment.

    Raises:
        ValueError: for a file in memory, which could not outlive the program that records.
    """

    def __init__(self, file_name: str = "gracy-records.sqlite3", dir: str | Path = ".gracy") -> None:  # noqa: A002
        if file_name == ":memory:":
            raise ValueError('":memory:" keeps nothing: give the name of a file, in a temporary directory if need be')
        self.path = (Path(dir) / file_name).absolute()
        self._files = _Files(self.path)
        self._of_parents: list[_Files] = []

    def prepare(self) -> None:
        """Refuses a file that cannot be used; makes none.

        Raises:
            UnreadableRecording: when the file is not ours or of a newer version.
        """
        connection = open_to_read(self.path)
        if connection is not None:
            connection.close()

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
        values = (asked.key, wanted.credential, since, below)
        rows = files.select(FIND_LAST, values) if position == LAST else files.select(FIND, (*values, position))
        return recording_of_row(rows[0]) if rows else None

    def recordings(self) -> Iterator[Recording]:
        """Yields all recordings by URL and method, those of one request in their sequence.

        Raises:
            UnreadableRecording: when the file cannot be used.
        """
        self.flush()
        for row in self._here().select(ALL, ()):
            yield recording_of_row(row)

    def is_empty(self) -> bool:
        """Returns whether nothing at all is recorded."""
        files = self._here()
        files.writer.flush()
        return not files.select(SOME, ())

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
        return frozenset(credential.decode() for (credential,) in self._here().select(CREDENTIALS, ())) - {""}

    async def hint(self, asked: Asked) -> str:
        """Names the recording that comes nearest to a request."""
        return await anyio.to_thread.run_sync(self._nearest, str(asked))

    def flush(self) -> None:
        """Writes what waits and closes the file, which is opened again when it is needed."""
        self._here().close()

    def __repr__(self) -> str:
        """Names the file."""
        return f"<SQLiteReplayStorage {self.path}>"

    def __reduce__(self) -> tuple[type[SQLiteReplayStorage], tuple[str, Path]]:
        """Copies and pickles as another storage on the same file."""
        return type(self), (self.path.name, self.path.parent)

    def _nearest(self, asked: str) -> str:
        if not self.path.exists():
            return f"{self.path} does not exist"
        known = [f"{method.decode()} {url.decode()}" for method, url in self._here().select(NEAREST, ())]
        if asked in known:
            return "it is recorded with another body"
        nearest = max(known, key=partial(_likeness, asked), default="")
        return f"the nearest recording is of {nearest}" if _likeness(asked, nearest) >= _ALIKE else ""

    def _here(self) -> _Files:
        """Returns the files of this process: after a fork, those of the parent must be neither used nor closed."""
        if self._files.process != os.getpid():
            self._files.abandon()
            self._of_parents.append(self._files)
            self._files = _Files(self.path)
        return self._files


class _Files:
    """What one process has open of a recording."""

    def __init__(self, path: Path) -> None:
        self.process = os.getpid()
        self.writer = Writer(path)
        self._path = path
        self._lock = Lock()
        self._reader: sqlite3.Connection | None = None
        self._closing: Any = None

    def select(self, query: str, values: tuple[object, ...]) -> list[Any]:
        """Returns the rows of a query; none while there is no file."""
        with self._lock:
            if self._reader is None:
                self._reader = open_to_read(self._path)
                if self._reader is None:
                    return []
                # Who forgets to close the client must not be reminded by a warning about a connection.
                self._closing = weakref.finalize(self, self._reader.close)
            try:
                return self._reader.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise UnreadableRecording(f"{self._path} cannot be read ({error}): record again") from error

    def close(self) -> None:
        """Writes what waits and closes the file."""
        with self._lock:
            if self._closing is not None:
                self._closing()
            self._reader = None
        self.writer.flush()

    def abandon(self) -> None:
        """Lets go of what belongs to the parent of this process."""
        if self._closing is not None:
            self._closing.detach()


def _likeness(one: str, other: str) -> float:
    """Returns how much of two texts is the same at their beginning and end, from 0 to 1: difflib would take seconds."""
    begins = _same(one, other)
    ends = _same(one[begins:][::-1], other[begins:][::-1])
    return 2 * (begins + ends) / (len(one) + len(other))


def _same(one: str, other: str) -> int:
    for place, (letter, another) in enumerate(zip(one, other, strict=False)):
        if letter != another:
            return place
    return min(len(one), len(other))
