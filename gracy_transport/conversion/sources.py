"""What a file of recordings is, by what stands in it, and what it holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from enum import Enum
from pathlib import Path
from typing import Final

from ..formats.archives import hars_in
from ..formats.cassettes import found_in_cassette
from ..formats.found import Found
from ..formats.har import found_in_har
from ..redaction import redact_endpoint
from ..replay.lines import JSONLinesReplayStorage
from ..replay.opening import is_ours
from ..replay.sqlite import SQLiteReplayStorage
from ..replay.storage import RecordingStorage

__all__ = ["Kind", "found_in", "found_in_storage", "kind_of", "storage_of"]


class Kind(Enum):
    """What recordings are kept in, as messages name it."""

    ORIGINAL = "a file of the original gracy"
    SQLITE = "a SQLite file of gracy_transport"
    LINES = "a file of JSON lines"
    DIRECTORY = "a directory of JSON lines"
    HAR = "a HAR"
    CASSETTE = "a cassette of vcrpy"


_BY_NAME: Final = {
    ".har": Kind.HAR,
    ".jsonl": Kind.LINES,
    ".yaml": Kind.CASSETTE,
    ".yml": Kind.CASSETTE,
}
_LOOKED_AT: Final = 4096
"""Bytes from which it is told what a file is."""


def kind_of(path: Path) -> Kind | None:
    """Returns what a file or directory is: by what it begins with, or else by its name; `None` when neither tells.

    Raises:
        OSError: when it cannot be read.
    """
    if path.is_dir():
        return Kind.DIRECTORY if any(path.glob("*.jsonl")) else None
    with path.open("rb") as file:
        begins = file.read(_LOOKED_AT)
    if begins.startswith(b"SQLite format 3\0"):
        return Kind.SQLITE if _is_ours(path) else Kind.ORIGINAL
    if begins.startswith(b"PK\x03\x04"):
        return Kind.HAR if hars_in(path) else None
    return _by_text("".join(begins.decode("utf-8-sig", "replace").split())) or _BY_NAME.get(path.suffix.lower())


def found_in(path: Path, kind: Kind) -> Iterator[Found]:
    """Yields what a file of any kind but the original's holds.

    Raises:
        UnreadableRecording: when the file cannot be read.
    """
    if kind is Kind.HAR:
        return found_in_har(path)
    if kind is Kind.CASSETTE:
        return found_in_cassette(path)
    return found_in_storage(storage_of(path, kind))


def storage_of(path: Path, kind: Kind) -> RecordingStorage:
    """Returns the storage on a file of ours."""
    return SQLiteReplayStorage(path.name, dir=path.parent) if kind is Kind.SQLITE else JSONLinesReplayStorage(path)


def found_in_storage(storage: RecordingStorage) -> Iterator[Found]:
    """Yields what a storage of ours holds.

    Raises:
        UnreadableRecording: when it cannot be read.
    """
    for number, recording in enumerate(storage.recordings(), 1):
        request = recording.request
        yield Found(f"recording {number}, {request.method} {redact_endpoint(request.url)}", (recording,))


def _by_text(begins: str) -> Kind | None:
    """Tells by how a text begins, the blanks taken out."""
    if begins.startswith('{"gracy":'):
        return Kind.LINES
    if begins.startswith('{"log":'):
        return Kind.HAR
    first = begins.lstrip("-\"'{[")
    is_cassette = first.startswith(("interactions:", 'interactions":', 'request":', "request:"))
    # vcrpy sorts the names in YAML, and puts the version of JSON first.
    is_versioned = first.startswith('version":') and '"interactions":' in begins
    return Kind.CASSETTE if is_cassette or is_versioned else None


def _is_ours(path: Path) -> bool:
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        return is_ours(connection)
    return False
