"""Work that takes long is done in a worker thread, so that the event loop goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

__all__ = ["LARGE", "InOrder", "apart"]

LARGE: Final = 256 * 1024
"""Bytes of a body from which on it is looked through apart: for some milliseconds nothing else could go on."""

T = TypeVar("T")


async def apart(work: Callable[[], T]) -> T:
    """Returns what some work returns that is done in a worker thread.

    When it is cancelled, it is so once the thread is done: nothing goes on unseen.
    """
    return await anyio.to_thread.run_sync(work)


class InOrder:
    """Does work apart, and gives what it returns to each event loop in the order in which that gave the work."""

    def __init__(self) -> None:
        self._last: RunVar[anyio.Event | None] = RunVar("last")

    async def apart(self, work: Callable[[], T]) -> T:
        """Returns what some work returns, after all that was given earlier."""
        before, done = self._last.get(None), anyio.Event()
        self._last.set(done)
        try:
            result = await apart(work)
            if before is not None:
                await before.wait()
            return result
        finally:
            done.set()
