"""What the caller gets in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..call import Call, Outcome
from ..exceptions import GracyException

if TYPE_CHECKING:
    from ..family import Response

__all__ = ["settled", "with_last"]


def with_last(call: Call, outcome: Outcome) -> Outcome:
    """Returns the outcome of a retry. The error of one that our own stack refused is told of the attempt before it."""
    error, last = outcome.error, call.last
    try:
        if not isinstance(error, GracyException) or not error.is_refusal or call.attempt.fate != "never_sent":
            return outcome
        if last is not None and error.response is None:
            error.response = last.response
            error.status = call.attempts[-2].status if error.status is None else error.status
            error.__cause__ = last.error if error.__cause__ is None else error.__cause__
        return outcome
    finally:
        del error, last, outcome  # its error refers back to this frame through its traceback


def settled(outcome: Outcome) -> Response:
    """Returns the response of an outcome, or raises its error as it was."""
    try:
        if outcome.error is not None:
            raise outcome.error
        assert outcome.response is not None  # where there is no error
        return outcome.response
    finally:
        del outcome  # as above
