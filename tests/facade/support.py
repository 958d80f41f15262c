"""An API over a scripted wire, for the tests of the facade."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from gracy_transport import BaseEndpoint, Gracy
from gracy_transport.testing import ScriptedWire

BASE = "https://pokeapi.co/api/v2"


class PokeEndpoint(BaseEndpoint):
    """The endpoints of the README, and some that it has not."""

    GET_POKEMON = "/pokemon/{NAME}"
    LIST_POKEMON = "/pokemon"
    GET_FILE = "/files/{PATH:path}"


class Scripted(Gracy[str]):
    """An API whose client sends to a scripted wire. Subclasses say what a user would say in `Config`."""

    def __init__(self, family: ModuleType, wire: ScriptedWire, **kwargs: Any) -> None:
        self.family, self.wire = family, wire
        super().__init__(**kwargs)

    def _create_client(self) -> Any:
        return self.family.AsyncClient(transport=self.wire)

    async def get_pokemon(self, name: object = "pikachu", **options: Any) -> Any:
        return await self.get(PokeEndpoint.GET_POKEMON, {"NAME": name}, **options)


class ScriptedAPI(Scripted):
    """One with a base URL and no settings."""

    class Config:
        BASE_URL = BASE
