"""`GracyNamespace`: a part of an API with methods, and if need be settings, of its own."""

from __future__ import annotations

from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, cast

from ..metrics import Reporting
from .annotations import AROUND, classes_named, names_around, why_unresolved
from .settings import settings_of
from .verbs import EndpointT, Verbs

if TYPE_CHECKING:
    from ..metrics import GracyReport

__all__ = ["GracyNamespace", "NamespaceHolder"]


class Unsaid:
    """The base of the `Config` of classes for which none is written."""


class NamespaceHolder(Verbs[EndpointT]):
    """What an API and a namespace share: the namespaces that their annotations name are made with them."""

    Config: Any = type("Config", (Unsaid,), {})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Notes the names around a class that is defined in a function, for annotations that are text.

        When no `Config` is written for the class, it gets one of its own: some fill it in their constructor.
        """
        super().__init_subclass__(**kwargs)
        if around := names_around(cls):
            setattr(cls, AROUND, around)
        if "Config" not in vars(cls) and getattr(cls.Config, "__base__", None) is Unsaid:
            cls.Config = type("Config", (Unsaid,), {})

    def _assign_namespaces(self) -> None:
        """Makes the namespaces that annotations of this object's class name, unless an attribute is there already."""
        above = self._kinds_above()
        for name, kind in classes_named(type(self), GracyNamespace, _OURS).items():
            # A namespace that names one above it means to point back; another of its kind would never end.
            if kind in above or name in vars(self) or _has(self, name):
                continue
            try:
                setattr(self, name, kind(self))
            except Exception as error:
                error.add_note(f"raised while {type(self).__name__}.{name} was made, as its annotation asks for")
                raise

    def _kinds_above(self) -> tuple[type, ...]:
        """Returns the class of this object and of what it is a part of, up to the API."""
        return (type(self),)

    if not TYPE_CHECKING:  # a type checker would take it as a promise of every name

        def __getattr__(self, name: str) -> object:
            """Says of a missing attribute what is wrong with its annotation, if that is the reason."""
            raise AttributeError(_missing(type(self), name), name=name, obj=self)


class GracyNamespace(Reporting, NamespaceHolder[EndpointT]):
    """The base of namespaces: parts of an API that group its methods.

    ```python
    class PokemonNamespace(GracyNamespace[PokeApiEndpoint]):
        async def get_one(self, name: str):
            return await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})


    class GracefulPokeAPI(Gracy[PokeApiEndpoint]):
        class Config:
            BASE_URL = "https://pokeapi.co/api/v2/"

        pokemon: PokemonNamespace  # made with the object: pokeapi.pokemon.get_one("pikachu")
    ```

    It is made with its API, in `super().__init__()`, for each annotation of the class or its bases that names a
    namespace: as a class, as text, as `Generic[Argument]`, inside `Annotated` or `Final`. Left alone are other
    annotations, so `X | None` and `ClassVar[X]`; a name that has a value already; and a namespace inside one of
    its own class, which is a way back. A namespace may have namespaces. `PokemonNamespace(api)` makes one by hand.

    Text (`from __future__ import annotations` makes text of all) is looked up in the class, in what the functions
    around it had defined by then, and in its module. What is not found there names nothing, and the error of
    `api.pokemon` says so. That is so for what is imported under `TYPE_CHECKING` only; for what a function defines
    after the API, where the annotation is text; for what only a function further out defines, unless the inner one
    uses it or the outer one is still at work; and in a mixin that is no `Gracy`, for all that a function defines.

    All of the inner `Config` is optional, and what is left out is the API's:

    - `SETTINGS`, field by field over those of the API; a limit that equals one of another part is the same limit.
    - `BASE_URL`: a path goes below that of the API, `"/berries"`; a whole URL replaces it. The headers, cookies and
      credentials of the client are sent there, too.
    - `REQUEST_TIMEOUT` in seconds.

    Connections, limits and the report are the API's. The hooks of the API run around those of the namespace: `before`
    outermost first, `after` innermost first. `@graceful` on a method holds for the requests of this object.

    Args:
        parent: the API, or the namespace, that it is a part of.

    Raises:
        TypeError: when the parent is neither, the inner `Config` has something of a wrong type, or a namespace is
            called as something that every API has, such as `options`.
        ValueError: when its `BASE_URL` has a query.
    """

    def __init__(self, parent: NamespaceHolder[Any]) -> None:
        above: Any = parent  # an API or a namespace: both have reports
        if not isinstance(above, NamespaceHolder):
            raise TypeError(f"{type(self).__name__} was given {above!r}: give it the API object it is a part of")
        self._parent: Any = above
        settings = settings_of(type(self), vars(self).get("Config"))
        self._gracy = parent._gracy.part(settings, self)  # noqa: SLF001 - of the same make
        self._assign_namespaces()

    def get_report(self) -> GracyReport:
        """Returns what happened so far to the requests of the whole API, by endpoint."""
        return cast("GracyReport", self._parent.get_report())

    @property
    def _client(self) -> Any:
        """The client of the API."""
        return self._parent._client  # noqa: SLF001 - of the same make

    def _kinds_above(self) -> tuple[type, ...]:
        return (type(self), *self._parent._kinds_above())  # noqa: SLF001 - of the same make

    def __repr__(self) -> str:
        """Says the class and whose part it is: `<PokemonNamespace of GracefulPokeAPI>`."""
        return f"<{type(self).__name__} of {type(self._parent).__name__}>"


_OURS: Final = frozenset({*GracyNamespace.__mro__})


def _has(each: object, name: str) -> bool:
    """Tells whether an object has that of its class, or in a slot; what all APIs have cannot be a namespace.

    Raises:
        TypeError: naming it.
    """
    kind = type(each)
    having = next((base for base in kind.__mro__ if name in vars(base)), None)
    if having is not None and having.__module__.partition(".")[0] == __name__.partition(".")[0]:
        raise TypeError(
            f"{kind.__name__} annotates {name!r} as a namespace, but every API has {name!r} already: "
            "give the namespace another name"
        )
    if having is not None and isinstance(vars(having)[name], MemberDescriptorType):
        return hasattr(each, name)
    return having is not None


def _missing(kind: type, name: str) -> str:
    """Returns what to say of an attribute that an object of a class has not."""
    text = f"{kind.__name__!r} object has no attribute {name!r}"
    if name == "_gracy":
        return f"this {kind.__name__} cannot make requests yet: call super().__init__() first"
    if reason := why_unresolved(kind, name):
        text += (
            f". {reason}. If that is a GracyNamespace, let its module import it at run time too, outside of any "
            f"function, or set {name} in __init__"
        )
    return text
