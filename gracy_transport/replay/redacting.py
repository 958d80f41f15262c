"""What a recording leaves out: secrets, replaced before anything is looked up or stored. Pure.

The names of secrets are those of `secret_names.py`; what counts as one, and when a name that plain data has as well
does, is said at `Rules`. Whatever is known to be a secret of an exchange is removed from all of it, wherever it stands,
since many APIs echo what they were sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final, TypeAlias

from ..redaction import REDACTED, redact_query
from .charsets import Text, read_text
from .content import BOUNDARY, boundary_of, is_form, is_xml, media_type_of, with_plain_boundary
from .rules import Rules
from .secrets import Secrets
from .shapes import without_shapes
from .texts import may_hold_secrets, redact_text, redact_urls
from .xml import redact_xml
from .yaml import is_yaml, redact_yaml

__all__ = ["Headers", "places_worth_recording", "redact_answer", "redact_asked_body", "redact_asked_headers"]

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Header pairs in their order; a value may hold any byte, written as the Latin-1 letter of its number."""

_NOISE: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "idempotency-key",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "user-agent",
    }
)
"""Request headers that are not recorded: made by the client for itself, or different each time."""

_URL_HEADERS: Final = frozenset({"content-location", "link", "location", "origin", "referer", "refresh"})
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_HARMLESS: Final = frozenset(
    {
        *("accept-ranges", "access-control-allow-credentials", "access-control-allow-headers", "age", "allow"),
        *("access-control-allow-methods", "access-control-expose-headers", "access-control-max-age", "alt-svc"),
        *("cache-control", "cf-cache-status", "cf-ray", "connection", "content-encoding", "content-language"),
        *("content-length", "content-type", "cross-origin-opener-policy", "date", "etag", "expires", "keep-alive"),
        *("last-modified", "permissions-policy", "pragma", "referrer-policy", "retry-after", "server"),
        *("server-timing", "strict-transport-security", "vary", "via", "x-cache", "x-content-type-options"),
        *("x-frame-options", "x-github-request-id", "x-powered-by", "x-ratelimit-limit", "x-ratelimit-remaining"),
        *("x-ratelimit-reset", "x-request-id", "x-runtime", "x-served-by", "x-xss-protection"),
    }
)
"""Headers of answers that hold neither secrets nor URLs, and need not be looked through."""

_LINE_END: Final = re.compile(rb"\r?\n\Z")
_PART_TYPE: Final = re.compile(rb"content-type:([^\r\n]*)", re.IGNORECASE)
_PART_NAME: Final = re.compile(rb'(?<!\w)name="?((?<=")[^"]*|[^";\s]+)', re.IGNORECASE)


def places_worth_recording(cased: tuple[bytes, ...], matched: frozenset[str]) -> tuple[tuple[int, str], ...]:
    """Returns the places, and the names in lower case, of those of the headers `redact_asked_headers` may keep."""
    names = [name.decode("latin-1").lower() for name in cased]
    return tuple([(place, name) for place, name in enumerate(names) if name not in _NOISE or name in matched])


def redact_asked_headers(
    headers: Headers, secrets: Secrets | None = None, matched: Collection[str] = frozenset()
) -> Headers:
    """Returns the headers of a request that are worth recording, secrets replaced, names in lower case.

    Those that are `matched` are always worth it.
    """
    known = Secrets() if secrets is None else secrets
    kept: list[tuple[str, str]] = []
    for cased_name, value in headers:
        name = cased_name.lower()
        if (name in _NOISE or (name == "accept" and value == "*/*")) and name not in matched:
            continue
        if known.rules.is_secret_header(name):
            kept.append((name, REDACTED))
        elif name == "content-type":
            kept.append((name, with_plain_boundary(value)))
        else:
            kept.append((name, _redact_plain_header(name, value, known)))
    return tuple(kept)


def redact_asked_body(body: bytes, media_type: str, secrets: Secrets | None = None) -> bytes:
    """Returns the body of a request without its secrets, and with a plain boundary if it has one.

    Those it holds are added to `secrets`.
    """
    known = Secrets() if secrets is None else secrets
    boundary = boundary_of(media_type)
    return _redact_body(body, media_type, known) if boundary is None else _redact_multipart(body, boundary, known)


def redact_answer(headers: Headers, body: bytes, secrets: Secrets) -> tuple[Headers, bytes]:
    """Returns headers and body of a response without their secrets, nor those of the request.

    Bytes that are no text stay as they are.
    """
    headers = _redact_answered_headers(headers, secrets)
    count = len(secrets)
    body = _redact_body(body, media_type_of(headers), secrets)
    if len(secrets) > count:  # the headers may tell what the body does
        headers = tuple([(name, secrets.remove_from(value)) for name, value in headers])
    return headers, body


def _redact_answered_headers(headers: Headers, secrets: Secrets) -> Headers:
    rules = secrets.rules
    names = tuple([name for name, _value in headers])
    telling = _telling(names, rules.secret_names, rules.public_names)
    if not telling and not len(secrets) and not secrets.knows_issued and not rules.patterns:
        return headers
    return tuple(
        [
            (name, _redact_answered_header(name.lower(), value, secrets) if name in telling else secrets.cleaned(value))
            for name, value in headers
        ]
    )


@lru_cache(maxsize=256)  # many answers of an API have the same headers
def _telling(names: tuple[str, ...], secret_names: frozenset[str], public_names: frozenset[str]) -> frozenset[str]:
    """Returns those of the names of headers that may have secrets or URLs in them."""
    rules = Rules(secret_names=secret_names, public_names=public_names)
    return frozenset(name for name in names if name.lower() not in _HARMLESS or rules.is_secret_header(name))


def _redact_plain_header(name: str, value: str, secrets: Secrets) -> str:
    value = secrets.recognised(value)
    if name in _URL_HEADERS or "://" in value:
        value = redact_urls(value, secrets)
    return secrets.cleaned(without_shapes(value, secrets.replaced))


def _redact_answered_header(name: str, value: str, secrets: Secrets) -> str:
    if not secrets.rules.is_secret_header(name):
        return _redact_plain_header(name, value, secrets)
    if name != "set-cookie":
        scheme, blank, credentials = value.partition(" ")
        is_told = bool(blank) and scheme.isalpha() and " " not in credentials
        return f"{scheme} {secrets.replaced(name, credentials)}" if is_told else secrets.replaced(name, value)
    cookie, equals, rest = value.partition("=")
    secret, semicolon, attributes = rest.partition(";")
    place = secrets.replaced_cookie(cookie.strip(), secret)
    return f"{cookie}={place}{semicolon}{secrets.cleaned(attributes)}" if equals else REDACTED


def _redact_body(body: bytes, media_type: str, secrets: Secrets) -> bytes:
    read = read_text(body, media_type) if body else None
    if read is None:
        return body
    cleaned = _redact_text_of(read.text, media_type, secrets)
    return body if cleaned == read.text else _written(read, cleaned)


def _written(read: Text, text: str) -> bytes:
    """Returns a text as bytes; a lone surrogate in what was a string of JSON is escaped again."""
    try:
        return read.encode(text)
    except UnicodeEncodeError:
        return text.encode(read.charset, "backslashreplace")


def _redact_text_of(text: str, media_type: str, secrets: Secrets) -> str:
    if is_form(media_type):
        text = redact_query(text, secrets.in_place_of)
    elif not may_hold_secrets(text) and not secrets.are_in(text):
        return text
    if is_xml(media_type):
        text = redact_xml(text, secrets)
    elif is_yaml(media_type):
        text = redact_yaml(text, secrets)
    return redact_text(text, secrets)


def _redact_multipart(body: bytes, boundary: str, secrets: Secrets) -> bytes:
    count = len(secrets)
    parts = [_redact_part(part, secrets) for part in body.split(b"--" + boundary.encode("latin-1", "replace"))]
    if len(secrets) > count:  # one may also stand in a part before that which shows it to be one
        parts = [_redact_part(part, secrets) for part in parts]
    return (b"--" + BOUNDARY.encode()).join(parts)


def _redact_part(part: bytes, secrets: Secrets) -> bytes:
    """Returns a part of a multipart body, its head and line ends included, without its secrets."""
    blank_line = _BLANK_LINE.search(part)
    if blank_line is None:
        return part
    head, payload = part[: blank_line.start()], part[blank_line.end() :]
    content = _LINE_END.sub(b"", payload)
    line_end, name = payload[len(content) :], _PART_NAME.search(head)
    named, value = "" if name is None else name[1].decode("latin-1"), content.decode("utf-8", "replace")
    if named and secrets.is_secret(named, value):
        content = secrets.replaced(named, value).encode(errors="surrogatepass")
    else:
        media_type = _PART_TYPE.search(head)
        content = _redact_body(content, "" if media_type is None else media_type[1].decode("latin-1").strip(), secrets)
    return head + blank_line[0] + content + line_end
