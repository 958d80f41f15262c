"""What each process has of its own: after a fork, what belongs to the parent must be neither used nor closed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["PerProcess"]

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Something of which each process has one, made when it is first asked for there. Usable from any thread.

    Call it to have that of this process. That of a parent is kept, because to drop it could close what it has open.

    Args:
        make: makes it; one is made at once, for this process. Of those that several threads of a child make together
            the first counts, so making must change nothing elsewhere.
        leave: is called in a child, perhaps more than once, for what belongs to its parents.
    """

    def __init__(self, make: Callable[[], T], leave: Callable[[T], object] = lambda _of_parent: None) -> None:
        self._make = make
        self._leave = leave
        self._of_each = {os.getpid(): make()}

    def __call__(self) -> T:
        """Returns that of this process."""
        process = os.getpid()
        return self._of_each[process] if process in self._of_each else self._begin(process)

    def _begin(self, process: int) -> T:
        for of_parent in list(self._of_each.values()):
            self._leave(of_parent)
        return self._of_each.setdefault(process, self._make())
