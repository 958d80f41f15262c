"""What the log lines of retries say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..logevents import LogEvent, is_logged, log

if TYPE_CHECKING:
    from ..call import Call, Outcome
    from .state import GracefulRetryState

__all__ = ["AFTER", "BEFORE", "EXHAUSTED", "say"]

BEFORE: Final = "{METHOD} {URL}: retry {CUR_ATTEMPT} of {MAX_ATTEMPT} in {RETRY_DELAY} s: {RETRY_CAUSE}"
AFTER: Final = "{METHOD} {URL}: retry {CUR_ATTEMPT} of {MAX_ATTEMPT} gave {RESULT}"
EXHAUSTED: Final = "{METHOD} {URL}: {REASON}"

_ABORTED: Final = "ABORTED"


def say(
    event: LogEvent | None,
    default: str,
    call: Call,
    state: GracefulRetryState,
    outcome: Outcome,
    *,
    now: float,
    **more: object,
) -> None:
    """Logs a line about the newest attempt and its outcome, if anybody listens.

    {ELAPSED} is seconds with three decimals, of this attempt alone; {STATUS} is `ABORTED` where there was no
    response; {ERROR} is the class of an error; {RETRY_CAUSE} is what made the newest retry necessary.
    """
    if not is_logged(event):
        return
    attempt, response, error = call.attempt, outcome.response, outcome.error
    status: object = _ABORTED if response is None else response.status_code
    failure = "" if error is None else type(error).__name__
    until = now if attempt.ended is None else attempt.ended
    values: dict[str, object] = {
        "STATUS": status,
        "ELAPSED": f"{until - attempt.began:.3f}",
        "RETRY_DELAY": round(state.delay, 3),
        "RETRY_CAUSE": state.cause,
        "CUR_ATTEMPT": state.cur_attempt,
        "MAX_ATTEMPT": state.max_attempts,
        "ERROR": failure,
        "RESULT": failure or status,
    }
    log(event, default, call, response, **{**values, **more})
