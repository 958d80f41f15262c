"""A thread with an event loop of its own, which begins when it is needed and ends when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from threading import Lock, Thread, current_thread, main_thread
from typing import Final

__all__ = ["LoopThread"]

CHECK: Final = 0.1
"""Seconds between two looks whether the thread has ended that is to end."""


class LoopThread:
    """A thread with an event loop. It is a daemon: whoever needs it to end in good order stops it.

    Args:
        name: of the thread.
        main: what it does: it is given an event that is set each time there is something to do, and runs until it
            finds `is_stopping`.

    Attributes:
        is_stopping: whether it is to end.
    """

    def __init__(self, name: str, main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        self.is_stopping = False
        self._name = name
        self._main = main
        self._lock = Lock()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None

    def rouse(self) -> None:
        """Says that there is something to do; may be called from anywhere at any moment."""
        loop, wake = self._loop, self._wake
        if loop is None or wake is None:
            self._start()
        elif not wake.is_set():
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(wake.set)

    def stop(self, *, wait: bool = True) -> None:
        """Lets the thread end, and waits until it has unless told not to."""
        thread = self._thread
        if thread is None:
            return
        if not wait or thread is current_thread():  # which cannot wait for itself, and may drop what it works for
            self.is_stopping = True
            self.rouse()
            return
        with self._lock:
            self.is_stopping = True
            while thread.is_alive():
                if self._loop is not None:
                    self.rouse()
                thread.join(CHECK)
            self._thread = None

    def after_fork(self) -> None:
        """Begins anew in a child process, which has no such thread."""
        self._lock = Lock()
        self._thread = self._loop = self._wake = None

    def _start(self) -> None:
        if not self._lock.acquire(blocking=False):
            return  # somebody else starts or stops it, and then looks whether there is something to do
        try:
            if self._thread is None or not self._thread.is_alive():
                self.is_stopping = False
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        except RuntimeError:  # the interpreter is shutting down
            self._thread = None
        finally:
            self._lock.release()

    def _run(self) -> None:
        try:
            asyncio.run(self._with_event())
        except RuntimeError:
            if main_thread().is_alive():
                raise
            # At the end of a program no thread begins any more, which asyncio wants of those that look up names.
        finally:
            self._loop = None

    async def _with_event(self) -> None:
        self._wake = asyncio.Event()
        self._wake.set()
        self._loop = asyncio.get_running_loop()
        await self._main(self._wake)
