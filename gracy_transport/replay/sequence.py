"""Which of the answers to a request comes next: the same request asked n times gets its n answers in order. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from threading import RLock
from typing import Final

__all__ = ["LAST", "Sequences"]

LAST: Final = -1
"""The position of the last answer of a sequence, which is repeated once the sequence is over."""


class Sequences:
    """How often each request was asked, by its key and credential. Usable from any thread."""

    __slots__ = ("_lock", "_next")

    def __init__(self) -> None:
        self._lock = RLock()  # a recording that nobody finished may be ended by a destructor, in any thread
        self._next: dict[Hashable, int] = {}

    def take(self, key: Hashable) -> int:
        """Returns the position of the answer to this request: 0, 1, 2 …, or `LAST` once the sequence is over."""
        with self._lock:
            position = self._next.get(key, 0)
            if position != LAST:
                self._next[key] = position + 1
            return position

    def end(self, key: Hashable) -> None:
        """Notes that there are no more answers to come."""
        with self._lock:
            self._next[key] = LAST

    def forget(self, key: Hashable) -> None:
        """Notes that there is no answer at all."""
        with self._lock:
            self._next.pop(key, None)
