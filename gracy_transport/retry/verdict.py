"""The decisions about an outcome: whether it failed, and then to retry after a delay or to give up. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ..exceptions import BadResponse, CompositionError, GracyException
from ..family import is_error_like
from ..glance import mentions
from ..retry_after import NAMES, retry_after
from .backoff import back_off, hinted, jittered
from .config import IDEMPOTENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..attempts import Fate
    from ..call import Outcome
    from .config import GracefulRetry

__all__ = [
    "Facts",
    "GiveUp",
    "Retry",
    "Verdict",
    "cause_of",
    "has_key",
    "in_time",
    "is_failure",
    "is_unwanted",
    "judge",
]

_KEYS: Final = ("idempotency-key", "x-idempotency-key", "paypal-request-id")
_CHALLENGES: Final = frozenset({401, 407})
_VERDICTS: Final = ("x-should-retry", "stripe-should-retry")
_WORDS: Final = frozenset(name.encode() for name in (*_VERDICTS, *NAMES))


class Facts:
    """What the decision needs to know of a request.

    Args:
        method: its HTTP method.
        headers: its headers; one of them may be a key by which the server recognises a repetition.
        can_resend: whether its body can be sent again.
    """

    __slots__ = ("can_resend", "headers", "method")

    def __init__(self, method: str, headers: Mapping[str, str], *, can_resend: bool) -> None:
        self.method = method
        self.headers = headers
        self.can_resend = can_resend


class Retry(NamedTuple):
    """The next attempt starts in `delay` seconds, because of `reason`."""

    delay: float
    reason: str


class GiveUp(NamedTuple):
    """No further attempt is made, because of `reason`; `hint` is the wait the server asked for, if any.

    `too_long` is the back-off for which the deadline of the call leaves no time, if that is why.
    """

    reason: str
    hint: float | None = None
    too_long: float | None = None


Verdict: TypeAlias = Retry | GiveUp


def judge(
    config: GracefulRetry,
    outcome: Outcome,
    retry: int,
    facts: Facts,
    *,
    wall: float,
    chance: float | None,
    fate: Fate = "answered",
) -> Verdict:
    """Returns what to do about a failure.

    `retry` is the number of the retry that may follow, from 1; `wall` is seconds since 1970 UTC, for a
    Retry-After date; `chance` (0 to 1) is the random part of the delay, `None` without jitter; `fate` is what became
    of the attempt at the server.
    """
    cause = cause_of(outcome)
    if retry > config.max_attempts:
        return GiveUp(f"max_attempts={config.max_attempts} is used up: {cause}")
    has_word = _has_word(config, outcome)
    refused = _refused(config, facts, fate) or (_denied(outcome) if has_word else None)
    if refused is not None:
        return GiveUp(refused)
    delay = back_off(_base(config, outcome), config.delay_modifier, retry, config.max_delay)
    hint = _hint(outcome, wall) if has_word else None
    if not hint:
        return Retry(jittered(delay, chance), cause)
    if hint > config.max_retry_after:
        return GiveUp(
            f"{cause}: the server asks to wait {hint:.10g} s, which is more than "
            f"max_retry_after={config.max_retry_after:.10g}; try again later, or raise max_retry_after",
            hint,
        )
    return Retry(hinted(hint, delay, chance, config.max_retry_after), f"{cause}, the server asks to wait {hint:.10g} s")


def in_time(verdict: Verdict, left: float) -> Verdict:
    """Returns a verdict as it is, unless its retry would come after the deadline of the call, in `left` seconds."""
    if not isinstance(verdict, Retry) or verdict.delay < left:
        return verdict
    reason = f"{verdict.reason}: the deadline leaves no time for a back-off of {verdict.delay:.10g} s"
    return GiveUp(reason, too_long=verdict.delay)


def is_failure(config: GracefulRetry, outcome: Outcome, *, is_followed: bool) -> bool:
    """Tells whether an outcome is one that the configuration wants retried; what is not is the caller's."""
    response, error = outcome.response, outcome.error
    if error is None and response is not None:
        return is_unwanted(config, response.status_code, is_followed=is_followed)
    if isinstance(error, GracyException) and (error.is_refusal or isinstance(error, CompositionError)):
        return False
    named = config.retry_on
    if named is None or (response is not None and response.status_code in named):
        return True
    return error is not None and any(is_error_like(error, kind) for kind in named if isinstance(kind, type))


def is_unwanted(config: GracefulRetry, status: int, *, is_followed: bool) -> bool:
    """Tells whether a status code alone, with no error, is one that the configuration wants retried."""
    if config.retry_on is not None:
        return status in config.retry_on
    if status < 300:  # 101, the only 1xx that gets here, is a success of its kind
        return False
    return not (is_followed and (status < 400 or status in _CHALLENGES))


def cause_of(outcome: Outcome) -> str:
    """Returns in brackets what failed: `[Bad Status Code: 404]`, `[Request Error: ReadTimeout]`."""
    response, error = outcome.response, outcome.error
    if response is not None and (error is None or isinstance(error, BadResponse)):
        return f"[Bad Status Code: {response.status_code}]"
    kind = "Request" if response is None else "Validation"
    return f"[{kind} Error: {type(error).__name__}]"


def _refused(config: GracefulRetry, facts: Facts, fate: Fate) -> str | None:
    """Returns why this request must not be sent again, or `None` when it may."""
    if not _may_repeat(config, facts, fate):
        return (
            f"{facts.method} not retried: not idempotent (methods={config.named_methods}); give the request "
            "an Idempotency-Key header if the server knows it (idempotency_key=True makes one), or set "
            'methods="any" if twice does no harm'
        )
    if not facts.can_resend:
        return (
            f"{facts.method} not retried: its body can be read only once; give bytes, or an object whose "
            "__aiter__ starts anew each time"
        )
    return None


def has_key(headers: Mapping[str, str]) -> bool:
    """Tells whether a request has a key by which the server knows it again, under any of its usual names."""
    return any(name in headers for name in _KEYS)


def _has_word(config: GracefulRetry, outcome: Outcome) -> bool:
    """Tells whether the server says anything about retries that is to be respected."""
    response = outcome.response
    return response is not None and config.respect_retry_after and mentions(response.headers, _WORDS)


def _denied(outcome: Outcome) -> str | None:
    """Returns that the server forbids a repetition, or `None`: what it allows opens nothing that is not configured."""
    response = outcome.response
    if response is None or response.status_code < 400:
        return None
    for name in _VERDICTS:
        if response.headers.get(name, "").strip().lower() == "false":
            said = f"the server says not to retry ({name}: false)"
            return f"{cause_of(outcome)}: {said}; respect_retry_after=False retries all the same"
    return None


def _may_repeat(config: GracefulRetry, facts: Facts, fate: Fate) -> bool:
    methods = config.methods
    if methods == "any" or facts.method in (IDEMPOTENT if isinstance(methods, str) else methods):
        return True
    return fate == "never_sent" or has_key(facts.headers)


def _base(config: GracefulRetry, outcome: Outcome) -> float:
    """Returns the delay that holds for this outcome before it grows."""
    overrides, response, error = config.overrides, outcome.response, outcome.error
    if not overrides:
        return config.delay
    if response is not None and response.status_code in overrides:
        return overrides[response.status_code].delay
    if error is not None:
        for kind, override in overrides.items():
            if isinstance(kind, type) and is_error_like(error, kind):
                return override.delay
    return config.delay


def _hint(outcome: Outcome, wall: float) -> float | None:
    return None if outcome.response is None else retry_after(outcome.response.headers, wall)
