"""A method that may be called on a class, too: it is then about all objects of the class that are alive."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from types import MethodType
from typing import Any
from weakref import WeakValueDictionary

__all__ = ["Living", "of_all_living"]


class Living:
    """Knows objects for as long as they are used elsewhere."""

    def __init__(self) -> None:
        # By identity, because an object with an `__eq__` of its own may have no hash.
        self._objects: WeakValueDictionary[int, object] = WeakValueDictionary()

    def add(self, each: object) -> None:
        """Takes in an object."""
        self._objects[id(each)] = each

    def of(self, kind: type) -> list[Any]:
        """Returns the objects of a class and of its subclasses."""
        # The references are listed in one step, because other threads may be making objects.
        objects = [known() for known in self._objects.valuerefs()]
        return [each for each in objects if isinstance(each, kind)]


class OfAllLiving:
    """A method of an object; on the class, the same for each object of that class."""

    def __init__(self, living: Living, function: Callable[[Any], None]) -> None:
        self._living = living
        self._function = function

    def __get__(self, each: object | None, owner: type) -> Callable[[], None]:
        """Returns what is to be called."""
        if each is not None:
            return MethodType(self._function, each)

        @wraps(self._function)
        def on_all() -> None:
            for living in self._living.of(owner):
                self._function(living)

        return on_all


def of_all_living(living: Living) -> Callable[[Callable[[Any], None]], OfAllLiving]:
    """Lets a method be called on its class, for all objects of it that `living` knows."""
    return partial(OfAllLiving, living)
