"""The shape of JSON: which types and fields it has, whatever their values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, cast

from ..replay.placeholders import is_placeholder

__all__ = ["Shape", "differences", "shape_of"]

_IDENTIFIER: Final = re.compile(
    r"\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24,}|\d{4}-\d\d(?:-\d\d.*)?", re.IGNORECASE
)
"""Names of fields that are numbers, identifiers or dates: what has no others is a map, and its names are values."""
_ANY: Final = "hidden"


@dataclass(frozen=True, slots=True)
class Shape:
    """What values in one place are like.

    Attributes:
        types: the types that were seen: null, boolean, number, text, object, list, or hidden for what was redacted.
        fields: the shapes of the fields of objects by name.
        required: the names of those that every object had.
        elements: the shape of the elements of lists; `None` when there were none.
    """

    types: frozenset[str]
    fields: dict[str, Shape] = field(default_factory=dict[str, "Shape"])
    required: frozenset[str] = frozenset()
    elements: Shape | None = None

    def __or__(self, other: Shape) -> Shape:
        """Returns the shape of either."""
        fields = {
            name: _either(self.fields.get(name), other.fields.get(name)) for name in [*self.fields, *other.fields]
        }
        mine, theirs = "object" in self.types, "object" in other.types
        required = self.required & other.required if mine and theirs else self.required | other.required
        elements = _either(self.elements, other.elements) if self.elements or other.elements else None
        return Shape(self.types | other.types, fields, required, elements)

    def __str__(self) -> str:
        """Names the types."""
        return " or ".join(sorted(self.types))


def shape_of(value: Any) -> Shape:
    """Returns the shape of a JSON value. Raises RecursionError for one that is nested too deep."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if fields and all(_IDENTIFIER.fullmatch(name) for name in fields):
            return Shape(frozenset({"object"}), {"*": _all_of(fields.values())})
        shapes = {name: shape_of(each) for name, each in fields.items()}
        return Shape(frozenset({"object"}), shapes, frozenset(shapes))
    if isinstance(value, list):
        elements = [*cast("Iterable[Any]", value)]
        return Shape(frozenset({"list"}), elements=_all_of(elements) if elements else None)
    return Shape(frozenset({_type_of(value)}))


def differences(recorded: Shape, live: Shape, where: str = "") -> Iterator[tuple[str, str, str]]:
    """Yields what differs in two shapes: the place, what was recorded there, and what is there now."""
    if _ANY in recorded.types | live.types:
        return
    if recorded.types != live.types:
        yield where or "the body", str(recorded), str(live)
    if recorded.elements is not None and live.elements is not None:
        yield from differences(recorded.elements, live.elements, f"{where}[]")
    if "object" not in recorded.types or "object" not in live.types:
        return
    for name in [*recorded.fields, *(name for name in live.fields if name not in recorded.fields)]:
        place = f"{where}.{name}" if where else name
        before, after = recorded.fields.get(name), live.fields.get(name)
        if before is None or after is None:
            if name != "*":  # an empty map has no shape
                yield place, str(before or "nothing"), str(after or "nothing")
            continue
        if name in recorded.required and name not in live.required:
            yield place, "always there", "there at times"
        yield from differences(before, after, place)


def _all_of(values: Iterable[Any]) -> Shape:
    return reduce(Shape.__or__, map(shape_of, values))


def _either(one: Shape | None, other: Shape | None) -> Shape:
    if one is None or other is None:
        found = one or other
        assert found is not None
        return found
    return one | other


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return _ANY if is_placeholder(value) else "text"
