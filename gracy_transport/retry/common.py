"""What the retry layers of a stack have in common: the budgets they spend from, and what was warned about."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ..glance import mentions
from ..logevents import LOGGER_NAME
from .budget import Budgets

if TYPE_CHECKING:
    from ..call import Call
    from ..family import Request

__all__ = ["Common"]

_logger = logging.getLogger(LOGGER_NAME)

_COUNTS: Final = ("x-stainless-retry-count", "retry-attempt")
"""Headers in which an SDK counts its own retries: those that Stainless makes (OpenAI, Anthropic …), Microsoft Graph."""
_COUNT_NAMES: Final = frozenset(name.encode() for name in _COUNTS)


class Common:
    """The state that outlives each retry layer of a stack.

    Attributes:
        budgets: what is spent of its budgets.
    """

    def __init__(self) -> None:
        self.budgets = Budgets()
        self._warned: dict[str, object] = {}

    def look_inside(self, layer: object, call: Call) -> None:
        """Warns, once, when what a layer is about to send again was also sent again by another inside it."""
        if call.retried is not None:
            other, last = call.retried
            if last is call.attempt:  # and not one of an earlier hop
                self._warn(
                    "inside",
                    f"{layer!r} sends again what {other!r} inside it has already sent again: their attempts multiply; "
                    "give one of the two retry=None",
                )

    def look_above(self, layer: object, request: Request) -> None:
        """Warns, once, when what a layer has sent again in vain is sent again by what calls the stack, too."""
        for name in _COUNTS if mentions(request.headers, _COUNT_NAMES) else ():
            count = request.headers.get(name, "")
            if count.isdecimal() and count.strip("0"):
                self._warn(
                    "above",
                    f"what calls this stack also sends requests again ({name}: {count:.9}), so that its attempts and "
                    f"those of {layer!r} multiply: make the SDK with max_retries=0, or leave retry out here",
                )

    def _warn(self, kind: str, message: str) -> None:
        token = object()  # of two threads that come here together, one finds that of the other
        if self._warned.setdefault(kind, token) is token:
            _logger.warning("%s", message)
