"""Recordings of the original library made into ours."""

from __future__ import annotations

import base64
import os
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from ..redaction import printable
from ..replay.exchange import Asked, read_answer, recording_of
from ..replay.recording import Recording
from ..replay.schema import Row as StoredRow
from ..replay.schema import open_to_write, row_of, write
from ..replay.sequence import Sequences
from .child import PATIENCE, Command, Row, Unfit, reading, rows_of

__all__ = ["convert_recordings"]

ALL, SOME, USAGE = 0, 1, 2
"""Exit statuses: all rows were converted, some could not be, or nothing was begun."""

_AT_ONCE: Final = 100
_UNLIKELY: Final = (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError, httpx.InvalidURL)
"""What making a recording raises when the row holds something that no recording does."""


def convert_recordings(old: Path, new: Path, *, patience: float = PATIENCE, command: Command = reading) -> int:
    """Converts the recordings of a file of the original library, says what could not be, and returns the exit status.

    The old file is only read. The new one appears when everything is in it, without the secrets of the old.

    Args:
        old: a SQLite file that the original library recorded.
        new: the file to make, as `SQLiteReplayStorage` reads it.
        patience: seconds after which a row that cannot be read is given up.
        command: what reads the old file.
    """
    unfit = "does not exist" if not old.is_file() else ""
    if unfit or os.path.lexists(new):
        what = f"{old} {unfit}: give the file that was recorded" if unfit else f"{new} exists: give another name"
        return _refuse(what)
    draft = new.with_name(f".{new.name}.{os.getpid()}")
    try:
        converted, failed = _convert(rows_of(old, patience=patience, command=command), draft)
        if converted or not failed:
            draft.rename(new)
    except Unfit as problem:
        return _refuse(f"{old} {problem}")
    except (OSError, sqlite3.Error) as problem:
        return _refuse(f"{new} cannot be written ({problem})")
    finally:
        for left_over in ("", "-wal", "-shm"):
            with suppress(OSError):
                draft.with_name(draft.name + left_over).unlink()
    print(f"{converted} of {converted + failed} recordings converted{f' to {new}' if converted or not failed else ''}")
    return SOME if failed else ALL


def _refuse(why: str) -> int:
    print(printable(f"nothing was converted: {why}"), file=sys.stderr)
    return USAGE


def _convert(rows: Iterable[Row], draft: Path) -> tuple[int, int]:
    """Writes what the rows hold; returns how many could be converted and how many could not."""
    sequences, converted, failed, batch = Sequences(), 0, 0, list[StoredRow]()
    with closing(open_to_write(draft)) as connection:
        for row in rows:
            problem, recordings = _recordings_of(row)
            if problem:
                failed += 1
                print(printable(f"{row}: cannot be converted, {problem}"), file=sys.stderr)
                continue
            converted += 1
            batch += [row_of(recording, key, sequences.take(key)) for recording, key in recordings]
            if len(batch) >= _AT_ONCE:
                write(connection, [(stored, False) for stored in batch])
                batch = []
        write(connection, [(stored, False) for stored in batch])
    return converted, failed


def _recordings_of(row: Row) -> tuple[str, list[tuple[Recording, int]]]:
    """Returns the recordings that a row makes, with their keys; or why it makes none."""
    if row.problem:
        return row.problem, []
    try:
        # The original stamped its rows with the local time, without saying where that was.
        at = datetime.fromisoformat(row.at).astimezone(UTC)
        return "", [_recording_of(exchange, at) for exchange in row.exchanges]
    except _UNLIKELY as error:
        return f"it makes no recording ({type(error).__name__})", []


def _recording_of(exchange: dict[str, Any], at: datetime) -> tuple[Recording, int]:
    headers = _headers(exchange["asked_headers"])
    asked = Asked(httpx.Request(exchange["method"], exchange["url"], headers=headers), _bytes(exchange["asked_body"]))
    status = exchange["status"]
    if not 100 <= status <= 999:
        raise ValueError(f"{status} is no status")
    answer = read_answer(_headers(exchange["headers"]), _bytes(exchange["body"]))
    return recording_of(asked, status, answer, at), asked.key


def _headers(pairs: list[list[str]]) -> httpx.Headers:
    return httpx.Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs])


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
