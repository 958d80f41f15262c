"""The arithmetic of a retry budget: how many retries the last seconds may hold. Pure but for a short lock.

Time is cut into slices, and first attempts and retries are counted by slice: a constant amount of memory, however many
requests there are. A slice that is only partly within the window counts with all its retries and none of its first
attempts, so that the budget is kept in the true window, too; it may be smaller by a slice's worth, never larger.

Why an outage cannot grow beyond the share: go back from the last retry in steps of a window. Each window held its
budget when its last retry was decided, the windows do not overlap, and together they hold all retries.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .config import RetryBudget

__all__ = ["SLICES", "Budgets", "Spending"]

SLICES: Final = 20
"""Slices of a window: the budget follows the traffic to 5 %."""

_MOST_BUDGETS: Final = 64
"""Different budgets that are remembered: a program has one or two; the oldest makes room."""


class Spending:
    """First attempts and retries of the last seconds, against a `RetryBudget`."""

    __slots__ = ("_firsts", "_lock", "_now", "_retries", "_slice", "budget")

    def __init__(self, budget: RetryBudget) -> None:
        self.budget = budget
        self._slice = budget.window / SLICES
        self._now = 0  # the number of the newest slice
        self._firsts = [0] * (SLICES + 1)  # by the number of the slice, modulo their count
        self._retries = [0] * (SLICES + 1)
        self._lock = Lock()

    def count_first(self, now: float) -> None:
        """Counts a first attempt; `now` is in monotonic seconds."""
        with self._lock:
            self._firsts[self._place(now)] += 1

    def try_retry(self, now: float) -> bool:
        """Counts a retry and returns `True`, if the budget allows for one more now."""
        with self._lock:
            place = self._place(now)
            partly = self._firsts[(self._now + 1) % len(self._firsts)]
            allowed = self.budget.share * (sum(self._firsts) - partly) + self.budget.floor * self.budget.window
            if sum(self._retries) + 1 > allowed:
                return False
            self._retries[place] += 1
            return True

    def _place(self, now: float) -> int:
        """Returns where the slice of this instant is counted, having emptied those that came round again."""
        # Of two threads that come here together, the later reading of the clock may come first.
        newest = max(self._now, int(now // self._slice))
        count = len(self._firsts)
        for number in range(max(self._now, newest - count) + 1, newest + 1):
            self._firsts[number % count] = self._retries[number % count] = 0
        self._now = newest
        return newest % count


class Budgets:
    """What is spent of the budgets of a stack: configs with equal budgets spend from one."""

    __slots__ = ("_lock", "_spendings")

    def __init__(self) -> None:
        self._spendings: OrderedDict[RetryBudget, Spending] = OrderedDict()
        self._lock = Lock()

    def of(self, budget: RetryBudget) -> Spending:
        """Returns what is spent of a budget."""
        with self._lock:
            spending = self._spendings.pop(budget, None) or Spending(budget)
            self._spendings[budget] = spending
            if len(self._spendings) > _MOST_BUDGETS:
                self._spendings.popitem(last=False)
            return spending
