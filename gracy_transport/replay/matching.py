"""By which of its parts a request is looked up. Pure.

What `match_on` may be, and the text that it makes of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, cast

from pydantic import BeforeValidator

from ..header_names import is_header_name
from .key import normal_body, normal_headers, normal_url

if TYPE_CHECKING:
    from .recording import RecordedRequest

__all__ = ["DEFAULT_PARTS", "MatchOn", "Parts", "as_match_on", "headers_in", "match_of", "text_of_match"]

Parts: TypeAlias = tuple[str, ...]

DEFAULT_PARTS: Final[Parts] = ("method", "url", "body", "headers")
"""The parts by which requests are looked up unless it is said otherwise."""

_PARTS: Final[Parts] = ("method", "url", "host", "path", "query", "body", "headers")
_HEADER: Final = "header:"
_KNOWN: Final = f"{', '.join(_PARTS)} and {_HEADER}NAME"


def as_match_on(value: object) -> object:
    """Returns parts in their order and each but once, or a function as it is.

    Raises:
        ValueError: naming the part that is unknown, and those that are known.
    """
    if callable(value):
        return value
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, Iterable):
        # Not a TypeError: pydantic takes only this one as "the value is wrong".
        raise ValueError(f"{value!r} is neither a function of the request nor parts of it: {_KNOWN}")  # noqa: TRY004
    parts = {_as_part(part) for part in cast("Iterable[object]", given)}
    if not parts:
        raise ValueError(f"without any part all requests would be one: name some of {_KNOWN}")
    headers = sorted(part for part in parts if part.startswith(_HEADER))
    return (*(part for part in _PARTS if part in parts), *headers)


MatchOn: TypeAlias = Annotated[Parts | Callable[[Any], object], BeforeValidator(as_match_on)]
"""How a config says what requests are looked up by: parts, or a function of the request."""


def _as_part(part: object) -> str:
    if isinstance(part, str):
        lowered = part.lower()
        if lowered in _PARTS or (lowered.startswith(_HEADER) and is_header_name(lowered.removeprefix(_HEADER))):
            return lowered
    raise ValueError(f"{part!r} is no part of a request to match on: the parts are {_KNOWN}")


def headers_in(parts: Parts) -> frozenset[str]:
    """Returns the names of the headers among the parts."""
    return frozenset(part.removeprefix(_HEADER) for part in parts if part.startswith(_HEADER))


def match_of(parts: Parts, request: RecordedRequest) -> str:
    """Returns the text by which a request without secrets is looked up: one line for each part."""
    return "\n".join([f"{part} {_said(part, request)}".rstrip() for part in parts])


def text_of_match(said: object) -> str:
    """Returns the text by which a request is looked up of which a function of the user's said that."""
    return said if isinstance(said, str) and said else repr(said)


def _said(part: str, request: RecordedRequest) -> str:
    """Returns what a request says in one of its parts."""
    if part.startswith(_HEADER):
        name = part.removeprefix(_HEADER)
        return ", ".join([value for each, value in request.headers if each == name])
    if part == "method":
        return request.method.upper()
    if part == "headers":
        return "; ".join(normal_headers(request.headers).splitlines())
    if part == "body":
        # The body stands in the recording already; here its digest will do.
        body = normal_body(request.body, request.media_type) if request.body else b""
        return blake2b(body, digest_size=8).hexdigest() if body else ""
    url = normal_url(request.url)
    host, _slash, target = url.partition("://")[2].partition("/")
    path, _mark, query = target.partition("?")
    return {"url": url, "host": host, "path": f"/{path}", "query": query}[part]
