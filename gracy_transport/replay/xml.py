"""Secrets in the text of XML: elements and attributes with the name of one. Pure.

XML is not parsed: what it declares could make it large, and writing it again would change it.
"""

from __future__ import annotations

import re
from typing import Final

from .secrets import Secrets

__all__ = ["redact_xml"]

_CDATA: Final = ("<![CDATA[", "]]>")
# Possessive throughout, so that the work grows with the length of the text and no faster.
_ELEMENT: Final = re.compile(
    r"(<(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*+)?>)(\s*+<!\[CDATA\[[^<>]*+>\s*+|[^<>]*+)(?=</(?:[\w.-]+:)?\2\s*+>)"
)
_TAG: Final = re.compile(r"<[^<>!?/][^<>]*>")
_ATTRIBUTE: Final = re.compile(r"""(\s(?:[\w.-]+:)?([\w.-]+)\s*=\s*)(?:"([^"]*)"|'([^']*)')""")


def redact_xml(text: str, secrets: Secrets) -> str:
    """Returns XML without the texts of the elements and attributes that have the name of a secret.

    In what is answered their values decide as well.

    A `key` or a `code` is data here, whatever its length: lists of files consist of them.
    """
    text = _ELEMENT.sub(lambda found: _without_text(found, secrets), text)
    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(lambda found: _without_value(found, secrets), tag[0]), text)


def _without_text(found: re.Match[str], secrets: Secrets) -> str:
    tag, name, inner = found.groups()
    value = inner.strip()
    begin = inner.index(value)
    if value.startswith(_CDATA[0]):
        begin += len(_CDATA[0])
        value = value.removeprefix(_CDATA[0]).removesuffix(_CDATA[1])
    if not _is_secret(name, value, secrets):
        return found[0]
    return f"{tag}{inner[:begin]}{secrets.replaced(name, value)}{inner[begin + len(value) :]}"


def _without_value(found: re.Match[str], secrets: Secrets) -> str:
    value, quote = (found[4], "'") if found[3] is None else (found[3], '"')
    if not _is_secret(found[2], value, secrets):
        return found[0]
    return f"{found[1]}{quote}{secrets.replaced(found[2], value)}{quote}"


def _is_secret(name: str, value: str, secrets: Secrets) -> bool:
    if not value or not secrets.rules.is_secret_name(name):
        return False
    return not secrets.is_answer or secrets.is_secret(name, value)
