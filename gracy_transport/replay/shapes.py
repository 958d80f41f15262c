"""Secrets whose issuers gave them a shape, which can be known wherever they stand. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from .fields import Change, changed
from .looks import is_mixed, is_random

__all__ = ["Shape", "may_hold_shapes", "shaped_in", "without_shapes"]

Shape: TypeAlias = tuple[str, str]
"""The kind of a secret, and the secret."""

# Every match takes time in proportion to the secret: no repetition that may fail runs on without an end.
_LEFT: Final = r"(?<![A-Za-z0-9_])"
_ALONE: Final = r"(?<![\w-])"
_KEY: Final = r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_BEARER: Final = "bearer token"
_BASIC: Final = "basic credentials"
_DOUBTFUL: Final = "OpenAI key"
"""What begins like the name of many a page in Slovak."""

_SHAPES: Final = tuple(
    (mark, kind, re.compile(pattern))
    for kind, marks, pattern in (
        ("private key", "-----BEGIN", _KEY + r"(?:[\w+/=\s:,.]|-(?!----))*+(?:-----END [A-Z0-9 ]{0,40}-----)?"),
        ("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", _LEFT + r"gh[pousr]_[A-Za-z0-9]{30,}"),
        ("GitHub token", "github_pat_", _LEFT + r"github_pat_\w{22,}"),
        ("GitLab token", "glpat- gldt- glptt- glrt- gloas-", _LEFT + r"gl(?:pat|dt|ptt|rt|oas)-[\w-]{20,}"),
        ("Slack token", "xox xapp-", _LEFT + r"(?:xox[a-z]|xapp)-[\w-]{10,}"),
        ("Slack webhook", "hooks.slack.com/", r"hooks\.slack\.com/((?:services|workflows)/[\w/]{20,})"),
        ("Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", _LEFT + r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        ("Stripe key", "whsec_", _LEFT + r"whsec_[A-Za-z0-9]{16,}"),
        ("Anthropic key", "sk-ant-", _LEFT + r"sk-ant-[\w-]{20,}"),
        (_DOUBTFUL, "sk-", _ALONE + r"sk-(?!ant-)(?=[\w-]*\d)[\w-]{20,}"),
        ("Hugging Face token", "hf_", _LEFT + r"hf_[A-Za-z0-9]{30,}"),
        ("AWS access key", "AKIA ASIA ABIA ACCA", _LEFT + r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        ("Google API key", "AIza", _LEFT + r"AIza[\w-]{35}"),
        ("Google token", "ya29. GOCSPX- 1//0", _LEFT + r"(?:ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{30,})"),
        ("SendGrid key", "SG.", _ALONE + r"SG\.[\w-]{16,}\.[\w-]{16,}"),
        ("npm token", "npm_", _LEFT + r"npm_[A-Za-z0-9]{36}"),
        ("PyPI token", "pypi-AgE", _LEFT + r"pypi-AgE[\w-]{40,}"),
        ("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", _LEFT + r"do[por]_v1_[0-9a-f]{64}"),
        ("Shopify token", "shpat_ shpca_ shppa_ shpss_", _LEFT + r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
        ("Databricks token", "dapi", _LEFT + r"dapi[0-9a-f]{32}"),
        ("Telegram token", ":AA", r":(?<=\d{8}:)(AA[\w-]{33})"),
        ("Azure storage key", "AccountKey=", r"AccountKey=([A-Za-z0-9+/]{60,}={0,2})"),
        ("JWT", "eyJ", _ALONE + r"eyJ[\w-]{8,}\.(?:[\w-]*(?:\.[\w-]{8,}){3}|[\w-]{4,}\.[\w-]*)"),
        (_BEARER, "Bearer bearer", r"(?<!\w)[Bb]earer ([\w.~+/=-]{16,})"),
        (_BASIC, "Basic basic", r"(?<!\w)[Bb]asic ([A-Za-z0-9+/]{8,}={0,2})"),
    )
    for mark in marks.split()
)
"""What a secret begins with, or stands behind, which is quick to look for; its kind; and the whole shape."""

_SIGNS: Final = ("_", "-", "")


def _sign_in(mark: str) -> str:
    return next(sign for sign in _SIGNS if sign in mark)


_MARKS: Final = tuple(
    (sign, tuple(dict.fromkeys(mark for mark, _kind, _shape in _SHAPES if _sign_in(mark) == sign))) for sign in _SIGNS
)
"""The marks by a sign that is in them: without that in a text, none of its marks need be looked for."""

_LEAST: Final = 14
"""Characters of the shortest shape."""


def may_hold_shapes(text: str) -> bool:
    """Tells whether a text may hold a secret that has a shape."""
    if len(text) < _LEAST:
        return False
    for sign, marks in _MARKS:
        if sign in text:
            for mark in marks:  # any() takes twice as long, and this is done for every answer
                if mark in text:
                    return True
    return False


def shaped_in(text: str) -> Iterator[Shape]:
    """Yields what has the shape of a secret, wherever it stands in a text that holds no placeholders."""
    for begins, ends, kind in _found(text):
        yield kind, text[begins:ends]


def without_shapes(text: str, replaced: Callable[[str, str], str]) -> str:
    """Returns a text without what has the shape of a secret; `replaced` is given an empty name and the secret."""

    def changes() -> Iterator[Change]:
        done = 0
        for begins, ends, _kind in sorted(_found(text), key=_earliest_and_longest):
            if begins >= done:
                done = ends
                yield begins, ends, replaced("", text[begins:ends])

    return changed(text, changes())


def _earliest_and_longest(found: tuple[int, int, str]) -> tuple[int, int]:
    return found[0], -found[1]


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields the begin, the end and the kind of what has the shape of a secret."""
    if len(text) < _LEAST:
        return
    for mark, kind, pattern in _SHAPES:
        # Most marks are in no text, which `in` knows in half the time.
        place = text.find(mark) if mark in text else -1
        while place >= 0:
            found = pattern.match(text, place)
            if found is not None and _is_one(kind, found[found.lastindex or 0]):
                yield (*found.span(found.lastindex or 0), kind)
            place = text.find(mark, place + 1 if found is None else found.end())


def _is_one(kind: str, value: str) -> bool:
    if kind == _BASIC:
        return ":" in _decoded(value)
    if kind == _BEARER:
        return is_mixed(value)
    return kind != _DOUBTFUL or is_random(value)


def _decoded(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
