"""Putting something in the place of an attribute for a while, whatever else is put there meanwhile."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

__all__ = ["replaced"]


@contextmanager
def replaced(owner: object, name: str, wrap: Callable[[Any], Callable[..., Any]]) -> Generator[None]:
    """Puts what `wrap` makes of a function, which is an attribute of a class or a module, in its place for a block.

    Where somebody else has replaced the attribute since, theirs stays, and finds the function as it was before.
    """
    is_inherited = name not in vars(owner)
    original = getattr(owner, name)
    wrapped = wrap(original)
    is_on = True

    @functools.wraps(original)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return (wrapped if is_on else original)(*args, **kwargs)

    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        is_on = False
        if getattr(owner, name) is stand_in:
            if is_inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
