"""The gate of a concurrency limit that many processes share: slots are leases, renewed for as long as they are held.

A process keeps the slots it was lent for its next requests, as long as nobody else waits: then it keeps no more than
its part, and each of the others for a turn; what it gives back is handed to whoever waits longest. Nobody polls. A
process that is gone loses its slots when their leases end.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from .gate import Order, SharedGate, as_text, microseconds, tick
from .scripts import script
from .stock import share_of

if TYPE_CHECKING:
    from ..admission import Desk
    from .gate import Change, Engine

__all__ = ["SharedSlots"]

REMEMBERED: Final = 2.5
"""Seconds for which the word counts that others wait; whoever waits repeats it each second at the latest."""

TURN: Final = 0.2
"""Seconds for which a slot goes from one request to the next in a process before it goes to others who wait, at least:
while it changes hands, which takes some milliseconds, nobody uses it."""

TRIPS: Final = 20
"""Round trips in a turn, at least: to change hands takes about one of them, and so 5 % of the time."""

LONGEST_TURN: Final = 0.5
"""Seconds in a turn, at most."""

ROUND: Final = 10.0
"""Seconds within which everybody gets a turn, if requests are that short: nobody is left out for a minute."""


class SharedSlots(SharedGate):
    """Slots of one limit, lent by an engine.

    Args:
        name, engine, desk, limit, subject: as for every shared gate.

    Attributes:
        used: slots in use. `leases`: the names of those that are ours, and since when, the oldest first.
    """

    __slots__ = (
        "_back",
        "_heard_at",
        "_is_lining_up",
        "_is_renewing",
        "_is_unsure",
        "_kept",
        "_renewed_at",
        "_returning",
        "_told_of",
        "_wanted_until",
        "leases",
        "used",
    )

    def __init__(self, name: str, engine: Engine, desk: Desk, limit: int, *, subject: object) -> None:
        super().__init__(name, engine, desk, limit, subject=subject)
        self.used = 0
        self.leases: OrderedDict[str, float] = OrderedDict()
        self.free = 0
        self._back: deque[str] = deque()
        self._returning: list[str] = []
        self._is_renewing = False
        self._renewed_at = float("-inf")
        self._heard_at = float("-inf")
        self._told_of = 0
        self._is_unsure = False
        self._is_lining_up = False
        self._kept = limit
        self._wanted_until = float("-inf")

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is held or waited for here."""
        return not (self.leases or self.used or self.queued or self._back or self._returning)

    @property
    def is_holding(self) -> bool:
        """Whether slots are lent, or will be."""
        return bool(self.leases or self._back or self._returning or self._is_lining_up)

    @property
    def is_deserted(self) -> bool:
        """Whether it looks as if those who wait here have lost their event loop: nobody uses a slot."""
        return self.queued > 0 and not self.used

    @property
    def held(self) -> int:
        """Slots in use."""
        return self.used

    def is_shut(self, now: float) -> bool:
        """Tells whether a slot that was taken cannot be used now: there is a pause, or its lease may have ended."""
        return now < self.paused_until or (not self.engine.is_away and self._has_lapsed(now))

    def ask(self, now: float) -> None:
        """Sees to it that slots come, when more are waited for than there are; once, since they are handed over."""
        is_short = self._has_lapsed(now) or (self.queued > self.free and not self._is_lining_up)
        if is_short and not self.is_asked and not self.engine.is_away:
            self.is_asked = True
            self.engine.order(self)

    def take(self) -> None:
        """Takes a slot; whether there is one has been asked before."""
        self.used += 1
        self.free -= 1

    def use(self, now: float) -> None:
        """Takes a slot; one that was not lent is told of, so that the others know."""
        self.take()
        if self.free < 0 and not self.engine.is_away:
            self.engine.order(self)

    def give_back(self) -> None:
        """Returns a slot: to the next who waits here, or to the other processes when those wait and this is theirs."""
        if not self.used:  # of a request of the parent, in a process that was forked off
            return
        self.used -= 1
        self.free += 1
        now = self.desk.clock.now()
        if self.free > 0 and now < self._wanted_until:
            self._part_with(self._spare(now))

    def is_idle(self, now: float) -> bool:
        """Tells whether a new gate would behave the same."""
        is_holding = self.leases or self._back or self._returning or self.used
        return not (is_holding or self.is_asked or self.queued or now < self.paused_until)

    def others_wait(self, kept: int) -> None:
        """Is told that other processes wait, and how many slots are this one's part."""
        self.desk.change((self, lambda now: self._make_way(kept, now)))

    def lent(self, entries: list[str]) -> None:
        """Is handed slots that another process gave back."""
        self.desk.change((self, lambda now: self._take_over(entries, now)))

    def order(self, now: float) -> Order:
        """Returns what the engine is to decide now."""
        self._returning += self._back
        self._back.clear()
        engine = self.engine
        self._is_renewing = self._is_unsure or now - self._renewed_at >= engine.lease / 3
        self._is_unsure = False
        renewing = self.leases if self._is_renewing else ()
        arguments: list[str | int] = [
            self.owner,
            self.limit,
            microseconds(engine.lease),
            microseconds(max(engine.lease / 6, 2.5 * tick(engine.lease))),
            min(self.limit, max(0, self.queued - max(0, self.free))),
            max(0, -self.free),
            microseconds(engine.presence),
            f"{engine.namespace}:",
            self.name,
            int(self._is_renewing),
            len(renewing),
            *renewing,
            *self._returning,
        ]
        keys = [f"{self.tag}:{part}" for part in ("leases", "queue", "state", "present")]
        return Order(script("slots"), keys, arguments)

    def taking_in(self, reply: list[Any], sent: float, received: float) -> Change:
        """Returns what takes in what was lent, and what was lost."""
        lost = [as_text(entry) for entry in reply[6]]
        in_use = len(lost) - max(0, self.free)
        if in_use > 0:
            self.engine.lost(self, in_use)
        return self, lambda now: self._take_in(reply, lost, sent, now)

    def came_back(self, now: float) -> None:
        """Is told that the engine is back: tells it what is in use here, and asks for what is waited for."""
        self._is_lining_up = False
        self._renewed_at = float("-inf")
        if self.leases or self.used or self.queued:
            self.engine.order(self)

    def failed(self) -> None:
        """Is told that an order came to nothing: what was to be asked is asked with the next."""
        super().failed()
        self._is_unsure = self._is_unsure or self._is_renewing

    def missed_words(self, now: float) -> None:
        """Asks which slots were handed over meanwhile, and whether somebody waits for those that are held here."""
        self._is_unsure = self._is_unsure or self._is_lining_up
        if self._is_lining_up or self.leases:
            self.engine.order(self)

    def look_after(self, now: float) -> None:
        """Sees at each `tick` to what is due: leases to renew or to part with, and the place in the queue."""
        if self.free > 0 and not self.queued:
            self._part_with(self.free)
        is_due = bool(self.leases) and now - self._renewed_at >= self.engine.lease / 3
        if is_due or self.free < 0 or self._back or self._returning or self.queued > self.free:
            self.engine.order(self)

    def let_go(self, now: float) -> None:
        """Gives back what nobody uses, and leaves the queue."""
        self._part_with(max(0, self.free))
        self._is_unsure = self._is_unsure or self._is_lining_up  # what was handed over meanwhile goes back, too
        if self.leases or self._is_lining_up:
            self.engine.order(self)

    def forget(self) -> None:
        """Begins anew, in a process that was forked off: what its parent was lent is not its own."""
        self.leases.clear()
        self._back.clear()
        self._returning.clear()
        self.used = self.free = 0
        self.is_asked = self._is_lining_up = False

    def _take_in(self, reply: list[Any], lost: list[str], sent: float, now: float) -> None:
        server, self.processes, waiting, paused, is_queued, granted, _lost, number = reply
        self.is_asked = False
        self._heard_at = sent
        self._is_lining_up = bool(is_queued)
        self._returning.clear()
        if self._is_renewing:  # and so was told of all that were lent up to then
            self._renewed_at, self._is_renewing, self._told_of = sent, False, number
        self._told_of = min(self._told_of, number)  # a server that forgot begins anew
        if paused > server:
            super().pause(now + (paused - server) / 1e6, now)
        for entry in lost:
            if entry in self.leases:
                del self.leases[entry]
                self.free -= 1
        self._add([as_text(entry) for entry in granted], now)
        if waiting > is_queued:
            self._make_way(self.limit // self.processes, now)

    def _take_over(self, entries: list[str], now: float) -> None:
        if now - self._heard_at < self.engine.lease / 3:
            self._add([entry for entry in entries if int(entry.rpartition(":")[2]) > self._told_of], now)
        else:  # this word is old, since whoever waits is heard of each tick: are they still ours?
            self._is_unsure = True
            self.engine.order(self)

    def _has_lapsed(self, now: float) -> bool:
        """Tells whether a lease may have ended, because this process got no turn to renew it."""
        return bool(self.leases) and now >= self._renewed_at + self.engine.lease

    def _add(self, entries: list[str], now: float) -> None:
        if not self.leases:
            self._renewed_at = self._heard_at
        for entry in entries:
            if entry not in self.leases and entry not in self._back and entry not in self._returning:
                self.leases[entry] = now
                self.free += 1

    def _make_way(self, kept: int, now: float) -> None:
        self._kept, self._wanted_until = kept, now + REMEMBERED
        self._part_with(self._spare(now))

    def _spare(self, now: float) -> int:
        """Returns how many are free for others: unwanted here, or beyond our part and past their turn."""
        free = max(0, self.free)
        beyond = islice(self.leases.values(), self._kept, self._kept + free)  # the oldest are our part
        over = sum(since + self._turn <= now for since in beyond)
        return min(free, max(self.free - self.queued, over, 0))

    @property
    def _turn(self) -> float:
        turn = min(LONGEST_TURN, max(TURN, TRIPS * self.engine.round_trip))
        return min(turn, ROUND * self.limit / self.processes)

    def _part_with(self, count: int) -> None:
        """Gives slots back that nobody uses here."""
        for _ in range(count):
            entry, _since = self.leases.popitem(last=False)
            self._back.append(entry)
            self.free -= 1
        if count > 0 and not self.engine.is_away:
            self.engine.order(self)

    def _lent_at(self, now: float, spared: int) -> float | None:
        return now if self.free > spared and not self._has_lapsed(now) else None

    def _own_at(self, now: float, spared: int) -> float | None:
        return now if self.used + spared < share_of(self.limit, self.processes) else None
