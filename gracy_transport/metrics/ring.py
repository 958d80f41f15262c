"""The last attempts and waits one by one, in fixed memory: what a timeline is drawn from.

Counters say how much and how long, not when. So the last few thousand attempts are kept as four numbers each, never
with a request or a response: when it began, how long it took, its status, and the number of its row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from ..plain import PlainValue

__all__ = ["MOST_MOMENTS", "Moment", "Ring", "TimedAttempt", "TimedWait", "Timeline"]

MOST_MOMENTS: Final = 5000
"""Attempts, and again as many waits, that are remembered: as much as a figure can show, in less than a megabyte."""

Moment: TypeAlias = tuple[float, float, int, int]
"""An attempt or a wait: when it began, how many seconds it took, its status or kind of gate, the number of its row."""

_GATES: Final[tuple[Literal["permit", "slot"], ...]] = ("permit", "slot")


class TimedAttempt(NamedTuple):
    """One attempt: when it began (seconds since 1970 UTC), its latency in seconds, its status, and of which row it is.

    The status of an attempt that ended without a complete response is 0.
    """

    at: float
    latency: float
    status: int
    url: str


class TimedWait(NamedTuple):
    """One wait: when it began (seconds since 1970 UTC), how many seconds it took, for what, and of which row it is."""

    at: float
    waited: float
    gate: Literal["permit", "slot"]
    url: str


class Timeline(PlainValue):
    """The last attempts and waits of a report, each in the order in which they ended.

    A value: it compares, pickles and merges. Its figures are read from `attempts` and `waits`; the fields are the
    compact form in which a ring remembers them.
    """

    urls: tuple[tuple[int, str], ...] = ()
    since_1970: float = 0.0
    attempted: tuple[Moment, ...] = ()
    waited: tuple[Moment, ...] = ()

    @property
    def attempts(self) -> list[TimedAttempt]:
        """The last 5,000 attempts, the aborted and the replayed ones too."""
        urls, since = dict(self.urls), self.since_1970
        return [TimedAttempt(at + since, latency, status, urls[row]) for at, latency, status, row in self.attempted]

    @property
    def waits(self) -> list[TimedWait]:
        """The last 5,000 waits for a permit or a slot that are over."""
        urls, since = dict(self.urls), self.since_1970
        return [TimedWait(at + since, waited, _GATES[gate], urls[row]) for at, waited, gate, row in self.waited]

    @staticmethod
    def merged(parts: Iterable[Timeline]) -> Timeline:
        """Returns the timeline that one report would have had for everything these tell of, in whichever order."""
        given = tuple(parts)
        urls = tuple(enumerate(sorted({url for part in given for _number, url in part.urls})))
        numbers = {url: number for number, url in urls}
        attempts: list[Moment] = []
        waits: list[Moment] = []
        for part in given:
            new = {number: numbers[url] for number, url in part.urls}
            for merged, own in ((attempts, part.attempted), (waits, part.waited)):
                merged.extend((at + part.since_1970, took, kind, new[row]) for at, took, kind, row in own)
        for merged in (attempts, waits):
            merged.sort(key=_ended)
        return Timeline(urls, 0.0, tuple(attempts[-MOST_MOMENTS:]), tuple(waits[-MOST_MOMENTS:]))

    def __repr__(self) -> str:
        counted = ((len(self.attempted), "attempt"), (len(self.waited), "wait"))
        told = (f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counted)
        return f"<Timeline {', '.join(told)}>"


class Ring:
    """Remembers the last attempts and waits; older ones make room.

    Attributes:
        remember_attempt: takes one `Moment`; its status is 0 for an abort. It is the deque's own `append`, since every
            request comes here: one call, which no other thread or destructor can come in the middle of.
        remember_wait: takes one `Moment`; 0 stands for a permit and 1 for a slot.
    """

    __slots__ = ("_attempts", "_waits", "remember_attempt", "remember_wait")

    def __init__(self) -> None:
        self._attempts: deque[Moment] = deque(maxlen=MOST_MOMENTS)
        self._waits: deque[Moment] = deque(maxlen=MOST_MOMENTS)
        self.remember_attempt = self._attempts.append
        self.remember_wait = self._waits.append

    def moments(self) -> tuple[tuple[Moment, ...], tuple[Moment, ...]]:
        """Returns the attempts and the waits that are remembered now."""
        # Of copies, which are made in one step: to make a tuple, Python 3.11 may run a destructor that counts.
        return tuple(self._attempts.copy()), tuple(self._waits.copy())


def _ended(moment: Moment) -> tuple[float, Moment]:
    # What ended at the same instant has an order too, so that it does not matter who comes first.
    return moment[0] + moment[1], moment
