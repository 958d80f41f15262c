"""The gate of a rate rule that many processes share: permits are lent in small batches, each with when it can be used.

A permit that was lent for the future is as good as one for now, so nobody asks twice and nobody polls. What became of
lent permits is said with the next question: the instant they were used, so that they are back exactly one period after
it, or that nobody needed them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from .gate import Order, SharedGate, as_text, microseconds
from .pace import SLACK, Pace, lying
from .scripts import script
from .stock import Lease, Overdraft, OwnShare, Stock
from .timing import ServerTime

if TYPE_CHECKING:
    from ..admission import Desk
    from .gate import Change, Engine

__all__ = ["SharedPermits"]

FEWEST: Final = 100
"""Permits that may be asked for at once, however low the rate: a burst that is allowed goes out in a few steps."""

MOST: Final = 1_000
"""Permits that are asked for at once at most: the server decides on so many within a few milliseconds."""

PROBATION: Final = 5.0
"""Seconds after which every process that lives has told the engine, once it is back, what it sent meanwhile."""

GRAIN: Final = 1_000
"""Microseconds within which what was sent without asking is told as one."""


class SharedPermits(SharedGate):
    """Permits of one rule, lent by an engine.

    Args:
        spacing: seconds between permits; none with 0.
        name, engine, desk, limit, period, subject: as for every shared gate.
    """

    __slots__ = (
        *("_alone_until", "_born", "_is_plenty", "_over", "_own", "_pace", "_slack", "_spacing", "_stock", "_taken"),
        *("_time", "_window"),
    )

    def __init__(
        self,
        name: str,
        engine: Engine,
        desk: Desk,
        limit: int,
        period: float,
        *,
        spacing: float = 0.0,
        subject: object,
    ) -> None:
        super().__init__(name, engine, desk, limit, period, subject=subject)
        self._window = period
        self._spacing = spacing
        self._time = ServerTime()
        self._stock = Stock()
        self._own = OwnShare(limit, period)
        self.sent = self._own.sent
        self._over = Overdraft(limit)
        self._taken = 0
        self._born = 0
        self._alone_until = float("-inf")
        self._is_plenty = False
        self._slack = 0.0
        self._pace = Pace()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is held or waited for here."""
        return not (self.waiting or self._stock.left or self._stock.settled)

    @property
    def is_holding(self) -> bool:
        """Whether permits are lent that nobody used yet."""
        return self._stock.left > 0

    @property
    def is_deserted(self) -> bool:
        """Says no: permits that lie too long go back by themselves."""
        return False

    def is_alone(self, now: float) -> bool:
        """Tells whether this process keeps to its own share now.

        That goes on for a while after the engine is back, so that what all processes sent meanwhile is known there
        before anybody goes by its word.
        """
        return self.engine.is_away or now < self._alone_until

    def has_room(self, now: float, spared: int = 0) -> bool:
        """Tells whether a permit can be taken now, when `spared` are to be left for somebody else."""
        if self.is_alone(now) or now < self.paused_until:
            return super().has_room(now, spared)
        return self._stock.has(spared + self._taken, now)

    def is_shut(self, now: float) -> bool:
        """Tells whether a permit that was taken cannot be used now: it lay too long, or there is a pause."""
        if now < self.paused_until:
            return True
        if not self.is_alone(now):
            return not self._stock.can_use(now)
        if self.engine.away == "local_share":
            return self._own.opens_at(0, self.processes, now) > now
        return self.engine.away == "closed"

    def is_idle(self, now: float) -> bool:
        """Tells whether a new gate would behave the same."""
        self._stock.drop(now)
        is_busy = self._stock.left or self._taken or self.is_asked or self.queued or now < self.paused_until
        return not is_busy and not self._own.is_recent(now)

    def take(self) -> None:
        """Takes a permit; whether there is one has been asked before."""
        self._taken += 1

    def give_back(self) -> None:
        """Returns a permit that was taken and not used."""
        self._taken -= 1

    def stamp(self, now: float) -> None:
        """Notes that a taken permit is used now."""
        self._taken -= 1
        self.use(now)

    def use(self, now: float) -> None:
        """Takes a permit and uses it now; one that was not lent is told of, so that others wait the longer for it."""
        self._own.sent.append(now)
        self._pace.note()
        if not self.is_alone(now) and self._stock.use(now):
            if self.waiting:
                self.ask(now)
            return
        self._over.add(now)
        if not self.engine.is_away:
            self.engine.order(self)

    def ask(self, now: float) -> None:
        """Sees to it that permits come, when more are waited for than there are."""
        if self.is_asked or self.is_alone(now):
            return
        self._stock.drop(now)
        if self._stock.left >= self._most():
            return  # with so many at hand it is the event loop that they wait for: more would only lie too long
        # Who waits for another gate of the same request, asks for more here too: so all are asked for together.
        is_enough = self._spare >= 0 and (not self.queued or 2 * self._spare >= self._likely(now))
        if not is_enough and self._stock.last_opens - now <= self.engine.round_trip:
            self.is_asked = True
            self.engine.order(self)

    @property
    def _spare(self) -> int:
        """How many permits there are beyond those that are waited for; below zero where some are missing."""
        return self._stock.left - self._taken - self.queued

    def order(self, now: float) -> Order:
        """Returns what the engine is to decide now."""
        self._stock.drop(now)
        trips = 2 * self.engine.round_trip
        self._slack = self._lying(now)
        times = (self._window, self._spacing, self._slack, self.engine.ahead + trips)
        wanted = 0 if self.is_alone(now) else self._wanted(now)
        settled = self._settlements(now)
        arguments = [
            self.owner,
            self.limit,
            *map(microseconds, times),
            wanted,
            int(self.waiting > 0),
            microseconds(self.engine.presence),
            len(settled) // 4,
            *settled,
            *self._overdrafts(),
        ]
        keys = [f"{self.tag}:{part}" for part in ("permits", "state", "wanting", "present")]
        return Order(script("permits"), keys, arguments)

    def _wanted(self, now: float) -> int:
        """Returns how many to ask for: for those who wait and, where there is plenty, for those likely to come."""
        return max(0, min(self._likely(now) - self._spare, self._most()))

    def _likely(self, now: float) -> int:
        """Returns how many will be used in the time that a permit may lie; none where they are scarce."""
        if not self._is_plenty:
            return 0
        return min(int(self._pace.per_second(now) * self._slack), self.limit // (4 * self.processes))

    def _lying(self, now: float) -> float:
        """Returns for how long a permit may lie unused: longer where those that do are a small part of the limit."""
        rate, seconds = self._pace.per_second(now), 0.0
        if self._is_plenty and rate and not self._spacing:  # two of those may be closer by what the first has lain
            seconds = SLACK * self.limit / (self.processes * rate)
        return lying(self._window, self.engine.round_trip, seconds)

    def _most(self) -> int:
        """Returns how many are asked for at once at most, and lie here before no more are."""
        seconds = self.engine.ahead + 2 * self.engine.round_trip
        return max(FEWEST, min(MOST, int(seconds * self.limit / self._window / self.processes)))

    def _settlements(self, now: float) -> list[str | int]:
        """Returns what became of permits: entry, how many were used, when those are back, when the rest was."""
        told: list[str | int] = []
        for lease in self._stock.settled:
            if lease.until + self._window > now:
                used = microseconds(self._time.latest(lease.last) + self._window) if lease.used else 0
                told += [lease.entry, lease.used, used, round(lease.opened * 1e6)]
        self._stock.settled.clear()
        return told

    def _overdrafts(self) -> list[int]:
        """Returns what was sent without asking: how many, and when."""
        if not self._time.is_known:
            return []
        stamps = Counter(microseconds(self._time.latest(at)) // GRAIN for at in self._over.telling())
        return [figure for stamp, count in stamps.items() for figure in (count, (stamp + 1) * GRAIN)]

    def taking_in(self, reply: list[Any], sent: float, received: float) -> Change:
        """Returns what takes in what was lent."""
        return self, lambda now: self._take_in(reply, sent, received, now)

    def _take_in(self, reply: list[Any], sent: float, received: float, now: float) -> None:
        server, born, processes, others, paused, granted = reply
        self.is_asked = False
        is_forgotten = self._born not in {0, born} and self._own.is_recent(now)
        # Those who have yet to come back still share the limit.
        self.processes = max(self.processes, processes) if is_forgotten or self.is_alone(now) else processes
        self._time.note(sent, received, server / 1e6)
        self._over.told()
        self._is_plenty = not others and all(opened <= server for opened in granted[1::3])
        if paused > server:
            super().pause(self._time.not_before(paused / 1e6), now)
        for entry, opened, count in zip(granted[::3], granted[1::3], granted[2::3], strict=True):
            opens = self._time.not_before(opened / 1e6)
            until = self._time.not_after(opened / 1e6 + self._slack)
            self._stock.add(Lease(as_text(entry), count, opened / 1e6, opens, until))
        if is_forgotten:
            # What was lent before is not known there any more: everybody says what they sent before going by its word.
            self._over = Overdraft(self.limit, self._own.recent(now))
            self._stock.put_all_aside()
            self._alone_until = now + min(self._window, PROBATION)
        self._born = born
        if self._over:
            self.engine.order(self)

    def failed(self) -> None:
        """Is told that an order came to nothing: what was to be told is told with the next."""
        self.is_asked = False
        self._over.not_told()

    def came_back(self, now: float) -> None:
        """Is told that the engine is back: goes on alone for a while, and tells it what was sent meanwhile."""
        if self.engine.away == "local_share":
            self._alone_until = now + min(self._window, PROBATION)
        if self._own.is_recent(now) or self.queued:
            self.engine.order(self)

    def look_after(self, now: float) -> None:
        """Asks again for what is waited for, and gives back what nobody used."""
        self._stock.drop(now)
        self.ask(now)
        if any(lease.left and lease.until + self._window > now for lease in self._stock.settled):
            self.engine.order(self)

    def let_go(self, now: float) -> None:
        """Gives back what nobody used."""
        self._is_plenty = False  # so that no more are asked for in advance
        self._stock.put_all_aside()
        if self._stock.settled:
            self.engine.order(self)

    def forget(self) -> None:
        """Begins anew, in a process that was forked off: what its parent was lent is not its own."""
        self._stock.clear()
        self._over = Overdraft(self.limit)
        self._own.sent.clear()
        self.is_asked = False

    def _lent_at(self, now: float, spared: int) -> float | None:
        return self._stock.opens_at(spared + self._taken, now)

    def _own_at(self, now: float, spared: int) -> float:
        return self._own.opens_at(spared + self._taken, self.processes, now)
