"""What any layer does about the deadline of a call: fit an attempt into it, refuse a wait, say that it is over.

The deadline stands in `call.deadline`. The layer that sets it, and ends what is under way then, is in `deadline.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .bodies import readable, variant
from .call import Call, Outcome, extensions_with
from .exceptions import DeadlineExceeded, GracyException
from .family import error_for, is_never_sent
from .showing import shown_url

if TYPE_CHECKING:
    from .clock import Clock
    from .family import Request

__all__ = ["given_up", "kept", "no_retry", "not_begun", "passed", "within"]

MOST_READING: Final = 1.0
"""Seconds that are spent on the body of an answer that failed, to have it in an error: longer is not worth it."""

_CANCELLATIONS: Final = ("CancelledError", "Cancelled")
_PHASES: Final = ("connect", "read", "write", "pool")


def within(request: Request, seconds: float) -> Request:
    """Returns a request whose timeouts are at most that many seconds: itself, or else a copy that shares the body."""
    extensions = extensions_with(request)
    given: dict[str, Any] = extensions.get("timeout") or {}
    left = max(seconds, 0.0)
    timeouts = {phase: left if given.get(phase) is None else min(given[phase], left) for phase in _PHASES}
    if all(timeouts[phase] == given.get(phase) for phase in _PHASES):
        return request
    return variant(request, extensions={**extensions, "timeout": {**given, **timeouts}})


async def kept(request: Request, failure: Outcome, clock: Clock, seconds: float) -> Outcome:
    """Returns the outcome of an attempt as an error may show it: with its body, if that is read in so many seconds.

    A body that takes longer, breaks, or is over the cap is left unread.
    """
    error, response = failure.error, failure.response
    judged = error.response if isinstance(error, GracyException) else None
    if judged is not None or response is None:
        return Outcome(judged, error)
    with clock.timeout(min(seconds, MOST_READING)):
        try:
            return Outcome(await readable(request, response), error)
        except Exception:  # noqa: BLE001, S110 - that the attempt failed is known, and why
            pass
    response.request = request
    return Outcome(response, error)


def not_begun(
    request: Request, call: Call, now: float, wait: float, waits_for: str, *, is_tried: bool = False
) -> DeadlineExceeded:
    """Returns the error of a wait of that many seconds which would not be over before the deadline.

    `is_tried` says that it would have come after an attempt which a report has yet to count.
    """
    error = _too_long(request, call, now, wait, f"{waits_for} would take {wait:.2f} s: the wait was not begun")
    error.waits_for = waits_for
    error.counts_as_attempt = is_tried
    error.was_sent = is_tried and call.attempt.was_sent
    _end(call, error, now, was_sent=error.was_sent)
    return error


def given_up(request: Request, call: Call, now: float, wait: float, waits_for: str) -> DeadlineExceeded:
    """Returns the error of a wait that turns out not to be over before the deadline: it would take that much more."""
    error = _too_long(request, call, now, wait, f"{waits_for} would take {wait:.2f} s more: the wait was given up")
    error.waits_for = waits_for
    _end(call, error, now, was_sent=False)
    return error


def no_retry(request: Request, call: Call, now: float, back_off: float) -> DeadlineExceeded:
    """Returns the error of an attempt that failed, whose retry after so many seconds would come after the deadline."""
    if call.deadline is not None and now < call.deadline:
        return not_begun(request, call, now, back_off, "a back-off", is_tried=True)
    error = passed(request, call, now)
    error.counts_as_attempt = True
    return error


def passed(
    request: Request, call: Call, now: float, late: Exception | None = None, *, is_begun: bool = True
) -> DeadlineExceeded:
    """Returns the error of a deadline that passed in the middle of something; `late` is what that ended with, if known.

    What was cut short is an attempt, or the wait that `call.waits_for` names; or the newest attempt was not begun.
    """
    attempt, waits_for = call.attempt, call.waits_for
    if attempt.ended is not None:
        was_sent = attempt.was_sent  # a layer below has seen to it
    else:
        was_sent = is_begun and waits_for is None and (late is None or not is_never_sent(late))
    error = _error(request, call, f"{_cut_short(call, is_begun=is_begun)}; allow more time, or try again later")
    if late is not None:
        error.__cause__ = late
    error.waits_for, error.was_sent = waits_for, was_sent
    error.counts_as_attempt = late is not None or (was_sent and waits_for is None)
    if error.status is None:
        error.status = attempt.status
    _end(call, error if late is None else late, now, was_sent=was_sent)
    return error


def _cut_short(call: Call, *, is_begun: bool) -> str:
    if call.waits_for is not None:
        return f"passed while the call waited for {call.waits_for}"
    number = call.attempt.number
    return f"passed while attempt {number} was under way" if is_begun else f"was over before attempt {number} began"


def _too_long(request: Request, call: Call, now: float, wait: float, what: str) -> DeadlineExceeded:
    left = 0.0 if call.deadline is None else max(0.0, call.deadline - now)
    error = _error(request, call, f"leaves {left:.2f} s, and {what}; try again in {wait:.2f} s, or allow more time")
    error.would_wait = error.retry_in = wait
    return error


def _error(request: Request, call: Call, what: str) -> DeadlineExceeded:
    seconds = 0.0 if call.deadline is None else round(call.deadline - call.started, 6)
    last = call.last or Outcome()
    where = f"{request.method} {shown_url(request)}"
    message = f"{where}: the deadline of {seconds:g} s {what}"
    error = error_for(request, DeadlineExceeded, message, response=last.response, call=call)
    error.__cause__ = last.error
    error.seconds = seconds
    return error


def _end(call: Call, error: Exception, now: float, *, was_sent: bool) -> None:
    """Notes how the newest attempt ended. What answer the error has is not that of the attempt."""
    attempt = call.attempt
    if attempt.ended is None:
        attempt.ended, attempt.was_sent, attempt.error = now, was_sent, type(error).__name__
    elif attempt.error in _CANCELLATIONS:
        attempt.error = type(error).__name__
