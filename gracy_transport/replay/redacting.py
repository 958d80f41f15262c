"""What a recording leaves out: secrets, replaced before anything is looked up or stored. Pure.

The names of secrets are those of `redaction.py`; a field named `key` or `code` counts only when its value is long
enough for one, since what differs in plain data must not be looked up as the same. What was answered goes back to the
program, so there a `token` that stands beside a `logprob` is left alone. On the other hand whatever is known to be a
secret of the request is removed from the answer wherever it stands, since many APIs echo what they were sent.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeAlias

from ..redaction import REDACTED, is_secret_header, redact_query
from .content import BOUNDARY, boundary_of, decoded, has_json, is_form, is_text, with_plain_boundary
from .fields import is_secret_answered, is_secret_asked, redact_json, redact_text, redact_urls
from .secrets import Secrets, is_secret_field

__all__ = ["Headers", "redact_answer", "redact_asked_body", "redact_asked_headers", "secrets_of"]

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
_PART_NAME: Final = re.compile(rb'name="([^"]*)"')


def redact_asked_headers(headers: Headers) -> Headers:
    """Returns the headers of a request that are worth recording, secrets replaced, names in lower case."""
    kept: list[tuple[str, str]] = []
    for cased_name, value in headers:
        name, _is_secret = _known(cased_name)
        if name in _NOISE or (name == "accept" and value == "*/*"):
            continue
        kept.append((name, with_plain_boundary(value) if name == "content-type" else _redact_header(name, value)))
    return tuple(kept)


def redact_asked_body(body: bytes, media_type: str, secrets: Secrets | None = None) -> bytes:
    """Returns the body of a request without its secrets, and with a plain boundary if it has one.

    Those it holds are added to `secrets`.
    """
    found = Secrets() if secrets is None else secrets
    boundary = boundary_of(media_type)
    if boundary is not None:
        return _redact_multipart(body, boundary, found)
    if is_form(media_type):
        query = body.decode("latin-1")
        found.add_query(query)
        return redact_query(query, is_secret_field).encode("latin-1")
    return redact_json(body, is_secret_asked, found) if has_json(body, media_type) else body


def secrets_of(headers: Headers, password: str, query: str, body: bytes, media_type: str) -> Secrets:
    """Returns the secrets that a request holds, as they might turn up in its answer."""
    secrets = Secrets()
    secrets.add(password)
    if query:
        secrets.add_query(query)
    for cased_name, value in headers:
        name, is_secret = _known(cased_name)
        if is_secret:
            secrets.add_header(name, value)
    if body:
        redact_asked_body(body, media_type, secrets)
    return secrets


def redact_answer(headers: Headers, body: bytes, secrets: Secrets) -> tuple[Headers, bytes]:
    """Returns headers and body of a response without their secrets, nor those of the request.

    Bytes that are no text stay as they are.
    """
    media_type = ""
    for cased_name, value in headers:
        name, is_secret = _known(cased_name)
        if name == "content-type":
            media_type = value
        elif is_secret:
            secrets.add_header(name, value)
    body = _redact_answer_body(body, media_type, secrets)
    return tuple([(name, secrets.remove_from(_redact_header(_known(name)[0], value))) for name, value in headers]), body


@lru_cache(maxsize=1024)  # the names of headers are few, and judging one takes as long as all the rest
def _known(name: str) -> tuple[str, bool]:
    """Returns the name of a header in lower case, and whether it holds a secret."""
    return name.lower(), is_secret_header(name)


def _redact_header(name: str, value: str) -> str:
    if not _known(name)[1]:
        return redact_urls(value) if name in _URL_HEADERS else value
    if name != "set-cookie":
        return REDACTED
    cookie, equals, rest = value.partition("=")
    _secret, semicolon, attributes = rest.partition(";")
    return f"{cookie}={REDACTED}{semicolon}{attributes}" if equals else REDACTED


def _redact_answer_body(body: bytes, media_type: str, secrets: Secrets) -> bytes:
    if has_json(body, media_type):
        known = len(secrets)
        body = redact_json(body, is_secret_answered, secrets)
        # A token may also stand in a message before the field that shows it to be one.
        return body if len(secrets) == known else redact_json(body, is_secret_answered, secrets)
    text, errors = decoded(body)
    if errors != "strict" and not is_text(media_type):
        return body
    if is_form(media_type):
        secrets.add_query(text)
        text = redact_query(text, is_secret_field)
    return redact_text(text, secrets).encode(errors=errors)


def _redact_multipart(body: bytes, boundary: str, secrets: Secrets) -> bytes:
    parts = body.split(b"--" + boundary.encode("latin-1", "replace"))
    for place, part in enumerate(parts):
        head, blank_line, payload = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        value = payload.removesuffix(b"\r\n").decode("utf-8", "replace")
        if blank_line and name is not None and is_secret_field(name[1].decode("latin-1"), value):
            secrets.add_field(value)
            parts[place] = head + blank_line + REDACTED.encode() + b"\r\n"
        elif has_json(payload, ""):
            parts[place] = head + blank_line + redact_json(payload, is_secret_asked, secrets)
    return (b"--" + BOUNDARY.encode()).join(parts)
