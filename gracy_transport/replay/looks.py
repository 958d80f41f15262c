"""What a value looks like: drawn at random, as secrets are, or words, a number, a date, a path. Pure."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SURE_LENGTH", "is_address", "is_mixed", "is_phrase", "is_random"]

SURE_LENGTH: Final = 20
"""Characters from which on a value that is not made of words is taken for a secret, whatever else it is made of."""

_SHORTEST: Final = 8
"""Characters from which on a value is taken for one that has both digits and letters."""

_WORD: Final = r"(?:[a-z]{0,18}(?:[A-Z][a-z]{1,15})*+|[A-Z]{1,15})\d{0,4}+"
_WORDS: Final = re.compile(rf"{_WORD}(?:[^A-Za-z0-9]++{_WORD})*+")
"""`settings.accountName`, `PROJ-12`, `a task`, `<|reserved_token_12|>`: what people and programs give as names."""

_DATA: Final = re.compile(
    r"0x[0-9A-Fa-f]{40}"  # the address of a contract
    r"|[-+]?[\d.,_]+(?:[eE][-+]?\d+)?"
    r"|\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[-+]\d\d:?\d\d)?"
    r"|[^?]*/[^?/]*\.\w{1,5}"  # a file
    rf"|(?:[a-z]+\d?:)?[./~]*+(?=[A-Za-z]){_WORD}/(?:[^?]*/)?"  # a folder, and not base64 with a slash at its end
)


def is_random(value: str) -> bool:
    """Tells whether a value is long enough for a secret, in one piece, and looks as if it was drawn at random."""
    if len(value) < _SHORTEST or any(map(str.isspace, value)):
        return False
    if len(value) < SURE_LENGTH and not is_mixed(value):
        return False
    return not (_WORDS.fullmatch(value) or _DATA.fullmatch(value) or is_address(value))


def is_mixed(value: str) -> bool:
    """Tells whether there are both letters and digits in a value."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def is_phrase(value: str) -> bool:
    """Tells whether a value is several words: a label, or a message such as `is too short`."""
    return " " in value.strip() and _WORDS.fullmatch(value) is not None


def is_address(value: str) -> bool:
    """Tells whether a value is the address of a page; a secret may be in that, but it is none as a whole."""
    return value.startswith(("https://", "http://"))
