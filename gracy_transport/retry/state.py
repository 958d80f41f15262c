"""What one pass through the retry layer knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .verdict import cause_of

if TYPE_CHECKING:
    from ..call import Outcome
    from ..family import Response

__all__ = ["GracefulRetryState"]


class GracefulRetryState:
    """How far the retries of a request have come. It exists from the first failure on.

    Attributes:
        max_attempts: how many retries there may be.
        cur_attempt: the number of the newest retry, from 1; 0 while there was none.
        delay: seconds waited before it.
        cause: what made it necessary: `[Bad Status Code: 503]`, `[Request Error: ConnectTimeout]`,
            `[Validation Error: MyException]`.
        last_response: the response of the newest failure, if it had one; it may be closed.
        last_exc: the error of the newest failure, if it had one.
        success: whether the newest attempt was accepted.
    """

    def __init__(self, max_attempts: int, outcome: Outcome) -> None:
        self.max_attempts = max_attempts
        self.cur_attempt = 0
        self.delay = 0.0
        self.success = False
        self.note(outcome)

    def note(self, outcome: Outcome) -> None:
        """Takes in the outcome of a failed attempt."""
        self.cause = cause_of(outcome)
        self.last_response: Response | None = outcome.response
        self.last_exc: Exception | None = outcome.error

    @property
    def failed(self) -> bool:
        """Whether the newest attempt was not accepted."""
        return not self.success

    @property
    def can_retry(self) -> bool:
        """Whether there are retries left."""
        return self.cur_attempt < self.max_attempts

    @property
    def cant_retry(self) -> bool:
        """Whether there are none."""
        return not self.can_retry

    def __repr__(self) -> str:
        """Says how far it is and why."""
        return f"<GracefulRetryState {self.cur_attempt} of {self.max_attempts} retries, {self.cause}>"
