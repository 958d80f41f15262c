"""What one process knows of files of JSON lines, and has not yet written."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from threading import Lock, RLock
from typing import Final, NamedTuple

from ..exceptions import UnreadableRecording
from .background import Background
from .batches import warn_unwritten
from .jsonl import Line, Stamp, read_lines, stamp_of, write_lines
from .locking import hold
from .recording import Recording
from .shelf import Sequence, Shelf
from .storage import Wanted
from .unchanged import is_unchanged

__all__ = ["Books"]

LOOK_AGAIN: Final = 0.05
"""Seconds after which the files are looked at again, whether another process has changed them."""
LONGEST: Final = 1.0
"""Seconds for which recordings gather at most before they are written together."""

_order: Final = attrgetter("order")


class _File(NamedTuple):
    """A file as it was read or written last."""

    stamp: Stamp | None
    lines: list[Line]


class Books:
    """The lines of a file, or of all files of a directory, and what is to be written to them. Usable from any thread.

    Args:
        path: the file or the directory.
        is_file: which of the two it is.
    """

    def __init__(self, path: Path, *, is_file: bool) -> None:
        self.is_file = is_file
        self._path = path
        self._directory = path.parent if is_file else path
        self._lock = Lock()  # for moments only, since an event loop may wait for it
        self._reading = RLock()
        self._files: dict[Path, _File] = {}
        self._shelf: Shelf[Line] = Shelf()
        self._pending: list[tuple[Line, bool]] = []
        self._warned = 0
        self._replaced: dict[Sequence, dict[int, Line]] = {}
        self._recorded_at: dict[tuple[Sequence, int], datetime] = {}
        self._looked = float("-inf")
        self._background = Background(self._write, self._let_go, LONGEST)

    def are_stale(self, *, at_once: bool = False) -> bool:
        """Tells whether the files must be read again; looks at them every 50 ms, or at once."""
        now = time.monotonic()
        if now - self._looked < LOOK_AGAIN and not at_once:
            return False
        if self._stamps() != {path: file.stamp for path, file in self._files.items()}:
            return True
        self._looked = now
        return False

    def refresh(self) -> None:
        """Reads the files that have changed.

        Raises:
            UnreadableRecording: naming the file and the line that cannot be read.
        """
        with self._reading:
            looked = time.monotonic()
            stamps = self._stamps()
            known = self._files
            if stamps != {path: file.stamp for path, file in known.items()}:
                self._take_in(
                    {
                        path: known[path]
                        if path in known and known[path].stamp == stamp
                        else _File(stamp, read_lines(path))
                        for path, stamp in stamps.items()
                    }
                )
            self._looked = looked

    def find(self, key: int, position: int, wanted: Wanted) -> Recording | None:
        """Returns the recording at a position among those of a key that are wanted, or `None`."""
        with self._lock:
            return self._shelf.find(key, position, wanted)

    def add(
        self,
        sequence: Sequence,
        recording: Recording,
        position: int,
        home: Path,
        *,
        is_first: bool,
        renewed_before: datetime | None,
    ) -> bool:
        """Takes a recording; returns whether `write` has to be called, since nothing else will write it.

        A line that says the same stays, unless it was recorded before `renewed_before`.
        """
        with self._lock:
            if is_first:
                self._replaced[sequence] = {each.position: each for each in self._shelf.remove(sequence)}
            line = self._replaced.get(sequence, {}).pop(position, None)
            if line is None or not _may_stay(line, recording, renewed_before):
                line = Line.of(recording, sequence, position, home)
            self._recorded_at[sequence, position] = recording.recorded_at
            self._shelf.add(line)
            self._pending.append((line, is_first))
        return not self._background.ask()

    def lines(self) -> list[Line]:
        """Returns all lines, sorted."""
        with self._lock:
            lines = list(self._shelf)
        return sorted(lines, key=_order)

    def write(self) -> None:
        """Writes what waits; a failure is a warning."""
        self._background.now()

    def next_position(self, key: int, credential: str | None) -> int:
        """Returns the position after the last of a key and a credential; `None` for any."""
        with self._lock:
            return self._shelf.next_position(key, credential)

    def forget(self, since: datetime) -> None:
        """Writes what waits and deletes what was recorded before that moment, but for old lines that stayed since.

        Raises:
            UnreadableRecording: naming the file and the line that cannot be read.
            OSError: when a file cannot be written.
        """
        self._background.now(partial(self._forget, since))

    def _forget(self, since: datetime) -> None:
        def is_over(line: Line) -> bool:
            last = self._recorded_at.get((line.sequence, line.position), line.recording.recorded_at)
            return max(last, line.recording.recorded_at) < since

        with hold(self._directory), self._reading:
            self.refresh()
            with self._lock:
                self._shelf.drop(is_over)
            self._write_changed()

    def _stamps(self) -> dict[Path, Stamp | None]:
        paths = [self._path] if self.is_file else sorted(self._path.glob("*.jsonl"))
        stamps = {path: stamp_of(path) for path in paths}
        return {path: stamp for path, stamp in stamps.items() if stamp is not None}

    def _take_in(self, files: dict[Path, _File]) -> None:
        """Replaces what was known of the files, but for what is yet to be written."""
        shelf = Shelf(line for file in files.values() for line in file.lines)
        with self._lock:
            for line, is_first in self._pending:
                if is_first:
                    shelf.remove(line.sequence)
                shelf.add(line)
            self._files, self._shelf = files, shelf

    def _write(self) -> None:
        with self._lock:
            count = len(self._pending)
        if not count:
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with hold(self._directory), self._reading:
                self.refresh()
                self._write_changed()
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread has to go on
            self._warn(error)

    def _write_changed(self) -> None:
        """Writes the files whose lines are other ones now. Its caller holds the directory."""
        with self._lock:
            lines, count = list(self._shelf), len(self._pending)
        by_home = _by_home(sorted(lines, key=_order))
        files: dict[Path, _File] = {}
        for path in by_home | self._files:
            lines = by_home.get(path, [])
            old = self._files.get(path)
            is_same = old is not None and [each.text for each in lines] == [each.text for each in old.lines]
            file = old if old is not None and is_same else _File(write_lines(path, lines), lines)
            if file.stamp is not None:
                files[path] = file
        with self._lock:
            self._files = files
            del self._pending[:count]
            self._warned = 0

    def _warn(self, error: Exception) -> None:
        """Says once of each recording that it could not be written; the next writing tries them again."""
        with self._lock:
            count, self._warned = len(self._pending) - self._warned, len(self._pending)
        if count:
            warn_unwritten(count, self._path, error)

    def _let_go(self) -> None:
        self._looked = float("-inf")


def _may_stay(old: Line, new: Recording, renewed_before: datetime | None) -> bool:
    """Tells whether an old line does for a new recording, unless it is too old for those who replay it."""
    with suppress(UnreadableRecording):
        is_old = renewed_before is not None and old.recording.recorded_at < renewed_before
        return not is_old and is_unchanged(old.recording, new)
    return False


def _by_home(lines: Iterable[Line]) -> dict[Path, list[Line]]:
    """Returns the lines by the file they belong to."""
    by_home: dict[Path, list[Line]] = {}
    for line in lines:
        by_home.setdefault(line.home, []).append(line)
    return by_home
