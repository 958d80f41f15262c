"""What comes nearest to a request that nothing is recorded for, and in what it differs. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol, TypeVar, cast
from urllib.parse import parse_qs

from ..redaction import REDACTED
from .content import boundary_of, has_json, is_form, text_of
from .key import ANY_TASTE, OF_TASTE, normal_headers
from .recording import RecordedRequest

__all__ = ["Named", "difference", "nearest"]

_ALIKE: Final = 0.6
_COMPARED: Final = 50
"""How many recordings of the same URL are compared by their bodies."""
_READ: Final = 2_000
"""Letters of a text that are compared, from either end: enough to tell, and quick with bodies of any size."""
_SHOWN: Final = 60
_PARTS: Final = 3
_FORM: Final = "a form"
_JSON: Final = "JSON"
_OTHER_USER: Final = "users are told apart by the order in which they appear: let it be the same, or set credential="
_ISSUED: Final = "a token that an answer issued: take it from the replayed answer"
_HIDDEN_NOW: Final = "it counts as a secret now: set public_names, secret_names and redact as they were then"
_HIDDEN_THEN: Final = "it counted as a secret then: set public_names, secret_names and redact as they were"


class Named(Protocol):
    """What is known of a recording before all of it is read."""

    @property
    def method(self) -> str:
        """The method of its request."""
        ...

    @property
    def url(self) -> str:
        """The URL of its request."""
        ...


T = TypeVar("T", bound=Named)


def nearest(asked: RecordedRequest, known: Iterable[T], request_of: Callable[[T], RecordedRequest]) -> str:
    """Returns a sentence that names the recording nearest to a request and what differs; empty when none is near.

    Args:
        asked: the request, as it would be recorded.
        known: the recordings there are.
        request_of: gives all of the request of one of them; called for few.
    """
    by_name: dict[str, list[T]] = {}
    for each in known:
        by_name.setdefault(f"{each.method} {each.url}", []).append(each)
    name = f"{asked.method} {asked.url}"
    near = max(by_name, key=lambda other: likeness(name, other), default="")
    if likeness(name, near) < _ALIKE:
        return ""
    others = [request_of(each) for each in islice(by_name[near], _COMPARED)]
    other = max(others, key=lambda each: (_body_likeness(asked, each), each.credential == asked.credential))
    differs = difference(other, asked)
    if near != name:
        return f"the nearest recording is of {near}{': ' if differs else ''}{differs}"
    return f"it is recorded, but {differs or 'all of its answers were given'}"


def difference(recorded: RecordedRequest, asked: RecordedRequest) -> str:
    """Returns in words what keeps a recording from being the answer to a request; empty when nothing does.

    The method, the host and the path are left out: whoever reads of the difference has both URLs before them.
    """
    parts = _of_match(recorded.match, asked.match) if recorded.match or asked.match else _of_parts(recorded, asked)
    told = list(islice(parts, _PARTS + 1))
    is_same = (recorded.method, recorded.url) == (asked.method, asked.url) and not told
    if is_same and recorded.credential != asked.credential:  # else it may not matter: one credential matches any
        return f"it is asked {_by(asked.credential)} and was recorded {_by(recorded.credential)} ({_OTHER_USER})"
    return ", ".join(told[:_PARTS]) + (" and more differs" if len(told) > _PARTS else "")


def likeness(one: str, other: str) -> float:
    """Returns how much of two texts is the same at their beginning and end, from 0 to 1: difflib would take seconds."""
    if one == other:
        return 1.0
    begins = _same(one, other)
    ends = _same(one[begins:][::-1], other[begins:][::-1])
    return 2 * (begins + ends) / (len(one) + len(other))


def _same(one: str, other: str) -> int:
    for place, (letter, another) in enumerate(zip(one, other, strict=False)):
        if letter != another:
            return place
    return min(len(one), len(other))


def _body_likeness(asked: RecordedRequest, recorded: RecordedRequest) -> float:
    one, other = (
        f"{each.match}{normal_headers(each.headers)}{each.body[:_READ].decode('latin-1')}" for each in (asked, recorded)
    )
    return likeness(one, other)


def _by(credential: str) -> str:
    return f"with {credential}" if credential else "without a credential"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _changed(what: str, recorded: Any, asked: Any) -> str:
    why = _why(recorded, asked)
    return f"{what} is {_shown(asked)} and was recorded as {_shown(recorded)}{f' ({why})' if why else ''}"


def _why(recorded: Any, asked: Any) -> str:
    """Returns how a value that stands for a secret may come to differ; nothing for what is plain data on both sides."""
    old, new = (value if isinstance(value, str) else "" for value in (recorded, asked))
    if "[issued-" in old:
        return _ISSUED
    if (REDACTED in old) is (REDACTED in new):
        return ""
    return _HIDDEN_THEN if REDACTED in old else _HIDDEN_NOW


def _of_match(recorded: str, asked: str) -> list[str]:
    if recorded == asked:
        return []
    if not (recorded and asked):
        return [f"it was recorded {'without' if asked else 'with'} match_on=: give the same, or use formats.rematched"]
    pairs = zip(recorded.splitlines(), asked.splitlines(), strict=False)
    old, new = next(((old, new) for old, new in pairs if old != new), (recorded, asked))
    return [_changed("what it is matched by", old, new)]


def _query(url: str) -> str:
    return url.partition("#")[0].partition("?")[2]


def _of_parts(recorded: RecordedRequest, asked: RecordedRequest) -> Iterator[str]:
    """Yields what differs in query, headers and body."""
    yield from _of_pairs("parameter", _query(recorded.url), _query(asked.url))
    left_out = OF_TASTE if ANY_TASTE in recorded.headers else frozenset[str]()
    yield from _of_values("header", _telling(recorded), _telling(asked, left_out))
    yield from _of_body(recorded, asked)


def _telling(request: RecordedRequest, left_out: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    lines = (line.partition(": ") for line in normal_headers(request.headers).splitlines())
    return {name: [value] for name, _colon, value in lines if name not in left_out}


def _of_pairs(kind: str, recorded: str, asked: str) -> Iterator[str]:
    """Yields what differs between two queries or forms."""
    yield from _of_values(kind, *(parse_qs(each, keep_blank_values=True) for each in (recorded, asked)))


def _of_values(kind: str, old: Mapping[str, list[str]], new: Mapping[str, list[str]]) -> Iterator[str]:
    """Yields what differs between the values of names."""
    for name in dict.fromkeys((*new, *old)):
        if name not in old:
            yield f"{kind} {_shown(name)} was not there when it was recorded"
        elif name not in new:
            yield f"{kind} {_shown(name)} is missing"
        elif old[name] != new[name]:
            one_each = len(old[name]) == len(new[name]) == 1
            values = (old[name][0], new[name][0]) if one_each else (old[name], new[name])
            yield _changed(f"{kind} {_shown(name)}", *values)


def _of_body(recorded: RecordedRequest, asked: RecordedRequest) -> Iterator[str]:
    """Yields what differs between the bodies of two requests."""
    old, new = recorded.body, asked.body
    if old == new:
        return
    if not (old and new):
        yield "it has a body now and had none" if new else "it has no body now and had one"
        return
    kind = _kind_of(asked)
    if kind != _kind_of(recorded):
        yield f"its body is {_named(asked)} and was recorded as {_named(recorded)}"
    elif kind == _FORM:
        yield from _of_pairs("field", old.decode("latin-1"), new.decode("latin-1"))
    elif kind == _JSON:
        try:
            yield from _of_json(json.loads(old), json.loads(new), "$")
        except (ValueError, RecursionError):
            yield _of_bytes(old, new)
    else:
        yield _of_bytes(old, new)


def _kind_of(request: RecordedRequest) -> str:
    """Returns what the look-up takes a body for."""
    if boundary_of(request.media_type) is not None:
        return "multipart"
    if is_form(request.media_type):
        return _FORM
    return _JSON if has_json(request.body, request.media_type) else "neither JSON nor a form"


def _named(request: RecordedRequest) -> str:
    media_type = request.media_type.partition(";")[0].strip()
    return f"{_kind_of(request)} ({f'by its media type, {media_type}' if media_type else 'without a media type'})"


def _of_json(recorded: Any, asked: Any, path: str) -> Iterator[str]:
    """Yields what differs between two values, each by its path in the body."""
    if isinstance(recorded, dict) and isinstance(asked, dict):
        old, new = cast("dict[str, Any]", recorded), cast("dict[str, Any]", asked)
        for name in dict.fromkeys((*new, *old)):
            yield from _of_field(old, new, name, f"{path}.{name}")
    elif isinstance(recorded, list) and isinstance(asked, list):
        olds, news = cast("Sequence[Any]", recorded), cast("Sequence[Any]", asked)
        for place, (one, other) in enumerate(zip(olds, news, strict=False)):
            yield from _of_json(one, other, f"{path}[{place}]")
        if len(olds) != len(news):
            yield f"{path} in its body has {len(news)} items and was recorded with {len(olds)}"
    elif recorded != asked or isinstance(recorded, bool) is not isinstance(asked, bool):
        yield _changed(f"{path} in its body", recorded, asked)


def _of_field(recorded: dict[str, Any], asked: dict[str, Any], name: str, path: str) -> Iterator[str]:
    if name not in recorded:
        yield f"{path} in its body was not there when it was recorded"
    elif name not in asked:
        yield f"{path} in its body is missing"
    else:
        yield from _of_json(recorded[name], asked[name], path)


def _of_bytes(recorded: bytes, asked: bytes) -> str:
    place = next((place for place, (old, new) in enumerate(zip(recorded, asked, strict=False)) if old != new), None)
    place = min(len(recorded), len(asked)) if place is None else place
    old, new = (text_of(body[place : place + _SHOWN]) for body in (recorded, asked))
    said = f"its body differs from byte {place} on"
    return said if old is None or new is None else f"{said}: {_changed('there', old, new)}"
