"""What was read of a file of the original library, made into recordings."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from ..formats.found import Found
from ..replay.asked import Asked
from ..replay.exchange import read_answer, recording_of
from ..replay.recording import Recording
from .child import Row

__all__ = ["found_in_rows"]

_UNLIKELY: Final = (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError, httpx.InvalidURL)
"""What making a recording raises when the row holds something that no recording does."""


def found_in_rows(rows: Iterable[Row]) -> Iterator[Found]:
    """Yields the recordings that rows make, or why they make none."""
    for row in rows:
        problem, recordings = _recordings_of(row)
        yield Found(str(row), recordings, problem)


def _recordings_of(row: Row) -> tuple[str, tuple[Recording, ...]]:
    if row.problem:
        return row.problem, ()
    try:
        # The original stamped its rows with the local time, without saying where that was.
        at = datetime.fromisoformat(row.at).astimezone(UTC)
        return "", tuple([_recording_of(exchange, at) for exchange in row.exchanges])
    except _UNLIKELY as error:
        return f"it makes no recording ({type(error).__name__})", ()


def _recording_of(exchange: dict[str, Any], at: datetime) -> Recording:
    headers = _headers(exchange["asked_headers"])
    asked = Asked(httpx.Request(exchange["method"], exchange["url"], headers=headers), _bytes(exchange["asked_body"]))
    status = exchange["status"]
    if not 100 <= status <= 999:
        raise ValueError(f"{status} is no status")
    answer = read_answer(_headers(exchange["headers"]), _bytes(exchange["body"]))
    return recording_of(asked, status, answer, at)


def _headers(pairs: list[list[str]]) -> httpx.Headers:
    return httpx.Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs])


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
