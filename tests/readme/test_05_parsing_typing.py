"""README, "Parsing Typing": `self.get[T]` declares a result; what type checkers make of it is in tests/typing."""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypedDict

import pytest

from gracy_transport import GracyConfig
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import BASE, OnWire, PokeApiEndpoint, wire_of

pytestmark = pytest.mark.anyio


class ResourceList(TypedDict):
    count: int


class Berry:
    name: str


class BerryAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

    async def list(self, offset: int = 0, limit: int = 20) -> Any:
        params = dict(offset=offset, limit=limit)
        return await self.get[ResourceList](PokeApiEndpoint.BERRY_LIST, params=params)

    async def get_one(self, name_or_id: str | int) -> Any:
        return await self.get[Berry | None](PokeApiEndpoint.BERRY_GET, dict(KEY=str(name_or_id)))

    async def get_one_as_printed(self, name_or_id: str | int) -> Any:
        return await self.get[Berry | None](PokeApiEndpoint.BERRY_GET, params=dict(KEY=str(name_or_id)))


async def test_a_typed_result_is_requested_like_any(family: ModuleType) -> None:
    """With the parameters of the example."""
    wire = wire_of(ScriptedResponse(json={"count": 1}))
    async with BerryAPI(family, wire) as api:
        assert await api.list(limit=2) == {"count": 1}
    assert wire.sent[0].url == f"{BASE}/berry?offset=0&limit=2"


async def test_the_type_never_parses(family: ModuleType) -> None:
    """It only says what the parser gives, so a union does as well as a class."""
    async with BerryAPI(family, wire_of(ScriptedResponse(json={"name": "cheri"}))) as api:
        assert await api.get_one("cheri") == {"name": "cheri"}


async def test_a_placeholder_given_as_a_query_parameter_is_refused(family: ModuleType) -> None:
    """The README prints it so, which would ask for the berry `{KEY}`; the right form is said."""
    wire = wire_of()
    async with BerryAPI(family, wire) as api:
        with pytest.raises(ValueError, match=r"'/berry/\{KEY\}' has no value for \{KEY\}: .*get\(ENDPOINT, \{'KEY': "):
            await api.get_one_as_printed("cheri")
    assert wire.sent == []


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options"])
async def test_every_verb_is_typed(family: ModuleType, verb: str) -> None:
    """Each sends its own method."""
    wire = wire_of()
    async with OnWire(family, wire) as api:
        await getattr(api, verb)[Any](PokeApiEndpoint.BERRY_LIST)
    assert wire.sent[0].method == verb.upper()
