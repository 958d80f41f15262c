"""A thread with an event loop of its own, which begins when it is needed and ends when it is told to.

A process may be forked while it runs. The child has a copy of everything but the thread: what that was in the middle
of would stay half done there, and a lock that it held would never be free. So a fork waits until it is at rest, between
two turns of its loop, as it nearly always is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
from collections.abc import Awaitable, Callable, Generator
from threading import Lock, RLock, Thread, current_thread, main_thread
from typing import Final

from ..forks import at_fork

__all__ = ["LoopThread"]

CHECK: Final = 0.1
"""Seconds between two looks whether the thread has ended that is to end."""

PATIENCE: Final = 1.0
"""Seconds for which a fork waits for the thread to be at rest: it never should for more than a few milliseconds."""


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
        self._at_work = _Turn()
        at_fork(
            self,
            before=LoopThread.before_fork,
            after_in_parent=LoopThread.after_fork,
            after_in_child=LoopThread.after_fork_in_child,
        )

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
            thread = self._thread  # the one of now: while this one waited, that may have ended and another begun
            self.is_stopping = True
            while thread is not None and thread.is_alive():
                if self._loop is not None:
                    self.rouse()
                thread.join(CHECK)
            self._thread = None

    def before_fork(self) -> None:
        """Waits until the thread is at rest, and lets it stay so."""
        self._at_work.take(PATIENCE)

    def after_fork(self) -> None:
        """Lets the thread go on."""
        self._at_work.leave()

    def after_fork_in_child(self) -> None:
        """Begins anew in a child process, which has no such thread."""
        self._lock = Lock()
        self._at_work = _Turn()
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
            with self._at_work.taken(), asyncio.Runner(loop_factory=self._new_loop) as runner:
                runner.run(self._with_event())
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

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        """Returns a loop that is at rest while it waits; any loop where nothing is forked."""
        if not hasattr(os, "register_at_fork"):
            return asyncio.new_event_loop()
        return asyncio.SelectorEventLoop(_Rest(self._at_work))


class _Turn:
    """A lock that goes to whoever waits for it before its last owner can have it again."""

    def __init__(self) -> None:
        self._next = Lock()
        self._now = RLock()

    def take(self, patience: float = -1) -> None:
        """Waits for the turn, for so many seconds at most if that is not negative."""
        with self._next:
            self._now.acquire(timeout=patience)

    def leave(self) -> None:
        """Ends the turn; does nothing where it never came."""
        with contextlib.suppress(RuntimeError):
            self._now.release()

    @contextlib.contextmanager
    def taken(self) -> Generator[None]:
        """Has the turn for the length of a block."""
        self.take()
        try:
            yield
        finally:
            self.leave()


class _Rest(selectors.DefaultSelector):
    """Waits for what a loop waits for, and is not at work meanwhile."""

    def __init__(self, at_work: _Turn) -> None:
        super().__init__()
        self._at_work = at_work

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Returns what is ready, as each selector does."""
        self._at_work.leave()
        try:
            return super().select(timeout)
        finally:
            self._at_work.take()
