"""Drives a coroutine from suspension to suspension, counts them, and cancels it at a chosen one.

What holds a connection, a slot or a lock has to give it back wherever it is cancelled, and a test that cancels after
some time only ever meets the same few awaits. This one meets each of them, in every way there is:

```python
awaits = await count_awaits(scenario())
for way in ways_to_cancel():
    for at in range(1, awaits + 1):
        assert await cancel_at(scenario(), at, way)
        assert nothing_is_left()
```

A scenario must take the same awaits each time: give it no network, and a `FakeClock` where it waits. It works on
asyncio and on trio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, Final

import anyio

from ..loops import current_loop

__all__ = ["ABANDONED", "Driven", "cancel_at", "count_awaits", "ways_to_cancel"]

SCOPE: Final = "scope"
"""A cancel scope around it is cancelled while it waits: from then on every await raises."""

TASK: Final = "task"
"""Its task is cancelled while it waits, as `asyncio.wait_for` does it: one await raises."""

LATE: Final = "late"
"""Its task is cancelled in the tick in which it wakes up: what it waited for has come, and it is told to stop."""

TWICE: Final = "twice"
"""Its task is cancelled while it waits, and again at the next await, in the middle of cleaning up."""

ABANDONED: Final = "abandoned"
"""Nobody awaits it any more, and the garbage collector ends it.

Not for what reads a body: an asynchronous generator that is abandoned with its caller cannot be closed by Python 3.12.
"""


class Driven:
    """A coroutine to be awaited that counts how often it is suspended.

    Args:
        coroutine: what to drive.
        at: the suspension to cancel it at, from 1; never unless given.
        way: how.
        scope: the scope to cancel.

    Attributes:
        awaits: how often it was suspended, and so woken, up to now.
        was_struck: whether it came to the suspension to cancel it at.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], at: int = 0, way: str = "", scope: anyio.CancelScope | None = None
    ) -> None:
        self._coroutine = coroutine
        self._at, self._way, self._scope = at, way, scope
        self.awaits = 0
        self.was_struck = False

    def __await__(self) -> Generator[Any, Any, Any]:
        """Passes on what the coroutine waits for, and what comes of it."""
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                trap = self._coroutine.send(value) if error is None else self._coroutine.throw(error)
            except StopIteration as stop:
                return stop.value
            self.awaits += 1
            value = error = None
            if self._is_ended_here(trap):
                return None
            try:
                value = yield trap
            except BaseException as thrown:  # noqa: BLE001 - whatever it is, it is for the coroutine
                error = thrown

    def _is_ended_here(self, trap: Any) -> bool:
        """Cancels where it is to be cancelled; True when the coroutine is over by that."""
        last = self._at + (self._way == TWICE)
        if not self._at <= self.awaits <= last:
            return False
        self.was_struck = True
        if self._way == ABANDONED:
            self._coroutine.close()
            return True
        if self._way == SCOPE:
            assert self._scope is not None
            self._scope.cancel()
        else:
            task = asyncio.current_task()
            assert task is not None
            if self._way != LATE:
                task.cancel()
            elif trap is None:
                asyncio.get_running_loop().call_soon(task.cancel)
            else:  # its own way to learn of it comes after this one
                trap.add_done_callback(partial(_cancel, task))
        return False


def _cancel(task: asyncio.Task[Any], _woken: object) -> None:
    task.cancel()


def ways_to_cancel() -> tuple[str, ...]:
    """Returns how a coroutine can be cancelled on the backend that runs here.

    On trio a cancel scope around it is cancelled. On asyncio, besides, its task is cancelled while it waits, or in the
    tick in which what it waited for has come, or twice: the second time while it cleans up after the first.
    """
    return (SCOPE,) if current_loop().is_trio else (SCOPE, TASK, LATE, TWICE)


async def count_awaits(coroutine: Coroutine[Any, Any, Any]) -> int:
    """Runs a coroutine to its end and returns how often it was suspended; an error of it comes out."""
    driven = Driven(coroutine)
    await driven
    return driven.awaits


async def cancel_at(coroutine: Coroutine[Any, Any, Any], at: int, way: str) -> bool:
    """Runs a coroutine, cancels it at its `at`-th suspension (from 1), and returns whether it came that far.

    The cancellation ends here, and the task goes on. An error that the coroutine raises instead comes out.
    """
    scope = anyio.CancelScope()
    driven = Driven(coroutine, at, way, scope)
    with scope:
        try:
            await driven
        except asyncio.CancelledError:
            task = None if way == SCOPE else asyncio.current_task()
            if task is None or not driven.was_struck:
                raise
            while task.uncancel():
                pass
    return driven.was_struck
