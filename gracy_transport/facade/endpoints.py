"""Endpoints: what their placeholders take, and how it gets in without changing where a request goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Final, TypeAlias
from urllib.parse import quote

from ..redaction import redact_query

__all__ = ["BaseEndpoint", "Template", "is_absolute", "shown"]

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_PLACEHOLDER: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:path)?")
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USERINFO: Final = re.compile(r"^([^/?#]*://)[^/?#]*@")
_DOTS: Final = frozenset({".", ".."})
_is_plain: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*").fullmatch
"""Tells whether a value is sent as it is, and makes no segment of nothing or of dots wherever it stands."""


class BaseEndpoint(StrEnum):
    """The base of an enumeration of endpoints. A plain string is an endpoint as well.

    ```python
    class PokeApiEndpoint(BaseEndpoint):
        GET_POKEMON = "/pokemon/{NAME}"
        GET_FILE = "/files/{PATH:path}"
    ```

    A placeholder takes one segment of the path: `/`, `?`, `#` and all else that means something in a URL is
    percent-encoded in its value. `{PATH:path}` keeps the slashes. Two braces stand for one.
    """


class _Slot:
    """A placeholder in a template."""

    __slots__ = ("name", "safe")

    def __init__(self, name: str, *, keeps_slashes: bool) -> None:
        self.name = name
        self.safe = "/" if keeps_slashes else ""

    def fill(self, args: Mapping[str, str]) -> str:
        return quote(args[self.name], safe=self.safe)


Pieces: TypeAlias = str | tuple[str | _Slot, ...]
"""A part of a template: literal text, or a sequence of text and placeholders."""


def shown(address: str) -> str:
    """Returns an endpoint or a URL for people: without credentials, fragment and the values of secret parameters."""
    path, mark, query = address.partition("#")[0].partition("?")
    return _USERINFO.sub(r"\1", path) + (mark and f"?{redact_query(query)}")


def is_absolute(address: str) -> bool:
    """Tells whether an endpoint or a base URL names its own scheme and host."""
    return _ORIGIN.match(address) is not None


class Template:
    """An endpoint, taken apart once.

    Attributes:
        text: the endpoint as it was written.
        label: the same for people: without credentials, without the values of secret parameters.
        is_absolute: whether it names its own scheme and host.
        has_query: whether it has a query of its own.
        names: the names of its placeholders, in their order.

    Raises:
        ValueError: when a brace is not part of a placeholder, or a placeholder is no name.
    """

    __slots__ = ("_form", "_query", "_segments", "_stand", "has_query", "is_absolute", "label", "names", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.label = shown(text).replace(":path}", "}")
        self.is_absolute = is_absolute(text)
        # A fragment is never sent, and a client drops that of a relative URL too.
        path, mark, query = text.partition("#")[0].partition("?")
        self.has_query = bool(mark)
        self._segments = [_pieces(segment, self.label) for segment in path.split("/")]
        self._query = _pieces(query, self.label)
        self._stand = tuple([slot.name for pieces in (*self._segments, self._query) for slot in _slots(pieces)])
        self.names = tuple(dict.fromkeys(self._stand))
        self._form = "/".join([_form(segment) for segment in self._segments]) + mark + _form(self._query)

    def texts(self, args: Mapping[str, object] | None) -> dict[str, str]:
        """Returns the arguments as text.

        Raises:
            ValueError: naming the placeholder that has no argument, or the argument that has no placeholder.
        """
        given = args or {}
        texts: dict[str, str] = {}
        for name in self.names:
            if name not in given:
                self._refuse(given)
            value = given[name]
            texts[name] = value if type(value) is str else self._text(name, value)
        if len(given) != len(texts):
            self._refuse(given)
        return texts

    def fill(self, args: Mapping[str, str]) -> str:
        """Returns the endpoint with its arguments in place, percent-encoded.

        Raises:
            ValueError: when an argument would make a segment of the path disappear (empty, `.` or `..`).
        """
        values = tuple([args[name] for name in self._stand])
        for value in values:
            if not _is_plain(value):
                return self._fill(args)
        return self._form % values

    def _fill(self, args: Mapping[str, str]) -> str:
        segments = [each if isinstance(each, str) else self._segment(each, args) for each in self._segments]
        path = "/".join(segments)
        return f"{path}?{_joined(self._query, args)}" if self.has_query else path

    def _segment(self, pieces: Pieces, args: Mapping[str, str]) -> str:
        text = _joined(pieces, args)
        if text == "" or ("." in text and not _DOTS.isdisjoint(text.split("/"))):
            given = ", ".join(f"{slot.name}={args[slot.name]!r}" for slot in _slots(pieces))
            raise ValueError(
                f"endpoint {self.label!r} with {given} would lead to another endpoint: "
                "an empty value, '.' and '..' cannot stand for a segment of a path"
            )
        return text

    def _text(self, name: str, value: object) -> str:
        if value is None:
            raise ValueError(f"endpoint {self.label!r} was given None for {{{name}}}: give a value")
        return str(value.value if isinstance(value, Enum) else value)

    def _refuse(self, given: Mapping[str, object]) -> None:
        for name in self.names:
            if name not in given:
                raise ValueError(
                    f"endpoint {self.label!r} has no value for {{{name}}}: "
                    f"give it as an endpoint argument, get(ENDPOINT, {{{name!r}: ...}})"
                )
        unknown = next(name for name in given if name not in self.names)
        from difflib import get_close_matches

        nearest = get_close_matches(unknown.upper(), self.names, n=1, cutoff=0.5)
        known = " and ".join(f"{{{name}}}" for name in nearest or self.names) or "none"
        raise ValueError(
            f"endpoint {self.label!r} has no placeholder {{{unknown}}}, it has {known}: "
            "an endpoint argument fills a placeholder; a query parameter goes into params="
        )


def _slots(pieces: Pieces) -> list[_Slot]:
    return [piece for piece in pieces if isinstance(piece, _Slot)]


def _form(pieces: Pieces) -> str:
    """Returns a part of an endpoint for values to be put in with `%`, one for each place where one stands."""
    return "".join([piece.replace("%", "%%") if isinstance(piece, str) else "%s" for piece in pieces])


def _joined(pieces: Pieces, args: Mapping[str, str]) -> str:
    return "".join([piece if isinstance(piece, str) else piece.fill(args) for piece in pieces])


def _pieces(part: str, endpoint: str) -> Pieces:
    """Returns a part of an endpoint as its literal text, or as text and placeholders in their order."""
    pieces: list[str | _Slot] = []
    end = 0
    for token in _TOKEN.finditer(part):
        pieces.append(part[end : token.start()])
        end = token.end()
        if token[0] in {"{{", "}}"}:
            pieces.append(token[0][0])
            continue
        named = None if token[1] is None else _PLACEHOLDER.fullmatch(token[1])
        if named is None:
            raise ValueError(
                f"endpoint {endpoint!r} has {token[0]!r} in it, which is no placeholder: write {{NAME}} or "
                "{NAME:path}, and two braces where one is meant"
            )
        pieces.append(_Slot(named[1], keeps_slashes=named[2] is not None))
    pieces.append(part[end:])
    pieces = [piece for piece in pieces if piece]
    return tuple(pieces) if any(isinstance(piece, _Slot) for piece in pieces) else _joined(tuple(pieces), {})
