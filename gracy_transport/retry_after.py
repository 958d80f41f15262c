"""The server's own word on when to come back: `Retry-After` (RFC 9110, section 10.2.3) and its common dialects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["ASKING", "LONGEST", "LONGEST_TEXT", "NAMES", "parse_http_date", "retry_after"]

ASKING: Final = frozenset({429, 503})
"""Statuses whose Retry-After is meant for everybody (RFC 6585, RFC 9110). After a redirect or a 202 it is about one
resource, and after a 413 about one request."""

LONGEST: Final = 10.0**9
"""Seconds that anything a server says may come to: thirty years, a number that can still be reckoned with."""

LONGEST_TEXT: Final = 64
"""Characters of a value that is looked at: twice the longest date. More is junk, and takes long to parse."""

_MILLISECONDS: Final = ("retry-after-ms", "x-amz-retry-after")
_SECONDS: Final = ("retry-after", "x-ratelimit-retry-after")
NAMES: Final = (*_MILLISECONDS, *_SECONDS)
"""The headers in which it is said."""

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Returns the seconds a response asks to wait, or `None` when it says nothing that can be understood.

    Milliseconds of `retry-after-ms` and `x-amz-retry-after` come first because they are more exact, and
    `x-ratelimit-retry-after` comes last. A date is compared with the response's own `Date` when it has one, which
    cancels the skew between the two clocks, else with `wall` (seconds since 1970 UTC). The past and negative numbers
    count as 0; junk, and anything over 64 characters, counts as nothing said.
    """
    for name in _MILLISECONDS:
        milliseconds = _number(headers.get(name))
        if milliseconds is not None:
            return milliseconds / 1000
    for name in _SECONDS:
        value = headers.get(name)
        if value is None:
            continue
        seconds = _number(value)
        if seconds is not None:
            return seconds
        until = parse_http_date(value)
        if until is not None:
            now = parse_http_date(headers.get("date", ""))
            return max(0.0, until - (wall if now is None else now))
    return None


def parse_http_date(text: str) -> float | None:
    """Returns an HTTP date of any of the three forms as seconds since 1970 UTC, or `None` for anything else.

    A date without a zone (the asctime form) is in UTC, as RFC 9110 section 5.6.7 has it.
    """
    if len(text) > LONGEST_TEXT:
        return None
    try:
        moment = parsedate_to_datetime(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    if text is None or len(text) > LONGEST_TEXT:
        return None
    # `float` alone would also take "nan", "inf" and "1_000", which no server may mean.
    if not _NUMBER.fullmatch(text.strip()):
        return None
    return min(max(0.0, float(text)), LONGEST)
