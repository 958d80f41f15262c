"""How fast a process uses permits, and so how many it can be expected to use soon. Pure arithmetic."""

from __future__ import annotations

from typing import Final

__all__ = ["Pace"]

STRETCH: Final = 0.05
"""Seconds over which is counted at least: a few that come at once are no pace yet."""


class Pace:
    """How many are used in a second, by what was used in the last stretch of time."""

    __slots__ = ("_count", "_rate", "_since")

    def __init__(self) -> None:
        self._count = 0
        self._rate = 0.0
        self._since = float("-inf")

    def note(self) -> None:
        """Notes that one was used."""
        self._count += 1

    def per_second(self, now: float) -> float:
        """Returns how many are used in a second now."""
        passed = now - self._since
        if passed >= STRETCH:
            self._rate = self._count / passed
            self._count, self._since = 0, now
        return max(self._rate, self._count / STRETCH)
