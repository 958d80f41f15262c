"""What a recording leaves out: secrets, replaced before anything is looked up or stored. Pure.

The names of secrets are those of `redaction.py`; a field named `key`, `code`, `pass` or `appid` counts only when its
value is a text that is long enough for one, since what differs in plain data must not be looked up as the same. What
was answered goes back to the program, so there a `token` that stands beside a `logprob` is left alone. On the other
hand whatever is known to be a secret of the request is removed from the answer wherever it stands, since many APIs echo
what they were sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final, TypeAlias

from ..redaction import REDACTED, redact_query
from .content import (
    BOUNDARY,
    boundary_of,
    decoded,
    has_json,
    is_form,
    is_text,
    is_xml,
    media_type_of,
    with_plain_boundary,
)
from .fields import is_secret_answered, is_secret_asked, redact_json, redact_text, redact_urls
from .rules import Rules
from .secrets import Secrets
from .xml import redact_xml

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
    count = len(known)
    once = _redact_asked_body(body, media_type, known)
    # One may also stand before the field that shows it to be one.
    return once if len(known) == count else _redact_asked_body(once, with_plain_boundary(media_type), known)


def redact_answer(headers: Headers, body: bytes, secrets: Secrets) -> tuple[Headers, bytes]:
    """Returns headers and body of a response without their secrets, nor those of the request.

    Bytes that are no text stay as they are.
    """
    media_type = media_type_of(headers)
    names = tuple([name for name, _value in headers])
    # Two rounds, since a token may also stand before the field that shows it to be one.
    for _round in range(2):
        count = len(secrets)
        if len(secrets) or secrets.knows_issued or secrets.rules.patterns or not _are_plain(names, secrets.rules):
            headers = tuple([(name, _redact_answered_header(name.lower(), value, secrets)) for name, value in headers])
        body = _redact_answered_body(body, media_type, secrets)
        if len(secrets) == count:
            break
    return headers, body


def _are_plain(names: tuple[str, ...], rules: Rules) -> bool:
    return _hold_no_secrets(names, rules.secret_names, rules.public_names)


@lru_cache(maxsize=256)  # many answers of an API have the same headers
def _hold_no_secrets(names: tuple[str, ...], secret_names: frozenset[str], public_names: frozenset[str]) -> bool:
    """Tells whether headers of those names have neither secrets nor URLs in them."""
    rules = Rules(secret_names=secret_names, public_names=public_names)
    return not any(rules.is_secret_header(name) or name.lower() in _URL_HEADERS for name in names)


def _redact_plain_header(name: str, value: str, secrets: Secrets) -> str:
    value = secrets.recognised(value)
    return secrets.remove_from(redact_urls(value, secrets) if name in _URL_HEADERS else value)


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
    return f"{cookie}={place}{semicolon}{secrets.remove_from(attributes)}" if equals else REDACTED


def _redact_asked_body(body: bytes, media_type: str, secrets: Secrets) -> bytes:
    boundary = boundary_of(media_type)
    if boundary is not None:
        return _redact_multipart(body, boundary, secrets)
    if is_form(media_type):
        return redact_query(body.decode("latin-1"), secrets.in_place_of).encode("latin-1")
    if has_json(body, media_type):
        return redact_json(body, is_secret_asked, secrets)
    return _redact_plain(body, media_type, secrets) if is_text(media_type) else body


def _redact_answered_body(body: bytes, media_type: str, secrets: Secrets) -> bytes:
    if has_json(body, media_type):
        return redact_json(body, is_secret_answered, secrets)
    if is_form(media_type):
        body = redact_query(body.decode("latin-1"), secrets.in_place_of).encode("latin-1")
    return _redact_plain(body, media_type, secrets)


def _redact_plain(body: bytes, media_type: str, secrets: Secrets) -> bytes:
    text, errors = decoded(body)
    if errors != "strict" and not is_text(media_type):
        return body
    if is_xml(media_type):
        text = redact_xml(text, secrets)
    return redact_text(text, secrets).encode(errors=errors)


def _redact_multipart(body: bytes, boundary: str, secrets: Secrets) -> bytes:
    parts = body.split(b"--" + boundary.encode("latin-1", "replace"))
    for place, part in enumerate(parts):
        head, blank_line, payload = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        value = payload.removesuffix(b"\r\n").decode("utf-8", "replace")
        if blank_line and name is not None and secrets.rules.is_secret_field(name[1].decode("latin-1"), value):
            hidden = secrets.replaced(name[1].decode("latin-1"), value)
            parts[place] = head + blank_line + hidden.encode() + b"\r\n"
        elif has_json(payload, ""):
            parts[place] = head + blank_line + redact_json(payload, is_secret_asked, secrets)
        elif secrets.are_in(payload):
            parts[place] = head + blank_line + _redact_plain(payload, "", secrets)
    return (b"--" + BOUNDARY.encode()).join(parts)
