"""Event loops as the stack sees them: which one runs here, how to reach it from another thread, and to sleep in it.

The library is written against anyio, which does not offer the first two without blocking the calling thread, and the
third with five objects for each task that sleeps, where tens of thousands may.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from threading import get_ident
from typing import Any, NamedTuple

__all__ = ["Loop", "current_loop", "has_ended"]


class Loop(NamedTuple):
    """An event loop of either backend.

    Attributes:
        native: the asyncio loop or the trio token; two `Loop`s are equal when it is the same.
        is_trio: which backend it is.
        thread: the identity of the thread it runs in.
    """

    native: Any
    is_trio: bool
    thread: int

    def call(self, function: Callable[[], object]) -> bool:
        """Calls a function in the loop: at once from one of its tasks, else as soon as it comes to it.

        Not at once from between its tasks, where a destructor may run: a loop that is about to sleep has to be told.

        Returns False when the loop has ended and nothing will be called. What the function raises, when it is
        called at once, is raised here.
        """
        if self._runs_here():
            function()
            return True
        try:
            if self.is_trio:
                self.native.run_sync_soon(function)
            else:
                self.native.call_soon_threadsafe(function)
        except RuntimeError:  # closed: trio's RunFinishedError is a RuntimeError too
            return False
        return True

    def bed(self) -> Any:
        """Returns what a task of this loop can sleep in, once."""
        return sys.modules["trio"].Event() if self.is_trio else self.native.create_future()

    def sleep(self, bed: Any) -> Awaitable[None]:
        """Sleeps until `wake` is called in this loop with the same bed, as something to be awaited at once."""
        awaitable: Awaitable[None] = bed.wait() if self.is_trio else bed
        return awaitable

    def wake(self, bed: Any) -> None:
        """Ends a sleep; it does nothing to one that was woken, or cancelled, before."""
        if self.is_trio:
            bed.set()
        elif not bed.done():
            bed.set_result(None)

    def task(self) -> Any:
        """Returns the task that runs now, in this loop."""
        return sys.modules["trio"].lowlevel.current_task() if self.is_trio else sys.modules["asyncio"].current_task()

    def _runs_here(self) -> bool:
        """Tells whether a task of this loop runs now in this thread, which may see one loop after another."""
        if self.thread != get_ident():
            return False
        try:
            return self.native is (_trio_token() if self.is_trio else _asyncio_loop()) and self.task() is not None
        except RuntimeError:
            return False


def current_loop() -> Loop:
    """Returns the loop that runs here.

    Raises:
        RuntimeError: when none does.
    """
    if sys.modules.get("trio") is not None:
        try:
            return Loop(_trio_token(), is_trio=True, thread=get_ident())
        except (RuntimeError, AttributeError):
            pass  # not in trio, or another thread is just importing it: asyncio then
    return Loop(_asyncio_loop(), is_trio=False, thread=get_ident())


def has_ended(native: Any) -> bool:
    """Tells whether nothing will run any more in a loop of asyncio, or in the one of a trio token."""
    if hasattr(native, "is_closed"):
        return bool(native.is_closed())
    try:
        native.run_sync_soon(bool)
    except RuntimeError:  # trio's RunFinishedError
        return True
    return False


def _asyncio_loop() -> Any:
    import asyncio  # it is half of what importing the stack would cost, and whoever runs a loop of it has it

    return asyncio.get_running_loop()


def _trio_token() -> Any:
    trio: Any = sys.modules["trio"]
    return trio.lowlevel.current_trio_token()
