"""Secrets in the fields of a JSON body, and in the URLs it holds. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, cast

from ..redaction import REDACTED, is_secret_name
from .content import STYLES, decoded, json_of
from .secrets import DATA_NAMES, SURE_LENGTH, Secrets, is_secret_field

__all__ = ["IsSecret", "is_secret_answered", "is_secret_asked", "redact_json", "redact_text", "redact_urls"]

IsSecret: TypeAlias = Callable[[str, Any, dict[str, Any]], bool]
"""Tells by name, value and the object around them whether a field of a JSON body holds a secret."""

STEMS: Final = tuple(b"assert auth bearer code cred jwt key otp pass pwd secret sess sig token".split())
"""Each secret name holds one of these, so a body without any of them need not be parsed."""

_PARAMETER: Final = re.compile(r"([?&#;])([^?&#;=\s\"'<>]+)=([^&#;\s\"'<>]*)")
_USERINFO: Final = re.compile(r"://[^/?#\s@]+@")
_URL: Final = re.compile(r"://[^\s\"'<>]+")
_JSON_BEGINS: Final = re.compile(rb"[{\[]")
_TOKEN: Final = re.compile(rf"(?=.*\d)(?=.*[A-Za-z])[\w.+/=~-]{{{SURE_LENGTH},}}")


def is_secret_asked(name: str, value: Any, _around: dict[str, Any]) -> bool:
    """Judges a field of what is asked, which is only looked up."""
    return is_secret_field(name, value) if isinstance(value, str) else is_secret_name(name)


def is_secret_answered(name: str, value: Any, around: dict[str, Any]) -> bool:
    """Judges with care, because the program goes on with what was answered."""
    if not isinstance(value, str) or not value or not is_secret_field(name, value):
        return False
    return not (name.lower() == "token" and "logprob" in around)  # a piece of text from a language model


def redact_urls(text: str) -> str:
    """Returns a text without userinfo and secret parameters of the URLs in it."""
    text = _USERINFO.sub(f"://{REDACTED}@", text)
    return _PARAMETER.sub(
        lambda found: f"{found[1]}{found[2]}={REDACTED}" if is_secret_field(found[2], found[3]) else found[0], text
    )


def redact_text(text: str, secrets: Secrets) -> str:
    """Returns any text without the secrets in its URLs and those that are known."""
    if "://" in text:
        text = _URL.sub(lambda found: redact_urls(found[0]), text)
    return secrets.remove_from(text)


def redact_json(body: bytes, is_secret: IsSecret, secrets: Secrets) -> bytes:
    """Returns a JSON body without secrets, and adds those it holds to `secrets`.

    A body that holds none stays as it is, to the byte. Another keeps its way of writing where that is a common one.
    Something may stand before the JSON: a byte order mark, a guard against scripts, the `data: ` of an event. In what
    is not JSON after all, lines that are get the same treatment and the rest that of any text.
    """
    if not (_may_hold_secrets(body) or secrets.are_in(body)):
        return body
    begins = _JSON_BEGINS.search(body)
    start = len(body) if begins is None else begins.start()
    text, errors = decoded(body[start:])
    try:
        value = json.loads(text)
        cleaned = _clean(value, is_secret, secrets)
    except RecursionError:
        return REDACTED.encode()
    except ValueError:
        return _redact_lines(body, is_secret, secrets)
    rest = body[start:] if cleaned == value else _written_like(text, cleaned, errors)
    return (_redact_lines(body[:start], is_secret, secrets) if start else b"") + rest


def _may_hold_secrets(body: bytes) -> bool:
    lowered = body.lower()
    for stem in STEMS:  # any() takes four times as long, and this is done for every answer
        if stem in lowered:
            return True
    return b"://" in body


def _redact_lines(body: bytes, is_secret: IsSecret, secrets: Secrets) -> bytes:
    lines = body.split(b"\n")
    if len(lines) > 1:
        return b"\n".join(redact_json(line, is_secret, secrets) for line in lines)
    text, errors = decoded(body)
    return redact_text(text, secrets).encode(errors=errors)


def _written_like(text: str, value: Any, errors: str) -> bytes:
    like = json_of(text)
    style = STYLES["compact" if like is None else like.style]
    tail = text[len(text.rstrip()) :]
    try:
        return (style.write(value, allow_nan=True) + tail).encode(errors=errors)
    except UnicodeEncodeError:  # a lone surrogate, which was escaped
        return (STYLES["compact-ascii"].write(value, allow_nan=True) + tail).encode()


def _clean(value: Any, is_secret: IsSecret, secrets: Secrets, *, is_inside: bool = False) -> Any:
    """Returns a value without secrets; `is_inside` a secret's name whatever looks like a token is one."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {
            name: _hide(name, each, secrets)
            if is_secret(name, each, fields)
            else _clean(each, is_secret, secrets, is_inside=is_inside or _is_vault(name, each))
            for name, each in fields.items()
        }
    if isinstance(value, list):
        return [_clean(each, is_secret, secrets, is_inside=is_inside) for each in cast("Iterable[Any]", value)]
    if not isinstance(value, str):
        return value
    if is_inside and _TOKEN.fullmatch(value):
        secrets.add(value)
        return REDACTED
    return secrets.remove_from(redact_urls(value) if "://" in value else value)


def _is_vault(name: str, value: Any) -> bool:
    """Tells whether there is an object or a list under a secret's name: in it may be more than the secret itself."""
    return isinstance(value, dict | list) and name.lower() not in DATA_NAMES and is_secret_name(name)


def _hide(name: str, value: Any, secrets: Secrets) -> Any:
    """Returns the value with every text and number in it replaced."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {inner: _hide(name, each, secrets) for inner, each in fields.items()}
    if isinstance(value, list):
        return [_hide(name, each, secrets) for each in cast("Iterable[Any]", value)]
    if value is None or isinstance(value, bool):
        return value
    secrets.add_field(str(value))
    return REDACTED
