"""Event loops as the stack sees them: which one runs here, and how to reach it from another thread.

The library is written against anyio. These two things anyio does not offer without blocking the calling thread.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import get_ident
from typing import Any, TypeAlias

__all__ = ["Loop", "current_loop"]

Post: TypeAlias = Callable[[Callable[[], object]], object]


@dataclass(frozen=True, slots=True)
class Loop:
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
        """Calls a function in the loop: at once from its own thread, else as soon as it comes to it.

        Returns False when the loop has ended and nothing will be called.
        """
        try:
            if self.thread == get_ident():
                function()
            elif self.is_trio:
                self.native.run_sync_soon(function)
            else:
                self.native.call_soon_threadsafe(function)
        except RuntimeError:  # closed: trio's RunFinishedError is a RuntimeError too
            return False
        return True


def current_loop() -> Loop:
    """Returns the loop that runs here.

    Raises:
        RuntimeError: when none does.
    """
    trio: Any = sys.modules.get("trio")
    if trio is not None:
        try:
            return Loop(trio.lowlevel.current_trio_token(), is_trio=True, thread=get_ident())
        except RuntimeError:
            pass  # not in trio: asyncio then
    return Loop(asyncio.get_running_loop(), is_trio=False, thread=get_ident())
