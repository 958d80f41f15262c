"""What the annotations of a class name: also those that are text, and those that Python 3.14 evaluates late."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import ModuleType
from typing import Annotated, Any, Final, ForwardRef, TypeVar, cast, get_args, get_origin

__all__ = ["AROUND", "classes_named", "names_around", "why_unresolved"]

Base = TypeVar("Base")

AROUND: Final = "_gracy_names_around"
"""The attribute under which a class that was defined in a function keeps what it may name there."""

_DEEPEST: Final = 8
"""Text that stands for text, and the like; more than this is a name that stands for itself."""

_TRANSPARENT: Final = frozenset({Annotated, Final})


def classes_named(owner: type, base: type[Base], own: Iterable[type] = ()) -> dict[str, type[Base]]:
    """Returns the subclasses of `base` that annotations of a class name, its bases' among them, by attribute.

    The annotation nearest to the class counts. An annotation that cannot be evaluated, and one that says more than
    a class (`X | None`, `ClassVar[X]`), names none.

    Args:
        owner: the class.
        base: what is looked for.
        own: classes whose own annotations do not count.
    """
    found: dict[str, type[Base]] = {}
    for name, (kind, annotation) in _annotated(owner, own).items():
        try:
            named = _evaluated(annotation, kind)
        except Exception:  # noqa: BLE001, S112 - an annotation may be anything, and most are about other things
            continue
        if isinstance(named, type) and issubclass(named, base):
            found[name] = named
    return found


def why_unresolved(owner: type, name: str) -> str | None:
    """Returns what is wrong with the annotation of an attribute, `None` when it has none or nothing is wrong."""
    if name not in (annotated := _annotated(owner)):
        return None
    kind, annotation = annotated[name]
    try:
        _evaluated(annotation, kind)
    except Exception as error:  # noqa: BLE001 - as above
        text = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
        return f"{kind.__name__} annotates it as {text}, which cannot be found ({type(error).__name__}: {error})"
    return None


def names_around(kind: type) -> dict[str, Any]:
    """Returns the classes and modules that the functions around a class know; to be asked while it is defined.

    They are out of reach afterwards, and an annotation that is text may name one of them.
    """
    names: dict[str, Any] = {}
    frame = inspect.currentframe() if "<locals>" in kind.__qualname__ else None
    while frame is not None:
        is_around = kind.__qualname__.startswith(f"{frame.f_code.co_qualname}.<locals>.")
        if is_around and frame.f_globals.get("__name__") == kind.__module__:
            known = {name: each for name, each in frame.f_locals.items() if isinstance(each, type | ModuleType)}
            names = known | names
        frame = frame.f_back
    return names


def _annotated(owner: type, left_out: Iterable[type] = ()) -> dict[str, tuple[type, Any]]:
    """Returns the annotation of each attribute with the class that has it, the nearest to `owner`."""
    kinds = [kind for kind in reversed(owner.__mro__) if kind not in left_out]
    return {name: (kind, annotation) for kind in kinds for name, annotation in _annotations(kind).items()}


def _annotations(kind: type) -> Mapping[str, Any]:
    """Returns the annotations of one class, evaluated as far as Python does it by itself."""
    late: Any = sys.modules.get("annotationlib")  # since Python 3.14 `inspect` loads it, which evaluates late
    if late is None:
        return inspect.get_annotations(kind)
    for form in (late.Format.FORWARDREF, late.Format.STRING):
        # When one annotation raises there are none. As text they raise only where nothing but constants is involved.
        with suppress(Exception):
            return cast("Mapping[str, Any]", late.get_annotations(kind, format=form))
    return {}


def _evaluated(annotation: Any, kind: type) -> Any:
    """Returns the class that an annotation of a class stands for, or what else it says.

    Raises:
        Exception: whatever its evaluation raises, in most cases a NameError.
    """
    value = annotation
    for _ in range(_DEEPEST):
        if isinstance(value, ForwardRef):
            value = value.__forward_arg__
        if isinstance(value, str):
            module = sys.modules.get(kind.__module__)
            value = eval(value, {} if module is None else vars(module), _names_in(kind))  # noqa: S307 - of the source
        elif get_origin(value) in _TRANSPARENT:
            value = get_args(value)[0]
        else:
            return get_origin(value) or value
    raise NameError(f"{value!r} stands for itself")


def _names_in(kind: type) -> dict[str, Any]:
    """Returns the names that Python would look up before those of the module."""
    parameters = {each.__name__: each for each in getattr(kind, "__type_params__", ())}
    return {**vars(kind).get(AROUND, {}), **parameters, **vars(kind)}
