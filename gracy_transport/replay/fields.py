"""Secrets in the fields of a JSON body, and in the URLs it holds. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote_plus

from ..redaction import REDACTED, plain_name
from .content import STYLES, decoded, json_of
from .rules import SURE_LENGTH, Rules
from .secrets import Secrets

__all__ = ["IsSecret", "is_secret_answered", "is_secret_asked", "redact_json", "redact_text", "redact_urls"]

IsSecret: TypeAlias = Callable[[Rules, str, Any, dict[str, Any]], bool]
"""Tells by the rules, and by name, value and the object around them whether a field of a JSON body holds a secret."""

STEMS: Final = (
    *("app-id", "app_id", "appid", "assert", "auth", "bearer", "code", "cred", "eyj", "hmac"),
    *("jwt", "key", "otp", "pass", "pwd", "secret", "sess", "sig", "token"),
)
"""Each secret name holds one of these, and each JWT, so a body without any of them need not be parsed."""

_PARAMETER: Final = re.compile(r"([?&#;])([^?&#;=\s\"'<>]+)=([^&#;\s\"'<>]*)")
_USERINFO: Final = re.compile(r"://[^/?#\s@]+@")
_URL: Final = re.compile(r"://[^\s\"'<>]+")
_JSON_BEGINS: Final = re.compile(rb"[{\[]")
_FIELD: Final = re.compile(r'("([^"\\]{1,64})"\s{0,8}:\s{0,8}")((?:[^"\\]|\\.)++)', re.DOTALL)
_JWT: Final = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*){2,4}")
_TOKEN: Final = re.compile(rf"(?=.*\d)(?=.*[A-Za-z])[\w.+/=~-]{{{SURE_LENGTH},}}")


def is_secret_asked(rules: Rules, name: str, value: Any, _around: dict[str, Any]) -> bool:
    """Judges a field of what is asked, which is only looked up."""
    return rules.is_secret_field(name, value) if isinstance(value, str) else rules.is_secret_name(name)


def is_secret_answered(rules: Rules, name: str, value: Any, around: dict[str, Any]) -> bool:
    """Judges with care, because the program goes on with what was answered."""
    if rules.is_own_name(name):
        return True
    if not isinstance(value, str) or not value or not rules.is_secret_field(name, value):
        return False
    return not (name.lower() == "token" and "logprob" in around)  # a piece of text from a language model


def redact_urls(text: str, secrets: Secrets) -> str:
    """Returns a text without userinfo and secret parameters of the URLs in it."""

    def replaced(found: re.Match[str]) -> str:
        name, value = unquote_plus(found[2]), unquote_plus(found[3])
        is_secret = secrets.rules.is_secret_field(name, value)
        return f"{found[1]}{found[2]}={secrets.replaced(name, value)}" if is_secret else found[0]

    return _PARAMETER.sub(replaced, _USERINFO.sub(f"://{REDACTED}@", text))


def redact_text(text: str, secrets: Secrets) -> str:
    """Returns any text without the secrets in its URLs, those that are known, and those in pieces of JSON.

    JSON may be cut off, in a script, or in a call.
    """
    if '":' in text or '" :' in text:
        text = _FIELD.sub(lambda found: _without_value(found, secrets), text)
    if "://" in text:
        text = _URL.sub(lambda found: redact_urls(found[0], secrets), text)
    return secrets.remove_from(text)


def _without_value(found: re.Match[str], secrets: Secrets) -> str:
    begin, name, value = found.groups()
    is_secret = secrets.rules.is_secret_field(name, value) or _is_jwt(name, value, secrets)
    return f"{begin}{secrets.replaced(name, value)}" if is_secret else found[0]


def _is_jwt(name: str, value: str, secrets: Secrets) -> bool:
    """Tells whether the value of a field that has no secret's name is one by its looks."""
    if not value.startswith("eyJ") or _JWT.fullmatch(value) is None:
        return False
    return plain_name(name) not in secrets.rules.public_names


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
    # Done for every answer: any() takes twice as long, and to search bytes for bytes takes ten times as long.
    lowered = body.lower().decode("latin-1")
    for stem in STEMS:
        if stem in lowered:
            return True
    return "://" in lowered


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


def _clean(value: Any, is_secret: IsSecret, secrets: Secrets, name: str = "", *, is_inside: bool = False) -> Any:
    """Returns the value of a field without secrets; `is_inside` a secret's name whatever looks like a token is one."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {
            inner: _hide(inner, each, secrets)
            if is_secret(secrets.rules, inner, each, fields)
            else _clean(each, is_secret, secrets, inner, is_inside=is_inside or _is_vault(secrets.rules, inner, each))
            for inner, each in fields.items()
        }
    if isinstance(value, list):
        return [_clean(each, is_secret, secrets, name, is_inside=is_inside) for each in cast("Iterable[Any]", value)]
    if not isinstance(value, str):
        return _hide_number(value, secrets)
    if is_inside and _TOKEN.fullmatch(value):
        return secrets.replaced("", value)
    value = secrets.recognised(value)
    if _is_jwt(name, value, secrets):
        return secrets.replaced(name, value)
    if value.startswith(("{", "[")):  # JSON in JSON, as queues and functions in the cloud have it
        return redact_json(value.encode(errors="surrogatepass"), is_secret, secrets).decode(errors="surrogatepass")
    return secrets.remove_from(redact_urls(value, secrets) if "://" in value else value)


def _hide_number(value: Any, secrets: Secrets) -> Any:
    """Returns a number as text without what the rules' patterns match in it, if they do; anything else as it is."""
    if not secrets.rules.patterns or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    hidden = secrets.rules.hide(str(value))
    return value if hidden == str(value) else hidden


def _is_vault(rules: Rules, name: str, value: Any) -> bool:
    """Tells whether there is an object or a list under a secret's name: in it may be more than the secret itself."""
    return isinstance(value, dict | list) and rules.is_secret_name(name)


def _hide(name: str, value: Any, secrets: Secrets) -> Any:
    """Returns the value with every text and number in it replaced."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {inner: _hide(inner, each, secrets) for inner, each in fields.items()}
    if isinstance(value, list):
        return [_hide(name, each, secrets) for each in cast("Iterable[Any]", value)]
    if value is None or isinstance(value, bool):
        return value
    return secrets.replaced(name, str(value))
