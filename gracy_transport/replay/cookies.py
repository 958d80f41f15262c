"""Cookies of a recorded answer, which must not be over when they are replayed. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from ..retry_after import parse_http_date
from .redacting import Headers

__all__ = ["keep_cookies", "may_expire"]

_EXPIRES: Final = re.compile(r";\s*expires\s*=\s*([^;]*)", re.IGNORECASE)


def keep_cookies(headers: Headers, recorded_at: datetime) -> Headers:
    """Returns the headers with cookies that last as long as they did when they were recorded.

    An `Expires` that was to come then is a `Max-Age` now, else a client would forget who it is a while after a login
    was recorded. One that was over deletes a cookie, and stays.
    """
    at = recorded_at.timestamp()

    def lasting(found: re.Match[str]) -> str:
        end = parse_http_date(found[1])
        return found[0] if end is None or end <= at else f"; Max-Age={end - at:.0f}"

    return tuple(
        [(name, _EXPIRES.sub(lasting, value) if name.lower() == "set-cookie" else value) for name, value in headers]
    )


def may_expire(headers: Headers) -> bool:
    """Tells whether there is a cookie among the headers that says when it is over."""
    return any(name.lower() == "set-cookie" and _EXPIRES.search(value) for name, value in headers)
