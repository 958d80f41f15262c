r"""Recordings as lines of JSON: text that a person reads, and that git shows line by line.

A file holds one recording a line, in UTF-8, as the document of `document.py`:

    {"gracy":1,
     "request":{"method":"GET","url":"https://api.test/items/1"},
     "position":1,
     "at":"2026-11-22T16:30:00Z",
     "response":{"status":200,"headers":{"content-type":"application/json"},"body":{"json":{"id": 1}}}}

(here in five pieces, in a file in one). `position` says which of the answers to the same request it is, from 0, and is
left out for the first. Lines are sorted by URL, then by method, by what else tells requests apart, and by position, so
that recording again changes the lines of what has changed. Where nothing but the time and headers such as Date, request
ids and rate limits would differ, the old line stays: recording an API that is as it was gives an empty diff.

Lines may be edited, deleted, put in another order and moved to another file of the directory. Windows line ends, empty
lines and names that this version does not know do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import anyio.to_thread

from .asked import Asked
from .books import Books
from .nearest import nearest
from .processes import PerProcess
from .recording import Recording
from .storage import ANY, RecordingStorage, Wanted

__all__ = ["JSONLinesReplayStorage", "host_in"]

_ENDING: Final = ".jsonl"
_UNSAFE: Final = re.compile(r"[^a-z0-9.-]")


class JSONLinesReplayStorage(RecordingStorage):
    """Keeps recordings as lines of JSON in a file, or in a directory with one file for each host: made for git.

    ```python
    storage = JSONLinesReplayStorage("tests/recordings")
    ```

    Use one from any task, thread and process; several on the same files do no harm. All of them is held in memory.
    Files are written whole and moved into place, by a thread that lives while there is something to write. What is
    recorded gathers for 50 ms, or for nine times as long as the last writing took, of which at most a second: what came
    in during that time before a crash may be lost, nothing is lost when a program just ends. What another process
    writes is seen 50 ms later at the latest. Files that may only be read are enough to replay.

    Args:
        path: a file whose name ends in `.jsonl`, or that is there already, or else a directory; made when the first
            recording is written. A relative one is that in the working directory in which the storage is made.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        is_file = self.path.suffix.lower() == _ENDING or self.path.is_file()
        # What waits in a parent is its own to write.
        self._here = PerProcess(partial(Books, self.path, is_file=is_file))

    def prepare(self) -> None:
        """Reads what is recorded, and refuses what cannot be used; makes no file.

        Raises:
            UnreadableRecording: naming file and line.
        """
        self._here().refresh()

    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        """Lets a recording be written.

        Raises:
            UnreadableRecording: when the files cannot be used.
        """
        books = self._here()
        if books.are_stale():
            await anyio.to_thread.run_sync(books.refresh)
        home = self.path if books.is_file else self.path / f"{host_in(recording.request.url)}{_ENDING}"
        old = self.run.renewed_before
        if books.add(asked.sequence, recording, position, home, is_first=is_first, renewed_before=old):
            await anyio.to_thread.run_sync(books.write)

    async def find(self, asked: Asked, position: int, wanted: Wanted = ANY) -> Recording | None:
        """Returns the recording at a position among those that are wanted, or `None`.

        Raises:
            UnreadableRecording: when the files cannot be used.
        """
        books = self._here()
        if books.are_stale():
            await anyio.to_thread.run_sync(books.refresh)
        found = books.find(asked.key, position, wanted)
        if found is None and books.are_stale(at_once=True):
            await anyio.to_thread.run_sync(books.refresh)
            found = books.find(asked.key, position, wanted)
        return found

    def recordings(self) -> Iterator[Recording]:
        """Yields all recordings by URL and method, those of one request in their sequence.

        Raises:
            UnreadableRecording: when the files cannot be used; naming file and line when one is broken.
        """
        books = self._here()
        books.refresh()
        for line in books.lines():
            yield line.recording

    def is_empty(self) -> bool:
        """Returns whether nothing at all is recorded."""
        books = self._here()
        books.refresh()
        return not books.lines()

    async def next_position(self, asked: Asked, credential: str | None) -> int:
        """Returns the position after the last that is recorded for a key and a credential; `None` for any."""
        books = self._here()
        await anyio.to_thread.run_sync(books.refresh)
        return books.next_position(asked.key, credential)

    async def forget_unrecorded(self, since: datetime) -> None:
        """Deletes what was recorded before that moment, and was not recorded again by this process since then.

        For one process at a time: it cannot know of lines that stay because another process found them unchanged.
        """
        await anyio.to_thread.run_sync(self._here().forget, since)

    async def hint(self, asked: Asked) -> str:
        """Names the recording that comes nearest to a request, and what differs."""
        return await anyio.to_thread.run_sync(self._nearest, asked)

    def flush(self) -> None:
        """Writes what waits; the files are looked at again when they are needed."""
        self._here().write()

    def __repr__(self) -> str:
        """Names the file or the directory."""
        return f"<JSONLinesReplayStorage {self.path}>"

    def __reduce__(self) -> tuple[type[JSONLinesReplayStorage], tuple[Path]]:
        """Copies and pickles as another storage on the same files."""
        return type(self), (self.path,)

    def _nearest(self, asked: Asked) -> str:
        lines = self._here().lines()
        if not lines and not self.path.exists():
            return f"{self.path} does not exist"
        return nearest(asked.facts, lines, lambda line: line.recording.request)


def host_in(url: str) -> str:
    """Returns the host and port of a URL as a part of a file name."""
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    return _UNSAFE.sub("_", authority.lower()).lstrip(".") or "_"
