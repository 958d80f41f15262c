"""What secrets look like where they were left: values that stand under a secret's name, and cookies. Pure.

What the recorder redacts is what is judged secret here, by the same rules and shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..replay.looks import is_mixed
from ..replay.rules import DEFAULT_RULES
from ..replay.secrets import Secrets
from ..replay.shapes import Shape, shaped_in
from ..replay.texts import may_hold_secrets, redact_text

__all__ = [
    "cookies_in",
    "every_shape_in",
    "header_value",
    "looks_secret",
    "named_in",
    "recorded_without",
    "without_placeholders",
]

_USERINFO: Final = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}://([^/\s?#@\"'<>\\]+)@")
_ASSIGNED: Final = re.compile(r"(?<![\w.-])([A-Za-z][\w.-]{0,60})[\"']?\s{0,9}[:=]\s{0,9}[\"']?([\w.+/=~-]{20,})")
_PARAMETER: Final = re.compile(r"(?:^|[?&;])([\w.\[\]%-]+)=([^&;\s\"'<>\\]+)")
_ELEMENT: Final = re.compile(r"<(?:\w+:)?([\w.-]+)(?:\s[^<>]*)?>([^<>]+)</")

_PLACEHOLDER: Final = re.compile(
    r"(?:\[|%5B)(?:redacted|issued-[0-9a-f]{10}-[0-9a-f]{4}|credential-\d+)(?:\]|%5D)", re.IGNORECASE
)
_OF_OURS: Final = re.compile(r"(?:(?:credential-\d+|issued-[0-9a-f]{10}) ?)+")
_OF_OTHERS: Final = re.compile(r"redacted|filtered|masked|removed|dummy|fake|placeholder|\*{3}|x{5}", re.IGNORECASE)
"""What people and other tools put in place of secrets."""

_LONG: Final = 20
_SHORTEST: Final = 8
"""Characters from which on a value is long; and short ones that are secrets have a digit and a letter."""


def without_placeholders(text: str) -> str:
    """Returns a text without what stands in recordings in place of secrets."""
    return _PLACEHOLDER.sub("", text) if "[" in text or "%5" in text else text


def every_shape_in(text: str) -> Iterator[Shape]:
    """Yields what has the shape of a secret in a text that holds no placeholders, and the userinfo of URLs."""
    yield from shaped_in(text)
    for found in _USERINFO.finditer(text) if "://" in text else ():
        user, colon, password = found[1].partition(":")
        if password or (not colon and len(user) >= _LONG):
            yield "userinfo in a URL", password or user


def named_in(text: str, *, is_line: bool = False) -> Iterator[tuple[str, str]]:
    """Yields name and value of each parameter and XML element in a text whose name says that it is a secret.

    In a line of any text also of what is assigned, such as `api_key = "…"`.
    """
    patterns = [_PARAMETER] if "=" in text else []
    patterns += [_ELEMENT] if "</" in text else []
    patterns += [_ASSIGNED] if is_line else []
    for pattern in patterns:
        for found in pattern.finditer(text):
            if looks_secret(found[1], found[2]) and (pattern is not _ASSIGNED or is_mixed(found[2])):
                yield found[1], found[2]


def recorded_without(text: str) -> Iterator[tuple[str, str]]:
    """Yields name and value of what the recorder would have taken out of a text, if it is long enough for a secret."""
    if may_hold_secrets(text):
        secrets = Secrets(is_answer=True)
        redact_text(text, secrets)
        yield from ((name, value) for name, value in secrets.fields if _is_long(value))


def looks_secret(name: str, value: str) -> bool:
    """Tells whether a value is long enough for the secret that its name says it is."""
    return DEFAULT_RULES.is_secret_answered(name, value) and _is_long(value)


def header_value(name: str, value: str) -> str:
    """Returns what looks like a secret in a header, its name in lower case; nothing when nothing does."""
    if name in {"cookie", "set-cookie"} or not DEFAULT_RULES.is_secret_header(name):
        return ""
    scheme, _blank, credentials = value.strip().partition(" ")
    secret = credentials.strip() or scheme
    return secret if _is_long(secret.replace(" ", "")) else ""


def cookies_in(name: str, value: str) -> Iterator[tuple[str, str]]:
    """Yields name and value of each cookie in a header that looks like a secret."""
    cookies = value.split(";")[:1] if name == "set-cookie" else value.split(";")
    for cookie in cookies:
        named, _equals, secret = cookie.strip().partition("=")
        if looks_secret(named, secret) or (len(secret) >= _LONG and is_mixed(secret) and _is_long(secret)):
            yield named, secret


def _is_long(value: str) -> bool:
    if any(letter.isspace() for letter in value) or _OF_OURS.fullmatch(value) or _OF_OTHERS.search(value):
        return False
    return len(value) >= _LONG or (len(value) >= _SHORTEST and is_mixed(value))
