"""Secrets whose issuers gave them a shape, which can be known wherever they stand. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Final

from .looks import is_mixed, is_random

__all__ = ["Shape", "may_hold_shapes", "shaped_in", "without_shapes"]

Shape = tuple[str, str]
"""The kind of a secret, and the secret."""

# Every search takes time in proportion to the text: no repetition that may fail runs on without an end. What often is
# in a text by chance is looked for by its first letters, and only then by what stands before them, which is quicker.
_LEFT: Final = r"(?<![A-Za-z0-9_])"
_KEY_BEGINS: Final = r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_SHAPES: Final = tuple(
    (kind, tuple(marks.split()), re.compile(pattern))
    for kind, marks, pattern in (
        ("private key", "-----BEGIN", _KEY_BEGINS + r"(?:[\w+/=\s:,.]|-(?!----))*+(?:-----END [A-Z0-9 ]{0,40}-----)?"),
        (
            "GitHub token",
            "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
            _LEFT + r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,})",
        ),
        ("GitLab token", "glpat- gldt- glptt- glrt- gloas-", _LEFT + r"gl(?:pat|dt|ptt|rt|oas)-[\w-]{20,}"),
        ("Slack token", "xox xapp-", r"x(?<![A-Za-z0-9_]x)(?:ox[a-z]|app)-[\w-]{10,}"),
        ("Slack webhook", "hooks.slack.com/", r"(?<=hooks\.slack\.com/)(?:services|workflows)/[\w/]{20,}"),
        ("Stripe key", "k_live_ k_test_ whsec_", _LEFT + r"(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}"),
        ("Anthropic key", "sk-ant-", _LEFT + r"sk-ant-[\w-]{20,}"),
        ("OpenAI key", "sk-", r"sk-(?<![\w-]sk-)(?!ant-)(?=[\w-]*\d)[\w-]{20,}"),
        ("Hugging Face token", "hf_", r"hf_(?<![A-Za-z0-9_]hf_)[A-Za-z0-9]{30,}"),
        ("AWS access key", "AKIA ASIA ABIA ACCA", _LEFT + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        ("Google API key", "AIza", r"AIza(?<![A-Za-z0-9_]AIza)[\w-]{35}"),
        ("Google token", "ya29. GOCSPX- 1//0", _LEFT + r"(?:ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{30,})"),
        ("SendGrid key", "SG.", r"SG\.(?<![\w-]SG\.)[\w-]{16,}\.[\w-]{16,}"),
        ("npm token", "npm_", _LEFT + r"npm_[A-Za-z0-9]{36}"),
        ("PyPI token", "pypi-AgE", _LEFT + r"pypi-AgE[\w-]{40,}"),
        ("DigitalOcean token", "_v1_", _LEFT + r"do[por]_v1_[0-9a-f]{64}"),
        ("Shopify token", "shpat_ shpca_ shppa_ shpss_", _LEFT + r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
        ("Databricks token", "dapi", r"dapi(?<![A-Za-z0-9_]dapi)[0-9a-f]{32}"),
        ("Telegram token", ":AA", r":AA(?<=\d{8}:AA)[\w-]{33}"),
        ("Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{60,}={0,2}"),
        ("JWT", "eyJ", r"eyJ(?<![\w-]eyJ)[\w-]{8,}\.(?:[\w-]*(?:\.[\w-]{8,}){3}|[\w-]{4,}\.[\w-]*)"),
    )
)
"""Kinds, what must be in a text that holds one (which is quick to look for), and the whole shape."""
_MARKS: Final = tuple(dict.fromkeys([mark for _kind, marks, _shape in _SHAPES for mark in marks] + ["earer ", "asic "]))
_DOUBTFUL: Final = "OpenAI key"
"""What begins like the name of many a page in Slovak."""
_BEARER_KIND: Final = "bearer token"
_BASIC_KIND: Final = "basic credentials"
_BEARER: Final = re.compile(r"(?<=\b[Bb]earer )[\w.~+/=-]{16,}")
_BASIC: Final = re.compile(r"(?<=\b[Bb]asic )[A-Za-z0-9+/]{8,}={0,2}")

_LEAST: Final = 20
"""Characters of the shortest shape."""


def may_hold_shapes(text: str) -> bool:
    """Tells whether a text may hold a secret that has a shape."""
    if len(text) < _LEAST:
        return False
    for mark in _MARKS:  # noqa: SIM110 - any() takes twice as long, and this is done for every answer
        if mark in text:
            return True
    return False


def shaped_in(text: str) -> Iterator[Shape]:
    """Yields what has the shape of a secret, wherever it stands in a text that holds no placeholders."""
    if len(text) >= _LEAST:
        for kind, pattern in _likely(text):
            yield from ((kind, found[0]) for found in pattern.finditer(text) if _is_one(kind, found[0]))


def without_shapes(text: str, replaced: Callable[[str, str], str]) -> str:
    """Returns a text without what has the shape of a secret; `replaced` is given an empty name and the secret."""
    if len(text) >= _LEAST:
        for kind, pattern in _likely(text):
            text = pattern.sub(
                lambda found, kind=kind: replaced("", found[0]) if _is_one(kind, found[0]) else found[0], text
            )
    return text


def _likely(text: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    for kind, marks, pattern in _SHAPES:
        for mark in marks:
            if mark in text:
                yield kind, pattern
                break
    if "earer " in text:
        yield _BEARER_KIND, _BEARER
    if "asic " in text:
        yield _BASIC_KIND, _BASIC


def _is_one(kind: str, value: str) -> bool:
    if kind == _BASIC_KIND:
        return ":" in _decoded(value)
    if kind == _BEARER_KIND:
        return is_mixed(value)
    return kind != _DOUBTFUL or is_random(value)


def _decoded(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
