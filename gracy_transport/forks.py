"""What has to be done around a fork with objects that come and go.

A child has a copy of everything but the other threads: what one of them was in the middle of stays half done there, and
a lock that it held is never free.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from threading import RLock

__all__ = ["at_fork", "rest_at_fork"]

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds for which a fork waits for a lock: far more than a batch of recordings takes, and not for ever."""


def at_fork(owner: T, **acts: Callable[[T], None]) -> None:
    """Lets something be done with an object around each fork, for as long as it lives; nothing where nothing is forked.

    `acts` are `before`, `after_in_parent` and `after_in_child`, as `os.register_at_fork` has them.
    """
    found = weakref.ref(owner)

    def bound(act: Callable[[T], None]) -> Callable[[], None]:
        def at_last() -> None:
            if (owner := found()) is not None:
                act(owner)

        return at_last

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**{moment: bound(act) for moment, act in acts.items()})


def rest_at_fork(owner: T, lock: RLock, rest: Callable[[T], None]) -> None:
    """Lets a fork wait until nobody does anything under a lock of an object, and `rest` close what is open there."""

    def begin(owner: T) -> None:
        if lock.acquire(timeout=PATIENCE):
            rest(owner)

    def end(_owner: T) -> None:
        with suppress(RuntimeError):  # it was not to be had
            lock.release()

    at_fork(owner, before=begin, after_in_parent=end)
