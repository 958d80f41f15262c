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
        delay: seconds between it and the failure before.
        success: whether the newest attempt was accepted; still `False` in its hooks, as it is judged after them.
    """

    __slots__ = ("_outcome", "cur_attempt", "delay", "max_attempts", "success")

    def __init__(self, max_attempts: int, outcome: Outcome) -> None:
        self.max_attempts = max_attempts
        self.cur_attempt = 0
        self.delay = 0.0
        self.success = False
        self._outcome = outcome

    def note(self, outcome: Outcome) -> None:
        """Takes in the outcome of a failed attempt."""
        self._outcome = outcome

    @property
    def cause(self) -> str:
        """What made the newest retry necessary, in brackets."""
        return cause_of(self._outcome)

    @property
    def last_response(self) -> Response | None:
        """The response of the newest failure."""
        return self._outcome.response

    @property
    def last_exc(self) -> Exception | None:
        """The error of the newest failure."""
        return self._outcome.error

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
