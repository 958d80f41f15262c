"""The SQLite file: its table, how it is opened, and how a recording becomes a row.

What every exchange has stands in columns, so that a person can query it: `method`, `url`, `status`, `headers` (JSON),
`body` (text, or a blob where it is no text), `credential`, `at` (seconds since 1970 UTC). `asked`, `answered` and
`error` hold what is left of the documents of the request, the response and the error (see `recording.py`), NULL when
nothing is. `key`, `credential` and `position` are what recordings are looked up by. `PRAGMA application_id` says that
the file is ours, `PRAGMA user_version` of which version. Columns are read and written by name, so more may be added
without a new version.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..exceptions import UnreadableRecording
from .content import text_of
from .recording import (
    VERSION,
    RecordedError,
    RecordedRequest,
    RecordedResponse,
    Recording,
    content_document,
    content_in,
    headers_of,
    pace_in,
    refuse_newer,
)
from .redacting import Headers

__all__ = [
    "AHEAD",
    "ALL",
    "CREDENTIALS",
    "FORGET",
    "NEAREST",
    "NEXT",
    "PLACES",
    "PLACES_OF_MANY",
    "SOME",
    "Row",
    "open_to_read",
    "open_to_write",
    "recording_of_row",
    "refuse_unfit",
    "row_of",
]

APPLICATION: Final = 0x67726379  # "grcy"
READ_CACHE: Final = 16 * 1024
"""Kibibytes of the file that may be kept in memory for reading; the usual 2,000 are too few for 10,000 recordings."""
BUSY: Final = 30.0
"""Seconds to wait for other processes that write to the same file."""

_CREATE: Final = (
    """
    CREATE TABLE recordings (
        id INTEGER PRIMARY KEY,
        key INTEGER NOT NULL,
        credential TEXT NOT NULL,
        position INTEGER NOT NULL,
        at REAL NOT NULL,
        method TEXT NOT NULL,
        url TEXT NOT NULL,
        asked TEXT,
        status INTEGER,
        headers TEXT,
        answered TEXT,
        body,
        error TEXT
    )
    """,
    "CREATE INDEX recordings_by_key ON recordings (key, position)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)
_COLUMNS: Final = "method, url, credential, asked, at, status, headers, answered, body, error"
# An error makes a bad answer, also of a status that is good.
_WISH: Final = "credential = coalesce(?, credential) AND at >= ? AND iif(error IS NULL, status, 999) < ?"
PLACES: Final = f"SELECT id FROM recordings WHERE key = ? AND {_WISH} ORDER BY position, id"  # noqa: S608 - constants
PLACES_OF_MANY: Final = f"SELECT key, id FROM recordings WHERE key IN ({{}}) AND {_WISH} ORDER BY key, position, id"  # noqa: S608 - as above
AHEAD: Final = f"SELECT id, key, {_COLUMNS} FROM recordings WHERE id >= ? ORDER BY id LIMIT ?"  # noqa: S608 - as above
ALL: Final = f"SELECT {_COLUMNS} FROM recordings ORDER BY url, method, key, credential, position, id"  # noqa: S608 - as above
NEXT: Final = (
    "SELECT coalesce(max(position) + 1, 0) FROM recordings WHERE key = ? AND credential = coalesce(?, credential)"
)
SOME: Final = "SELECT 1 FROM recordings LIMIT 1"
FORGET: Final = "DELETE FROM recordings WHERE at < ?"
CREDENTIALS: Final = "SELECT DISTINCT credential FROM recordings"
NEAREST: Final = f"SELECT {_COLUMNS.replace('body', 'NULL')} FROM recordings ORDER BY id DESC LIMIT 1000"  # noqa: S608
_AT_ONCE: Final = 83  # rows of twelve values: any SQLite takes 999 in one statement

_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_value_of: Final = json.JSONDecoder().decode


class Row(NamedTuple):
    """A row of the table."""

    key: int
    credential: str
    position: int
    at: float
    method: str
    url: str
    asked: str | None
    status: int | None
    headers: str | None
    answered: str | None
    body: str | bytes | None
    error: str | None

    @property
    def sequence(self) -> tuple[int, str]:
        """What the row is one in a sequence of."""
        return self[:2]


def row_of(recording: Recording, key: int, position: int) -> Row:
    """Returns the row that holds a recording."""
    request, response, error = recording.request, recording.response, recording.error
    asked = content_document(request.headers, request.body)
    if request.match:
        asked["match"] = request.match
    answered = {} if response is None else response.pace_document()
    return Row(
        key,
        request.credential,
        position,
        recording.recorded_at.timestamp(),
        request.method,
        request.url,
        _json(asked) if asked else None,
        None if response is None else response.status,
        None if response is None else _headers_text(response.headers),
        _json(answered) if answered else None,
        None if response is None else _readable(response.body),
        None if error is None else _json(error.to_document()),
    )


def recording_of_row(row: Any) -> Recording:
    """Returns the recording that a row (as ALL selects it, text as bytes) holds.

    Raises:
        UnreadableRecording: when the row makes no sense.
    """
    method, url, credential, asked, at, status, headers, answered, body, error = row
    try:
        more: dict[str, Any] = {} if asked is None else _value_of(asked.decode())
        pace = ((), ()) if answered is None else pace_in(_value_of(answered.decode()))
        return Recording(
            RecordedRequest(
                method.decode(), url.decode(), *content_in(more), credential.decode(), more.get("match", "")
            ),
            datetime.fromtimestamp(at, UTC),
            None if status is None else RecordedResponse(status, _headers(headers), body, *pace),
            None if error is None else RecordedError.from_document(_value_of(error.decode())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as broken:
        raise UnreadableRecording(f"a recording is broken ({broken!r}): record it again") from broken


def write(connection: sqlite3.Connection, batch: Iterable[tuple[Row, bool]]) -> None:
    """Writes rows in one transaction; one that is marked as first replaces all of its sequence.

    Raises:
        sqlite3.Error: when that fails; nothing is written then.
    """
    rows: dict[tuple[int, str], list[Row]] = {}
    replaced: set[tuple[int, str]] = set()
    for row, is_first in batch:
        if is_first:
            rows[row.sequence] = []
            replaced.add(row.sequence)
        rows.setdefault(row.sequence, []).append(row)
    connection.execute("BEGIN IMMEDIATE")
    try:
        _delete(connection, list(replaced))
        _insert(connection, [row for sequence in rows.values() for row in sequence])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


# Few large statements: each gives the interpreter away once, and a busy event loop is slow in giving it back.
def _delete(connection: sqlite3.Connection, sequences: list[tuple[int, str]]) -> None:
    for start in range(0, len(sequences), _AT_ONCE):
        some = sequences[start : start + _AT_ONCE]
        places = ",".join(["(?,?)"] * len(some))
        values = [value for sequence in some for value in sequence]
        where = f"(key, credential) IN (VALUES {places})"
        connection.execute(f"DELETE FROM recordings WHERE {where}", values)  # noqa: S608 - question marks


def _insert(connection: sqlite3.Connection, rows: list[Row]) -> None:
    columns = ", ".join(Row._fields)
    row_of_places = f"({','.join('?' * len(Row._fields))})"
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        places = ",".join([row_of_places] * len(some))
        values = [value for row in some for value in row]
        connection.execute(f"INSERT INTO recordings ({columns}) VALUES {places}", values)  # noqa: S608 - as above


@lru_cache(maxsize=256)  # many answers of an API have the same headers
def _headers_text(headers: Headers) -> str:
    return _json(headers)


@lru_cache(maxsize=256)  # as above
def _headers(text: bytes) -> Headers:
    return headers_of(_value_of(text.decode()))


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """Opens the file for reading, also where nothing may be written; returns `None` while nothing was recorded.

    Raises:
        UnreadableRecording: when the file is not ours or of a newer version.
    """
    if not path.exists():
        return None
    uri = path.absolute().as_uri()
    failure: sqlite3.OperationalError | None = None
    modes = ["mode=rw", "mode=ro"]
    # In a directory without write permission SQLite cannot make the files it shares its state by. It can do without,
    # but does not look for what a killed program left in the log then.
    log = path.with_name(f"{path.name}-wal")
    if not (log.exists() and log.stat().st_size):
        modes.append("mode=ro&immutable=1")
    for mode in modes:
        try:
            return _reader(f"{uri}?{mode}", path)
        except sqlite3.OperationalError as error:
            failure = error
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
                break  # somebody holds the file: it must not be read as if nobody did
    raise UnreadableRecording(f"{path} cannot be opened ({failure}): check its permissions and those of its directory")


def _reader(uri: str, path: Path) -> sqlite3.Connection | None:
    connection = _connect(uri)
    try:
        refuse_unfit(connection, path)
        if is_ours(connection):
            connection.text_factory = bytes
            connection.execute(f"PRAGMA cache_size = -{READ_CACHE}")
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()  # somebody is just about to make the table
    return None


def open_to_write(path: Path) -> sqlite3.Connection:
    """Opens the file for writing, with its directory and its table made where they are missing.

    Raises:
        UnreadableRecording: when the file is not ours or of a newer version.
        sqlite3.OperationalError, OSError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(f"{path.absolute().as_uri()}?mode=rwc")
    try:
        refuse_unfit(connection, path)
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        if not is_ours(connection):
            for statement in _CREATE:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def is_ours(connection: sqlite3.Connection) -> bool:
    """Tells whether the file has our mark; a new one has not."""
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION)


def refuse_unfit(connection: sqlite3.Connection, path: Path) -> None:
    """Raises when a file is neither empty nor ours.

    Raises:
        UnreadableRecording: saying what it is and what to do.
    """
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {name for (name,) in connection.execute("SELECT CAST(name AS TEXT) FROM sqlite_master")}
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise UnreadableRecording(
            f"{path} is no SQLite file, or a damaged one ({error}): delete it and record again, or give "
            "another file name"
        ) from error
    if "gracy_recordings" in tables:
        raise UnreadableRecording(
            f"{path} holds recordings of the original gracy, which are pickled: reading them could run any code. "
            "Convert it (python -m gracy_transport convert-recordings OLD NEW), or record again in another file"
        )
    if tables and not is_ours(connection):
        raise UnreadableRecording(f"{path} is a SQLite file of something else: give another file name")
    refuse_newer(version, str(path))


def _connect(uri: str) -> sqlite3.Connection:
    # Whoever uses a connection holds a lock of ours meanwhile, so any thread may.
    return sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Lets readers read while somebody writes. SQLite does not wait by itself for others who do this just now."""
    give_up = time.monotonic() + BUSY
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _readable(body: bytes) -> str | bytes:
    text = text_of(body)
    return body if text is None or "\0" in text else text
