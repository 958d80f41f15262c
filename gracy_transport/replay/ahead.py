"""Reading recordings from the SQLite file ahead of those who ask for them."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, TypeAlias

from .recording import Recording
from .schema import AHEAD, PLACES, recording_of_row
from .sequence import LAST

__all__ = ["Ahead", "Wish"]

Wish: TypeAlias = tuple[str | None, float, int]
"""Which recordings are wanted, as the queries know it: credential, the earliest time, and the status they are below."""

_MOST_ROWS: Final = 256
_MOST_BYTES: Final = 1024 * 1024
"""Rows and bytes of bodies that are read at a time."""
_MOST_PLACES: Final = 100_000


class Ahead:
    """Finds recordings on a connection, and reads those that are likely to be asked for next.

    Requests mostly come in the order in which they were recorded, and reading many rows at once takes a fraction of the
    time. How many are read ahead doubles while they are used, and shrinks when they are not. Not for several threads at
    once.

    Args:
        connection: a connection whose text is bytes.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._version = self._version_now()
        self._places: dict[tuple[int, Wish], list[int]] = {}
        self._count = 0
        self._rows: dict[int, Any] = {}
        self._size = 1
        self._used = 0

    def look(self) -> bool:
        """Returns whether somebody has written since the last look, and forgets what was read before that."""
        version = self._version_now()
        if version == self._version:
            return False
        self._version = version
        self._places.clear()
        self._rows.clear()
        self._count = self._used = 0
        return True

    def find(self, key: int, position: int, wish: Wish) -> Recording | None:
        """Returns the recording at a position among those of a key that are wished for, or `None`.

        Raises:
            UnreadableRecording: when the row makes no sense.
            sqlite3.Error: when the file cannot be read.
        """
        places = self._places.get((key, wish))
        if places is None:
            rows = self.connection.execute(PLACES, (key, *wish))
            places = self._keep(key, wish, [number for (number,) in rows])
        place = len(places) - 1 if position == LAST else position
        if not 0 <= place < len(places):
            return None
        number = places[place]
        found = self._rows.get(number)
        if found is None:
            self._read(number, wish)
            if self.look():  # somebody has written since it was known where it is: another may have its number now
                return self.find(key, position, wish)
            found = self._rows[number]
        if not isinstance(found, Recording):
            self._used += 1
            found = self._rows[number] = recording_of_row(found[3:])
        return found

    def _keep(self, key: int, wish: Wish, places: list[int]) -> list[int]:
        if self._count > _MOST_PLACES:
            self._places.clear()
            self._count = 0
        self._count += len(places) + 1
        self._places[key, wish] = places
        return places

    def _read(self, number: int, wish: Wish) -> None:
        """Reads a row and some of those that were recorded after it."""
        self._size = min(self._size * 2, _MOST_ROWS) if self._used * 2 > self._size else max(self._used, 1)
        self._used = 0
        self._rows.clear()
        size = 0
        for row in self.connection.execute(AHEAD, (*wish, number, self._size)):
            found, key, is_only = row[:3]
            self._rows[found] = row
            if is_only:  # else where the recordings of its key are is looked up when it is asked for
                self._keep(key, wish, [found])
            size += len(row[-2] or b"")
            if size > _MOST_BYTES:
                break

    def _version_now(self) -> int:
        version: int = self.connection.execute("PRAGMA data_version").fetchone()[0]
        return version
