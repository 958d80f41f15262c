"""Secrets in any text: in JSON and in pieces of it, in what is assigned to a name, in URLs, by their shape. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

from ..redaction import REDACTED
from .fields import Change, changed, hide_scalars, plain_text, public_texts, redact_fields
from .secrets import Secrets
from .shapes import may_hold_shapes, without_shapes

__all__ = ["STEMS", "may_hold_secrets", "redact_text", "redact_urls"]

STEMS: Final = (
    *("://", "auth", "key", "token", "secret", "pass", "sess", "code", "cred", "sig", "pwd", "jwt", "otp", "hmac"),
    *("app-id", "app_id", "appid", "assert", "bearer", "connection", "dsn", "cvv", "cvc"),
    *('pin"', "pin=", "pin:", "pin\\", "pin'", "pin :", 'pat"', "pat=", "pat:", "pat\\", "pat'", "pat :"),
    *(":\\/", "\\u00"),
)
"""Each secret name holds one of these, each URL, and what escapes their letters: the rest is not looked through."""

_PARAMETER: Final = re.compile(r"([?&#;])([^?&#;=\s\"'<>]+)=([^?&#;\s\"'<>]*)")
_USERINFO: Final = re.compile(r"://[^/?#\s@\"'<>]+@")
_URL: Final = re.compile(r"://[^\s\"'<>]++")
_ESCAPED: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)++"', re.DOTALL)
_JSON: Final = re.compile(r"\ufeff?\s*+(?:\{\s*+[\"}]|\[\s*+[\[\]{\"\dtfn-])")
_EQUALS: Final = re.compile(r"=(?<=[\w\]]=)(?=[^\s=&\"'<>;,]{4})")
_ASSIGNED: Final = re.compile(r"[:=](?<=[\w\]\"' ][:=])")
_LONGEST: Final = 64
_NAME: Final = re.compile(r"([A-Za-z_$%][\w$.%\[\]-]*+)[\"']?[ \t]{0,8}\Z")
_LONG: Final = re.compile(r'(?<=")[^"\\\s]{20,4096}+(?=")')
_VALUE: Final = re.compile(
    r"[ \t]{0,8}+(?:\"([^\"\\\n]*+(?:\\.[^\"\\\n]*+)*+)\"|'([^'\n]*+)'|([^\s\"'<>&;,(){}\[\]\\]++))"
)


def may_hold_secrets(text: str) -> bool:
    """Tells whether a text may hold what is a secret by its name, its place in a URL, or its shape."""
    lowered = text.lower()
    for stem in STEMS:  # any() takes four times as long, and this is done for every answer
        if stem in lowered:
            return True
    return may_hold_shapes(text)


def redact_text(text: str, secrets: Secrets) -> str:
    """Returns any text without the secrets in it, which are added to `secrets`, and without those that are known.

    It may be JSON, have JSON in it, or be written by people or programs in any other way. A string of JSON in which
    something is escaped is a text of its own; so what is in it may be JSON again.
    """
    if '"' in text:
        text = redact_fields(text, secrets)
    before = len(secrets)
    text = _redact_escaped(text, secrets)
    if "://" in text:
        text = _URL.sub(lambda found: redact_urls(found[0], secrets), text)
    text = changed(text, _assigned(text, secrets))
    text = _without_shapes(text, secrets)
    if secrets.knows_issued:
        text = _recognised(text, secrets)
    text = secrets.remove_from(text)
    # A secret may also stand before what shows it to be one.
    text = text if len(secrets) == before else _redact_escaped(text, secrets)
    return _hidden(text, secrets) if secrets.rules.patterns else text


def redact_urls(text: str, secrets: Secrets) -> str:
    """Returns a text without userinfo and secret parameters of the URLs in it."""

    def replaced(found: re.Match[str]) -> str:
        name = unquote_plus(found[2])
        if secrets.rules.is_public(name):
            return found[0]
        value = unquote_plus(found[3])
        place = secrets.replaced(name, value) if secrets.is_secret(name, value) else value
        return found[0] if place == value else f"{found[1]}{found[2]}={place}"

    if "@" in text:
        text = _USERINFO.sub(f"://{REDACTED}@", text)
    return _PARAMETER.sub(replaced, text) if "=" in text else text


def _redact_escaped(text: str, secrets: Secrets) -> str:
    return _ESCAPED.sub(lambda found: _escaped(found[0], secrets), text) if "\\" in text else text


def _escaped(string: str, secrets: Secrets) -> str:
    """Returns a string of JSON, quotes and all, without the secrets in it."""
    text = plain_text(string[1:-1])
    if not may_hold_secrets(text) and not secrets.are_in(text):
        return string
    cleaned = redact_text(text, secrets)
    # A lone surrogate can be escaped but not be written.
    return string if cleaned == text else json.dumps(cleaned, ensure_ascii=string.isascii() or r"\ud" in string)


def _assigned(text: str, secrets: Secrets) -> Iterator[Change]:
    """Yields what becomes of the values that stand behind a name and a `=`, or a colon where it is not all JSON."""
    signs = _EQUALS if _JSON.match(text) else _ASSIGNED
    for sign in signs.finditer(text):
        named = _NAME.search(text, max(0, sign.start() - _LONGEST), sign.start())
        if named is None or secrets.rules.is_public(named[1]):
            continue
        found = _VALUE.match(text, sign.end())
        group = 0 if found is None else found.lastindex or 0
        if found is None or not group:
            continue
        value = found[group]
        is_bare = group == 3
        judge = secrets.rules.is_secret_assigned if is_bare else secrets.is_secret
        if judge(named[1], value):
            yield (*found.span(group), secrets.replaced(named[1], value))


def _without_shapes(text: str, secrets: Secrets) -> str:
    rules = secrets.rules
    if not rules.public_names:
        return without_shapes(text, secrets.replaced)
    public = public_texts(text, rules)
    return without_shapes(text, lambda name, value: value if value in public else secrets.replaced(name, value))


def _recognised(text: str, secrets: Secrets) -> str:
    """Returns a text without the tokens that answers issued, where they are a string of their own."""
    return _LONG.sub(lambda found: secrets.recognised(found[0]), text)


def _hidden(text: str, secrets: Secrets) -> str:
    """Returns a text without what the patterns of the rules match, in JSON in each text and number by itself."""
    if _is_json(text):
        return hide_scalars(text, secrets.rules)
    lines = text.split("\n")
    if len(lines) > 1:
        return "\n".join(_hidden(line, secrets) for line in lines)
    head, bracket, rest = text.partition("{")
    if bracket and _is_json(bracket + rest):
        return secrets.rules.hide(head) + hide_scalars(bracket + rest, secrets.rules)
    return secrets.rules.hide(text)


def _is_json(text: str) -> bool:
    if not _JSON.match(text):
        return False
    try:
        json.loads(text.removeprefix("\ufeff"), strict=False)
    except (ValueError, RecursionError):
        return False
    return True
