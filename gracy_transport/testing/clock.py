"""A clock that a test drives: every wait takes no real time and its length can be asserted to the digit."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.lowlevel

from ..loops import Loop, current_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["FakeClock"]

_SETTLE_ROUNDS: Final = 50


class FakeClock:
    """Virtual time for one event loop, on asyncio and on trio.

    Time stands still while any task can run. When every task waits, it jumps to the next instant at which somebody
    wants to be woken: hours of back-off pass in milliseconds, in the right order, with the same figures on both
    backends. With `auto=False` it only moves when the test says so, with `await clock.advance(seconds)`: use that
    when real sockets or threads take part, because their work is invisible to the clock.

    It looks into the loop to see who waits. That of uvloop lets nobody look: there a sleep raises a RuntimeError.

    Args:
        start: the first value of `now()`, in seconds; 1,000 unless given, so that nothing takes 0 for "never".
        wall: the first value of `wall()`, in seconds since 1970 UTC; 2026-01-01 unless given.
        auto: whether time jumps by itself.

    Attributes:
        waits: the lengths of all sleeps asked for, in seconds, in the order they were asked for.
    """

    def __init__(self, start: float = 1000.0, wall: float = 1_767_225_600.0, *, auto: bool = True) -> None:
        self._now = start
        self._wall_offset = wall - start
        self._auto = auto
        self._order = count()
        self._timers: list[tuple[float, int]] = []
        self._wakes: dict[int, Callable[[], object]] = {}
        self._driver: Loop | None = None
        self._by_hand = 0
        self.waits: list[float] = []

    def now(self) -> float:
        """Returns virtual monotonic seconds."""
        return self._now

    def wall(self) -> float:
        """Returns virtual seconds since 1970 UTC."""
        return self._now + self._wall_offset

    async def sleep(self, seconds: float) -> None:
        """Waits until that much virtual time has passed."""
        self.waits.append(seconds)
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        woken = anyio.Event()
        timer = self._schedule(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            self._cancel(timer)

    def timeout(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        """Returns a scope that is cancelled once that much virtual time has passed."""
        return self._timeout(seconds)

    @contextmanager
    def _timeout(self, seconds: float) -> Generator[anyio.CancelScope]:
        with anyio.CancelScope() as scope:
            timer = self._schedule(seconds, scope.cancel)
            try:
                yield scope
            finally:
                self._cancel(timer)

    async def advance(self, seconds: float) -> None:
        """Moves time on by that much, waking whoever is due on the way, each before time moves further.

        Raises:
            ValueError: when time cannot move by that: back, for ever, or by no number.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"time cannot move on by {seconds} seconds: give a number from 0 on")
        until = self._now + seconds
        self._by_hand += 1  # else what moves time by itself would go further, when both find that all tasks wait
        try:
            await self._settle()
            while (due := self._next()) is not None and due <= until:
                self._fire()
                await self._settle()
            self._now = max(self._now, until)
        finally:
            self._by_hand -= 1

    def __repr__(self) -> str:
        """Says the time and how many wait for it."""
        return f"<FakeClock at {self._now:.3f}, {len(self._wakes)} waiting>"

    def _schedule(self, seconds: float, wake: Callable[[], object]) -> int:
        if math.isnan(seconds):
            raise ValueError("nan is no number of seconds: the wait would never end")
        timer, at = next(self._order), self._now + seconds
        self._wakes[timer] = wake
        heapq.heappush(self._timers, (at, timer))
        self._drive()
        return timer

    def _cancel(self, timer: int) -> None:
        self._wakes.pop(timer, None)

    def _next(self) -> float | None:
        """Returns when the next timer is due, forgetting those that were cancelled."""
        while self._timers and self._timers[0][1] not in self._wakes:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _fire(self) -> None:
        """Moves time to the next timer and wakes it, together with all others of the same instant."""
        at = self._timers[0][0]
        self._now = max(self._now, at)
        while (due := self._next()) is not None and due <= at:
            self._wakes.pop(heapq.heappop(self._timers)[1])()

    async def _settle(self) -> None:
        """Lets every other task run until all of them wait."""
        loop = current_loop()
        if loop.is_trio:
            await _trio_idle()
            return
        _refuse_opaque(loop.native)
        for _ in range(_SETTLE_ROUNDS):
            await anyio.lowlevel.checkpoint()
        while not _is_idle(loop.native):
            await anyio.lowlevel.checkpoint()

    def _drive(self) -> None:
        """Makes sure that something moves time on in the loop that runs here."""
        if not self._auto:
            return
        loop = current_loop()
        if self._driver is not None and self._driver.native is loop.native:
            return
        if not loop.is_trio:
            _refuse_opaque(loop.native)
        self._driver = loop
        if loop.is_trio:
            _trio().lowlevel.spawn_system_task(self._drive_trio, loop)
        else:
            loop.native.call_soon(self._drive_asyncio, loop)

    def _drive_asyncio(self, loop: Loop) -> None:
        if not self._is_wanted(loop):
            return
        if not self._by_hand and _is_idle(loop.native):
            self._fire()
        loop.native.call_soon(self._drive_asyncio, loop)

    async def _drive_trio(self, loop: Loop) -> None:
        while self._is_wanted(loop):
            await _trio_idle()
            if not self._by_hand and self._is_wanted(loop):
                self._fire()

    def _is_wanted(self, loop: Loop) -> bool:
        """Tells whether this driver goes on; one that has nothing to wait for steps down."""
        if self._driver is None or self._driver.native is not loop.native:
            return False
        due = self._next()
        if due is None or due == math.inf:
            self._driver = None
            return False
        return True


def _refuse_opaque(loop: Any) -> None:
    if not hasattr(loop, "_ready"):
        name = f"{type(loop).__module__}.{type(loop).__name__}"
        raise RuntimeError(f"FakeClock cannot see when all tasks of {name} wait: run the test on asyncio's own loop")


def _is_idle(loop: Any) -> bool:
    """Tells whether nothing is ready to run but clocks, which only look whether anything else is."""
    # asyncio has no public way to ask this.
    # One that is about to stop is not waiting either: time must not move because its last task is done.
    if getattr(loop, "_stopping", False):
        return False
    called = (getattr(handle, "_callback", None) for handle in loop._ready)  # noqa: SLF001 - as said above
    return all(isinstance(getattr(callback, "__self__", None), FakeClock) for callback in called)


def _trio() -> Any:
    import trio

    return trio


def _trio_idle() -> Awaitable[None]:
    import trio.testing

    return trio.testing.wait_all_tasks_blocked()
