"""Finds which of many patterns match a text, without trying each of them. Pure.

A pattern that begins with letters which stand for themselves only matches texts that begin with these.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeAlias, TypeVar

__all__ = ["Patterns", "beginning_of"]

T = TypeVar("T")
_Numbered: TypeAlias = tuple[int, Callable[[str], object], T]
"""Something in its place among all that was given, with what tells whether its pattern matches."""

_BENT: Final = re.IGNORECASE | re.VERBOSE
"""Flags under which a letter does not stand for itself alone, or not at all."""
_BEGINNING: Final = re.compile(r"(?:\^|\\A)?+((?:(?:[^\\.^$*+?{}()\[\]|]|\\[^a-zA-Z0-9])(?![*+?{]))*+)")
"""The anchor of a pattern, and what stands for itself; without a letter that may come no or many times."""
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_SIGN: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|[()|]", re.DOTALL)
"""What is escaped, a set of letters, and what groups."""


class Patterns(Generic[T]):
    """Things each of which is for the texts that a pattern matches from their start.

    The beginnings of the patterns are sorted, so that those of a text are found in about as many steps as their number
    has binary digits. Only the patterns that begin so are tried, and those of which no beginning is known.

    Args:
        things: the things, each with its pattern.
    """

    __slots__ = ("_beginnings", "_candidates", "_shorter")

    def __init__(self, things: Iterable[tuple[re.Pattern[str], T]]) -> None:
        own: dict[str, list[_Numbered[T]]] = {"": []}
        for number, (pattern, thing) in enumerate(things):
            own.setdefault(beginning_of(pattern), []).append((number, pattern.match, thing))
        self._beginnings = sorted(own)
        self._shorter: list[int] = []
        self._candidates: list[list[_Numbered[T]]] = []
        for place, beginning in enumerate(self._beginnings):
            shorter = self._longest_of(beginning, place - 1) if place else 0
            known = self._candidates[shorter] if place else []
            self._shorter.append(shorter)
            self._candidates.append(sorted(known + own[beginning]))

    def matching(self, text: str) -> list[T]:
        """Returns the things whose patterns match a text, in the order in which they were given."""
        place = self._longest_of(text, bisect_right(self._beginnings, text) - 1)
        return [thing for _number, match, thing in self._candidates[place] if match(text)]

    def _longest_of(self, text: str, place: int) -> int:
        """Returns the place of the longest beginning that a text has.

        It is the last that sorts before the text, or one of those that this itself begins with: `place` and below.
        """
        while not text.startswith(self._beginnings[place]):
            place = self._shorter[place]
        return place


def beginning_of(pattern: re.Pattern[str]) -> str:
    """Returns letters that every text begins with which a pattern matches from its start; not always all of them."""
    if pattern.flags & _BENT or _has_alternatives(pattern.pattern):
        return ""
    found = _BEGINNING.match(pattern.pattern)
    return "" if found is None else _ESCAPED.sub(r"\1", found[1])


def _has_alternatives(pattern: str) -> bool:
    """Tells whether a pattern as a whole is several, one of which has to match; in doubt it is."""
    depth = 0
    for sign in _SIGN.findall(pattern):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and not depth:
            return True
    return "(?#" in pattern  # a comment, which may have any signs in it
