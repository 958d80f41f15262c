"""Percentiles in fixed memory: latencies counted in logarithmic buckets.

A bucket reaches from some latency to one 4 % above it, so its middle is within 2 % of everything in it.
Counts add up: the latencies of two rows, two processes or two days merge without any loss. Count, sum and
maximum are exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, exp, fsum, log
from typing import Final

from ..plain import PlainValue

__all__ = ["ACCURACY", "Latencies", "LatencySketch", "refuse_other"]

ACCURACY: Final = 0.02
"""The largest relative error of a percentile. Half of it would need twice the memory and tell nothing new."""

SHORTEST: Final = 1e-6
LONGEST: Final = 86_400.0
"""Seconds between which latencies are told apart: this range bounds the memory, to 630 buckets."""

_GROWTH: Final = (1 + ACCURACY) / (1 - ACCURACY)
_PER_LOG: Final = 1 / log(_GROWTH)
# Latencies start at bucket 1, so that truncating to a whole number rounds down for all of them.
_OFFSET: Final = 1 - log(SHORTEST) * _PER_LOG
_FIRST: Final = 1
_LAST: Final = int(log(LONGEST) * _PER_LOG + _OFFSET)
_MIDDLE: Final = 2 * _GROWTH / (1 + _GROWTH)


class Latencies(PlainValue):
    """What a sketch knew at one instant. A plain value: it compares, pickles and merges.

    Attributes:
        count: how many latencies were recorded.
        total: their exact sum in seconds.
        longest: the exact maximum in seconds; 0 when there are none.
        buckets: pairs of bucket and count, in the order of latency, empty ones left out.
        accuracy: the relative error of the buckets, which says what each of them stands for.
    """

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    buckets: tuple[tuple[int, int], ...] = ()
    accuracy: float = ACCURACY

    @property
    def mean(self) -> float:
        """The average in seconds; 0 when there are none."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """Returns the latency that this share of all stays at or below, within 2 %; 0 when there are none.

        From a microsecond to a day, that is: shorter ones count as the one, longer ones as the other.

        Args:
            share: from 0 to 1; 0.95 for the 95th percentile.

        Raises:
            ValueError: for a share outside of 0 to 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a share of {share!r} is not from 0 to 1: write 0.95 for the 95th percentile")
        rank, seen = max(1, ceil(share * self.count)), 0
        for bucket, count in self.buckets if rank < self.count else ():
            seen += count
            if rank <= seen:
                return min(_middle(bucket), self.longest)
        return self.longest

    @staticmethod
    def merged(parts: Iterable[Latencies]) -> Latencies:
        """Returns what one sketch would know that had recorded everything these did, in whichever order.

        Raises:
            ValueError: for latencies that were counted with another accuracy.
        """
        counts: dict[int, int] = {}
        totals: list[float] = []
        longest = 0.0
        for part in parts:
            refuse_other(part.accuracy)
            totals.append(part.total)
            longest = max(longest, part.longest)
            for bucket, count in part.buckets:
                counts[bucket] = counts.get(bucket, 0) + count
        return Latencies(sum(counts.values()), fsum(totals), longest, tuple(sorted(counts.items())))


class LatencySketch:
    """Counts latencies. Not locked: whoever shares it between threads holds a lock."""

    __slots__ = ("_counts", "longest", "total")

    def __init__(self) -> None:
        self.total = 0.0
        self.longest = 0.0
        self._counts: dict[int, int] = {}

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        return sum(self._counts.copy().values())

    def record(self, seconds: float) -> None:
        """Counts one latency; what lies outside of the range falls into the first or the last bucket."""
        self.total += seconds
        if seconds > self.longest:  # noqa: PLR1730 - max() takes three times as long
            self.longest = seconds
        if SHORTEST < seconds < LONGEST:
            bucket = int(log(seconds) * _PER_LOG + _OFFSET)
        else:
            bucket = _FIRST if seconds <= SHORTEST else _LAST
        # Not `get(...) + 1`: nothing that can run other code may come between reading a count and writing it.
        try:
            self._counts[bucket] += 1
        except KeyError:
            self._counts[bucket] = 1

    def snapshot(self) -> Latencies:
        """Returns what is known now, as a value."""
        buckets = tuple(sorted(self._counts.copy().items()))
        return Latencies(sum(count for _bucket, count in buckets), self.total, self.longest, buckets)


def refuse_other(accuracy: object) -> None:
    """Raises when something was counted in other buckets than those here.

    Raises:
        ValueError: naming both accuracies.
    """
    if accuracy != ACCURACY:
        raise ValueError(
            f"latencies counted with an accuracy of {accuracy!r} do not add up with those of {ACCURACY}: "
            "run the same version of gracy_transport wherever reports are made and merged"
        )


def _middle(bucket: int) -> float:
    return exp((bucket - _OFFSET) / _PER_LOG) * _MIDDLE
