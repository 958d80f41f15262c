"""Secrets in the text of XML: elements and attributes with the name of one. Pure.

XML is not parsed: what it declares could make it large, and writing it again would change it.
"""

from __future__ import annotations

import re
from typing import Final

from .secrets import Secrets

__all__ = ["redact_xml"]

_ELEMENT: Final = re.compile(
    r"(<(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*)?>)(\s*(?:<!\[CDATA\[)?)([^<>]*?)((?:\]\]>)?\s*</)(?=[^<>]*?\2\s*>)"
)
_TAG: Final = re.compile(r"<[^<>!?/][^<>]*>")
_ATTRIBUTE: Final = re.compile(r"""(\s(?:[\w.-]+:)?([\w.-]+)\s*=\s*)(?:"([^"]*)"|'([^']*)')""")


def redact_xml(text: str, secrets: Secrets) -> str:
    """Returns XML without the texts of the elements and attributes that have the name of a secret.

    A `key` or a `code` is data here, whatever its length: lists of files consist of them.
    """
    text = _ELEMENT.sub(
        lambda found: (
            f"{found[1]}{found[3]}{secrets.replaced(found[2], found[4])}{found[5]}"
            if _is_secret(found[2], found[4], secrets)
            else found[0]
        ),
        text,
    )
    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(lambda found: _without_value(found, secrets), tag[0]), text)


def _without_value(found: re.Match[str], secrets: Secrets) -> str:
    value, quote = (found[4], "'") if found[3] is None else (found[3], '"')
    if not _is_secret(found[2], value, secrets):
        return found[0]
    return f"{found[1]}{quote}{secrets.replaced(found[2], value)}{quote}"


def _is_secret(name: str, value: str, secrets: Secrets) -> bool:
    return bool(value) and secrets.rules.is_secret_name(name)
