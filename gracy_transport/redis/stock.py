"""Permits at hand: those that were lent, and those that a process may use by itself. Pure arithmetic."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

__all__ = ["Lease", "Overdraft", "OwnShare", "Stock", "share_of"]


def share_of(limit: int, processes: int) -> int:
    """Returns how many units of a limit are the part of each process: at least one."""
    return max(1, limit // processes)


class Lease:
    """Permits that were lent together.

    Attributes:
        entry: what the server knows them by. `left`: how many are unused. `used`: how many were used.
        opens, until: when they can be used, by the clock here. `opened`: the former by the clock of the server.
        last: when one was used last.
    """

    __slots__ = ("entry", "last", "left", "opened", "opens", "until", "used")

    def __init__(self, entry: str, count: int, opened: float, opens: float, until: float) -> None:
        self.entry = entry
        self.left = count
        self.used = 0
        self.opened = opened
        self.opens = opens
        self.until = until
        self.last = 0.0


class Stock:
    """Permits that were lent, in the order in which they can be used.

    Attributes:
        left: how many are unused. `settled`: the leases of which nothing more will be used.
    """

    __slots__ = ("_leases", "left", "settled")

    def __init__(self) -> None:
        self._leases: deque[Lease] = deque()
        self.left = 0
        self.settled: list[Lease] = []

    @property
    def last_opens(self) -> float:
        """When the last of them can be used; the beginning of time when there is none."""
        return self._leases[-1].opens if self._leases else float("-inf")

    def add(self, lease: Lease) -> None:
        """Takes in permits that can be used after those that are there."""
        self._leases.append(lease)
        self.left += lease.left

    def has(self, place: int, now: float) -> bool:
        """Tells whether more than `place` can be used now."""
        leases = self._leases
        if leases and leases[0].left > place and leases[0].opens <= now <= leases[0].until:
            return True  # as mostly
        at = self.opens_at(place, now)
        return at is not None and at <= now

    def use(self, now: float) -> bool:
        """Uses a permit; False when there is none that can be used now."""
        lease = self._usable(now)
        if lease is None:
            return False
        lease.left -= 1
        lease.used += 1
        lease.last = now
        self.left -= 1
        return True

    def can_use(self, now: float) -> bool:
        """Tells whether a permit can be used now."""
        return self._usable(now) is not None

    def opens_at(self, place: int, now: float) -> float | None:
        """Returns when one more than `place` can be used, or `None` when there are not that many."""
        self.drop(now)
        for lease in self._leases:
            place -= lease.left
            if place < 0:
                return lease.opens
        return None

    def drop(self, now: float) -> None:
        """Puts aside what is used up or lay too long."""
        leases = self._leases
        while leases and (leases[0].until < now or not leases[0].left):
            self._put_aside(leases.popleft())

    def put_all_aside(self) -> None:
        """Puts everything aside, used or not."""
        while self._leases:
            self._put_aside(self._leases.popleft())

    def clear(self) -> None:
        """Forgets everything."""
        self._leases.clear()
        self.settled.clear()
        self.left = 0

    def _put_aside(self, lease: Lease) -> None:
        self.left -= lease.left
        self.settled.append(lease)

    def _usable(self, now: float) -> Lease | None:
        for lease in self._leases:
            if lease.left and lease.opens <= now <= lease.until:
                return lease
        return None


class Overdraft:
    """What was sent without a permit, until that was told.

    Args:
        limit: how many are remembered: what is older is over by then, or was too many to tell apart.
        sent: the instants at which something was sent.
    """

    __slots__ = ("_limit", "_sent", "_telling")

    def __init__(self, limit: int, sent: Iterable[float] = ()) -> None:
        self._limit = limit
        self._sent = list(sent)
        self._telling = 0

    def __bool__(self) -> bool:
        """Tells whether there is something to be told."""
        return bool(self._sent)

    def add(self, now: float) -> None:
        """Notes that something was sent."""
        self._sent.append(now)
        if len(self._sent) > self._limit:
            del self._sent[0]
            self._telling = max(0, self._telling - 1)

    def telling(self) -> Iterable[float]:
        """Returns the instants that are going to be told."""
        self._telling = len(self._sent)
        return list(self._sent)

    def told(self) -> None:
        """Forgets those; what was sent meanwhile is to be told."""
        del self._sent[: self._telling]
        self._telling = 0

    def not_told(self) -> None:
        """Is told that they have to be told again."""
        self._telling = 0


class OwnShare:
    """The part of a limit that a process may use by itself, given what it sent in the last period.

    Attributes:
        sent: the instants at which it sent something, oldest first.
    """

    __slots__ = ("_limit", "_period", "sent")

    def __init__(self, limit: int, period: float) -> None:
        self._limit = limit
        self._period = period
        self.sent: deque[float] = deque(maxlen=limit)

    def is_recent(self, now: float) -> bool:
        """Tells whether something was sent within the last period."""
        return bool(self.sent) and self.sent[-1] + self._period > now

    def recent(self, now: float) -> Iterable[float]:
        """Returns when something was sent within the last period."""
        return [at for at in self.sent if at + self._period > now]

    def opens_at(self, place: int, processes: int, now: float) -> float:
        """Returns when one more than `place` may go, when so many processes share the limit.

        With more processes than permits it is one in so many periods.
        """
        share, period, sent = share_of(self._limit, processes), self._period, self.sent
        if processes > self._limit:
            period *= processes / self._limit
        while sent and sent[0] + period <= now:
            sent.popleft()
        late = len(sent) + place + 1 - share  # so many have to be back first
        if late <= 0:
            return now
        return (sent[late - 1] if late <= len(sent) else now) + period
