"""The gates of limits that come and go with whoever uses them, kept for as long as they remember a request."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakSet

from .desk import Desk

__all__ = ["Book"]

_FEWEST: Final = 64


class Idling(Protocol):
    """What a book keeps: it can be dropped while it is idle."""

    def is_idle(self, now: float) -> bool:
        """Tells whether new ones would behave the same."""
        ...


Limit = TypeVar("Limit", bound=Hashable)
Kept = TypeVar("Kept", bound=Idling)


class Book(Generic[Limit, Kept]):
    """The gates of each limit of a stack: equal limits share theirs, whoever asks, and from whichever thread.

    A limit that only some calls have may be without a user now and then, but its window goes on: what was sent in it
    still counts when the next call comes. So gates are dropped only when they have no user and are idle, which is
    looked for each time their number has doubled.

    Args:
        desk: where requests wait at the gates; while it is looked which are idle, nobody passes one.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._entries: dict[Limit, tuple[Kept, WeakSet[object]]] = {}
        self._sweep_at = _FEWEST
        self._lock = Lock()

    def __len__(self) -> int:
        """Counts the limits whose gates are kept."""
        return len(self._entries)

    def gates_of(self, limit: Limit, user: object, make: Callable[[], Kept]) -> Kept:
        """Returns the gates of a limit, made when it has none; they stay at least while their user is alive."""
        with self._lock:
            entry = self._entries.get(limit)
            if entry is None:
                if len(self._entries) >= self._sweep_at:
                    self._desk.decide(self._sweep)
                entry = self._entries[limit] = make(), WeakSet()
            gates, users = entry
            users.add(user)
            return gates

    def all(self) -> list[Kept]:
        """Returns the gates of every limit that are kept."""
        with self._lock:
            return [gates for gates, _users in self._entries.values()]

    def _sweep(self, now: float) -> None:
        self._entries = {
            limit: (gates, users) for limit, (gates, users) in self._entries.items() if users or not gates.is_idle(now)
        }
        self._sweep_at = max(_FEWEST, 2 * len(self._entries))
