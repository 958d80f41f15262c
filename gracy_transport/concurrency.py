"""Concurrency limits: never more than so many requests in flight, from dispatch to the end of the body."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BeforeValidator, Field

from .admission import AdmissionTransport, Book, Desk, Gate, Gates, KeyedGates, SharedLimits
from .call import Call, Observer
from .clock import SYSTEM_CLOCK, Clock
from .events import ConcurrencyLimitFreed, ConcurrencyLimitReached, tell
from .family import AsyncTransport
from .logevents import LogEvent, log
from .values import Regex, Value, one_or_many

if TYPE_CHECKING:
    from .family import Request

__all__ = ["ConcurrencyKeeper", "ConcurrencyLimitTransport", "ConcurrentRequestLimit", "Limits"]

_ANY: Final = re.compile(".*")


class ConcurrentRequestLimit(Value, frozen=True):
    """At most so many requests in flight.

    A request holds its slot from dispatch until its body is read, closed or broken, not just until its headers came:
    a body that nobody reads keeps its connection and its slot. One that is in memory when it comes (of a mock, say)
    keeps neither.

    Args:
        limit: how many; at least 1.
        uurl_pattern: a regular expression for the unformatted URLs (or the URLs, where there is no template) the
            limit is for; all unless given. Of several limits the first that matches applies.
        blocking_args: names of endpoint arguments: requests with other values for these are limited apart.
        limit_per_uurl: each endpoint is limited apart (requests without a template: each origin). With `False` all
            that the pattern matches share the limit.
        log_limit_reached: logged once for each request that has to wait for a slot, and lacks no permit before that.
        log_limit_freed: logged once for each request that has waited so, as it goes on.
        max_waiting: how many requests may wait that need a slot of the same group (the same endpoint, say), whatever
            else they wait for. One more is refused with `exceptions.QueueFull` before it is sent, and is not retried.
            Any number unless given: how long a queue is of use depends on how long its requests take, which only
            the caller knows.
        shared: holds the limit over all processes that share the same, such as `redis.RedisLimits`; each process
            keeps to it by itself unless given.

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    limit: Annotated[int, Field(gt=0)]
    uurl_pattern: Regex = _ANY
    blocking_args: Annotated[tuple[str, ...] | None, one_or_many(into=tuple)] = None
    limit_per_uurl: bool = True
    log_limit_reached: LogEvent | None = None
    log_limit_freed: LogEvent | None = None
    max_waiting: Annotated[int, Field(gt=0)] | None = None
    shared: SharedLimits | None = None

    def __init__(self, limit: int, uurl_pattern: str | re.Pattern[str] = _ANY, **fields: Any) -> None:
        super().__init__(limit=limit, uurl_pattern=uurl_pattern, **fields)

    def __str__(self) -> str:
        """Reads as a sentence: `5 requests at once per endpoint`."""
        noun = "request" if self.limit == 1 else "requests"
        scope = " per endpoint" if self.limit_per_uurl else ""
        where = "" if self.uurl_pattern.pattern == ".*" else f" for URLs matching {self.uurl_pattern}"
        return f"{self.limit} {noun} at once{scope}{where}"


def as_limits(value: object) -> object:
    """Returns a plain number as a limit per endpoint, as `@graceful(concurrent_requests=5)` means it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (ConcurrentRequestLimit(value),)
    return value


Limits = Annotated[tuple[ConcurrentRequestLimit, ...], one_or_many(into=tuple), BeforeValidator(as_limits)]
"""The type of a config field that takes a number, a `ConcurrentRequestLimit` or several."""


def gates_of_limit(limit: ConcurrentRequestLimit, desk: Desk) -> KeyedGates:
    """Returns the gates of a limit, one for each group of requests that it limits apart."""
    shared = limit.shared
    if shared is None:
        return KeyedGates(lambda _group: Gate(limit.limit, subject=limit), desk)
    name = ("slots", limit.limit, limit.uurl_pattern.pattern, limit.uurl_pattern.flags, limit.blocking_args)
    return KeyedGates(lambda group: shared.slots((*name, group), limit.limit, subject=limit, desk=desk), desk)


class ConcurrencyKeeper:
    """Knows the gates of some concurrency limits.

    Args:
        limits: the limits; the first that matches a request applies.
        desk: where the requests wait.
        book: the gates of limits that other keepers know already; equal limits share theirs.
    """

    wait_kind = "slot"
    has_slots = True

    def __init__(
        self,
        limits: tuple[ConcurrentRequestLimit, ...],
        desk: Desk,
        book: Book[ConcurrentRequestLimit, KeyedGates] | None = None,
    ) -> None:
        self.limits = limits
        self.is_bounded = any(limit.max_waiting is not None for limit in limits)
        self.is_shared = any(limit.shared is not None for limit in limits)
        self.foretells = any(limit.log_limit_reached is not None for limit in limits)
        book = Book(desk) if book is None else book
        self._gates = [(limit, book.gates_of(limit, self, partial(gates_of_limit, limit, desk))) for limit in limits]

    def gates_for(self, request: Request, call: Call) -> Gates:
        """Returns the gate of the first limit that matches, or nothing."""
        for limit, gates in self._gates:
            if limit.uurl_pattern is _ANY or self._matches(limit, call):
                return (gates.get(_group(limit, call)),)
        return ()

    @staticmethod
    def _matches(limit: ConcurrentRequestLimit, call: Call) -> bool:
        subject = call.target if call.template is None else call.unformatted_url
        return limit.uurl_pattern.match(subject) is not None

    def most_waiting(self, gate: Gate) -> int | None:
        """Returns how many may wait that need a slot of a limit."""
        limit = gate.subject
        return limit.max_waiting if isinstance(limit, ConcurrentRequestLimit) else None

    def limit_reached(self, call: Call, gate: Gate, wait: float, at: float) -> None:
        """Logs and tells that a request has to wait."""
        limit = gate.subject
        if isinstance(limit, ConcurrentRequestLimit):
            self._log(
                limit.log_limit_reached, "{UURL} has to wait: {CONCURRENT_REQUESTS} requests are in flight", call, gate
            )
        if call.observers:
            tell(ConcurrencyLimitReached(call, at, limit))

    def wait_over(self, call: Call, gate: Gate, waited: float, at: float) -> None:
        """Logs and tells that it waited."""
        limit = gate.subject
        if isinstance(limit, ConcurrentRequestLimit):
            self._log(limit.log_limit_freed, "{UURL} goes on: a slot of {CONCURRENT_LIMIT} is free", call, gate)
        if call.observers or call.counters:
            tell(ConcurrencyLimitFreed(call, at, limit, waited))

    @staticmethod
    def _log(event: LogEvent | None, default: str, call: Call, gate: Gate) -> None:
        if event is not None:
            log(event, default, call, CONCURRENT_REQUESTS=gate.held, CONCURRENT_LIMIT=gate.limit)

    def describe(self, desk: Desk) -> tuple[str, str]:
        """Says `limit 5` and `2 in flight`."""
        held = sum(gate.held for _limit, keyed in self._gates for gate in keyed.all())
        return f"limit {', '.join(str(limit.limit) for limit in self.limits)}", f"{held} in flight"


def _group(limit: ConcurrentRequestLimit, call: Call) -> Hashable:
    scope = ""
    if limit.limit_per_uurl:
        scope = call.origin if call.options.template is None else call.unformatted_url
    if limit.blocking_args is None:
        return scope
    return (scope, *(call.args.get(name, "") for name in limit.blocking_args))


class ConcurrencyLimitTransport(AdmissionTransport):
    """Keeps the number of requests in flight within its limits; the others wait, first come, first served.

    Args:
        inner: the transport below.
        limits: a `ConcurrentRequestLimit` or several, or a number: one limit for everything that passes.
        clock, observers: as for every layer.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        limits: ConcurrentRequestLimit | int | Iterable[ConcurrentRequestLimit],
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        if isinstance(limits, int):
            limits = ConcurrentRequestLimit(limits, limit_per_uurl=False)
        from pydantic import TypeAdapter  # which a stack has no use for

        given = TypeAdapter(Limits).validate_python(limits)
        desk = Desk(clock)
        super().__init__(inner, [ConcurrencyKeeper(given, desk)], desk=desk, clock=clock, observers=observers)
