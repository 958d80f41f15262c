"""The books of an origin: its visits, and how many connections and requests there are and were at most."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

    from .visit import Visit


class Ledger:
    """Counts what happens. Written by the loop of the origin only; reading from other threads is harmless."""

    def __init__(self, max_visits: int) -> None:
        """Remembers the latest `max_visits` visits; the counts have no bound."""
        self.visits: deque[Visit] = deque(maxlen=max_visits)
        self.errors: list[Exception] = []
        self.open_connections = 0
        self.in_flight = 0
        self._last_number = 0
        self._news: anyio.Event | None = None
        self.clear()

    def clear(self) -> None:
        """Starts anew, with what is open and in flight now."""
        self.visits.clear()
        self.errors.clear()
        self.count = 0
        self.connections = 0
        self.statuses: Counter[int | None] = Counter()
        self.peak_connections = self.open_connections
        self.peak_in_flight = self.in_flight

    def connected(self) -> int:
        """Notes a new connection and returns its number."""
        self.connections += 1
        self.open_connections += 1
        self.peak_connections = max(self.peak_connections, self.open_connections)
        self._tell()
        self._last_number += 1
        return self._last_number

    def disconnected(self) -> None:
        """Notes that a connection is closed."""
        self.open_connections -= 1
        self._tell()

    def begin(self, visit: Visit) -> None:
        """Notes that a request was read whole, and gives it its number."""
        self.count += 1
        visit.number = self.count
        self.visits.append(visit)
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        self._tell()

    def end(self, visit: Visit, left: float) -> None:
        """Notes that the answer to a visit is over."""
        visit.left = left
        self.statuses[visit.status] += 1
        self.in_flight -= 1
        self._tell()

    async def until(self, condition: Callable[[], object], seconds: float) -> None:
        """Returns when `condition()` is true, looked at again after each change; raises `TimeoutError`."""
        with anyio.fail_after(seconds):
            while not condition():
                self._news = self._news or anyio.Event()
                await self._news.wait()

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None
