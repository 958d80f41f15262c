"""Lists of structured fields (RFC 9651), as far as headers that are read here need them: items with parameters.

The parser is strict, as the RFC wants it: what is not well formed is no list at all. It looks at each character once,
whatever a server sends.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

__all__ = ["Bare", "Item", "Token", "parse_list"]


class Token(str):
    """A word without quotes, which is something else than the same text with quotes."""

    __slots__ = ()


Bare: TypeAlias = str | int | float | bool | bytes
"""What an item or a parameter can be: a `str` is a quoted string, a `Token` a word without quotes.

A byte sequence is given as it was encoded, a date as its number, a display string as it was escaped: nothing that is
read here looks into them.
"""


class Item(NamedTuple):
    """A member of a list, and its parameters by name."""

    value: Bare
    parameters: dict[str, Bare]


_LONGEST_TEXT: Final = 4096
"""Characters of a field that is looked at: any honest one is a fraction of that, and a hostile one costs no more."""

# Possessive, so that nothing is ever looked at twice.
_BARE: Final = re.compile(
    r'"(?P<string>(?:[ !#-\[\]-~]|\\["\\])*+)"'
    r"|(?P<decimal>-?[0-9]{1,12}\.[0-9]{1,3})"
    r"|(?P<integer>-?[0-9]{1,15})"
    r"|(?P<token>[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*+)"
    r"|\?(?P<boolean>[01])"
    r"|:(?P<bytes>[A-Za-z0-9+/=]*+):"
    r"|@(?P<date>-?[0-9]{1,15})"
    r'|%"(?P<display>(?:[ !#$&-~]|%[0-9a-f]{2})*+)"'
)
_PARAMETER: Final = re.compile(r"; *+(?P<name>[a-z*][a-z0-9_\-.*]*+)(?P<has_value>=?)")
_COMMA: Final = re.compile(r"[ \t]*+,[ \t]*+")
_ESCAPED: Final = re.compile(r"\\(.)")


def parse_list(text: str) -> list[Item] | None:
    """Returns the items of a list, or `None` when the text is not a well-formed list of items.

    A list with another list in it counts as malformed, and so does anything over 4,096 characters.
    """
    text = text.strip(" ")
    if len(text) > _LONGEST_TEXT:
        return None
    items: list[Item] = []
    place = 0
    while place < len(text):
        if items:
            comma = _COMMA.match(text, place)
            if comma is None:
                return None
            place = comma.end()
        read = _read_item(text, place)
        if read is None:
            return None
        item, place = read
        items.append(item)
    return items


def _read_item(text: str, place: int) -> tuple[Item, int] | None:
    found = _BARE.match(text, place)
    if found is None:
        return None
    item = Item(_value_of(found), {})
    place = found.end()
    while named := _PARAMETER.match(text, place):
        place = named.end()
        value: Bare = True
        if named["has_value"]:
            found = _BARE.match(text, place)
            if found is None:
                return None
            value, place = _value_of(found), found.end()
        item.parameters[named["name"]] = value
    return item, place


def _value_of(found: re.Match[str]) -> Bare:
    kind, text = found.lastgroup, found[found.lastgroup or 0]
    match kind:
        case "string":
            return _ESCAPED.sub(r"\1", text)
        case "decimal":
            return float(text)
        case "integer" | "date":
            return int(text)
        case "boolean":
            return text == "1"
        case "bytes":
            return text.encode()
        case _:
            return Token(text)
