"""Recordings of one kind made into recordings of another."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ..exceptions import UnreadableRecording
from ..formats.found import Found
from ..formats.rematching import rematched
from ..redaction import printable
from ..replay.matching import Parts
from ..replay.recording import Recording
from .child import PATIENCE, Command, Unfit, reading, rows_of
from .originals import found_in_rows
from .sources import Kind, found_in, kind_of
from .targets import draft_of, target_kind, write_all

__all__ = ["convert_recordings"]

ALL, SOME, USAGE = 0, 1, 2
"""Exit statuses: everything was converted, some could not be, or nothing was begun."""

_SOURCES: Final = "give a SQLite file, JSON lines (a .jsonl file or their directory), a .har, or a cassette of vcrpy"
_TARGETS: Final = "end it with .sqlite3, .jsonl or .har, or give a directory, whose name has no ending"


class _Count:
    """How many were converted, and how many could not be."""

    def __init__(self) -> None:
        self.converted = self.failed = 0

    @property
    def is_worth_keeping(self) -> bool:
        return bool(self.converted or not self.failed)


def convert_recordings(
    old: Path, new: Path, *, match_on: Parts | None = None, patience: float = PATIENCE, command: Command = reading
) -> int:
    """Converts recordings, says what of them could not be, and returns the exit status.

    The old file is only read. The new one appears when everything is in it, without the secrets of the old.

    Args:
        old: what to read: a SQLite file of the original library or of ours, JSON lines (a file or a directory), a HAR,
            a cassette of vcrpy. What it is, is told by what stands in it.
        new: the file to make, or the directory of JSON lines when the name has no ending.
        match_on: by which parts the new ones are looked up; by what the old ones are unless given.
        patience: seconds after which a row of the original library that cannot be read is given up.
        command: what reads a file of the original library.
    """
    if not os.path.lexists(old):
        return _refuse(f"{old} does not exist: give the file that was recorded")
    if os.path.lexists(new):
        return _refuse(f"{new} exists: give another name")
    target = target_kind(new)
    if target is None:
        return _refuse(f"what to make of {new} is not clear: {_TARGETS}")
    count = _Count()
    try:
        source = kind_of(old)
        if source is None:
            return _refuse(f"{old} is nothing that recordings are read from: {_SOURCES}")
    except OSError as problem:
        return _refuse(f"{old} cannot be read ({problem.strerror}): check its permissions")
    is_old = source is Kind.ORIGINAL
    found = found_in_rows(rows_of(old, patience=patience, command=command)) if is_old else found_in(old, source)
    recordings = _counted(found, count)
    return _write(new, target, recordings if match_on is None else rematched(recordings, match_on), count, old)


def _write(new: Path, target: Kind, recordings: Iterator[Recording], count: _Count, old: Path) -> int:
    with draft_of(new) as draft:
        try:
            write_all(draft, target, recordings)
            if count.is_worth_keeping:
                draft.rename(new)
        except Unfit as problem:
            return _refuse(f"{old} {problem}")
        except UnreadableRecording as problem:
            return _refuse(str(problem))
        except (OSError, sqlite3.Error) as problem:
            return _refuse(f"{new} cannot be written ({problem})")
    where = f" to {new}" if count.is_worth_keeping else ""
    print(f"{count.converted} of {count.converted + count.failed} recordings converted{where}")
    return SOME if count.failed else ALL


def _counted(found: Iterable[Found], count: _Count) -> Iterator[Recording]:
    """Yields recordings, counts them, and says what makes none."""
    for each in found:
        if each.problem:
            count.failed += 1
            print(printable(f"{each.where}: cannot be converted, {each.problem}"), file=sys.stderr)
        else:
            count.converted += 1
            yield from each.recordings


def _refuse(why: str) -> int:
    print(printable(f"nothing was converted: {why}"), file=sys.stderr)
    return USAGE
