"""The logs of the HTTP packages below, which show whole URLs and headers: a filter for them, set by one call."""

from __future__ import annotations

import logging
import re
from typing import Final

from .redaction import REDACTED, as_hidden, hide, redact_query
from .secret_names import is_secret_header

__all__ = ["RedactingFilter", "redact_http_logs", "without_secrets"]

_LOGGERS: Final = (
    *("httpx", "httpx2"),
    *(f"{package}.{part}" for package in ("httpcore", "httpcore2") for part in ("", "connection", "http11", "http2")),
    *(f"{package}.{part}" for package in ("httpcore", "httpcore2") for part in ("proxy", "socks")),
    *("hpack.hpack", "hpack.table"),
)
"""Every logger that they log to. One has to be filtered itself: what a logger passes up is not filtered again."""

_BYTES_OF_HEADERS: Final = "hpack"
"""The package that packs the headers of HTTP/2. Its lines are packed bytes, in which nothing can be found."""

_USERINFO: Final = re.compile(r"://[^/?#\s\"'<>]+@")
_PARAMETER: Final = re.compile(r"[?&#;][^?&#;=\s\"'<>]+=[^&#\s\"'<>]*")
# A value without its closing quote ends with the text: whatever the text, each of its characters is looked at once.
_VALUE: Final = r"(?:'(?:[^'\\]|\\.)*+\\?(?:'|\Z)|\"(?:[^\"\\]|\\.)*+\\?(?:\"|\Z))"
_HEADER: Final = re.compile(
    rf"(?P<head>b?(?P<quote>['\"])(?P<name>[\w.:-]{{1,100}})(?P=quote)(?:, |: )b?){_VALUE}", re.DOTALL
)


class RedactingFilter(logging.Filter):
    """Takes the secrets out of log records: those of URLs, and the values of headers with a secret's name.

    Userinfo goes, the values of secret query parameters (`api_key=`, `sig=`), and in pairs of a header's name and
    value, as `httpcore` prints them, the value of one like `Authorization` or `Set-Cookie`. A traceback that holds one
    becomes plain text. Records of `hpack` go as a whole: they are headers in packed bytes. No other is held back.

    Give it to a handler to have it for all that the handler writes: `handler.addFilter(RedactingFilter())`.

    Args:
        patterns: regular expressions for further secrets, such as a token in a path: what they match is replaced, or
            of one with groups, what the first of them does that matches anything.

    Raises:
        ValueError: for a pattern that matches where there is no character to hide, as `x*` does.
        re.error: for one that is no regular expression.
    """

    def __init__(self, *patterns: str | re.Pattern[str]) -> None:
        super().__init__()
        self.patterns = as_hidden(patterns)

    def filter(self, record: logging.LogRecord) -> bool:
        """Puts the text without secrets in place of a record's own, if it held any; False for a record of hpack."""
        if record.name.partition(".")[0] == _BYTES_OF_HEADERS:
            return False
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):  # the handler will say what is wrong with it
            return True
        shown = hide(without_secrets(text), self.patterns)
        if shown != text:
            record.msg, record.args = shown, ()
        if record.exc_info:
            told = logging.Formatter().formatException(record.exc_info)
            shown = hide(without_secrets(told), self.patterns)
            if shown != told:
                record.exc_info, record.exc_text = None, shown
        return True


def redact_http_logs(*patterns: str | re.Pattern[str]) -> None:
    """Keeps secrets out of what httpx, httpx2, httpcore and hpack log, from now on, in the whole process.

    httpx logs every URL at level INFO, query and all; httpcore every header of a response at DEBUG. Those loggers are
    not ours, so nothing is done to them unless you ask. Neither levels nor handlers change. A second call replaces the
    first. What `gracy_transport` itself logs is free of secrets anyway.

    Args:
        patterns: as for `RedactingFilter`; those of `GracyConfig(redact=...)` are not known here, give them again.

    Raises:
        ValueError, re.error: as for `RedactingFilter`, before anything changes.
    """
    wanted = RedactingFilter(*patterns)
    for name in _LOGGERS:
        logger = logging.getLogger(name.rstrip("."))
        known = [each for each in logger.filters if isinstance(each, RedactingFilter)]
        logger.addFilter(wanted)  # before the others go: another thread may log meanwhile
        for each in known:
            logger.removeFilter(each)


def without_secrets(text: str) -> str:
    """Returns a text without the secrets of the URLs and headers that it quotes."""
    text = _HEADER.sub(_without_value, text) if "'" in text or '"' in text else text
    text = _USERINFO.sub(f"://{REDACTED}@", text) if "@" in text else text
    return _PARAMETER.sub(_without_parameter, text) if "=" in text else text


def _without_value(found: re.Match[str]) -> str:
    return f"{found['head']}'{REDACTED}'" if is_secret_header(found["name"]) else found[0]


def _without_parameter(found: re.Match[str]) -> str:
    return found[0][0] + redact_query(found[0][1:])
