"""How fast a process uses permits, and how long they may lie until they are used. Pure arithmetic."""

from __future__ import annotations

from typing import Final

__all__ = ["SLACK", "Pace", "lying"]

STRETCH: Final = 0.05
"""Seconds over which is counted at least: a few that come at once are no pace yet."""

SLACK: Final = 0.04
"""How long a permit may lie unused, as a part of its period: so much of the limit a process that says no more costs."""

LONGEST: Final = 1.0
"""Seconds a permit may lie unused at most."""

LAG: Final = 0.01
"""Seconds by which an event loop may be late to use a permit, however short the period."""


def lying(period: float, round_trip: float, seconds: float) -> float:
    """Returns how many seconds a permit may lie unused.

    Args:
        period: of its rule. `round_trip`: to who lends it.
        seconds: in which a small part of the limit is used, where there is plenty: it may lie for that long then, up
            to a quarter of its period.
    """
    slack = min(LONGEST, max(SLACK * period, LAG + 2 * round_trip))
    return max(slack, min(LONGEST, period / 4, seconds))


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
