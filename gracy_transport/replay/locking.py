"""Holding a directory, so that of several processes one at a time changes the files in it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

__all__ = ["hold"]

BUSY: Final = 30.0
"""Seconds to wait for other processes."""
_AGAIN: Final = 0.005


@contextlib.contextmanager
def hold(directory: Path) -> Generator[None]:
    """Keeps other processes and threads that do the same out while the body runs. A killed program holds nothing.

    Raises:
        TimeoutError: when others have held it for 30 seconds.
        OSError: when there is no such directory.
    """
    descriptor = _open(directory)
    try:
        give_up = time.monotonic() + BUSY
        while not _take(descriptor):
            if time.monotonic() > give_up:
                raise TimeoutError(f"another program has held {directory} for {BUSY:g} seconds")
            time.sleep(_AGAIN)
        try:
            yield
        finally:
            _release(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _open(directory: Path) -> int:
        # Windows locks files only. A dot and the ending keep this one out of what is read.
        return os.open(directory / ".gracy.lock", os.O_RDWR | os.O_CREAT)

    def _take(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _open(directory: Path) -> int:
        return os.open(directory, os.O_RDONLY)

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(descriptor: int) -> None:
        # Closing is not enough: a child of a fork has the same lock.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
