"""Knows the gates of a throttle: which of them a request has to pass, and what is said when it waits."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from ..admission import Book, Desk, Gate, Gates
from ..call import Call
from ..events import ThrottleLimitReached, ThrottleWaitOver, tell
from ..logevents import LogEvent, log
from ..matching import Memo
from .config import GracefulThrottle, ThrottleRule
from .gates import RuleGates, RuleOf
from .patterns import Patterns

if TYPE_CHECKING:
    from ..family import Request

__all__ = ["ThrottleKeeper"]


class ThrottleKeeper:
    """Knows the gates of a `GracefulThrottle`.

    Args:
        config: the rules.
        desk: where the requests wait.
        book: the gates of rules that other keepers know already; equal rules share theirs.
    """

    wait_kind = "throttle"
    has_slots = False

    def __init__(self, config: GracefulThrottle, desk: Desk, book: Book[RuleOf, RuleGates] | None = None) -> None:
        self.config = config
        self.is_bounded = config.max_waiting is not None
        self.is_shared = config.shared is not None
        self.foretells = config.log_limit_reached is not None
        book = Book(desk) if book is None else book
        # A rule that is listed twice is one rule.
        shared = config.shared
        self._rules = tuple(
            dict.fromkeys(
                book.gates_of((rule, shared), self, partial(RuleGates, rule, shared, desk)) for rule in config.rules
            )
        )
        self._patterns = Patterns([(gates.rule.url_pattern, gates) for gates in self._rules])
        self._is_keyed = any(rule.key is not None for rule in config.rules)
        self._matching_at: Memo[tuple[RuleGates, ...]] = Memo(self._matching)
        self._gates_at: Memo[Gates] = Memo(self._gates)
        # Without a look at the URL, which takes longer than all the rest.
        is_for_all = all(rule.url_pattern.pattern == ".*" for rule in config.rules)
        self._for_all = self._gates("") if is_for_all and not self._is_keyed else None

    def gates_for(self, request: Request, call: Call) -> Gates:
        """Returns the gates of all rules that match the URL of the request."""
        if self._for_all is not None:
            return self._for_all
        if not self._is_keyed:
            return self._gates_at[call.target]
        found: Gates = ()
        for gates in self._matching_at[call.target]:
            key = gates.rule.key
            found += gates.get(None if key is None else key(request))
        return found if self.config.shared is None else _each_once(found)

    def key_of(self, request: Request, call: Call) -> Hashable:
        """Returns what tells a request from those that other rules match, or the same with other keys."""
        if self._for_all is not None:
            return None
        matching = self._matching_at[call.target]
        if not self._is_keyed:
            return matching
        return tuple([(gates, None if gates.rule.key is None else gates.rule.key(request)) for gates in matching])

    def _matching(self, target: str) -> tuple[RuleGates, ...]:
        return tuple(self._patterns.matching(target))

    def _gates(self, target: str) -> Gates:
        """Returns the gates at a URL when none of the rules has a key."""
        return _each_once(gate for rule in self._patterns.matching(target) for gate in rule.get())

    def most_waiting(self, gate: Gate) -> int | None:
        """Returns how many may wait that need a permit of a rule."""
        return self.config.max_waiting

    def limit_reached(self, call: Call, gate: Gate, wait: float, at: float) -> None:
        """Logs and tells that a request has to wait."""
        self._log(self.config.log_limit_reached, "{URL} has to wait {THROTTLE_TIME}s: ", call, gate, wait)
        if call.observers and gate.kind == self.wait_kind:
            tell(ThrottleLimitReached(call, at, gate.subject, wait))

    def wait_over(self, call: Call, gate: Gate, waited: float, at: float) -> None:
        """Logs and tells that it waited."""
        self._log(self.config.log_wait_over, "{URL} waited {THROTTLE_TIME}s: ", call, gate, waited)
        if (call.observers or call.counters) and gate.kind == self.wait_kind:
            tell(ThrottleWaitOver(call, at, gate.subject, waited))

    def _log(self, event: LogEvent | None, default: str, call: Call, gate: Gate, seconds: float) -> None:
        if event is None:
            return
        rule, reason = gate.subject, "the limit is {THROTTLE_LIMIT} requests per {THROTTLE_TIME_RANGE}"
        if isinstance(rule, ThrottleRule):
            limit, window = rule.max_requests, rule.readable_time_range
        else:  # a pause, during which nothing may pass
            limit, window, reason = 0, f"{seconds:.3g} seconds", str(rule)
        values = {"THROTTLE_LIMIT": limit, "THROTTLE_TIME": round(seconds, 3), "THROTTLE_TIME_RANGE": window}
        log(event, default + reason, call, **values)

    def describe(self, desk: Desk) -> tuple[str, str]:
        """Says `2 rules` and `next permit in 0.40s`."""
        gates = [gate for rule in self._rules for gate in rule.all()]
        count = f"{len(self._rules)} rule{'' if len(self._rules) == 1 else 's'}"
        if self.config.shared is not None:
            count += f" of {self.config.shared!r}"
        return count, f"next permit in {desk.next_permit(gates):.2f}s"


def _each_once(gates: Iterable[Gate]) -> Gates:
    # Rules that other processes cannot tell apart, as they have the same figures and keys, are one limit.
    return tuple(dict.fromkeys(gates))
