"""A stack of httpx transports that makes calling flaky, rate-limited APIs safe, fast and visible.

Three ways in: `GracyTransport` (or `attach`) in front of an ordinary client, the declarative `Gracy` class, and single
transports à la carte.
"""

from __future__ import annotations

from .call import Call
from .concurrency import ConcurrencyLimitTransport, ConcurrentRequestLimit
from .config import DEFAULT_CONFIG, GracyConfig, call_options
from .deadline import DeadlineTransport
from .facade import (
    BaseEndpoint,
    Gracy,
    GracyAPI,
    GracyApi,
    GracyNamespace,
    GracyRequestContext,
    generated_parsed_response,
    graceful,
    graceful_generator,
    parsed_response,
)
from .http_logs import RedactingFilter, redact_http_logs
from .logevents import LogEvent, LogLevel
from .logs import LoggingTransport
from .metrics import GracyReport, MetricsTransport
from .paging import GracyCursorPaginator, GracyLinkPaginator, GracyOffsetPaginator, GracyPaginator
from .replay import GracyReplay, GracyReplayStorage, ReplayLogEvent, ReplayTransport
from .retry import GracefulRetry, GracefulRetryState, OverrideRetryOn, RetryBudget, RetryTransport
from .stack import GracyTransport, attach
from .throttle import GracefulThrottle, ThrottleRule, ThrottleTransport
from .validation import GracefulValidator, ValidationTransport

__all__ = [
    "DEFAULT_CONFIG",
    "BaseEndpoint",
    "Call",
    "ConcurrencyLimitTransport",
    "ConcurrentRequestLimit",
    "DeadlineTransport",
    "GracefulRetry",
    "GracefulRetryState",
    "GracefulThrottle",
    "GracefulValidator",
    "Gracy",
    "GracyAPI",
    "GracyApi",
    "GracyConfig",
    "GracyCursorPaginator",
    "GracyLinkPaginator",
    "GracyNamespace",
    "GracyOffsetPaginator",
    "GracyPaginator",
    "GracyReplay",
    "GracyReplayStorage",
    "GracyReport",
    "GracyRequestContext",
    "GracyTransport",
    "LogEvent",
    "LogLevel",
    "LoggingTransport",
    "MetricsTransport",
    "OverrideRetryOn",
    "RedactingFilter",
    "ReplayLogEvent",
    "ReplayTransport",
    "RetryBudget",
    "RetryTransport",
    "ThrottleRule",
    "ThrottleTransport",
    "ValidationTransport",
    "attach",
    "call_options",
    "generated_parsed_response",
    "graceful",
    "graceful_generator",
    "parsed_response",
    "redact_http_logs",
]


def __getattr__(name: str) -> str:
    # Reading the metadata takes longer than all the rest of the import, and hardly anybody asks.
    if name == "__version__":
        from importlib.metadata import version

        return version("gracy-transport")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
