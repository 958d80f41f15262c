"""Time as the stack sees it: one small interface, so that a test can drive every wait."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Protocol

import anyio

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock"]


class Clock(Protocol):
    """Where a layer reads the time and how it waits. All figures are seconds."""

    def now(self) -> float:
        """Returns monotonic seconds, for arithmetic only: the zero point means nothing."""
        ...

    def wall(self) -> float:
        """Returns seconds since 1970-01-01 UTC, for stamps and HTTP dates only: it may jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits for that long; zero or less still lets other tasks run once."""
        ...

    def timeout(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        """Returns a scope that is cancelled once it has been open for that long."""
        ...


class SystemClock:
    """The real time of this machine."""

    __slots__ = ()

    # Not methods, which would only call these: `now` is read several times for each request.
    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        """Waits for that long; zero or less still lets other tasks run once."""
        await anyio.sleep(max(0.0, seconds))

    def timeout(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        """Returns a scope that is cancelled once it has been open for that long."""
        return anyio.move_on_after(seconds)

    def __repr__(self) -> str:
        """Says that no test is driving the time."""
        return "<SystemClock>"


SYSTEM_CLOCK: Clock = SystemClock()
