"""What secrets look like: tokens whose issuers gave them a shape, and values that stand under a secret's name. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from ..replay.rules import DEFAULT_RULES

__all__ = ["Shape", "cookies_in", "header_value", "looks_secret", "named_in", "shaped_in", "without_placeholders"]

Shape = tuple[str, str]
"""The kind of a secret, and the secret."""

# Every search takes time in proportion to the text: no repetition that may fail runs on without an end.
_LEFT: Final = r"(?<![A-Za-z0-9_])"
_ALONE: Final = r"(?<![\w-])"
_SHAPES: Final = tuple(
    (kind, tuple(marks.split()), re.compile(pattern))
    for kind, marks, pattern in (
        ("private key", "-----BEGIN", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
        (
            "GitHub token",
            "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
            _LEFT + r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,})",
        ),
        ("GitLab token", "glpat- gldt- glptt- glrt- gloas-", _LEFT + r"gl(?:pat|dt|ptt|rt|oas)-[\w-]{20,}"),
        ("Slack token", "xox xapp-", _LEFT + r"(?:xox[a-z]|xapp)-[\w-]{10,}"),
        ("Slack webhook", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows)/[\w/]{20,}"),
        ("Stripe key", "k_live_ k_test_ whsec_", _LEFT + r"(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}"),
        ("Anthropic key", "sk-ant-", _LEFT + r"sk-ant-[\w-]{20,}"),
        ("OpenAI key", "sk-", _ALONE + r"sk-(?!ant-)(?=[\w-]*\d)[\w-]{20,}"),
        ("Hugging Face token", "hf_", _LEFT + r"hf_[A-Za-z0-9]{30,}"),
        ("AWS access key", "AKIA ASIA ABIA ACCA", _LEFT + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        ("Google API key", "AIza", _LEFT + r"AIza[\w-]{35}"),
        ("Google token", "ya29. GOCSPX- 1//0", _LEFT + r"(?:ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{30,})"),
        ("SendGrid key", "SG.", _ALONE + r"SG\.[\w-]{16,}\.[\w-]{16,}"),
        ("npm token", "npm_", _LEFT + r"npm_[A-Za-z0-9]{36}"),
        ("PyPI token", "pypi-AgE", _LEFT + r"pypi-AgE[\w-]{40,}"),
        ("DigitalOcean token", "_v1_", _LEFT + r"do[por]_v1_[0-9a-f]{64}"),
        ("Shopify token", "shpat_ shpca_ shppa_ shpss_", _LEFT + r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
        ("Databricks token", "dapi", _LEFT + r"dapi[0-9a-f]{32}"),
        ("Telegram token", ":AA", r"(?<!\d)\d{8,10}:AA[\w-]{33}"),
        ("Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{60,}={0,2}"),
        ("JWT", "eyJ", _ALONE + r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    )
)
"""Kinds, what must be in a text that holds one (which is quick to look for), and the whole shape."""
_MARK: Final = re.compile(
    "|".join([re.escape(mark) for _kind, marks, _shape in _SHAPES for mark in marks] + ["@", "earer", "asic"])
)
"""Something of this is in every text that holds a shape."""
_USERINFO: Final = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}://([^/\s?#@\"'<>\\]+)@")
_BEARER: Final = re.compile(r"\b[Bb]earer\s+([\w.~+/=-]{16,})")
_BASIC: Final = re.compile(r"\b[Bb]asic\s+([A-Za-z0-9+/]{8,}={0,2})")
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


def shaped_in(text: str) -> Iterator[Shape]:
    """Yields what has the shape of a secret, wherever it stands in a text that holds no placeholders."""
    if _MARK.search(text) is None:
        return
    for kind, marks, pattern in _SHAPES:
        for found in pattern.finditer(text) if any(mark in text for mark in marks) else ():
            yield kind, found[0]
    for found in _USERINFO.finditer(text) if "://" in text else ():
        user, colon, password = found[1].partition(":")
        if password or (not colon and len(user) >= _LONG):
            yield "userinfo in a URL", password or user
    for found in _BEARER.finditer(text) if "earer" in text else ():
        if _is_mixed(found[1]):
            yield "bearer token", found[1]
    for found in _BASIC.finditer(text) if "asic" in text else ():
        if ":" in _decoded(found[1]):
            yield "basic credentials", found[1]


def named_in(text: str, *, is_line: bool = False) -> Iterator[tuple[str, str]]:
    """Yields name and value of each parameter and XML element in a text whose name says that it is a secret.

    In a line of any text also of what is assigned, such as `api_key = "…"`.
    """
    patterns = [_PARAMETER] if "=" in text else []
    patterns += [_ELEMENT] if "</" in text else []
    patterns += [_ASSIGNED] if is_line else []
    for pattern in patterns:
        for found in pattern.finditer(text):
            if looks_secret(found[1], found[2]) and (pattern is not _ASSIGNED or _is_mixed(found[2])):
                yield found[1], found[2]


def looks_secret(name: str, value: str) -> bool:
    """Tells whether a value is long enough for the secret that its name says it is."""
    return DEFAULT_RULES.is_secret_field(name, value) and _is_long(value)


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
        if looks_secret(named, secret) or (len(secret) >= _LONG and _is_mixed(secret) and _is_long(secret)):
            yield named, secret


def _is_long(value: str) -> bool:
    if any(letter.isspace() for letter in value) or _OF_OURS.fullmatch(value) or _OF_OTHERS.search(value):
        return False
    return len(value) >= _LONG or (len(value) >= _SHORTEST and _is_mixed(value))


def _is_mixed(value: str) -> bool:
    return any(letter.isdigit() for letter in value) and any(letter.isalpha() for letter in value)


def _decoded(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
