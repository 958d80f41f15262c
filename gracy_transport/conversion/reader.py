"""Reads a file of the original library and says what is in it. It is run as a program and needs nothing but Python.

What was read is written to the standard output, one JSON document a line:

    {"row": 7, "method": "GET", "url": "https://…"}       before a row is looked at
    {"row": 7, "at": "2026-…", "exchanges": [{…}, {…}]}   its exchanges, redirects first
    {"row": 7, "problem": "it …"}                         or why there is none
    {"unfit": "is …"}                                     when the file is not what it should be
    {"damaged": "…"}                                      when it cannot be read on
    {"end": true}                                         when all of it was read
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from .exchanges import LARGEST, exchanges_of
from .pickled import Refused, unpickled

__all__ = ["confine", "main", "read"]

MEMORY: Final = 1024 * 1024 * 1024
"""Bytes of memory this process may take, where the platform can limit that."""

BUSY: Final = 5.0
"""Seconds to wait for a program that is writing to the file."""
LIMITS: Final = {"RLIMIT_AS": MEMORY, "RLIMIT_FSIZE": 1024 * 1024, "RLIMIT_CORE": 0}

_ROWS: Final = """
    SELECT rowid, substr(method, 1, 100), substr(url, 1, 65536), length(response) + coalesce(length(request_body), 0)
    FROM gracy_recordings WHERE rowid > ? ORDER BY rowid
"""
_ROW: Final = "SELECT request_body, response, updated_at FROM gracy_recordings WHERE rowid = ?"


def read(path: Path, after: int) -> Iterator[dict[str, Any]]:
    """Yields what there is to say of the rows after a row, as the documents of this module.

    The file is opened for reading only.
    """
    try:
        with closing(sqlite3.connect(_uri(path), uri=True, timeout=BUSY)) as connection:
            connection.text_factory = _text
            connection.execute("PRAGMA trusted_schema = OFF")
            unfit = _unfit(connection)
            if unfit:
                yield {"unfit": unfit}
                return
            for row, method, url, size in connection.execute(_ROWS, (after,)):
                yield {"row": row, "method": str(method), "url": str(url)}
                try:
                    yield {"row": row, **_read(connection, row, method, url, size)}
                except Refused as refused:
                    yield {"row": row, "problem": str(refused)}
                except MemoryError:
                    yield {"row": row, "problem": f"it takes more than {MEMORY:,} bytes of memory to read"}
    except sqlite3.OperationalError as error:
        yield {"unfit": f"cannot be read ({error})"}
    except sqlite3.DatabaseError as error:
        yield {"damaged": str(error)}
    else:
        yield {"end": True}


def _uri(path: Path) -> str:
    """Returns what opens a file so that nothing is made beside it, if that can be."""
    with path.open("rb") as file:
        is_wal = file.read(19)[18:] == b"\x02"
    # Without this, even a reader makes the files that share the state of a write-ahead log, also where there is none.
    is_settled = is_wal and not path.with_name(path.name + "-wal").exists()
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_settled else ''}"


def _unfit(connection: sqlite3.Connection) -> str:
    """Says why a file is not one of the original library's, or nothing."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # it may be one, and be in use
            raise
        return f"is no SQLite file ({error})"
    if "gracy_recordings" in tables:
        return ""
    if "recordings" in tables:
        return "holds recordings of gracy_transport, or something else: there is nothing to convert"
    return "holds no recordings of the original gracy (it has no table gracy_recordings)"


def _read(connection: sqlite3.Connection, row: int, method: Any, url: Any, size: Any) -> dict[str, Any]:
    """Returns what a row holds; raises Refused when that is no recording."""
    if not isinstance(size, int) or size > LARGEST:
        raise Refused(f"it holds {size} bytes, and only {LARGEST:,} are looked at")
    body, response, at = connection.execute(_ROW, (row,)).fetchone()
    if not (isinstance(method, str) and isinstance(url, str) and isinstance(body, bytes | None)):
        raise Refused("its columns are not those of a recording")
    if not (isinstance(response, bytes) and isinstance(at, str)):
        raise Refused("its columns are not those of a recording")
    return {"at": at, "exchanges": exchanges_of(unpickled(response), method, url, body or b"")}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def confine(resource: Any) -> None:
    """Lets this process neither take much memory, nor write a large file, nor leave a core dump.

    `resource` is the module of that name, or `None` on a platform without it.
    """
    for name, most in LIMITS.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            with suppress(OSError, ValueError):  # a platform may know a limit and yet not have it
                resource.setrlimit(kind, (most, most))


def main(arguments: Sequence[str]) -> None:
    """Reads the file that the first argument names, after the row that the second one gives."""
    path, after = arguments
    for document in read(Path(path), int(after)):
        print(json.dumps(document), flush=True)
