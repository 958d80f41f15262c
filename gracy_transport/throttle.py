"""Rate limits: never more than `max_requests` dispatched in any window of `per_time`."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, cast

from pydantic import AliasChoices, BeforeValidator, Field

from .admission import AdmissionTransport, Book, Desk, Gate, Gates, HintKeeper, KeyedGates, ServerHints, SharedLimits
from .call import Call, Observer
from .clock import SYSTEM_CLOCK, Clock
from .events import ThrottleLimitReached, ThrottleWaitOver, tell
from .family import AnyRequest, AsyncTransport
from .logevents import LogEvent, log
from .matching import Memo
from .values import Value, one_or_many

if TYPE_CHECKING:
    from .family import Request

__all__ = ["GracefulThrottle", "ThrottleKeeper", "ThrottleRule", "ThrottleTransport"]

ONE_SECOND: Final = timedelta(seconds=1)


class ThrottleRule(Value, frozen=True):
    """At most so many requests in any window of so much time, for the URLs that a pattern matches.

    The promise is about dispatch, the instant a request is handed to the wire. What the server sees differs by the
    jitter of the network; `margin` widens the window to absorb it.

    Args:
        url_pattern: a regular expression, matched from the start of the URL without userinfo, query and fragment.
        max_requests: how many; at least 1.
        per_time: the length of the window, a `timedelta` or seconds; one second unless given.
            `per_time_range` is the same.
        margin: seconds by which the window is widened; none unless given, since it costs throughput.
        smooth: also space requests evenly, one in `per_time / max_requests`, for servers that punish bursts; off
            unless given, since a burst that the limit allows is the fastest way to use it.
        key: a callable that splits the rule: requests for which it returns equal values share one budget. It is
            given the request (of the client's family).

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    url_pattern: re.Pattern[str]
    max_requests: Annotated[int, Field(gt=0)]
    per_time: Annotated[timedelta, Field(gt=timedelta(0), validation_alias=AliasChoices("per_time", "per_time_range"))]
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    smooth: bool = False
    key: Callable[[AnyRequest], Hashable] | None = None

    def __init__(
        self,
        url_pattern: str | re.Pattern[str],
        max_requests: int,
        per_time: timedelta | float = ONE_SECOND,
        *,
        margin: float = 0.0,
        smooth: bool = False,
        key: Callable[[AnyRequest], Hashable] | None = None,
        **unknown: Any,
    ) -> None:
        unknown.setdefault("per_time", unknown.pop("per_time_range", per_time))
        super().__init__(
            url_pattern=url_pattern, max_requests=max_requests, margin=margin, smooth=smooth, key=key, **unknown
        )

    @property
    def period(self) -> float:
        """Seconds after which a permit comes back: the window and its margin."""
        return self.per_time.total_seconds() + self.margin

    @property
    def per_time_range(self) -> timedelta:
        """The length of the window, as `per_time`."""
        return self.per_time

    @property
    def readable_time_range(self) -> str:
        """The window in words: `second`, `90 seconds`."""
        seconds = self.per_time.total_seconds()
        return "second" if seconds == 1 else f"{f'{seconds:.6f}'.rstrip('0').rstrip('.')} seconds"

    def __str__(self) -> str:
        """Reads as a sentence: `2 requests per second for URLs matching re.compile('.*')`."""
        noun = "request" if self.max_requests == 1 else "requests"
        return f"{self.max_requests} {noun} per {self.readable_time_range} for URLs matching {self.url_pattern}"


class GracefulThrottle(Value, frozen=True):
    """Rate rules, all of which hold at once, and what is logged when one of them makes a request wait.

    Args:
        rules: one rule or any collection of them.
        log_limit_reached: logged once for each request that has to wait, as it starts to.
        log_wait_over: logged once for each request that has waited, as it goes on.
        max_waiting: how many requests may wait that need a permit of the same rule (and of the same key, where the
            rule has one), whatever else they wait for. One more is refused with `exceptions.QueueFull` before it is
            sent, and is not retried. Any number unless given: a script that asks for 10,000 pages at once wants all
            of them, however long it takes, and a waiting request costs little; a service that must answer in time
            knows how long a queue is of use to it.
        follow_server: heed what answers say of the server's own limits (`Retry-After`, `RateLimit`, and the dialects
            of GitHub, OpenAI, Anthropic and others): nobody sends before a pause is over, nor more than there is left
            before there will be more. A word holds for all requests to that origin under the same rules and keys,
            calls with limits of their own included. Off unless given, since servers are at times wrong about
            themselves. A `GracefulRetry` brings the part about Retry-After on 429 and 503 by itself.
        max_pause: seconds; with `follow_server` nothing a server says holds for longer. An hour unless given, which
            is the longest window in common use.
        shared: holds the rules over all processes that share the same, such as `redis.RedisLimits`; each process
            keeps to them by itself unless given.
    """

    rules: Annotated[tuple[ThrottleRule, ...], one_or_many(into=tuple)] = ()
    log_limit_reached: LogEvent | None = None
    log_wait_over: LogEvent | None = None
    max_waiting: Annotated[int, Field(gt=0)] | None = None
    follow_server: bool = False
    max_pause: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3600.0
    shared: SharedLimits | None = None

    def __init__(
        self,
        rules: ThrottleRule | Iterable[ThrottleRule] = (),
        log_limit_reached: LogEvent | None = None,
        log_wait_over: LogEvent | None = None,
        *,
        max_waiting: int | None = None,
        follow_server: bool = False,
        max_pause: float = 3600.0,
        shared: SharedLimits | None = None,
        **unknown: Any,
    ) -> None:
        logs = {"log_limit_reached": log_limit_reached, "log_wait_over": log_wait_over}
        bounds = {"max_waiting": max_waiting, "max_pause": max_pause, "shared": shared}
        super().__init__(rules=rules, follow_server=follow_server, **bounds, **logs, **unknown)


def as_throttle(value: object) -> object:
    """Returns rules given without their `GracefulThrottle` in one; anything else as it is."""
    if isinstance(value, ThrottleRule | list | tuple | set | frozenset):
        return GracefulThrottle(cast("ThrottleRule | Iterable[ThrottleRule]", value))
    return value


Throttling = Annotated[GracefulThrottle, BeforeValidator(as_throttle)]
"""The type of a config field that takes a `GracefulThrottle`, a rule or several."""


RuleOf: TypeAlias = tuple[ThrottleRule, SharedLimits | None]
"""A rule, and what holds it over many processes."""


class RuleGates:
    """The gates of one rule: a window, and with `smooth` a gate of one for the spacing; one pair a key."""

    def __init__(self, rule: ThrottleRule, shared: SharedLimits | None, desk: Desk) -> None:
        self.rule = rule
        self.matches = rule.url_pattern.match
        self._shared = shared
        self._desk = desk
        self._spacing = rule.period / rule.max_requests if rule.smooth else 0.0
        self._windows = KeyedGates(self._window, desk.clock)
        is_spaced = rule.smooth and shared is None  # limits that are shared see to the spacing themselves
        self._spaces = KeyedGates(self._space, desk.clock) if is_spaced else None

    def _window(self, key: Hashable) -> Gate:
        rule, shared = self.rule, self._shared
        most, period = rule.max_requests, rule.period
        if shared is None:
            return Gate(most, period, subject=rule)
        name = ("permits", rule.url_pattern.pattern, rule.url_pattern.flags, most, period, self._spacing, key)
        return shared.permits(name, most, period, spacing=self._spacing, subject=rule, desk=self._desk)

    def _space(self, _key: Hashable) -> Gate:
        return Gate(1, self._spacing, subject=self.rule)

    def get(self, key: Hashable = None) -> Gates:
        """Returns the gates that a request with that key has to pass; those of a rule without `key` have none."""
        window = self._windows.get(key)
        return (window,) if self._spaces is None else (window, self._spaces.get(key))

    def is_idle(self, now: float) -> bool:
        """Tells whether new gates would behave the same."""
        return self._windows.is_idle(now) and (self._spaces is None or self._spaces.is_idle(now))

    def all(self) -> list[Gate]:
        """Returns every gate there is now."""
        return self._windows.all() + ([] if self._spaces is None else self._spaces.all())


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
        self.foretells = config.log_limit_reached is not None
        book = Book(desk.clock) if book is None else book
        # A rule that is listed twice is one rule.
        shared = config.shared
        self._rules = tuple(
            dict.fromkeys(
                book.gates_of((rule, shared), self, partial(RuleGates, rule, shared, desk)) for rule in config.rules
            )
        )
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
        return found

    def key_of(self, request: Request, call: Call) -> Hashable:
        """Returns what tells a request from those that other rules match, or the same with other keys."""
        if self._for_all is not None:
            return None
        matching = self._matching_at[call.target]
        if not self._is_keyed:
            return matching
        return tuple([(gates, None if gates.rule.key is None else gates.rule.key(request)) for gates in matching])

    def _matching(self, target: str) -> tuple[RuleGates, ...]:
        return tuple([rule for rule in self._rules if rule.matches(target)])

    def _gates(self, target: str) -> Gates:
        """Returns the gates at a URL when none of the rules has a key."""
        return tuple([gate for rule in self._rules if rule.matches(target) for gate in rule.get()])

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


class ThrottleTransport(AdmissionTransport):
    """Lets requests through at the rate its rules allow; the others wait their turn, first come, first served.

    Args:
        inner: the transport below.
        config: a `GracefulThrottle`, a `ThrottleRule` or several.
        clock, observers: as for every layer.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        config: GracefulThrottle | ThrottleRule | Iterable[ThrottleRule],
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        throttle = config if isinstance(config, GracefulThrottle) else GracefulThrottle(config)
        desk = Desk(clock)
        keeper = ThrottleKeeper(throttle, desk)
        hints: HintKeeper | None = None
        if throttle.follow_server:
            hints = HintKeeper(ServerHints(desk, keeper.key_of), follows=True, longest=throttle.max_pause, logs=keeper)
        super().__init__(inner, [keeper], hints=hints, desk=desk, clock=clock, observers=observers)
