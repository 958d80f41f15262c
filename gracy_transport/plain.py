"""Plain values: named fields and nothing more, for which no code has to be made when a program starts."""

from __future__ import annotations

from dataclasses import Field, FrozenInstanceError, make_dataclass
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, dataclass_transform

__all__ = ["PlainValue"]


class _Fields:
    """What the functions of `dataclasses` ask a value for, made when one of them does."""

    def __get__(self, _value: object, kind: Any) -> dict[str, Field[Any]]:
        names: tuple[str, ...] = getattr(kind, "__match_args__", ())
        fields = [(name, Any, getattr(kind, name)) if hasattr(kind, name) else (name, Any) for name in names]
        made: Any = make_dataclass(kind.__name__, fields, kw_only=True)
        of_each: dict[str, Field[Any]] = made.__dataclass_fields__
        return of_each


@dataclass_transform(frozen_default=True)
class PlainValue:
    """The base of values: what a subclass annotates is given in that order, or by name, and cannot be changed.

    A field with a default may be left out. Values of one class are equal when all their fields are. To all that use
    them, and to the functions of `dataclasses`, they are frozen dataclasses; one of those takes a millisecond to make,
    and a stack knows a good dozen.

    Raises:
        TypeError: at construction, when a field is missing, unknown or given twice.
    """

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    else:
        __dataclass_fields__ = _Fields()

    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Takes note of the fields."""
        cls._names = (*cls._names, *get_annotations(cls))
        setattr(cls, "__match_args__", cls._names)  # noqa: B010 - type checkers have one of their own

    def __init__(self, *values: Any, **named: Any) -> None:
        kind, names = type(self), self._names
        if len(values) == len(names) and not named:  # as for every event: there is nothing to find out
            self.__dict__.update(zip(names, values, strict=True))
            return
        given = {**dict(zip(names, values, strict=False)), **named}
        missing = [name for name in names if name not in given and not hasattr(kind, name)]
        if missing or len(given) < len(values) + len(named) or not given.keys() <= set(names):
            raise TypeError(f"{kind.__name__} takes {', '.join(names)}; give each that has no default, and once")
        vars(self).update(given)

    def _facts(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self._names])

    def __eq__(self, other: object) -> bool:
        return self._facts() == other._facts() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._facts())

    def __repr__(self) -> str:
        facts = zip(self._names, self._facts(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={fact!r}' for name, fact in facts)})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"{type(self).__name__} cannot be changed: make another with another {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"{type(self).__name__} cannot be changed: {name} stays")
