"""Retries: sending a request again when an attempt fails, after a delay.

`config` holds what users set, `backoff` the arithmetic of the delays, `verdict` the decision about an outcome, `budget`
how many there may be, `keys` makes idempotency keys, `holding` reads bodies, `state` is what one pass knows, `common`
what all layers of a stack do, `ending` what the caller gets in the end, `lines` what is logged, and `transport` does
it: all but what a configuration is made of is loaded once there is a retry in one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .common import Common
    from .config import GracefulRetry, OverrideRetryOn, RetryBudget
    from .state import GracefulRetryState
    from .transport import RetryTransport

__all__ = ["Common", "GracefulRetry", "GracefulRetryState", "OverrideRetryOn", "RetryBudget", "RetryTransport"]

if not TYPE_CHECKING:
    from ..late import loaded_late

    __getattr__, __dir__ = loaded_late(
        __name__,
        {
            "Common": ".common",
            "GracefulRetry": ".config",
            "GracefulRetryState": ".state",
            "OverrideRetryOn": ".config",
            "RetryBudget": ".config",
            "RetryTransport": ".transport",
        },
    )
