"""The table of a SQLite file: what is asked of it, and how a recording becomes a row.

What every exchange has stands in columns, so that a person can query it: `method`, `url`, `status`, `headers` (JSON),
`body` (text, or a blob where it is no text), `credential`, `at` (seconds since 1970 UTC). `asked`, `answered` and
`error` hold what is left of the documents of the request, the response and the error (see `document.py`), NULL when
nothing is. `key`, `credential` and `position` are what recordings are looked up by. `PRAGMA application_id` says that
the file is ours, `PRAGMA user_version` of which version. Columns are read and written by name, so more may be added
without a new version.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ..exceptions import UnreadableRecording
from .content import text_of
from .document import content_fields, content_in, headers_in, headers_text, json_text
from .recording import VERSION, RecordedError, RecordedRequest, RecordedResponse, Recording, manner_in

__all__ = [
    "AHEAD",
    "ALL",
    "APPLICATION",
    "CREATE",
    "CREDENTIALS",
    "FORGET",
    "NEAREST",
    "NEXT",
    "PLACES",
    "SOME",
    "Row",
    "recording_of_row",
    "row_of",
    "write",
]

APPLICATION: Final = 0x67726379  # "grcy"

CREATE: Final = (
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
_ONLY: Final = (
    "NOT EXISTS (SELECT 1 FROM recordings AS other WHERE other.key = recordings.key AND other.id <> recordings.id)"
)
AHEAD: Final = f"SELECT id, key, {_WISH} AND {_ONLY}, {_COLUMNS} FROM recordings WHERE id >= ? ORDER BY id LIMIT ?"  # noqa: S608 - as above
ALL: Final = f"SELECT {_COLUMNS} FROM recordings ORDER BY url, method, key, credential, position, id"  # noqa: S608 - as above
NEXT: Final = (
    "SELECT coalesce(max(position) + 1, 0) FROM recordings WHERE key = ? AND credential = coalesce(?, credential)"
)
SOME: Final = "SELECT 1 FROM recordings LIMIT 1"
FORGET: Final = "DELETE FROM recordings WHERE at < ?"
CREDENTIALS: Final = "SELECT DISTINCT credential FROM recordings"
NEAREST: Final = f"SELECT {_COLUMNS.replace('body', 'NULL')} FROM recordings ORDER BY id DESC LIMIT 1000"  # noqa: S608
_AT_ONCE: Final = 83  # rows of twelve values: any SQLite takes 999 in one statement

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

    @property
    def size(self) -> int:
        """How large its body is: in bytes, or in letters where it is text."""
        return len(self.body or b"")


def row_of(recording: Recording, key: int, position: int) -> Row:
    """Returns the row that holds a recording."""
    request, response, error = recording.request, recording.response, recording.error
    asked = content_fields(request.headers, request.body)
    if request.match:
        asked.append(f'"match":{json_text(request.match)}')
    answered = {} if response is None else response.manner_document()
    return Row(
        key,
        request.credential,
        position,
        recording.recorded_at.timestamp(),
        request.method,
        request.url,
        f"{{{','.join(asked)}}}" if asked else None,
        None if response is None else response.status,
        None if response is None else headers_text(response.headers),
        json_text(answered) if answered else None,
        None if response is None else _readable(response.body),
        None if error is None else json_text(error.to_document()),
    )


def recording_of_row(row: Any) -> Recording:
    """Returns the recording that a row (as ALL selects it, text as bytes) holds.

    Raises:
        UnreadableRecording: when the row makes no sense.
    """
    method, url, credential, asked, at, status, headers, answered, body, error = row
    try:
        return Recording(
            _request_of(method.decode(), url.decode(), credential.decode(), asked),
            datetime.fromtimestamp(at, UTC),
            None if status is None else _response_of(status, headers, answered, body),
            None if error is None else RecordedError.from_document(_value_of(error.decode())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as broken:
        raise UnreadableRecording(f"a recording is broken ({broken!r}): record it again") from broken


def _request_of(method: str, url: str, credential: str, asked: bytes | None) -> RecordedRequest:
    if asked is None:
        # To give the fields as a tuple takes a third of the time it takes to give them one by one.
        return RecordedRequest._make((method, url, (), b"", credential, ""))
    text = asked.decode()
    more: dict[str, Any] = _value_of(text)
    return RecordedRequest(method, url, *content_in(more, text), credential, more.get("match", ""))


def _response_of(status: int, headers: bytes, answered: bytes | None, body: bytes) -> RecordedResponse:
    found = headers_in(headers.decode())
    if answered is None:
        return RecordedResponse._make((status, found, body, (), (), ""))
    return RecordedResponse(status, found, body, *manner_in(_value_of(answered.decode())))


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
        keys, pairs = ",".join("?" * len(some)), ",".join(["(?,?)"] * len(some))
        values = [key for key, _credential in some] + [value for sequence in some for value in sequence]
        # For the pairs alone no index is used: all that was ever recorded would be looked through.
        where = f"key IN ({keys}) AND (key, credential) IN (VALUES {pairs})"
        connection.execute(f"DELETE FROM recordings WHERE {where}", values)  # noqa: S608 - question marks


def _insert(connection: sqlite3.Connection, rows: list[Row]) -> None:
    columns = ", ".join(Row._fields)
    row_of_places = f"({','.join('?' * len(Row._fields))})"
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        places = ",".join([row_of_places] * len(some))
        values = [value for row in some for value in row]
        connection.execute(f"INSERT INTO recordings ({columns}) VALUES {places}", values)  # noqa: S608 - as above


def _readable(body: bytes) -> str | bytes:
    text = text_of(body)
    return body if text is None or "\0" in text else text
