"""What is recorded in one go: which answers replace what was there before, and whose they are."""

from __future__ import annotations

from collections.abc import Hashable

from .credentials import Credentials
from .sequence import Sequences

__all__ = ["Run"]


class Run(Sequences):
    """What one storage object recorded since it was made: one run, however many transports record on it.

    Attributes:
        since: when the first request to be recorded was sent, in seconds since 1970 UTC; `None` before that.
        credentials: the names of the users whose requests are recorded.
        askers: the credentials of those whose requests may be recorded, the empty one of nobody among them.
        began_empty: whether the storage was empty when somebody first wanted to know; `None` before that.
    """

    __slots__ = ("_begun", "askers", "began_empty", "credentials", "since")

    def __init__(self) -> None:
        super().__init__()
        self._begun: set[Hashable] = set()
        self.credentials = Credentials()
        self.askers: set[str] = set()
        self.since: float | None = None
        self.began_empty: bool | None = None

    def start(self, now: float) -> float:
        """Notes that something is about to be recorded; returns when the run began."""
        if self.since is None:
            self.since = now
        return self.since

    @property
    def has_recorded(self) -> bool:
        """Whether anything was recorded."""
        return bool(self._begun)

    def has_begun(self, key: Hashable) -> bool:
        """Tells whether an answer to the request was recorded."""
        return key in self._begun

    def begin(self, key: Hashable) -> bool:
        """Returns whether this is the first answer to be recorded for the request, which replaces those of others."""
        with self._lock:
            is_first = key not in self._begun
            self._begun.add(key)
            return is_first

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
