"""Files as the original library makes them: its table, and responses of httpx pickled as they are."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

TABLE = """
    CREATE TABLE gracy_recordings(
        url VARCHAR(255) NOT NULL,
        method VARCHAR(20) NOT NULL,
        request_body BLOB NULL,
        response BLOB NOT NULL,
        updated_at DATETIME NOT NULL
    )
"""
AT = "2024-03-01 12:30:45.123456"
URL = "https://api.test/items/1"

Handler = Callable[[httpx.Request], httpx.Response]


def answered(handler: Handler | httpx.Response, method: str = "GET", url: str = URL, **request: Any) -> httpx.Response:
    """Returns the response a client gives, whose answers are those of a function."""
    answer = handler if callable(handler) else lambda _: handler
    with httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
        return client.request(method, url, **request)


def row(response: httpx.Response, *, at: str = AT) -> tuple[Any, ...]:
    """Returns the row that the original makes of a response."""
    request = response.request
    return (str(response.url), request.method, request.content or None, pickle.dumps(response), at)


def bare(pickled: bytes, url: str = URL) -> tuple[Any, ...]:
    """Returns a row with any pickle in it."""
    return (url, "GET", None, pickled, AT)


def old_file(directory: Path, rows: Iterable[tuple[Any, ...]], table: str = TABLE) -> Path:
    """Makes a file with those rows."""
    path = directory / "old.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(table)
        connection.executemany("INSERT INTO gracy_recordings VALUES (?, ?, ?, ?, ?)", rows)
    return path
