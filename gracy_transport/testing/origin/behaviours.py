"""Handlers with a temper: a rate limit, and failures at random."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING

from .reply import Reply
from .script import play

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from .reply import Fault
    from .script import Handler
    from .visit import Visit

OK = Reply()
"""What a behaviour answers when it is not told."""


class RateLimited:
    """Lets `limit` visits pass in any window of `per` seconds; all others get a 429 with `Retry-After`.

    The window is strict and goes by arrival. Refused visits do not count against the limit. One object on
    several routes is one limit for all of them.
    """

    def __init__(self, limit: int, per: float, then: Reply | Handler = OK) -> None:
        """Passes visits on to `then`.

        Raises `ValueError` unless `limit` is at least 1 and `per` above 0 seconds.
        """
        if limit < 1 or not per > 0:  # nan is neither
            message = f"limit={limit!r} per={per!r} lets nothing pass: give at least 1 and more than 0 seconds"
            raise ValueError(message)
        self.limit = limit
        self.per = per
        self.passed = 0
        """How many visits passed."""
        self.refused = 0
        """How many visits were answered with 429."""
        self.worst = 0
        """The largest number of visits, refused ones included, that arrived within one window."""
        self._then = then
        self._passed: deque[float] = deque(maxlen=limit)
        self._arrivals: deque[float] = deque()

    def __call__(self, visit: Visit) -> Reply | Awaitable[Reply]:
        """Answers a visit."""
        now = self._note(visit.arrived)
        if len(self._passed) == self.limit and now < self._passed[0] + self.per:
            self.refused += 1
            seconds = max(1, ceil(self._passed[0] + self.per - now))
            error = {"error": "rate limited", "limit": self.limit, "per": self.per}
            return Reply(429, json=error, headers={"Retry-After": str(seconds)})
        self.passed += 1
        self._passed.append(now)
        return play(self._then, visit)

    def _note(self, arrived: float) -> float:
        """Adds an arrival to the window; returns its time, which never runs back."""
        arrivals = self._arrivals
        now = max(arrived, arrivals[-1]) if arrivals else arrived
        arrivals.append(now)
        while arrivals[0] + self.per <= now:
            arrivals.popleft()
        self.worst = max(self.worst, len(arrivals))
        return now


class Flaky:
    """Fails at random, and the same way again with the same seed.

    Chance decides for each visit by the seed, the method, the target and how often that target was asked
    before: the fate of a request does not depend on the order in which concurrent requests arrive.
    """

    def __init__(
        self,
        seed: int | str,
        then: Reply | Handler = OK,
        *,
        errors: float = 0.1,
        slow: float = 0.0,
        drops: float = 0.0,
        statuses: Sequence[int] = (500, 502, 503, 504),
        faults: Sequence[Fault] = ("reset", "hangup"),
        delay: float = 1.0,
    ) -> None:
        """Fails with the given rates: each from 0 to 1, together at most 1, else it raises `ValueError`.

        `errors` of the visits get one of `statuses`, `drops` one of `faults` with an empty body, and `slow`
        the answer of `then` after `delay` more seconds; the rest get the answer of `then`.
        """
        if not (errors >= 0 and slow >= 0 and drops >= 0 and errors + slow + drops <= 1):  # nor is nan
            message = f"errors={errors} slow={slow} drops={drops} are no rates: give 0 to 1, together at most 1"
            raise ValueError(message)
        self.errors, self.slow, self.drops = errors, slow, drops
        self.failed = 0
        """How many visits got an error status."""
        self.slowed = 0
        """How many visits were answered late."""
        self.dropped = 0
        """How many visits got no answer."""
        self._seed, self._then, self._delay = seed, then, delay
        self._errors = [Reply(status, json={"error": "flaky"}) for status in statuses]
        self._drops = [Reply(fault=fault) for fault in faults]
        self._asked: dict[tuple[str, str], int] = {}

    def __call__(self, visit: Visit) -> Reply | Awaitable[Reply]:
        """Answers a visit."""
        fate, choice = self._chance(visit)
        if fate < self.errors:
            self.failed += 1
            return self._errors[choice % len(self._errors)]
        if fate < self.errors + self.drops:
            self.dropped += 1
            return self._drops[choice % len(self._drops)]
        if fate < self.errors + self.drops + self.slow:
            self.slowed += 1
            return self._late(visit)
        return play(self._then, visit)

    async def _late(self, visit: Visit) -> Reply:
        reply = await play(self._then, visit)
        return replace(reply, delay=reply.delay + self._delay)

    def _chance(self, visit: Visit) -> tuple[float, int]:
        """Returns a number from 0 up to 1, and another to choose by."""
        key = (visit.method, visit.target)
        number = self._asked[key] = self._asked.get(key, 0) + 1
        digest = blake2b(f"{self._seed} {visit.method} {visit.target} {number}".encode(), digest_size=16).digest()
        return int.from_bytes(digest[:8]) / 2**64, int.from_bytes(digest[8:])
