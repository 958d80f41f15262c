"""The `Link` header: what else belongs to a response, such as the next page (RFC 8288, section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["Link", "links_in", "target_of"]

# Every repetition is possessive: what it took it does not give back, so no value takes more than linear time.
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED: Final = r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*+)"'
_BLANK: Final = re.compile(r"[ \t,]*+")
_TARGET: Final = re.compile(r"<([^<>\x00-\x20\x7f]*+)>")
_PARAM: Final = re.compile(rf"[ \t]*+;[ \t]*+(?:({_WORD})[ \t]*+(?:=[ \t]*+(?:({_WORD})|{_QUOTED}))?+)?+")
_END: Final = re.compile(r"[ \t]*+(?:,|\Z)")
_TO_THE_NEXT: Final = re.compile(rf'(?:{_QUOTED}|<[^<>]*+>|[^",])*+,')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a `Link` header.

    Attributes:
        target: where it leads, as it was written: often relative to the URL of the response.
        rels: what it is (`next`, `last`), in lower case.
        params: its parameters by their names in lower case; the first of each name.
    """

    target: str
    rels: frozenset[str]
    params: Mapping[str, str]


def links_in(value: str) -> list[Link]:
    """Returns the links of one `Link` field.

    A link that does not keep to the grammar, or says not what it is, is left out. After a quote that is never closed
    nothing is read, because what stands there was meant as text. It takes time in proportion to the length.
    """
    found: list[Link] = []
    position = 0
    while position < len(value):
        position, link = _link_at(value, position)
        if link is not None:
            found.append(link)
    return found


def target_of(values: Iterable[str], rel: str) -> str | None:
    """Returns where the first link of that relation leads, of all the `Link` fields of a response; `None` for none.

    A link with an `anchor` says something about another resource than the response, and does not count.
    """
    wanted = rel.lower()
    for value in values:
        for link in links_in(value):
            if wanted in link.rels and "anchor" not in link.params:
                return link.target
    return None


def _link_at(value: str, position: int) -> tuple[int, Link | None]:
    """Returns where the next link begins, and the link that begins here, if it is one."""
    position = _end_of(_BLANK, value, position)
    start = _TARGET.match(value, position)
    if start is None:
        return _end_of(_TO_THE_NEXT, value, position), None
    params: dict[str, str] = {}
    position = start.end()
    while (param := _PARAM.match(value, position)) is not None:
        name, plain, quoted = param.groups()
        if name is not None:
            text = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            params.setdefault(name.lower(), text or "")
        position = param.end()
    end = _END.match(value, position)
    if end is None:
        return _end_of(_TO_THE_NEXT, value, position), None
    rels = frozenset(params.get("rel", "").lower().split())
    return end.end(), Link(start[1], rels, params) if rels else None


def _end_of(pattern: re.Pattern[str], value: str, position: int) -> int:
    """Returns where what the pattern takes ends; the end of the value when it takes nothing."""
    found = pattern.match(value, position)
    return len(value) if found is None else found.end()
