"""When gates are to be looked at again: one timer each, the soonest first. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
from typing import Final

from .gates import Gate

__all__ = ["Timers"]

_FEWEST: Final = 64


class Timers:
    """The timers of gates, each of which knows its own (`Gate.timer_at`); what is outdated is passed over.

    Those of gates where nobody waits any more are forgotten each time their number has doubled.
    """

    __slots__ = ("_heap", "_most", "_order")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Gate]] = []
        self._order = count()
        self._most = _FEWEST

    def __len__(self) -> int:
        """Counts the timers, outdated ones too."""
        return len(self._heap)

    def set(self, gate: Gate, at: float) -> None:
        """Lets a gate be looked at again at an instant, unless it is looked at before that anyway."""
        if gate.timer_at is None or at < gate.timer_at:
            gate.timer_at = at
            if len(self._heap) >= self._most:
                self._tidy()
            heapq.heappush(self._heap, (at, next(self._order), gate))

    def next(self) -> float | None:
        """Returns when the first is due."""
        while self._heap:
            at, _order, gate = self._heap[0]
            if gate.timer_at == at and gate.waiting:
                return at
            if gate.timer_at == at:
                gate.timer_at = None
            heapq.heappop(self._heap)
        return None

    def is_due(self, now: float) -> bool:
        """Tells whether there is one to be taken out."""
        return bool(self._heap) and self._heap[0][0] <= now

    def due(self, now: float) -> Iterator[Gate]:
        """Takes out the timers that are due, and yields their gates."""
        while self._heap and self._heap[0][0] <= now:
            at, _order, gate = heapq.heappop(self._heap)
            if gate.timer_at == at:
                gate.timer_at = None
                yield gate

    def clear(self) -> None:
        """Forgets them all."""
        for _at, _order, gate in self._heap:
            gate.timer_at = None
        self._heap.clear()

    def _tidy(self) -> None:
        kept: list[tuple[float, int, Gate]] = []
        for timer in self._heap:
            at, _order, gate = timer
            if gate.timer_at == at and gate.waiting:
                kept.append(timer)
            elif gate.timer_at == at:
                gate.timer_at = None
        heapq.heapify(kept)
        self._heap = kept
        self._most = max(_FEWEST, 2 * len(kept))
