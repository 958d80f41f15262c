"""Packages whose names are loaded when they are asked for, so that a program pays for no room it does not enter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["loaded_late"]


def loaded_late(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns the `__getattr__` and the `__dir__` of a package.

    A name is looked for once and then kept in the package. Show both to no type checker (`if not TYPE_CHECKING:`), or
    it takes any name for one of the package: it reads ordinary imports under `if TYPE_CHECKING:` instead.

    Args:
        package: the dotted name of the package.
        homes: the module of each name, relative to the package (`".stack"`); one of the same name is itself meant.
    """
    space = vars(sys.modules[package])

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(home, package)
        found = space[name] = module if home == f".{name}" else getattr(module, name)
        return found

    def names() -> list[str]:
        return sorted({*homes, *(name for name in space if name.startswith("__"))})

    return find, names
