"""README, "Parsing": what a method returns, by the status code."""

from __future__ import annotations

import json
from http import HTTPStatus
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracyConfig
from gracy_transport.exceptions import GracyParseFailed, GracyUserDefinedException, NonOkResponse
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import OnWire, api_with, wire_of

pytestmark = pytest.mark.anyio

FOUND = ScriptedResponse(json={"name": "pikachu", "order": 35})


class PokemonNotFound(GracyUserDefinedException):
    pass


class MaybePokeAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(
            allowed_status_code=HTTPStatus.NOT_FOUND,
            parser={"default": lambda r: r.json(), HTTPStatus.NOT_FOUND: None},
        )


class RaisingPokeAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(
            allowed_status_code=HTTPStatus.NOT_FOUND,
            parser={"default": lambda r: r.json(), HTTPStatus.NOT_FOUND: PokemonNotFound},
        )


async def test_the_basic_example_is_json(family: ModuleType) -> None:
    """All successful requests return what the default parser makes of them."""
    async with api_with(family, wire_of(FOUND), parser={"default": lambda r: r.json()}) as api:
        assert await api.get_pokemon() == {"name": "pikachu", "order": 35}


async def test_a_status_may_stand_for_none(family: ModuleType) -> None:
    """Either the dictionary, or nothing."""
    async with MaybePokeAPI(family, wire_of(FOUND, 404)) as api:
        assert await api.get_pokemon() == {"name": "pikachu", "order": 35}
        assert await api.get_pokemon() is None


@pytest.mark.parametrize("kind", [MaybePokeAPI, RaisingPokeAPI])
async def test_a_parser_does_not_make_a_success(family: ModuleType, kind: type[OnWire]) -> None:
    """A status that is not allowed raises as without any parser: "default" is for successes."""
    async with kind(family, wire_of(500)) as api:
        with pytest.raises(NonOkResponse):
            await api.get_pokemon()


async def test_a_status_may_stand_for_an_exception(family: ModuleType) -> None:
    """Which is raised."""
    async with RaisingPokeAPI(family, wire_of(404)) as api:
        with pytest.raises(PokemonNotFound):
            await api.get_pokemon("missingno")


async def test_a_function_for_a_status_needs_it_allowed(family: ModuleType) -> None:
    """Only an exception class does not."""
    parser: dict[Any, Any] = {HTTPStatus.NOT_FOUND: lambda r: "nothing here"}
    async with api_with(family, wire_of(404), parser=parser) as api:
        with pytest.raises(NonOkResponse):
            await api.get_pokemon()
    async with api_with(family, wire_of(404), parser=parser, allowed_status_code=404) as api:
        assert await api.get_pokemon() == "nothing here"


async def test_a_parser_that_fails_says_so(family: ModuleType) -> None:
    """With what it raised as the cause, and the response at hand."""
    async with api_with(
        family, wire_of(ScriptedResponse(content=b"<html>")), parser={"default": lambda r: r.json()}
    ) as api:
        with pytest.raises(GracyParseFailed) as raised:
            await api.get_pokemon()
    assert isinstance(raised.value.__cause__, json.JSONDecodeError)
    assert raised.value.response.text == "<html>"
