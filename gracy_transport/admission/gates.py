"""A gate: N units, each of which comes back. Pure arithmetic: it is told the time and returns times, it never sleeps.

Both limits of the stack are gates. A unit of a concurrency limit (a slot) comes back when it is released. A unit of a
rate rule (a permit) comes back one period after its stamp, the instant at which the request really went on; that alone
makes "never more than N in any window of that length" exact, in whatever order waiters resume.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .waiters import Lane

__all__ = ["Gate"]


class Gate:
    """N units of one limit.

    Args:
        limit: how many units there are.
        period: seconds after which a stamped unit comes back; `None` for slots, which come back when released.
        subject: the rule or limit this gate stands for, for logs and events.

    Attributes:
        free: units that can be taken; below zero when calls with overrides were counted without waiting.
        held: units taken and not yet back.
        paused_until: the instant before which nothing passes, whatever is free (a server's hint). `paused_from`: when
            the newest pause began.
        waiting: lanes that wait at this gate. `queued`: requests that need this gate and wait, here or elsewhere.
        lanes: the lanes of those.
        parked: the lanes that wait here as a heap by ticket. `timer_at`: when the gate is to be looked at again.
    """

    __slots__ = (
        "__weakref__",
        "_paused_before",
        "_title",
        "free",
        "lanes",
        "limit",
        "parked",
        "paused_from",
        "paused_until",
        "period",
        "queued",
        "returns",
        "subject",
        "timer_at",
        "waiting",
    )

    def __init__(self, limit: int, period: float | None = None, *, subject: object = None) -> None:
        self.limit = limit
        self.period = period
        self.subject = subject
        self.free = limit
        self.returns: deque[float] = deque()
        self.paused_from = 0.0
        self.paused_until = float("-inf")
        self._paused_before = 0.0
        self._title: str | None = None
        self.waiting = 0
        self.queued = 0
        self.lanes: dict[Lane, None] = {}
        self.parked: list[tuple[int, Lane]] = []
        self.timer_at: float | None = None

    @property
    def kind(self) -> str:
        """What a wait at this gate is called in the timeline of a call: "slot" or "throttle"."""
        return "slot" if self.period is None else "throttle"

    @property
    def title(self) -> str:
        """What is waited for here, in words."""
        if self._title is None:  # once, and not for each of those who wait
            self._title = str(self.subject)
        return self._title

    @property
    def is_limit(self) -> bool:
        """Whether there are only so many units, so that those who pass leave less for the others."""
        return True

    @property
    def held(self) -> int:
        """Units taken and not yet back."""
        return self.limit - self.free

    def has_room(self, now: float, spared: int = 0) -> bool:
        """Tells whether a unit can be taken now, when `spared` units are to be left for somebody else."""
        returns = self.returns
        while returns and returns[0] <= now:
            returns.popleft()
            self.free += 1
        return self.free > spared and now >= self.paused_until

    def take(self) -> None:
        """Takes a unit; whether there is one has been asked before."""
        self.free -= 1

    def stamp(self, now: float) -> None:
        """Notes that a taken unit is used from now on, so that a permit comes back one period later."""
        if self.period is not None:
            self.returns.append(now + self.period)

    def use(self, now: float) -> None:
        """Takes a unit and uses it at once."""
        self.free -= 1
        if self.period is not None:
            self.returns.append(now + self.period)

    def give_back(self) -> None:
        """Returns a slot, or a permit that was taken and never used."""
        self.free += 1

    def opens_at(self, now: float, spared: int = 0) -> float | None:
        """Returns the earliest instant at which a unit can be taken, or `None` when only a release can tell."""
        missing = 1 + spared - self.free
        if missing <= 0:
            return max(now, self.paused_until)
        returned = self.return_of(missing, now)
        return None if returned is None else max(returned, self.paused_until)

    def return_of(self, count: int, now: float) -> float | None:
        """Returns when the `count`-th unit from now comes back, counting those that will be taken in between.

        `None` for slots. Units that are taken but not yet stamped come back one period from now at the earliest.
        """
        if self.period is None:
            return None
        # A unit that is not out yet goes out with the one `limit` before it, and comes back one period after that.
        rounds = max(0, -((self.held - count) // self.limit))
        place = count - 1 - rounds * self.limit
        if place < 0:  # a unit that is free: it goes out now
            return now + rounds * self.period
        first = self.returns[place] if place < len(self.returns) else now + self.period
        return first + rounds * self.period

    def rounds_before(self, place: int) -> tuple[int, int]:
        """Returns how many windows pass before the request at that place of the queue (from 1) goes, at least.

        And whose turn it is that it goes those windows after: the place in the queue of that one, below 1 for one that
        was let through and has yet to go. None pass for slots.
        """
        if self.period is None:
            return 0, place
        ahead = self.held - len(self.returns)  # let through, and before everybody in the queue
        rounds, before = divmod(place + ahead - 1, self.limit)
        return rounds, before + 1 - ahead

    def goes_at(self, place: int, now: float, since: float) -> float:
        """Returns when the request at that place of the queue (from 1) goes, if none of them does before `since`.

        For slots that is the earliest, since nobody knows when they come back.
        """
        since = max(now, since, self.paused_until)
        if self.period is None:
            return since
        rounds, before = self.rounds_before(place)
        back = before - self.free - 1  # whoever was let through has taken a unit already
        if before <= 0:
            since = max(now, self.paused_until)
        elif back >= 0:
            since = max(since, self.returns[back])
        return since + rounds * self.period

    def is_alone(self, now: float) -> bool:
        """Tells whether a limit of many processes is kept by this one alone now; a limit of one process never is."""
        return False

    def ask(self, now: float) -> None:
        """Is told that somebody waits who needs a unit; does nothing where units come back by themselves."""

    def is_shut(self, now: float) -> bool:
        """Tells whether a unit that was taken cannot be used now: there is a pause."""
        return now < self.paused_until

    def pause(self, until: float, now: float) -> None:
        """Lets nothing pass before that instant; an earlier pause is never shortened."""
        if now >= self.paused_until:
            self._paused_before, self.paused_from = self.paused_for(now), now
        self.paused_until = max(self.paused_until, until)

    def pause_elsewhere(self, seconds: float) -> None:
        """Lets nothing pass for so long in the other processes that share the limit; there are none here."""

    def paused_for(self, now: float) -> float:
        """Returns for how many seconds this gate was paused up to now, all pauses together."""
        return self._paused_before + max(0.0, min(now, self.paused_until) - self.paused_from)

    def is_idle(self, now: float) -> bool:
        """Tells whether a new gate of the same limit would behave the same, so that this one can be dropped."""
        return self.has_room(now) and self.free == self.limit and self.queued == 0
