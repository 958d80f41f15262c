"""`@parsed_response` and `@generated_parsed_response`: they say a type, and change nothing."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import Any, TypedDict

import pytest

from gracy_transport import (
    GracyConfig,
    GracyNamespace,
    generated_parsed_response,
    graceful,
    graceful_generator,
    parsed_response,
)
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, PokeEndpoint, Scripted

pytestmark = pytest.mark.anyio

PAGE = ScriptedResponse(json={"next": None, "results": [{"name": "cheri"}]})


class ResourceList(TypedDict):
    """A page, as the PokeAPI gives it."""

    next: str | None


class BerryNamespace(GracyNamespace[PokeEndpoint]):
    """The one of the README's section on pagination, and decorators in either order."""

    @parsed_response(ResourceList)
    async def list(self, offset: int = 0, limit: int = 20):  # type: ignore[no-untyped-def] # noqa: ANN201 - as printed
        """Lists berries."""
        params = {"offset": offset, "limit": limit}
        return await self.get(PokeEndpoint.LIST_POKEMON, params=params)

    @parsed_response(str)
    @graceful(parser={"default": lambda r: "above"})
    async def above(self, *, key: int = 1) -> Any:
        """Has the type outside."""
        return await self.get(PokeEndpoint.LIST_POKEMON)

    @graceful(parser={"default": lambda r: "below"})
    @parsed_response(str)
    async def below(self, *, key: int = 1) -> Any:
        """Has the type inside."""
        return await self.get(PokeEndpoint.LIST_POKEMON)

    @generated_parsed_response(str)
    @graceful_generator(parser={"default": lambda r: "above"})
    async def all_above(self, count: int = 2) -> AsyncIterator[Any]:
        """Has the type outside."""
        for _ in range(count):
            yield await self.get(PokeEndpoint.LIST_POKEMON)

    @graceful_generator(parser={"default": lambda r: "below"})
    @generated_parsed_response(str)
    async def all_below(self, count: int = 2) -> AsyncIterator[Any]:
        """Has the type inside."""
        for _ in range(count):
            yield await self.get(PokeEndpoint.LIST_POKEMON)


class API(Scripted):
    """An API of berries."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

    berry: BerryNamespace


async def test_the_namespace_of_the_readme(family: ModuleType) -> None:
    """Its page is what the parser gave, whatever type was declared."""
    api = API(family, ScriptedWire(PAGE))
    page: Any = await api.berry.list(40)
    assert page == {"next": None, "results": [{"name": "cheri"}]}
    assert api.wire.sent[0].url == f"{BASE}/pokemon?offset=40&limit=20"


async def test_a_type_is_never_parsed_or_checked(family: ModuleType) -> None:
    """It is not even called."""

    class Exploding:
        def __init__(self, *_: object) -> None:
            raise AssertionError

    class Declared(API):
        @parsed_response(Exploding)
        async def one(self) -> Any:
            return await self.get(PokeEndpoint.LIST_POKEMON)

        @generated_parsed_response(Exploding)
        async def some(self) -> AsyncIterator[Any]:
            yield await self.get(PokeEndpoint.LIST_POKEMON)

    api = Declared(family, ScriptedWire(PAGE))
    one: Any = await api.one()
    assert [one] == [each async for each in api.some()]


async def test_it_goes_with_overrides_in_either_order(family: ModuleType) -> None:
    """Above or below, for methods and for generators."""
    berry = API(family, ScriptedWire(PAGE)).berry
    assert await berry.above() == "above"
    assert await berry.below(key=2) == "below"
    assert [each async for each in berry.all_above()] == ["above"] * 2
    assert [each async for each in berry.all_below(1)] == ["below"]


@pytest.mark.parametrize("name", ["list", "above", "below", "all_above", "all_below"])
def test_a_decorated_method_stays_what_it_is(name: str) -> None:
    """Its name, its docstring, its parameters, and whether it is awaited or iterated."""
    method = getattr(BerryNamespace, name)
    assert method.__name__ == name
    assert inspect.getdoc(method)
    assert next(iter(inspect.signature(method).parameters)) == "self"
    assert inspect.isasyncgenfunction(method) is name.startswith("all_")
    assert inspect.iscoroutinefunction(method) is not name.startswith("all_")


def test_a_function_that_gives_something_to_await_will_do(family: ModuleType) -> None:
    """It is returned as it is, so it costs nothing."""

    def function() -> Any:
        return None

    decorate: Callable[[Any], Any]
    for decorate in (parsed_response(int), generated_parsed_response(int)):
        assert decorate(function) is function


def test_the_wrong_one_is_refused() -> None:
    """At decoration, with the right one."""

    async def coroutine() -> None: ...

    async def generator() -> AsyncIterator[int]:
        yield 1

    wrong: Any = generator
    with pytest.raises(TypeError, match="which has a yield: use @generated_parsed_response"):
        parsed_response(int)(wrong)
    wrong = coroutine
    with pytest.raises(TypeError, match="which has no yield: use @parsed_response"):
        generated_parsed_response(int)(wrong)


# ---------------------------------------------------------------- the README's section "Parsing Typing"


async def test_a_placeholder_among_the_parameters_is_refused(family: ModuleType) -> None:
    """The README gives `{KEY}` as a query parameter: the error says where it goes."""

    class Berries(API):
        async def get_one(self, name_or_id: str | int) -> Any:
            return await self.get[ResourceList | None]("/berry/{KEY}", params={"KEY": str(name_or_id)})

        async def get_one_rightly(self, name_or_id: str | int) -> Any:
            return await self.get[ResourceList | None]("/berry/{KEY}", {"KEY": str(name_or_id)})

    api = Berries(family, ScriptedWire(PAGE))
    with pytest.raises(ValueError, match=r"has no value for \{KEY\}: give it as an endpoint argument, get\(ENDPOINT, "):
        await api.get_one("cheri")
    await api.get_one_rightly(1)
    assert [each.url for each in api.wire.sent] == [f"{BASE}/berry/1"]
