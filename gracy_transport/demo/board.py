"""What the demo observes: every fact about the calls, as events tell it, counted by endpoint."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..call import Call
from ..clock import SYSTEM_CLOCK
from ..events import (
    CallEnded,
    ConcurrencyLimitFreed,
    Event,
    RequestDispatched,
    RetryScheduled,
    ThrottleWaitOver,
)
from ..metrics import GracyReport

__all__ = ["OUTCOMES", "Board", "Happening", "Tally", "outcome_of"]

OUTCOMES: Final = ("answered", "429", "5xx", "broken off", "silent")
"""What an attempt can come to. Silent: the client gave up waiting. Broken off: connections and bodies."""

CANCELLED: Final = ("CancelledError", "Cancelled")
"""What asyncio and trio call it when the caller gives up: that is no outcome."""

SUMMED: Final = ("planned", "asked", "answered", "wrong", "lost", "in_flight", "retries", "waited")
"""The figures that add up."""

MOST_HAPPENINGS: Final = 60
"""Happenings that are remembered: as many as a tall terminal has lines."""


def outcome_of(status: int | None, error: str | None) -> str:
    """Returns what an attempt came to, from its status or the name of its error."""
    if status is None:
        return "silent" if "Timeout" in str(error) else "broken off"
    if status == 429:
        return "429"
    return "5xx" if status >= 500 else "answered"


def target_of(call: Call) -> str:
    """Returns the URL as the pattern of a rule sees it: without its query."""
    url = call.url
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"


class Happening(NamedTuple):
    """Something worth a line: when (seconds since there is something to see), where, what, and what came of it."""

    at: float
    path: str
    what: str
    then: str


@dataclass
class Tally:
    """What happened at one endpoint, or at all of them.

    Attributes:
        planned: calls there will be.
        asked: calls made so far. answered: those with the right answer. wrong: with another. lost: with none.
        in_flight: requests between dispatch and the end of their body. peak: the most there were at once.
        retries: attempts that followed another.
        waited: seconds spent waiting for permits, slots and in back-off, all calls together.
        outcomes: what the attempts came to.
        dispatched: when they were handed to the wire, in monotonic seconds.
    """

    planned: int = 0
    asked: int = 0
    answered: int = 0
    wrong: int = 0
    lost: int = 0
    in_flight: int = 0
    peak: int = 0
    retries: int = 0
    waited: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    dispatched: list[float] = field(default_factory=list[float])

    @property
    def settled(self) -> int:
        """Calls that are over, one way or the other."""
        return self.answered + self.wrong + self.lost

    @property
    def waiting(self) -> int:
        """Calls that wait for a permit, a slot, or the end of a back-off."""
        return max(0, self.asked - self.settled - self.in_flight)

    def dispatched_since(self, instant: float, until: float = float("inf")) -> int:
        """Counts what was dispatched from one instant up to another."""
        return bisect_left(self.dispatched, until) - bisect_left(self.dispatched, instant)


class Board:
    """Hears the events of all stacks, and keeps the tallies.

    Args:
        calls: how many there will be, by endpoint.
        now: monotonic seconds; those of the stacks.

    Attributes:
        tallies: what happened, by endpoint.
        dispatched: when which URL was handed to the wire, over all endpoints.
        happenings: what is worth a line, the newest last.
        sources: where the reports of the stacks come from.
    """

    def __init__(self, calls: Mapping[str, int], now: Callable[[], float] = SYSTEM_CLOCK.now) -> None:
        self.tallies = {template: Tally(planned) for template, planned in calls.items()}
        self.dispatched: list[tuple[float, str]] = []
        self.sources: list[Callable[[], GracyReport]] = []
        self.happenings: deque[Happening] = deque(maxlen=MOST_HAPPENINGS)
        self.now = now
        self._born = now()
        self._started: float | None = None
        self._stopped: float | None = None

    def start(self) -> None:
        """Notes that the calls begin."""
        self._started = self.now()

    def stop(self) -> None:
        """Notes that they are over."""
        self._stopped = self.now()

    @property
    def is_started(self) -> bool:
        """Whether the calls have begun."""
        return self._started is not None

    @property
    def age(self) -> float:
        """Seconds since there is something to see."""
        return self.now() - self._born

    @property
    def elapsed(self) -> float:
        """Seconds that the calls take, or took."""
        if self._started is None:
            return 0.0
        return (self.now() if self._stopped is None else self._stopped) - self._started

    @property
    def report(self) -> GracyReport:
        """The reports of all stacks together, as they are now."""
        return GracyReport.merge(source() for source in self.sources)

    @property
    def total(self) -> Tally:
        """The sum of all endpoints: of what adds up, that is."""
        total = Tally()
        for tally in self.tallies.values():
            for name in SUMMED:
                setattr(total, name, getattr(total, name) + getattr(tally, name))
            total.outcomes.update(tally.outcomes)
        return total

    def tally_of(self, call: Call) -> Tally:
        """Returns the tally of a call's endpoint."""
        return self.tallies[call.template or call.url.path]

    def hear(self, event: Event) -> None:
        """Counts an event: an observer for any stack."""
        call, tally = event.call, self.tally_of(event.call)
        match event:
            case RequestDispatched():
                tally.dispatched.append(event.at)
                self.dispatched.append((event.at, target_of(call)))
            case RetryScheduled():
                tally.retries += 1
                tally.waited += event.delay
                tally.outcomes[outcome_of(event.status, event.error)] += 1
                what = str(event.status or event.error)
                why = ", as it asks" if event.status == 429 else ""
                self.note(call.url.path, what, f"again in {event.delay:.2f} s{why}")
            case ThrottleWaitOver() | ConcurrencyLimitFreed():
                tally.waited += event.waited
            case CallEnded() if event.error not in CANCELLED:
                tally.outcomes[outcome_of(event.status, event.error)] += 1
            case _:
                pass

    def note(self, path: str, what: str, then: str) -> None:
        """Remembers a happening."""
        self.happenings.append(Happening(self.age, path, what, then))

    def cut(self, template: str, events: int) -> None:
        """Books that a stream which had begun well broke off after so many events, and is taken up again."""
        outcomes = self.tallies[template].outcomes
        outcomes["answered"] -= 1
        outcomes["broken off"] += 1
        self.note(template, f"cut after event {events}", "read on from there")

    async def ask(self, template: str, call: Callable[[], Awaitable[object]], expected: object) -> None:
        """Makes one call and books whether its answer was the expected one; its errors end here."""
        tally = self.tallies[template]
        tally.asked += 1
        try:
            answer = await call()
        except Exception as error:  # noqa: BLE001 - whatever it is, the call is lost
            tally.lost += 1
            self.note(template, type(error).__name__, f"lost: {error}")
            return
        if answer == expected:
            tally.answered += 1
        else:
            tally.wrong += 1
            self.note(template, "wrong", f"got {answer!r}")
