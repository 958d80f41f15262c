"""Group commit: what comes in while one batch is being written goes into the next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Generic, TypeVar

import anyio

from ..loops import Loop, current_loop

__all__ = ["Groups"]

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Waiting(Generic[T]):
    """Something that is to be written, and what came of it."""

    item: T
    turn: anyio.Event = field(default_factory=anyio.Event)
    is_written: bool = False
    error: Exception | None = None


class Groups(Generic[T]):
    """Writes what several tasks hand over at the same time in one go, each loop's for itself.

    One of the tasks writes for all that wait. Whoever came meanwhile waits for the next batch, which one of them
    writes. A task that is cancelled takes what is its own with it, and lets another write the rest.

    Args:
        write: writes a batch; what it raises, each task of the batch gets.
    """

    def __init__(self, write: Callable[[list[T]], Awaitable[Any]]) -> None:
        self._write = write
        self._lock = RLock()  # what nobody finished may be ended by a destructor, in any thread
        self._of_loop: dict[Loop, list[_Waiting[T]]] = {}

    async def add(self, item: T) -> None:
        """Returns when the item is written. Raises what writing it raised."""
        loop, mine = current_loop(), _Waiting(item)
        with self._lock:  # only one thread has this loop, but other loops come and go
            queue = self._of_loop.get(loop)
            if queue is None:
                queue = self._of_loop[loop] = []
                mine.turn.set()  # nobody writes just now
            queue.append(mine)
        try:
            await mine.turn.wait()
            if not mine.is_written:
                await self._write_all(list(queue))
        finally:
            if mine in queue:
                queue.remove(mine)
            if mine.turn.is_set():
                self._hand_over(loop, queue, mine)
        if mine.error is not None:
            raise mine.error

    async def _write_all(self, batch: list[_Waiting[T]]) -> None:
        error: Exception | None = None
        try:
            await self._write([each.item for each in batch])
        except Exception as raised:  # noqa: BLE001 - each task of the batch gets it
            error = raised
        for each in batch:
            each.is_written, each.error = True, error

    def _hand_over(self, loop: Loop, queue: list[_Waiting[T]], mine: _Waiting[T]) -> None:
        """Wakes those whose items were written, and one of the others to write the next batch."""
        for each in queue:
            if each.is_written:
                each.turn.set()
        unwritten = [each for each in queue if not each.is_written]
        if any(each.turn.is_set() for each in unwritten):
            return
        if unwritten:
            unwritten[0].turn.set()
            return
        with self._lock:
            if self._of_loop.get(loop) is queue:
                del self._of_loop[loop]
