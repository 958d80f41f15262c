"""What is not shown of a URL or an endpoint: secrets by their names, and by patterns of a user's own."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias
from urllib.parse import quote_plus, unquote_plus

from pydantic import AfterValidator

from .matching import MOST_KEPT, parts_of
from .secret_names import is_secret_name
from .values import Regex, one_or_many

if TYPE_CHECKING:
    from .family import URL

__all__ = [
    "REDACTED",
    "Hidden",
    "Redacted",
    "address_and_query",
    "as_hidden",
    "hide",
    "printable",
    "redact_endpoint",
    "redact_query",
    "redact_url",
]

REDACTED: Final = "[redacted]"

_USERINFO: Final = re.compile(r"^([a-z][a-z0-9+.-]*:)?//[^/?]*@", re.IGNORECASE)
_USERINFO_WITHIN: Final = re.compile(r"://[^/?#\s]*@")
_DEEPEST: Final = 3
"""So many URLs within URLs are looked into. What is deeper is not shown: nobody writes that, but an attacker may."""


InPlaceOf: TypeAlias = Callable[[str, str], str | None]
"""Says by the name and the value of a parameter what is shown in place of the value, or `None` for the value itself."""


def _by_name(name: str, _value: str) -> str | None:
    """Judges a parameter by its name alone: what is shown to people can do without a value too many."""
    return REDACTED if is_secret_name(name) else None


Hidden: TypeAlias = tuple[re.Pattern[str], ...]
"""Patterns of a user's own, for secrets that no name tells: a token in a path."""


def as_hidden(patterns: Iterable[str | re.Pattern[str]]) -> Hidden:
    """Returns such patterns compiled.

    Raises:
        ValueError: for one that matches between two characters, as `x*` does: there is nothing to hide.
        re.error: for one that is no regular expression.
    """
    compiled = tuple(re.compile(pattern) for pattern in patterns)
    for pattern in compiled:
        # Its own text is likely to hold what it looks ahead for.
        for text in ("", string.printable, pattern.pattern):
            if any(not found[0] for found in pattern.finditer(text)):
                raise ValueError(
                    f"{pattern.pattern!r} matches where there is no character to hide: let it match the secret itself, "
                    "and one character at least (`+` in place of `*`)"
                )
    return compiled


Redacted: TypeAlias = Annotated[tuple[Regex, ...], one_or_many(into=tuple), AfterValidator(as_hidden)]
"""How configs take such patterns: one or several, as text or compiled."""


def hide(text: str, patterns: Hidden) -> str:
    """Returns a text without what the patterns match; of one with groups, without what the first of them does.

    A group that took no part, or that matched nothing, leaves it to the next one. When none is left nothing is hidden.
    """
    for pattern in patterns:
        text = pattern.sub(_without_match, text)
    return text


def _without_match(found: re.Match[str]) -> str:
    for group in range(1, found.re.groups + 1) or (0,):
        if found[group]:
            begin, end = (place - found.start() for place in found.span(group))
            return f"{found[0][:begin]}{REDACTED}{found[0][end:]}"
    return found[0]


def redact_query(query: str, in_place_of: InPlaceOf = _by_name) -> str:
    """Returns a raw query with the values of secret parameters replaced; everything else stays as it was.

    `in_place_of` judges by name and value, both decoded; by the name alone unless given. Some servers take a semicolon
    for an ampersand; so what comes after one is judged, too, and a secret may have one in it. A value with a URL in it
    is encoded anew when that holds userinfo or secrets of its own.
    """
    return _redact_query(query, in_place_of, _DEEPEST)


def _redact_query(query: str, in_place_of: InPlaceOf, deepest: int) -> str:
    return "&".join([_redact_pair(pair, in_place_of, deepest) for pair in query.split("&")])


def _redact_pair(pair: str, in_place_of: InPlaceOf, deepest: int) -> str:
    pair = _redact_parameters(pair, in_place_of)
    name, _equals, value = pair.partition("=")
    if ":" not in value and "%3" not in value:  # most have no URL in them, and need not be decoded to see that
        return pair
    text = _unquoted(value)
    if "://" not in text:
        return pair
    shown = _redact_within(text, in_place_of, deepest - 1) if deepest else REDACTED
    return pair if shown == text else f"{name}={quote_plus(shown, safe='[]{}', errors='surrogatepass')}"


def _redact_parameters(pair: str, in_place_of: InPlaceOf) -> str:
    """Returns a pair without the value of the first of its parameters that is secret, and all that comes after it."""
    begin = 0
    for parameter in pair.split(";"):
        name, equals, _value = parameter.partition("=")
        start = begin + len(name) + 1
        place = in_place_of(_unquoted(name), _unquoted(pair[start:])) if equals else None
        if place is not None:
            return f"{pair[:start]}{place}"
        begin += len(parameter) + 1
    return pair


def _redact_within(text: str, in_place_of: InPlaceOf, deepest: int) -> str:
    """Returns the text of a value with a URL in it without userinfo and secrets, also those of a path or fragment."""
    rest, hash_sign, fragment = _USERINFO_WITHIN.sub(f"://{REDACTED}@", text).partition("#")
    path, mark, query = rest.partition("?")
    path, query, fragment = (_redact_query(part, in_place_of, deepest) for part in (path, query, fragment))
    return f"{path}{mark}{query}{hash_sign}{fragment}"


def _unquoted(text: str) -> str:
    # Most are letters and digits, for which this is all.
    return unquote_plus(text) if "%" in text or "+" in text else text


def redact_url(url: URL, in_place_of: InPlaceOf = _by_name) -> str:
    """Returns a URL of either family as text, without its userinfo, its fragment and the secrets of its query.

    `in_place_of` is as for `redact_query`.
    """
    address, query = address_and_query(url)
    return f"{address}{redact_query(query, in_place_of)}" if query else address


def address_and_query(url: URL) -> tuple[str, str]:
    """Returns a URL up to the question mark, without its userinfo, and what comes after that, without its fragment."""
    origin, userinfo, path, query = parts_of(url)
    if userinfo:
        origin = origin.replace("://", f"://{REDACTED}@", 1)
    return (origin + path, "") if query is None else (f"{origin}{path}?", query)


@lru_cache(maxsize=MOST_KEPT)
def redact_endpoint(text: str) -> str:
    """Returns an endpoint or an unformatted URL on one line, without its userinfo, its fragment and its secrets.

    Secrets are the values of secret parameters, be they literal or a placeholder. Placeholders elsewhere stay.
    """
    path, mark, query = text.partition("#")[0].partition("?")
    if "@" in path:
        path = _USERINFO.sub(rf"\1//{REDACTED}@", path)
    return printable(f"{path}{mark}{redact_query(query)}")


def printable(text: str) -> str:
    """Returns a text with `%0A` for a line break, and likewise for all else that a terminal would not just show."""
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else _encoded(character) for character in text])


def _encoded(character: str) -> str:
    return "".join([f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass")])
