"""The rules of a throttle, as a user writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from datetime import timedelta
from typing import Annotated, Any, Final, cast

from pydantic import AliasChoices, BeforeValidator, Field

from ..admission import SharedLimits
from ..family import AnyRequest
from ..logevents import LogEvent
from ..values import Regex, Value, one_or_many

__all__ = ["GracefulThrottle", "ThrottleRule", "Throttling"]

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
        smooth: also space requests evenly, one in `(per_time + margin) / max_requests`, for servers that punish bursts;
            off unless given, since a burst that the limit allows is the fastest way to use it.
        key: a callable that splits the rule: requests for which it returns equal values share one budget. It is
            given the request (of the client's family).

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    url_pattern: Regex
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
        log_limit_reached: logged once for each request that has to wait for a permit, as it starts to (where it lacks a
            slot as well: for what it lacks first), and once for a pause that the server asks for.
        log_wait_over: logged once for each request that has waited so, as it goes on.
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
        max_pause: seconds; with `follow_server` nothing a server says holds everybody up for longer. An hour unless
            given, which is the longest window in common use.
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
