"""Opening a SQLite file of recordings, to read or to write, and refusing one that is not ours."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final

from ..exceptions import UnreadableRecording
from .recording import refuse_newer
from .schema import APPLICATION, CREATE

__all__ = ["is_ours", "open_to_read", "open_to_write", "refuse_unfit"]

READ_CACHE: Final = 16 * 1024
"""Kibibytes of the file that may be kept in memory for reading; the usual 2,000 are too few for 10,000 recordings."""
BUSY: Final = 30.0
"""Seconds to wait for other processes that write to the same file."""


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """Opens the file for reading, also where nothing may be written; returns `None` while nothing was recorded.

    Raises:
        UnreadableRecording: when the file is not ours or of a newer version.
    """
    if not path.exists():
        return None
    uri = path.absolute().as_uri()
    failure: sqlite3.OperationalError | None = None
    for mode in ("mode=rw", "mode=ro", "mode=ro&immutable=1"):
        # In a directory without write permission SQLite cannot make the files it shares its state by. It can do
        # without, but does not look for what a killed program left in the log then.
        if mode.endswith("immutable=1") and _has_log(path):
            break
        try:
            return _reader(f"{uri}?{mode}", path)
        except sqlite3.OperationalError as error:
            failure = error
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
                break  # somebody holds the file: it must not be read as if nobody did
    raise UnreadableRecording(f"{path} cannot be opened ({failure}): check its permissions and those of its directory")


def _has_log(path: Path) -> bool:
    """Tells whether something written is not in the file yet. Whoever closes the file last takes the log away."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


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
            for statement in CREATE:
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
