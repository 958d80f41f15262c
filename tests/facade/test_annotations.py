"""Which annotations make a namespace, whatever form they have, and which do not."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, ForwardRef, Generic, Optional, TypeVar

import pytest
from typing_extensions import Format

from gracy_transport import GracyNamespace
from gracy_transport.facade.annotations import classes_named, why_unresolved
from gracy_transport.testing import ScriptedWire
from tests.facade.support import PokeEndpoint, Scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elsewhere import Unimportable  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

EndpointT = TypeVar("EndpointT", bound=str)
Other = TypeVar("Other")


class Pokemon(GracyNamespace[PokeEndpoint]):
    """A namespace."""


class Tagged(GracyNamespace[EndpointT], Generic[EndpointT, Other]):
    """A generic one."""


class Shiny(Pokemon):
    """A namespace derived from another."""


class Outer(GracyNamespace[str]):
    """A namespace with namespaces, one of them defined in it."""

    class Inner(GracyNamespace[str]):
        """One that only its class knows by that name."""

        pokemon: Pokemon

    inner: Inner
    tagged: Tagged[str, int]


class Forms(Scripted):
    """Annotations in every form that makes a namespace."""

    plain: Pokemon
    text: "Pokemon"  # noqa: UP037 - text in text
    generic: Tagged[str, int]
    annotated: Annotated[Pokemon, "a remark"]
    both: Annotated["Pokemon", 1]  # noqa: UP037 - text in a form
    final: Final[Pokemon]  # type: ignore[misc]  # pyright: ignore[reportUninitializedInstanceVariable]
    dotted: Outer.Inner
    base: GracyNamespace[PokeEndpoint]
    outer: Outer


class Unrelated(Scripted):
    """Annotations of other kinds, some of which cannot be evaluated."""

    optional: Pokemon | None
    old_optional: Optional[Pokemon]  # noqa: UP045 - the old form
    of_the_class: ClassVar[Pokemon]
    default: Pokemon = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    kind: type[Pokemon]
    many: list[Pokemon]
    number: int
    unknown: Unimportable
    under_type_checking: Callable[[], Sequence[int]]


STRANGE = {"division": "1 / 0", "gone": "enum.Gone", "no_code": "a b c", "empty": ""}


def made_in(api: Any) -> dict[str, type]:
    """Returns the classes of the namespaces that an object has, by attribute."""
    return {
        name: type(each) for name, each in vars(api).items() if isinstance(each, GracyNamespace) and name != "_parent"
    }


def new(kind: Any) -> Any:
    """Returns an object of an API class."""
    return kind(pytest.importorskip("httpx"), ScriptedWire())


def test_every_form_that_names_a_class_makes_a_namespace() -> None:
    """Of the class itself, not of its argument or its wrapping."""
    assert made_in(new(Forms)) == {
        "plain": Pokemon,
        "text": Pokemon,
        "generic": Tagged,
        "annotated": Pokemon,
        "both": Pokemon,
        "final": Pokemon,
        "dotted": Outer.Inner,
        "base": GracyNamespace,
        "outer": Outer,
    }


def test_a_namespace_may_have_namespaces() -> None:
    """To any depth, by names that only its class knows too."""
    outer = new(Forms).outer
    assert made_in(outer) == {"inner": Outer.Inner, "tagged": Tagged}
    assert made_in(outer.inner) == {"pokemon": Pokemon}
    assert made_in(outer.inner.pokemon) == {}


def test_any_other_annotation_is_left_alone() -> None:
    """What cannot be evaluated is no reason to fail: it is most likely about something else."""
    api = new(Unrelated)
    assert made_in(api) == {}
    assert api.default is None


@pytest.mark.parametrize("name", STRANGE)
def test_an_annotation_may_be_anything(name: str) -> None:
    """Whatever its evaluation raises, it makes nothing, and that is told only to whom asks for the attribute."""
    api = new(type("Strange", (Scripted,), {"__annotations__": STRANGE, "__module__": __name__}))
    assert made_in(api) == {}
    with pytest.raises(AttributeError, match="which cannot be found"):
        getattr(api, name)


def test_annotations_are_inherited() -> None:
    """From an API, and from a mixin that is none; the nearest counts."""

    class Mixin:
        shiny: Shiny

    class Heir(Mixin, Forms):
        generic: int  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleVariableOverride]
        plain: Shiny  # pyright: ignore[reportIncompatibleVariableOverride]

    made = made_in(new(Heir))
    assert (made["plain"], made["shiny"], made["text"]) == (Shiny, Shiny, Pokemon)
    assert "generic" not in made


def test_what_is_there_already_stays() -> None:
    """In the class, in a base class, or in the object."""
    mine = object()

    class Replaced(Forms):
        text: Any = mine

        def __init__(self, *args: Any) -> None:
            self.plain: Any = mine
            super().__init__(*args)

        @property
        def generic(self) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
            return mine

    class Heir(Replaced):
        text: Pokemon  # pyright: ignore[reportIncompatibleVariableOverride]

    api = new(Heir)
    assert api.plain is api.text is api.generic is mine


@pytest.mark.parametrize("name", ["options", "request", "get_report", "_client"])
def test_a_namespace_cannot_be_called_as_what_every_api_has(name: str) -> None:
    """It would be a namespace for some and a verb for others."""
    kind = type("Clashing", (Scripted,), {"__annotations__": {name: Pokemon}, "__module__": __name__})
    with pytest.raises(
        TypeError, match=f"^Clashing annotates '{name}' as a namespace, but every API has '{name}' already"
    ):
        new(kind)


def test_a_way_back_makes_nothing() -> None:
    """A namespace that names its own class, or one above it, would never end."""

    class Parent(GracyNamespace[str]):
        child: Child
        again: Parent

    class Child(GracyNamespace[str]):
        parent: Parent
        sibling: Child

    class API(Scripted):
        parent: Parent
        child: Child

    api = new(API)
    assert made_in(api) == {"parent": Parent, "child": Child}
    assert made_in(api.parent) == {}
    assert made_in(api.child) == {"parent": Parent}


# ---------------------------------------------------------------- classes in functions


def test_a_class_in_a_function_names_what_the_function_knows() -> None:
    """Its own names, those of the functions around it, and modules."""

    class Further(GracyNamespace[str]):
        pass

    import gracy_transport as gracy

    def make() -> Any:
        class Near(GracyNamespace[str]):
            further: Further

        class API(Scripted):
            near: Near
            further: Further
            base: gracy.GracyNamespace[str]

        return API

    api = new(make())
    assert {name: kind.__name__ for name, kind in made_in(api).items()} == {
        "near": "Near",
        "further": "Further",
        "base": "GracyNamespace",
    }
    assert made_in(api.near) == {"further": Further}


def test_what_a_function_shadows_is_shadowed() -> None:
    """The nearest name counts, as it does in Python."""

    class Pokemon(GracyNamespace[str]):
        pass

    class API(Scripted):
        pokemon: Pokemon

    assert type(new(API).pokemon) is Pokemon


def test_what_only_a_function_knew_is_kept_by_no_other_class() -> None:
    """A class of a module keeps nothing; one in a function keeps classes and modules, and no data."""
    secret = "hunter2"

    class Near(GracyNamespace[str]):
        pass

    class API(Scripted):
        near: Near

    assert secret
    assert "_gracy_names_around" not in vars(Forms)
    assert vars(API)["_gracy_names_around"].keys() == {"Near"}


# ---------------------------------------------------------------- what cannot be found


def test_a_namespace_that_cannot_be_found_is_named_when_it_is_used() -> None:
    """With the class that has the annotation, what is wrong with it, and what to do."""

    class Heir(Unrelated):
        pass

    with pytest.raises(AttributeError) as caught:
        _ = new(Heir).unknown
    assert str(caught.value) == (
        "'Heir' object has no attribute 'unknown'. Unrelated annotates it as Unimportable, which cannot be found "
        "(NameError: name 'Unimportable' is not defined). If that is a GracyNamespace, let its module import it at run "
        "time too, outside of any function, or set unknown in __init__"
    )


@pytest.mark.parametrize("name", ["optional", "number", "no_such_name", "__deepcopy__"])
def test_any_other_missing_attribute_is_just_missing(name: str) -> None:
    """Nothing is wrong with its annotation, if it has one."""
    api = new(Unrelated)
    assert not hasattr(api, name)
    with pytest.raises(AttributeError, match=rf"^'Unrelated' object has no attribute '{name}'$"):
        getattr(api, name)


def test_a_name_that_stands_for_itself_ends() -> None:
    """Text that is evaluated to the same text."""

    class Endless:
        Name = "Name"
        name: Name  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeForm]

    assert classes_named(Endless, GracyNamespace) == {}
    reason = why_unresolved(Endless, "name")
    assert reason is not None
    assert reason.endswith("(NameError: 'Name' stands for itself)")


# ---------------------------------------------------------------- other Pythons

LAZY = """
from typing import TYPE_CHECKING
from gracy_transport import Gracy, GracyNamespace

class Pokemon(GracyNamespace[str]):
    pass

def make():
    class Near(GracyNamespace[str]):
        pass

    class API(Gracy[str]):
        pokemon: Pokemon
        near: Near
        text: "Near"
        {late}

    class Late(GracyNamespace[str]):
        pass

    return API

api = make()()
print(*sorted(name for name, each in vars(api).items() if isinstance(each, GracyNamespace)))
"""


def test_annotations_that_are_not_text() -> None:
    """As a module without `from __future__ import annotations` has them; Python 3.14 finds what comes later, too."""
    is_late = sys.version_info >= (3, 14)
    code = LAZY.format(late="late: Late; unknown: Unknown" if is_late else "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == (["late"] if is_late else []) + ["near", "pokemon", "text"]


def annotationlib(get_annotations: Any) -> Any:
    """Returns what stands in for the module that Python has since 3.14."""
    return SimpleNamespace(get_annotations=get_annotations, Format=Format)


def test_annotations_that_are_evaluated_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python 3.14 does it: what is not defined is a `ForwardRef`, which is looked up once more as text."""
    asked = set()

    def late(kind: Any, *, format: Any) -> dict[str, Any]:  # noqa: A002 - as Python has it
        asked.add(format)
        found = inspect.get_annotations(kind)
        return {name: ForwardRef(value) if isinstance(value, str) else value for name, value in found.items()}

    monkeypatch.setitem(sys.modules, "annotationlib", annotationlib(late))
    assert made_in(new(Forms))["both"] is Pokemon
    assert asked == {Format.FORWARDREF}
    assert "annotates it as Unimportable, which" in str(why_unresolved(Unrelated, "unknown"))


@pytest.mark.parametrize("raising", [{Format.FORWARDREF}, {Format.FORWARDREF, Format.STRING}])
def test_an_annotation_that_raises_breaks_nothing(monkeypatch: pytest.MonkeyPatch, raising: set[Format]) -> None:
    """Evaluated late it may raise anything: then each is looked at alone, as text, if there is text."""

    def late(kind: Any, *, format: Any) -> dict[str, Any]:  # noqa: A002 - as Python has it
        if format in raising and kind is Forms:
            raise ZeroDivisionError
        return dict(inspect.get_annotations(kind))

    monkeypatch.setitem(sys.modules, "annotationlib", annotationlib(late))
    assert ("plain" in made_in(new(Forms))) is (Format.STRING not in raising)
