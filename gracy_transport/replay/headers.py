"""Headers as plain pairs of text, and back."""

from __future__ import annotations

from typing import Any, cast

from ..family import Family
from .redacting import Headers

__all__ = ["headers_of", "pairs_of", "raw_of", "with_length", "without_length"]


def pairs_of(headers: Any) -> Headers:
    """Returns the headers of either family as pairs of text, in their order; such pairs as they are."""
    if isinstance(headers, tuple):
        return cast("Headers", headers)
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw])


def raw_of(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """Returns pairs of text as a request or a response of either family takes them."""
    return tuple([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers])


def headers_of(family: Family, headers: Headers) -> Any:
    """Returns pairs of text as headers of the family."""
    return family.module.Headers(raw_of(headers))


def without_length(headers: Headers, length: int) -> tuple[Headers, int | None]:
    """Returns headers without the first Content-Length, and its place, if `with_length` brings it back just so."""
    for place, (name, _value) in enumerate(headers):
        if name.lower() == "content-length":
            others = headers[:place] + headers[place + 1 :]
            return (others, place) if with_length(others, place, length) == headers else (headers, None)
    return headers, None


def with_length(headers: Headers, place: int, length: int) -> Headers:
    """Returns headers with a Content-Length at that place, its name written like that of the first of the others."""
    is_capital = bool(headers) and headers[0][0][:1].isupper()
    pair = ("Content-Length" if is_capital else "content-length", str(length))
    return (*headers[:place], pair, *headers[place:])
