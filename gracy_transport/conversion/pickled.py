"""Pickles read as data. Pure; nothing but Python is needed.

A pickle is a program for a small stack machine, and loading one can call anything. Nothing is loaded here: the
operations that recordings consist of are carried out on plain data, where "make an object of that class" gives no
object of that class but a `Thing` that knows its name. There is no way to call something, so there is nothing a
recording could run. Whatever recordings do not hold (any other operation, any other class) is refused by name.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Refused", "Thing", "of_type", "unpickled"]

MOST_STEPS: Final = 200_000
"""Operations of one pickle; a recording has some hundreds, and eight for each of its headers."""

KNOWN: Final = frozenset(
    {
        ("httpx", "Response"),
        ("httpx", "Request"),
        ("httpx", "Headers"),
        ("httpx", "URL"),
        ("httpx", "codes"),
        ("http", "HTTPStatus"),
        ("httpx._urlparse", "ParseResult"),  # from httpx 0.24 on
        ("rfc3986.uri", "URIReference"),  # in httpx 0.23
        ("datetime", "timedelta"),
    }
)
"""The classes that a recording names, each by its module and name."""


class Refused(Exception):
    """What was read is no recording; the message says why."""


@dataclass(eq=False)
class Thing:
    """What stands for an object in a pickle: the class it names, what it was made with, and its attributes."""

    name: str
    args: tuple[Any, ...] = ()
    state: dict[str, Any] = field(default_factory=dict[str, Any])


_MARK: Final = object()


class _Machine:
    """Carries out the operations of a pickle on plain data: numbers, text, bytes, lists, tuples, dicts and Things."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self, kind: type | None = None) -> Any:
        """Takes the topmost item, which has to be of that type."""
        if not self.stack or self.stack[-1] is _MARK:
            raise Refused("its pickle is broken: it takes more than it has")
        return of_type(self.stack.pop(), kind)

    def pop_to_mark(self) -> list[Any]:
        """Takes all items above the last mark, and the mark."""
        items: list[Any] = []
        while self.stack:
            item = self.stack.pop()
            if item is _MARK:
                return items[::-1]
            items.append(item)
        raise Refused("its pickle is broken: it has no mark")

    def push(self, value: Any) -> None:
        """Puts an item on top."""
        self.stack.append(value)

    def put(self, place: int) -> None:
        """Remembers the topmost item."""
        item = self.pop()
        self.memo[place] = item
        self.push(item)

    def get(self, place: int) -> None:
        """Puts a remembered item on top."""
        if place not in self.memo:
            raise Refused("its pickle is broken: it refers to what is not there")
        self.push(self.memo[place])

    def tuple_of(self, count: int) -> None:
        """Makes one tuple of the topmost items."""
        self.push(tuple([self.pop() for _ in range(count)][::-1]))

    def name_class(self) -> None:
        """Takes a module and a name and puts a Thing of that class on top, if it is one that recordings hold."""
        name, module = self.pop(str), self.pop(str)
        if (module, name) not in KNOWN:
            raise Refused(f"it names {module[:80]}.{name[:80]}, which no recording does")
        self.push(Thing(name))

    def make(self) -> None:
        """Takes a class and arguments and puts a Thing with them on top; nothing is called."""
        args, kind = self.pop(tuple), self.pop(Thing)
        self.push(Thing(kind.name, args))

    def build(self) -> None:
        """Takes attributes and gives them to the topmost Thing, as data under their names."""
        state, thing = self.pop(dict), self.pop(Thing)
        if thing.state:  # to merge them, again and again, would be slow work for a few bytes
            raise Refused("its pickle is broken: an object gets its attributes twice")
        thing.state = state
        self.push(thing)

    def append(self, items: list[Any]) -> None:
        """Puts items at the end of the topmost list."""
        values = self.pop(list)
        values.extend(items)
        self.push(values)

    def set_items(self, items: list[Any]) -> None:
        """Puts pairs into the topmost dict, whose keys are text."""
        values = self.pop(dict)
        if len(items) % 2:
            raise Refused("its pickle is broken: a name has no value")
        values.update((of_type(name, str), value) for name, value in zip(items[::2], items[1::2], strict=True))
        self.push(values)


def _pair(machine: _Machine) -> list[Any]:
    value, name = machine.pop(), machine.pop()
    return [name, value]


def _push(machine: _Machine, value: Any) -> None:
    machine.push(value)


# What a default pickle of Python 3.8 and newer is made of; a response holds nothing that would need more.
_OPERATIONS: Final[dict[str, Callable[[_Machine, Any], None]]] = {
    "PROTO": lambda _machine, _version: None,
    "FRAME": lambda _machine, _size: None,
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "MARK": lambda machine, _: machine.push(_MARK),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: _push(machine, value=True),
    "NEWFALSE": lambda machine, _: _push(machine, value=False),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _push),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _push),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"), _push),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.set_items(_pair(machine)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "STACK_GLOBAL": lambda machine, _: machine.name_class(),
    "NEWOBJ": lambda machine, _: machine.make(),
    "REDUCE": lambda machine, _: machine.make(),
    "BUILD": lambda machine, _: machine.build(),
    "STOP": lambda _machine, _: None,
}


def unpickled(pickle: bytes) -> Any:
    """Returns what a pickle describes, as plain data; no class is looked up and nothing is called.

    Raises:
        Refused: when it holds anything that a recording does not.
    """
    machine = _Machine()
    try:
        for step, (operation, argument, _place) in enumerate(pickletools.genops(pickle)):
            if step >= MOST_STEPS:
                raise Refused(f"its pickle has more than {MOST_STEPS:,} steps, and no recording has")
            carry_out = _OPERATIONS.get(operation.name)
            if carry_out is None:
                raise Refused(f"its pickle uses {operation.name}, which no recording does")
            carry_out(machine, argument)
    except (ValueError, IndexError) as broken:
        raise Refused(f"its pickle is broken: {str(broken)[:200]}") from broken
    return machine.pop()


def of_type(value: Any, kind: type | None) -> Any:
    """Returns a value that is of that very type; `None` allows any. Raises Refused otherwise."""
    if kind is not None and type(value) is not kind:
        raise Refused(f"it has {type(value).__name__} where a recording has {kind.__name__}")
    return value
