"""How the benchmarks measure: in short rounds, by turns, so that a busy machine disturbs all contenders alike."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import thread_time
from typing import Any, TypeAlias

Step: TypeAlias = Callable[[Any], Awaitable[object]]
"""What is timed: one request, say. It is given one of the items that were prepared beforehand."""

Items: TypeAlias = Callable[[int], Sequence[Any]]
"""Makes so many items (URLs, requests) for a turn; that is not timed."""


@dataclass(frozen=True)
class Timing:
    """Microseconds of processor time a step took on average, one figure for each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of all rounds: what to expect on this machine as it is."""
        return median(self.rounds)

    @property
    def best(self) -> float:
        """The round that was disturbed least."""
        return min(self.rounds)

    def ratio_to(self, bare: Timing) -> tuple[float, float]:
        """Returns how many times as long as another this took: the median over the rounds, and of the best."""
        pairs = zip(self.rounds, bare.rounds, strict=True)
        return median(mine / theirs for mine, theirs in pairs), self.best / bare.best

    def added_to(self, bare: Timing) -> tuple[float, float]:
        """Returns how many microseconds longer than another this took: the same two figures."""
        pairs = zip(self.rounds, bare.rounds, strict=True)
        return median(mine - theirs for mine, theirs in pairs), self.best - bare.best

    def added_ratio(self, other: Timing, bare: Timing) -> tuple[float, float]:
        """Returns how many times as much as another this added to what a third took: the same two figures."""
        (mine, best), (theirs, their_best) = self.added_to(bare), other.added_to(bare)
        return mine / theirs, best / their_best


async def race(contenders: Mapping[str, Step], items: Items, *, rounds: int, steps: int) -> dict[str, Timing]:
    """Lets the contenders take turns of `steps` steps each, and returns what each of them took.

    Processor time is read, not the clock on the wall: what other programs do in between is theirs.
    """
    names = list(contenders)
    for name in names:  # caches fill, classes are made, the interpreter adapts
        await _turn(contenders[name], items(steps))
    gc.collect()
    gc.freeze()
    took: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            took[name].append(await _turn(contenders[name], items(steps)))
        names.append(names.pop(0))  # nobody always comes after the same one
    gc.unfreeze()
    return {name: Timing(tuple(figures)) for name, figures in took.items()}


async def _turn(step: Step, items: Sequence[Any]) -> float:
    gc.collect()
    began = thread_time()
    for item in items:
        await step(item)
    return (thread_time() - began) / len(items) * 1e6
