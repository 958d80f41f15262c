"""The seam for limits that hold over many processes: whoever keeps them makes the gates.

Such a gate decides like any other, at once and by itself, over units that it was lent by what all processes ask. It is
told by `Gate.ask` that somebody waits, fetches more units in its own time, and puts them in by `Desk.change`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable

from .desk import Desk
from .gates import Gate

__all__ = ["SharedLimits"]


class SharedLimits(ABC):
    """Keeps limits over many processes. Processes that give equal names share a limit."""

    @abstractmethod
    def permits(
        self, name: tuple[Hashable, ...], limit: int, period: float, *, spacing: float, subject: object, desk: Desk
    ) -> Gate:
        """Returns a gate of `limit` permits in any window of `period` seconds, `spacing` seconds apart.

        `subject` is what the gate stands for, `desk` where the requests wait for it.
        """

    @abstractmethod
    def slots(self, name: tuple[Hashable, ...], limit: int, *, subject: object, desk: Desk) -> Gate:
        """Returns a gate of `limit` slots."""
