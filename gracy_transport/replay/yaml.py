"""Secrets in the lines of YAML. Pure.

YAML is not parsed: writing it again would change it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .fields import Change, changed
from .secrets import Secrets

__all__ = ["is_yaml", "redact_yaml"]

_LINE: Final = re.compile(
    r"^\ufeff?(?P<indent>[ \t-]*+)[\"']?(?P<name>[\w$][\w$./-]{0,63}+)[\"']?[ \t]*+:[ \t]+"
    r"(?:![\w!-]{1,20}[ \t]+)?(?P<value>[^\s#][^\n]*+)",
    re.MULTILINE,
)
_BLOCK: Final = re.compile(r"[|>][-+\d]{0,2}\s*\Z")
_COMMENT: Final = re.compile(r"\s++(?:#.*)?\Z")


def is_yaml(media_type: str) -> bool:
    """Tells whether the media type is that of YAML."""
    return media_type.partition(";")[0].strip().lower().endswith("yaml")


def redact_yaml(text: str, secrets: Secrets) -> str:
    """Returns YAML without the values of secret keys: plain, quoted, or of several lines."""
    return changed(text, _changes(text, secrets))


def _changes(text: str, secrets: Secrets) -> Iterator[Change]:
    for line in _LINE.finditer(text):
        name, begins, ends = line["name"], line.start("value"), line.end()
        if secrets.rules.is_public(name):
            continue
        value = text[begins:ends]
        if _BLOCK.match(value):
            begins, ends = _block(text, ends, len(line["indent"]))
        elif value[0] in "\"'" and value[0] in value[1:]:
            begins, ends = begins + 1, begins + value.rindex(value[0])
        elif value[0] in "[{&*":
            continue
        else:
            ends = begins + len(_COMMENT.sub("", value.partition(" #")[0]))
        value = text[begins:ends]
        if secrets.is_secret(name, value):
            yield begins, ends, secrets.replaced(name, value)


def _block(text: str, begins: int, indent: int) -> tuple[int, int]:
    """Returns the begin and the end of the lines that are further in than their key."""
    begins = ends = min(begins + 1, len(text))
    first = begins
    while ends < len(text):
        line_end = text.find("\n", ends)
        line_end = len(text) if line_end < 0 else line_end
        line = text[ends:line_end]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        if line.strip() and first == begins:
            first = ends + len(line) - len(line.lstrip())
        ends = line_end + 1
    return first, min(len(text[:ends].rstrip("\n")), len(text))
