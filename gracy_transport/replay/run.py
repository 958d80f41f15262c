"""What is recorded in one go: which answers replace what was there before, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime

import anyio

from ..loops import Loop, current_loop
from .credentials import Credentials
from .sequence import Sequences

__all__ = ["Run"]


class Run(Sequences):
    """What one storage object recorded since it was made: one run, however many transports record on it.

    Attributes:
        since: when the first request to be recorded was sent, in seconds since 1970 UTC; `None` before that.
        credentials: the names of the users whose requests are recorded.
        askers: the credentials of those whose requests may be recorded, the empty one of nobody among them.
        renewed_before: what was recorded before that is too old for those who record and replay here; `None` while
            nothing is.
    """

    __slots__ = ("_beginning", "_begun", "_found_empty", "askers", "credentials", "renewed_before", "since")

    def __init__(self) -> None:
        super().__init__()
        self._begun: set[Hashable] = set()
        self._beginning: dict[Hashable, list[tuple[Loop, anyio.Event]]] = {}
        self.credentials = Credentials()
        self.askers: set[str] = set()
        self.since: float | None = None
        self._found_empty: list[bool] = []
        self.renewed_before: datetime | None = None

    def start(self, now: float) -> float:
        """Notes that something is about to be recorded; returns when the run began."""
        if self.since is None:
            self.since = now
        return self.since

    def began_empty(self, is_empty: Callable[[], bool]) -> bool:
        """Returns whether the storage was empty when the run began: as whoever looked first has found it."""
        if not self._found_empty:
            self._found_empty.append(is_empty())  # others may have looked meanwhile, and recorded since
        return self._found_empty[0]

    def renew_before(self, since: datetime | None) -> None:
        """Notes that what was recorded before that moment is too old; the latest such moment counts."""
        if since is not None and (self.renewed_before is None or self.renewed_before < since):
            self.renewed_before = since

    @property
    def has_recorded(self) -> bool:
        """Whether anything was recorded."""
        return bool(self._begun)

    def has_begun(self, key: Hashable) -> bool:
        """Tells whether an answer to the request was recorded."""
        return key in self._begun

    def begin(self, key: Hashable) -> bool:
        """Returns whether this is the first answer to be recorded for the request, which replaces those of others.

        Call `has_saved_first` once that is saved; the others wait for it (`first_is_saved`), or it would replace them.
        """
        with self._lock:
            is_first = key not in self._begun
            self._begun.add(key)
            if is_first:
                self._beginning.setdefault(key, [])
            return is_first

    def has_saved_first(self, key: Hashable) -> None:
        """Notes that the first answer for the request is saved, or lost."""
        with self._lock:
            waiting = self._beginning.pop(key, [])
        for loop, saved in waiting:
            loop.call(saved.set)

    async def first_is_saved(self, key: Hashable) -> None:
        """Waits while the first answer for the request is just being saved, in whichever event loop."""
        with self._lock:
            waiting = self._beginning.get(key)
            if waiting is None:
                return
            saved = anyio.Event()
            waiting.append((current_loop(), saved))
        await saved.wait()

    def follow(self, key: Hashable, position: int) -> None:
        """Lets what is recorded for the request come after what earlier runs recorded, which stays."""
        with self._lock:
            if key not in self._begun:
                self._begun.add(key)
                self._next[key] = position

    def begin_anew(self, key: Hashable) -> None:
        """Lets the next answer to be recorded for the request replace those of this run too."""
        with self._lock:
            self._begun.discard(key)
            self._next.pop(key, None)
