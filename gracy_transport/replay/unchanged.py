"""Whether an answer is the same as one that was recorded before, but for what changes by itself. Pure."""

from __future__ import annotations

import re
from typing import Final

from .recording import RecordedRequest, Recording
from .redacting import Headers

__all__ = ["is_unchanged"]

_PASSING: Final = re.compile(
    r"""
    date | age | expires | keep-alive | retry-after | server-timing | trace(parent|state) | b3
    | nel | report-to | reporting-endpoints
    | (.*[-_])?(request|correlation|trace|transaction|span|invocation|operation)[-_]?id([-_].*)?
    | x-b3-.* | .*trace-context | x-amzn-trace-id | x-amz-(id-2|cf-id) | x-amz-apigw-id | x-datadog-.*
    | .*rate-?limit.* | (x-)?quota-.*(remaining|reset|used)
    | .*(runtime|response-?time|processing-(ms|time)|upstream-service-time|duration|elapsed|latency|took)(-ms)?
    | cf-ray | cf-cache-status | x-cache(-.*)? | x-served-by | x-timer | x-varnish | x-vercel-id | x-azure-ref
    | x-nf-.*id | x-render-origin-server | x-backend(-server)? | x-server(-?name)? | x-fastly-.*
    | x-amz-cf-pop | x-fb-(debug|rev) | x-guploader-uploadid | x-ms-ags-diagnostic | x-slack-unique-id
    """,
    re.VERBOSE,
)
"""Headers that say something of the one exchange and nothing of what was asked for, in lower case."""
_EXPIRY: Final = re.compile(r";\s*expires=[^;]*", re.IGNORECASE)


def is_unchanged(old: Recording, new: Recording) -> bool:
    """Tells whether two recordings differ in nothing that was asked or answered.

    The time, how the body came in (`chunks`, `delays`), headers such as Date, request ids, rate limits and caches, and
    when a cookie expires change by themselves.
    """
    return _asked(old) == _asked(new) and _answer(old) == _answer(new)


def _asked(recording: Recording) -> RecordedRequest:
    request = recording.request
    return request._replace(headers=tuple(_lasting(request.headers)))


def _answer(recording: Recording) -> tuple[object, ...]:
    response = recording.response
    if response is None:
        return (recording.error,)
    return recording.error, response.status, response.reason, _lasting(response.headers), response.body


def _lasting(headers: Headers) -> list[tuple[str, str]]:
    """Returns the headers that do not change by themselves."""
    named = [(name.lower(), value) for name, value in headers]
    return [
        (name, _EXPIRY.sub("", value) if name == "set-cookie" else value)
        for name, value in named
        if not _PASSING.fullmatch(name)
    ]
