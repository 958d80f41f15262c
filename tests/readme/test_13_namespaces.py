"""README, "Resource Namespacing": parts of an API, made with it."""

from __future__ import annotations

from http import HTTPStatus
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import BaseEndpoint, GracefulRetry, GracyConfig, GracyNamespace, ThrottleRule
from gracy_transport.exceptions import NonOkResponse
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import BASE, OnWire, waits, wire_of

pytestmark = pytest.mark.anyio

RETRY = GracefulRetry(delay=1, max_attempts=2, retry_on={503})


class PokeApiEndpoint(BaseEndpoint):
    GET_POKEMON = "/pokemon/{NAME}"
    GET_BERRY = "/berry/{NAME}"


class PokemonNamespace(GracyNamespace[PokeApiEndpoint]):
    async def get_one(self, name: str) -> Any:
        return await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})


class BerryNamespace(GracyNamespace[PokeApiEndpoint]):
    async def get_one(self, name: str) -> Any:
        return await self.get(PokeApiEndpoint.GET_BERRY, {"NAME": name})


class GracefulPokeAPI(OnWire):
    class Config(OnWire.Config):
        BASE_URL = "https://pokeapi.co/api/v2/"
        SETTINGS = GracyConfig(
            retry=RETRY,
            allowed_status_code={HTTPStatus.NOT_FOUND},
            parser={HTTPStatus.NOT_FOUND: None},
        )

    # These will be automatically assigned on init
    berry: BerryNamespace
    pokemon: PokemonNamespace


async def test_the_example(family: ModuleType) -> None:
    """Both are there without a line that makes them, and send where the API sends."""
    wire = wire_of()
    async with GracefulPokeAPI(family, wire) as pokeapi:
        await pokeapi.pokemon.get_one("pikachu")
        await pokeapi.berry.get_one("cheri")
    assert [sent.url for sent in wire.sent] == [f"{BASE}/pokemon/pikachu", f"{BASE}/berry/cheri"]
    assert {row.url for row in pokeapi.get_report().rows} == {f"{BASE}/pokemon/{{NAME}}", f"{BASE}/berry/{{NAME}}"}


async def test_all_configs_are_propagated(family: ModuleType) -> None:
    """The retry, the allowed status and the parser of the API hold in its namespaces."""
    wire = wire_of(503, 503, 404)
    async with GracefulPokeAPI(family, wire) as pokeapi:
        assert await pokeapi.pokemon.get_one("missingno") is None
    assert waits(wire) == [1, 1]


async def test_limits_are_propagated_as_one(family: ModuleType) -> None:
    """A rule counts the requests of the API and of all its namespaces together."""

    class API(GracefulPokeAPI):
        class Config(GracefulPokeAPI.Config):
            SETTINGS = GracyConfig(throttling=ThrottleRule(r".*", 1))

    wire = wire_of()
    async with API(family, wire) as pokeapi:
        await pokeapi.get_pokemon()
        await pokeapi.pokemon.get_one("pikachu")
        await pokeapi.berry.get_one("cheri")
    assert waits(wire) == [1, 1]


class OtherBerries(BerryNamespace):
    class Config:
        SETTINGS = GracyConfig(allowed_status_code=None, parser={"default": lambda r: r.json()["name"]})


class BerriesElsewhere(BerryNamespace):
    class Config:
        BASE_URL = "https://berries.test/v1"


class MergingPokeAPI(GracefulPokeAPI):
    other: OtherBerries
    elsewhere: BerriesElsewhere


async def test_a_namespace_can_have_its_own(family: ModuleType) -> None:
    """Field by field over those of the API: the parser and the status are its own, the retry is the API's."""
    wire = wire_of(503, ScriptedResponse(json={"name": "cheri"}), 404)
    async with MergingPokeAPI(family, wire) as pokeapi:
        assert await pokeapi.other.get_one("cheri") == "cheri"
        with pytest.raises(NonOkResponse):
            await pokeapi.other.get_one("missing")
        assert await pokeapi.berry.get_one("missing") is None
    assert waits(wire) == [1, 0, 0]


async def test_merging_touches_no_class(family: ModuleType) -> None:
    """The same namespace in two APIs, each with its own base URL; and one that goes elsewhere stays there."""

    class OtherAPI(MergingPokeAPI):
        class Config(MergingPokeAPI.Config):
            BASE_URL = "https://other.test"

    async with MergingPokeAPI(family, wire_of()) as pokeapi, OtherAPI(family, wire_of()) as other:
        for api, base in ((pokeapi, BASE), (other, "https://other.test"), (pokeapi, BASE)):
            await api.berry.get_one("cheri")
            await api.elsewhere.get_one("cheri")
            here, there = api.wire.sent[-2:]
            assert here.url == f"{base}/berry/cheri"
            assert there.url == "https://berries.test/v1/berry/cheri"
    assert not hasattr(OtherBerries.Config, "BASE_URL")
    assert BerriesElsewhere.Config.BASE_URL == "https://berries.test/v1"


async def test_a_namespace_can_be_made_by_hand(family: ModuleType) -> None:
    """As the examples of the original do it, in the constructor of the API or of another namespace."""

    class Nested(GracyNamespace[PokeApiEndpoint]):
        def __init__(self, parent: Any, **kwargs: Any) -> None:
            super().__init__(parent, **kwargs)
            self.berry = BerryNamespace(parent)

    class API(OnWire):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._pokemon = PokemonNamespace(self)
            self.nested = Nested(self)

        @property
        def pokemon(self) -> PokemonNamespace:
            return self._pokemon

    wire = wire_of()
    async with API(family, wire) as api:
        await api.pokemon.get_one("pikachu")
        await api.nested.berry.get_one("cheri")
    assert [sent.url for sent in wire.sent] == [f"{BASE}/pokemon/pikachu", f"{BASE}/berry/cheri"]
