"""What differs between a recorded answer and a live one: status, shape of the JSON, headers that matter. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ..link_header import links_in
from ..replay.content import has_json, media_type_of
from ..replay.recording import RecordedResponse
from ..replay.redacting import Headers
from .shape import differences, shape_of

__all__ = ["Change", "compare"]

_HEADERS: Final = re.compile(
    r"allow|cache-control|content-type|deprecation|link|sunset|vary|warning"
    r"|(?!.*(?:app|build|deploy|release|server)-)(?:[\w-]+-)?version(?:-selected)?|api-[\w-]*versions"
    r"|(?:x-)?rate-?limit-(?:limit|policy)(?:-[\w-]+)?"
)
"""Headers that say something of the API and not of one answer."""
_LIST: Final = frozenset({"allow", "cache-control", "vary"})
"""Those whose value is a list in any order."""
_CHANGING: Final = re.compile(r"(?<=max-age=)\d+|(?<=expires=)[^,;]+")
_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was recorded.

    Attributes:
        what: "status", "header", "body", or "json" for its shape.
        where: the name of the header or the place in the JSON, as `items[].id`; empty where there is but one.
        recorded, live: what it was and what it is, never a value of the body.
    """

    what: str
    where: str
    recorded: str
    live: str

    def __str__(self) -> str:
        """Says what changed."""
        where = f"{self.what} {self.where}" if self.where else self.what
        return f"{where}: {self.recorded} → {self.live}"


def compare(recorded: RecordedResponse, live: RecordedResponse) -> tuple[Change, ...]:
    """Returns what differs between two answers to one request, in the order status, headers, body.

    Where the one is a success and the other is none, that is all that is said. Of JSON the types and the fields count
    and no values; of lists the shape of all elements together, so that their number does not matter. Null counts as a
    type of its own. A map whose names are numbers, identifiers or dates is one shape for all of them. Of headers only
    those that say something of the API: content type, caching, link relations, versions, deprecation and sunset,
    policies of rate limits.
    """
    changes = [] if recorded.status == live.status else [Change("status", "", str(recorded.status), str(live.status))]
    if recorded.status // 100 != live.status // 100:
        return tuple(changes)
    return (*changes, *_in_headers(recorded, live), *_in_bodies(recorded, live))


def _in_headers(recorded: RecordedResponse, live: RecordedResponse) -> Iterator[Change]:
    before, after = _that_matter(recorded.headers), _that_matter(live.headers)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Change("header", name, before.get(name, _NOTHING), after.get(name, _NOTHING))


def _that_matter(headers: Headers) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for cased, value in headers:
        name = cased.lower()
        if _HEADERS.fullmatch(name):
            values.setdefault(name, []).append(value)
    return {name: _normal(name, ", ".join(those)) for name, those in values.items()}


def _normal(name: str, value: str) -> str:
    if name == "link":
        relations = {relation for link in links_in(value) for relation in link.rels}
        return " ".join(sorted(relations)) or _NOTHING
    if name == "content-type":
        return ";".join(part.strip() for part in value.lower().partition("boundary=")[0].strip(" ;").split(";"))
    if name in _LIST:
        return ", ".join(sorted(part.strip().lower() for part in _CHANGING.sub("…", value).split(",")))
    return value.strip()


def _in_bodies(recorded: RecordedResponse, live: RecordedResponse) -> Iterator[Change]:
    before, after = _kind_of(recorded), _kind_of(live)
    if before != after:
        yield Change("body", "", before, after)
        return
    if before != "JSON":
        return
    try:
        found = list(differences(shape_of(_json(recorded)), shape_of(_json(live))))
    except RecursionError:
        return  # nested too deep for anybody to read
    for where, was, now in found:
        yield Change("json", where, was, now)


def _kind_of(answer: RecordedResponse) -> str:
    if not answer.body:
        return _NOTHING
    return "something else" if _json(answer) is _no_json else "JSON"


class _NoJson:
    """What stands for a body that is no JSON."""


_no_json: Final = _NoJson()


def _json(answer: RecordedResponse) -> Any:
    media_type = media_type_of(answer.headers)
    if not has_json(answer.body, media_type):
        return _no_json
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return _no_json
