"""Facts that happened to a call, in the past tense, for whoever wants to know.

An observer is a plain callable that takes an event. It hears of everything that happens to the calls which pass the
transport it was given to. Nothing is computed when nobody listens, and an observer that raises changes nothing: its
error is logged once per event and the call goes on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .logevents import log_failure
from .plain import PlainValue

if TYPE_CHECKING:
    from .call import Call

__all__ = [
    "CallEnded",
    "CallStarted",
    "ConcurrencyLimitFreed",
    "ConcurrencyLimitReached",
    "Event",
    "RequestDispatched",
    "ResponseRecorded",
    "ResponseReplayed",
    "RetriesExhausted",
    "RetryScheduled",
    "ThrottleLimitReached",
    "ThrottleWaitOver",
    "tell",
]


class Event(PlainValue):
    """Something happened to `call`, `at` this instant (monotonic seconds of the stack's clock)."""

    call: Call
    at: float


class CallStarted(Event):
    """A request entered the stack: a call began, or went on with another hop."""


class CallEnded(Event):
    """The stack answered: with a response (`status`) or with an error (the name of its class).

    The body may still have to be read.
    """

    status: int | None
    error: str | None


class RequestDispatched(Event):
    """An attempt has all the permits and slots it needs and goes on, to the wire or to the recordings in front of it.

    A stack that could hold nobody up, with no limits, retries or hooks, does not tell it.
    """


class ThrottleLimitReached(Event):
    """A request has to wait for a permit of `rule`, for `wait` seconds at least: longer if other rules matter, too."""

    rule: object
    wait: float


class ThrottleWaitOver(Event):
    """A request got its permit of `rule` after having waited for `waited` seconds."""

    rule: object
    waited: float


class ConcurrencyLimitReached(Event):
    """A request has to wait for a slot of `limit`."""

    limit: object


class ConcurrencyLimitFreed(Event):
    """A request got its slot of `limit` after having waited for `waited` seconds."""

    limit: object
    waited: float


class RetryScheduled(Event):
    """An attempt failed (its `status` or the name of its `error`) and the next one starts `delay` seconds after that.

    `retry` is the number of the retry to come, from 1; `latency` is what the failed attempt took, in seconds.
    """

    retry: int
    delay: float
    reason: str
    status: int | None
    error: str | None
    latency: float


class RetriesExhausted(Event):
    """An attempt failed and no other will be made; `reason` says why."""

    reason: str


class ResponseReplayed(Event):
    """The answer came from a recording; no request was sent."""


class ResponseRecorded(Event):
    """The answer was written to the storage."""


def tell(event: Event) -> None:
    """Lets every observer and counter of the event's call hear it, one after the other."""
    for observer in event.call.observers + event.call.counters:
        try:
            observer(event)
        except Exception as error:  # noqa: BLE001 - an observer may raise anything
            line = "an observer failed on %s; the call goes on"
            log_failure(logging.ERROR, error, event.call.hidden, line, type(event).__name__)
