"""What waits to be written, and is written in batches: the same for a file and for a server."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from threading import Lock
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from ..logevents import LOGGER_NAME
from .background import Background
from .shelf import Sequence

__all__ = ["Batch", "Batches", "Storable", "warn_unwritten"]

MOST_WAITING: Final = 32 * 1024 * 1024
"""Bytes of bodies that may wait; above, whoever adds more writes them first."""

_logger = logging.getLogger(LOGGER_NAME)


class Storable(Protocol):
    """A recording in the form in which it is written."""

    @property
    def sequence(self) -> Sequence:
        """The sequence it is one of."""
        ...

    @property
    def size(self) -> int:
        """How many bytes of bodies it takes, more or less."""
        ...


T = TypeVar("T", bound=Storable)
Batch: TypeAlias = list[tuple[T, bool]]
"""What is written together, each with whether it replaces what is stored of its sequence."""


class Batches(ABC, Generic[T]):
    """Lets recordings gather, and writes them together. Usable from any thread.

    Args:
        home: where to, as a warning names it.
        most: bytes of bodies that one batch holds at the most, unless a single recording has more; no end unless given.

    Attributes:
        batches: how many were written.
    """

    def __init__(self, home: object, most: float = float("inf")) -> None:
        self.batches: int = 0
        self._home = home
        self._most = most
        self._lock = Lock()
        self._waiting: Batch[T] = []
        self._unwritten: set[int] = set()
        self._unreplaced: set[Sequence] = set()
        self._size = 0
        self._background = Background(self._write, self._close)

    def add(self, item: T, *, is_first: bool) -> bool:
        """Takes a recording; returns whether so much waits that `flush` should be called before going on."""
        with self._lock:
            self._waiting.append((item, is_first))
            self._unwritten.add(item.sequence[0])
            self._size += item.size
            is_much = self._size > MOST_WAITING
        return not self._background.ask() or is_much

    def holds(self, key: int) -> bool:
        """Tells whether something for this key is not yet written."""
        return key in self._unwritten

    def flush(self, more: Callable[[], None] | None = None) -> None:
        """Writes what waits, does something more in the same turn, and lets go of what was opened for that.

        A failure to write is a warning; what `more` raises is raised.
        """
        self._background.now(more)

    @abstractmethod
    def _store(self, batch: Batch[T]) -> None:
        """Writes a batch, all of it or, when it raises, nothing."""

    @abstractmethod
    def _close(self) -> None:
        """Lets go of what was opened for writing."""

    def _write(self) -> None:
        """Writes what waits. Its caller has the turn."""
        while True:
            batch = self._next()
            if not batch:
                return
            try:
                self._store(batch)
                self.batches += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread has to go on
                self._unreplaced.update([item.sequence for item, is_first in batch if is_first])
                self._close()
                warn_unwritten(len(batch), self._home, error)
            with self._lock:
                self._unwritten = {item.sequence[0] for item, _is_first in self._waiting}

    def _next(self) -> Batch[T]:
        """Returns what is to be written next."""
        with self._lock:
            batch, self._waiting = self._waiting, []
            if self._size > self._most:
                count = _count_up_to(self._most, [item.size for item, _is_first in batch])
                batch, self._waiting = batch[:count], batch[count:]
            self._size = sum([item.size for item, _is_first in self._waiting])
        return self._marked(batch)

    def _marked(self, batch: Batch[T]) -> Batch[T]:
        """Marks as first what follows a lost first answer, lest it be mixed with what that should have replaced."""
        marked: Batch[T] = []
        for item, is_first in batch:
            marked.append((item, is_first or item.sequence in self._unreplaced))
            self._unreplaced.discard(item.sequence)
        return marked


def _count_up_to(most: float, sizes: list[int]) -> int:
    """Returns how many of the first sizes are no more than that together, at least one."""
    return max(1, bisect_right(list(accumulate(sizes)), most))


def warn_unwritten(count: int, home: object, error: Exception) -> None:
    """Says in the log that recordings could not be written."""
    _logger.warning(
        "%d recording%s could not be written to %s, and will be missing: %s; the responses are not affected",
        count,
        "" if count == 1 else "s",
        home,
        error,
    )
