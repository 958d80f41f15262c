"""Retries: sending a request again when an attempt fails, after a delay.

`config` holds what users set, `backoff` the arithmetic of the delays, `verdict` the decision about an
outcome, `state` what one pass knows, `lines` what is logged, and `transport` does it.
"""

from __future__ import annotations

from .config import GracefulRetry, OverrideRetryOn
from .state import GracefulRetryState
from .transport import RetryTransport

__all__ = ["GracefulRetry", "GracefulRetryState", "OverrideRetryOn", "RetryTransport"]
