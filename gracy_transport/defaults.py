"""What the facade starts from, kept apart: a config takes long to make, and a plain stack has no use for this one."""

from __future__ import annotations

from typing import Final

from .config import GracyConfig
from .logevents import LogEvent, LogLevel

__all__ = ["DEFAULT_CONFIG"]

DEFAULT_CONFIG: Final = GracyConfig(
    log_request=None,
    log_response=None,
    log_errors=LogEvent(LogLevel.ERROR),
    retry=None,
    strict_status_code=None,
    allowed_status_code=None,
    validators=None,
    parser=None,
    throttling=None,
    concurrent_requests=None,
    deadline=None,
    redact=None,
)
"""What the facade starts from: errors are logged, nothing else is on."""
