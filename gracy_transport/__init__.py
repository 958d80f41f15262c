"""A stack of httpx transports that makes calling flaky, rate-limited APIs safe, fast and visible.

Three ways in: `GracyTransport` (or `attach`) in front of an ordinary client, the declarative `Gracy` class, and single
transports à la carte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import events as events
    from . import exceptions as exceptions
    from .call import Call
    from .concurrency import ConcurrencyLimitTransport, ConcurrentRequestLimit
    from .config import GracyConfig, call_options
    from .deadline import DeadlineTransport
    from .defaults import DEFAULT_CONFIG
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
    from .version import __version__ as __version__

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

if not TYPE_CHECKING:
    from .late import loaded_late

    __getattr__, __dir__ = loaded_late(
        __name__,
        {
            "DEFAULT_CONFIG": ".defaults",
            "BaseEndpoint": ".facade",
            "Call": ".call",
            "ConcurrencyLimitTransport": ".concurrency",
            "ConcurrentRequestLimit": ".concurrency",
            "DeadlineTransport": ".deadline",
            "GracefulRetry": ".retry",
            "GracefulRetryState": ".retry",
            "GracefulThrottle": ".throttle",
            "GracefulValidator": ".validation",
            "Gracy": ".facade",
            "GracyAPI": ".facade",
            "GracyApi": ".facade",
            "GracyConfig": ".config",
            "GracyCursorPaginator": ".paging",
            "GracyLinkPaginator": ".paging",
            "GracyNamespace": ".facade",
            "GracyOffsetPaginator": ".paging",
            "GracyPaginator": ".paging",
            "GracyReplay": ".replay",
            "GracyReplayStorage": ".replay",
            "GracyReport": ".metrics",
            "GracyRequestContext": ".facade",
            "GracyTransport": ".stack",
            "LogEvent": ".logevents",
            "LogLevel": ".logevents",
            "LoggingTransport": ".logs",
            "MetricsTransport": ".metrics",
            "OverrideRetryOn": ".retry",
            "RedactingFilter": ".http_logs",
            "ReplayLogEvent": ".replay",
            "ReplayTransport": ".replay",
            "RetryBudget": ".retry",
            "RetryTransport": ".retry",
            "ThrottleRule": ".throttle",
            "ThrottleTransport": ".throttle",
            "ValidationTransport": ".validation",
            "attach": ".stack",
            "call_options": ".config",
            "generated_parsed_response": ".facade",
            "graceful": ".facade",
            "graceful_generator": ".facade",
            "parsed_response": ".facade",
            "redact_http_logs": ".http_logs",
            "events": ".events",
            "exceptions": ".exceptions",
            "__version__": ".version",
        },
    )
