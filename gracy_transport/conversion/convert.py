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
from .servers import Address, fill
from .sources import Kind, found_in, found_in_storage, kind_of
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
    old: Address, new: Address, *, match_on: Parts | None = None, patience: float = PATIENCE, command: Command = reading
) -> int:
    """Converts recordings, says what of them could not be, and returns the exit status.

    The old file is only read. The new one appears when everything is in it, without the secrets of the old.

    Args:
        old: what to read: a SQLite file of the original library or of ours, JSON lines (a file or a directory), a HAR,
            a cassette of vcrpy. What it is, is told by what stands in it. Or a storage on a server of Redis.
        new: the file to make, or the directory of JSON lines when the name has no ending; or a storage on a server,
            which has to be empty.
        match_on: by which parts the new ones are looked up; by what the old ones are unless given.
        patience: seconds after which a row of the original library that cannot be read is given up.
        command: what reads a file of the original library.
    """
    count = _Count()
    try:
        why = _why_not(old, new)
        if why:
            return _refuse(why)
        found = _found(old, patience, command)
    except UnreadableRecording as problem:
        return _refuse(str(problem))
    except OSError as problem:
        return _refuse(f"{old} cannot be read ({problem.strerror}): check its permissions")
    if found is None:
        return _refuse(f"{old} is nothing that recordings are read from: {_SOURCES}")
    recordings = _counted(found, count)
    return _write(new, recordings if match_on is None else rematched(recordings, match_on), count, old)


def _why_not(old: Address, new: Address) -> str:
    """Says why nothing can be converted, if that is so."""
    if isinstance(old, Path) and not os.path.lexists(old):
        return f"{old} does not exist: give the file that was recorded"
    if not isinstance(new, Path):
        return "" if new.is_empty() else f"there are recordings in {new}: give another namespace"
    if os.path.lexists(new):
        return f"{new} exists: give another name"
    return f"what to make of {new} is not clear: {_TARGETS}" if target_kind(new) is None else ""


def _found(old: Address, patience: float, command: Command) -> Iterable[Found] | None:
    """Returns what is found there; `None` where nothing can be."""
    if not isinstance(old, Path):
        return found_in_storage(old)
    source = kind_of(old)
    if source is Kind.ORIGINAL:
        return found_in_rows(rows_of(old, patience=patience, command=command))
    return None if source is None else found_in(old, source)


def _write(new: Address, recordings: Iterator[Recording], count: _Count, old: Address) -> int:
    try:
        if isinstance(new, Path):
            _write_file(new, recordings, count)
        else:
            fill(new, recordings)
    except Unfit as problem:
        return _refuse(f"{old} {problem}")
    except UnreadableRecording as problem:
        return _refuse(str(problem))
    except (OSError, sqlite3.Error) as problem:
        return _refuse(f"{new} cannot be written ({problem})")
    where = f" to {new}" if count.is_worth_keeping else ""
    print(f"{count.converted} of {count.converted + count.failed} recordings converted{where}")
    return SOME if count.failed else ALL


def _write_file(new: Path, recordings: Iterator[Recording], count: _Count) -> None:
    target = target_kind(new)
    assert target is not None  # else it was refused
    with draft_of(new) as draft:
        write_all(draft, target, recordings)
        if count.is_worth_keeping:
            draft.rename(new)


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
