"""Where values stand in a JSON text, so that they can be had as they are written. Pure."""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

__all__ = ["BLANKS", "fields_at", "is_json"]

BLANKS: Final = " \t\r\n"
"""What may stand between the parts of JSON and means nothing."""

_BLANKS: Final = re.compile(f"[{BLANKS}]*")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_scan: Final = json.JSONDecoder(parse_constant=_no_number).raw_decode


def is_json(text: str) -> bool:
    """Tells whether a text is one JSON value from its first letter to its last."""
    try:
        return _scan(text)[1] == len(text)
    except (ValueError, RecursionError):
        return False


def fields_at(text: str, start: int) -> dict[str, tuple[int, int]]:
    """Returns where the values of the JSON object stand that begins there, by their names. Of equal names the last.

    Raises:
        ValueError: when a value is no JSON.
    """
    found: dict[str, tuple[int, int]] = {}
    at = _next(text, _next(text, start) + 1)
    while text[at] != "}":
        name, at = _scan(text, at)
        begin = _next(text, _next(text, at) + 1)  # behind the colon
        _value, end = _scan(text, begin)
        found[name] = begin, end
        at = _next(text, end)
        at = _next(text, at + 1) if text[at] == "," else at
    return found


def _next(text: str, start: int) -> int:
    """Returns where the next blanks end."""
    blanks = _BLANKS.match(text, start)
    return start if blanks is None else blanks.end()
