"""Gates without a count of their own: closed while there is a pause, and held to what a server says is left.

A pause belongs to the gate and not to one sleeper: every request that has not gone out yet waits for its end, and they
leave at the rate the limits allow. Pauses do not add up, the longest holds. Pure arithmetic, like `gates.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from .gates import Gate

if TYPE_CHECKING:
    from ..hints import Hint

__all__ = ["HintGate", "PauseGate"]

MOST_HOLDS: Final = 8
"""Limits of one server that are kept in mind: twice as many as any names in one answer."""


class PauseGate(Gate):
    """A gate that any number may pass at once, except during a pause."""

    __slots__ = ()

    def __init__(self, limit: int = 1, period: float | None = 0.0, *, subject: object = None) -> None:
        super().__init__(limit, period, subject=subject)

    @property
    def kind(self) -> str:
        """What a wait here is called: "pause"."""
        return "pause"

    @property
    def is_limit(self) -> bool:
        """Whether those who pass leave less for the others: not with a pause."""
        return False

    def has_room(self, now: float, spared: int = 0) -> bool:
        """Tells whether there is no pause now."""
        return now >= self.paused_until

    def rounds_before(self, place: int) -> tuple[int, int]:
        """Returns that no window passes before any place of the queue."""
        return 0, place

    def goes_at(self, place: int, now: float, since: float) -> float:
        """Returns when the request at that place of the queue goes, if none of them does before `since`."""
        return max(now, since, self.paused_until)

    def take(self) -> None:
        """Does nothing, like all that counts."""

    def stamp(self, now: float) -> None:
        """Does nothing."""

    def use(self, now: float) -> None:
        """Does nothing."""

    def give_back(self) -> None:
        """Does nothing."""


class Hold(NamedTuple):
    """A server's word that only so many requests may come before an instant.

    Attributes:
        left: how many more may be sent, as far as we know.
        until: the instant after which there may be more.
        limit: how many there may be then, in `window` seconds, unless the server says something else; `None` for any
            number.
        heard: how many requests had been sent through the gate when this was heard.
    """

    left: int
    until: float
    limit: int | None
    window: float
    heard: int

    def renewed(self, now: float) -> Hold | None:
        """Returns what holds now: of a limit that was to open by now, what it is from here on."""
        if now < self.until:
            return self
        return None if self.limit is None else Hold(self.limit, now + self.window, None, 0.0, self.heard)

    def passes(self, place: int, at: float) -> float:
        """Returns when the `place`-th from now may be sent at the earliest, if none is sent before `at`."""
        left = self.left if at < self.until else 0
        if place <= left:
            return at
        if self.limit is None or place <= left + self.limit:
            return max(at, self.until)
        return max(at, self.until + self.window)


class HintGate(PauseGate):
    """A gate that does what the server says in its answers: closed for a pause, held to what is left of a limit.

    A newer word replaces an older one. That goes for the answer to a request that was sent after the older word was
    heard; of words that crossed on the way the stricter holds, because nobody knows which of them is the newer. What
    went out after the newest request that was answered, and is under way when a word comes, counts as not yet in it.

    Attributes:
        sent: how many requests went through, for telling which word is newer.
    """

    __slots__ = ("_answered", "_asked_until", "_holds", "_taken", "sent")

    def __init__(self, limit: int = 1, period: float | None = 0.0, *, subject: object = None) -> None:
        super().__init__(limit, period, subject=subject)
        self.sent = 0
        self._asked_until = float("-inf")
        self._answered = 0
        self._taken = 0
        self._holds: dict[str, Hold] = {}

    def has_room(self, now: float, spared: int = 0) -> bool:
        """Tells whether there is neither a pause now nor a limit of which nothing is left."""
        if now < self.paused_until:
            return False
        return not self._holds or all(hold.left - self._taken > spared for hold in self._current(now))

    def take(self) -> None:
        """Takes what is one less of everything left."""
        self._taken += 1

    def stamp(self, now: float) -> None:
        """Notes that what was taken is used."""
        self._taken -= 1
        self.use(now)

    def use(self, now: float) -> None:
        """Notes that a request goes through."""
        self.sent += 1
        if self._holds:
            for name, hold in self._holds.items():
                self._holds[name] = hold._replace(left=hold.left - 1)
            self._note(now)

    def give_back(self) -> None:
        """Returns what was taken and not used."""
        self._taken -= 1

    def opens_at(self, now: float, spared: int = 0) -> float:
        """Returns the earliest instant at which a request may pass."""
        at = max(now, self.paused_until)
        return max([at, *[hold.until for hold in self._current(now) if hold.left - self._taken <= spared]])

    @property
    def is_limit(self) -> bool:
        """Whether those who pass leave less for the others: while the server says that there is only so much."""
        return bool(self._holds)

    def goes_at(self, place: int, now: float, since: float) -> float:
        """Returns when the request at that place of the queue goes, if none of them does before `since`."""
        at = max(now, since, self.paused_until)
        return max([at, *[hold.passes(place + self._taken, at) for hold in self._current(now)]])

    def pause(self, until: float, now: float) -> None:
        """Lets nothing pass before that instant; an earlier pause is never shortened."""
        self._asked_until = max(self._asked_until, until)
        super().pause(until, now)

    def is_idle(self, now: float) -> bool:
        """Tells whether a new gate would behave the same."""
        is_held = any(now < hold.until or hold.limit is not None for hold in self._holds.values())
        return now >= self.paused_until and not is_held and not self.queued and not self._taken

    def answered(self, number: int) -> None:
        """Notes that the request was answered that was the `number`-th to go through."""
        self._answered = max(self._answered, number)

    def heed(self, hints: Iterable[Hint], number: int, now: float, longest: float) -> None:
        """Takes in what the answer to the `number`-th request says; nothing holds for more than `longest` seconds."""
        self._current(now)
        for hint in hints:
            if hint.pause is not None:
                self.pause(now + min(hint.pause, longest), now)
            if hint.remaining is not None and hint.reset is not None:
                self._hold(hint, hint.remaining, number, now, longest)
        for name in sorted(self._holds, key=lambda name: self._holds[name].until)[:-MOST_HOLDS]:
            del self._holds[name]
        self._note(now)

    def _hold(self, hint: Hint, remaining: int, number: int, now: float, longest: float) -> None:
        known = self._holds.get(hint.name)
        is_newer = known is None or number > known.heard
        if not hint.reset:  # a full bucket, or an instant that has passed: the limit starts anew now
            if is_newer and remaining:
                self._holds.pop(hint.name, None)
            return
        reset = min(hint.reset, longest)
        until, window = now + reset, min(hint.window or reset, longest)
        if known is None or is_newer:
            left = remaining - (self.sent - max(number, self._answered))
        else:
            left, until = min(remaining, known.left), max(until, known.until)
        self._holds[hint.name] = Hold(max(0, left), until, hint.limit, window, self.sent)

    def _note(self, now: float) -> None:
        """Closes the gate while nothing is left, and opens it when a newer word says that there is."""
        until = max([self._asked_until, *[hold.until for hold in self._holds.values() if hold.left <= 0]])
        if until > self.paused_until:
            super().pause(until, now)
        elif now < self.paused_until:
            self.paused_until = max(until, now)

    def _current(self, now: float) -> Iterable[Hold]:
        """Returns what holds now."""
        if any(now >= hold.until for hold in self._holds.values()):
            opened = [(name, hold.renewed(now)) for name, hold in self._holds.items()]
            self._holds = {name: hold for name, hold in opened if hold is not None}
        return self._holds.values()
