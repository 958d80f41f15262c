"""Files of recordings as they are written: a draft, which is moved into place when everything is in it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import Final

from ..formats.har import write_har
from ..replay.jsonl import Line, write_lines
from ..replay.key import key_of_recorded
from ..replay.lines import host_in
from ..replay.opening import open_to_write
from ..replay.recording import Recording
from ..replay.schema import Row, row_of, write
from ..replay.sequence import Sequences
from ..replay.shelf import Sequence
from .sources import Kind

__all__ = ["KINDS", "draft_of", "placed", "target_kind", "write_all"]

KINDS: Final = {
    ".sqlite3": Kind.SQLITE,
    ".sqlite": Kind.SQLITE,
    ".db": Kind.SQLITE,
    ".jsonl": Kind.LINES,
    ".har": Kind.HAR,
    "": Kind.DIRECTORY,
}
"""What is written, by how the name of the file ends."""

_AT_ONCE: Final = 100


def target_kind(path: Path) -> Kind | None:
    """Returns what a file of that name is to be, or `None` when that cannot be told."""
    return KINDS.get(path.suffix.lower())


@contextmanager
def draft_of(path: Path) -> Generator[Path]:
    """Gives the name under which a file is written, and removes what is left there in the end."""
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield draft
    finally:
        for left_over in ("", "-wal", "-shm"):
            with suppress(OSError):
                draft.with_name(draft.name + left_over).unlink()
        shutil.rmtree(draft, ignore_errors=True)


def write_all(path: Path, kind: Kind, recordings: Iterable[Recording]) -> None:
    """Writes recordings, those of one request as its answers in that order.

    Raises:
        OSError, sqlite3.Error: when that fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind is Kind.SQLITE:
        _write_rows(path, recordings)
    elif kind is Kind.HAR:
        write_har(path, recordings)
    else:
        _write_lines(path, recordings, is_file=kind is Kind.LINES)


def _write_rows(path: Path, recordings: Iterable[Recording]) -> None:
    batch: list[Row] = []
    with closing(open_to_write(path)) as connection:
        for recording, (key, _credential), position in placed(recordings):
            batch.append(row_of(recording, key, position))
            if len(batch) >= _AT_ONCE:
                _write(connection, batch)
                batch = []
        _write(connection, batch)


def _write(connection: sqlite3.Connection, batch: list[Row]) -> None:
    write(connection, [(row, False) for row in batch])


def _write_lines(path: Path, recordings: Iterable[Recording], *, is_file: bool) -> None:
    lines: dict[Path, list[Line]] = {path: []} if is_file else {}
    if not is_file:
        path.mkdir()
    for recording, sequence, position in placed(recordings):
        home = path if is_file else path / f"{host_in(recording.request.url)}.jsonl"
        lines.setdefault(home, []).append(Line.of(recording, sequence, position, home))
    for home, those in lines.items():
        if write_lines(home, sorted(those, key=attrgetter("order"))) is None:
            home.touch()  # nothing was recorded, and that is what the file says


def placed(recordings: Iterable[Recording]) -> Iterator[tuple[Recording, Sequence, int]]:
    """Yields recordings with their sequences, and their positions in these."""
    places = Sequences()
    for recording in recordings:
        sequence = key_of_recorded(recording.request), recording.request.credential
        yield recording, sequence, places.take(sequence)
