"""Writing now and then, in a thread that lives only while there is something to write."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, RLock, Thread, main_thread
from typing import Final, cast
from weakref import WeakMethod

from ..forks import rest_at_fork

__all__ = ["GATHER", "Background"]

GATHER: Final = 0.05
"""Seconds for which recordings gather before they are written together: what a crash may lose, at the least."""
_SHARE: Final = 9
"""A pause is so many times as long as the writing took before it, so that this keeps the machine busy for a tenth."""


class Background:
    """Lets something be written some time after it was asked for, together with what is asked for meanwhile.

    While there is something to write there is a thread that will do it, and it is no daemon: a program that ends
    without closing anything loses nothing. Writing is never done in an event loop, since other processes may hold the
    file. Usable from any thread. A fork waits until nothing is being written: what SQLite knows of an open file would
    be wrong in the child, which writes to it by itself.

    Args:
        write: writes whatever waits; must not raise. A method of the object that has this, as is `close`: it is kept
            alive while there is something to write, and no longer.
        close: lets go of what was opened for writing.
        longest: seconds that a pause lasts at most. Pauses grow with the time that writing takes; unless given they
            are all of 50 ms.
    """

    def __init__(self, write: Callable[[], None], close: Callable[[], None], longest: float = 0.0) -> None:
        # Else the two would be a circle: dropped, they would wait for the garbage collector with all they have open.
        self._write = WeakMethod(write)
        self._close = WeakMethod(close)
        self._longest = longest
        self._lock = Lock()
        self._turn = RLock()
        self._is_asked = False
        self._thread: Thread | None = None
        self._took = 0.0
        rest_at_fork(self, self._turn, Background._rest)

    def ask(self) -> bool:
        """Asks for a write; returns whether there will be one, which there is not at the very end of a program."""
        with self._lock:
            self._is_asked = True
            if self._thread is None:
                self._thread = Thread(target=self._work, args=self._methods(), name="gracy-recordings")
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is shutting down
                    self._thread = None
                    return False
            return True

    def now(self, more: Callable[[], None] | None = None) -> None:
        """Writes at once, does something more in the same turn, and lets go. Raises what that raises."""
        write, close = self._methods()
        with self._turn:
            try:
                write()
                if more is not None:
                    more()
            finally:
                close()

    def _methods(self) -> tuple[Callable[[], None], Callable[[], None]]:
        """Returns what its owner gave, who asks for something just now, and so is there."""
        return cast("tuple[Callable[[], None], Callable[[], None]]", (self._write(), self._close()))

    def _rest(self) -> None:
        """Closes what is open before a fork."""
        close = self._close()
        if close is not None:
            close()

    def _work(self, write: Callable[[], None], close: Callable[[], None]) -> None:
        while True:
            self._pause()
            with self._turn:
                with self._lock:
                    self._is_asked = False
                began = time.monotonic()
                write()
                self._took = time.monotonic() - began
                with self._lock:
                    is_done = not self._is_asked
                    if is_done:
                        self._thread = None
                if is_done:
                    close()
                    return

    def _pause(self) -> None:
        """Lets more gather; not for long when the program has come to its end and only waits for this."""
        until = time.monotonic() + min(self._longest, self._took * _SHARE)
        time.sleep(GATHER)
        while time.monotonic() < until and main_thread().is_alive():
            time.sleep(GATHER)
