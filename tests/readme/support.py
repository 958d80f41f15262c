"""The API of the README over a scripted wire, and what the tests of its sections share."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import BaseEndpoint, Gracy, GracyConfig
from gracy_transport.testing import FakeClock, ScriptedWire

BASE = "https://pokeapi.co/api/v2"
PIKACHU = f"{BASE}/pokemon/pikachu"


class PokeApiEndpoint(BaseEndpoint):
    """The endpoints that the examples name."""

    GET_POKEMON = "/pokemon/{NAME}"
    BERRY_LIST = "/berry"
    BERRY_GET = "/berry/{KEY}"


class OnWire(Gracy[str]):
    """The one difference to what a user writes: requests end at a scripted wire, in a client of either family."""

    class Config:
        BASE_URL = "https://pokeapi.co/api/v2/"
        REQUEST_TIMEOUT = 10.2

    def __init__(self, family: ModuleType, wire: ScriptedWire, *args: Any, **kwargs: Any) -> None:
        self.family, self.wire = family, wire
        super().__init__(*args, clock=wire.clock, **kwargs)

    def _create_client(self) -> Any:
        return self.family.AsyncClient(transport=self.wire)

    async def get_pokemon(self, name: str = "pikachu") -> Any:
        return await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})


def api_with(family: ModuleType, wire: ScriptedWire, **settings: Any) -> OnWire:
    """Returns an API with those settings."""

    class API(OnWire):
        class Config(OnWire.Config):
            SETTINGS = GracyConfig(**settings)

    return API(family, wire)


def wire_of(*steps: Any) -> ScriptedWire:
    """Returns a wire that plays these answers in a time of its own."""
    return ScriptedWire(*steps, clock=FakeClock())


def times(wire: ScriptedWire, part: str = "") -> list[float]:
    """Returns when the requests whose URL holds `part` were sent, in seconds from the first of all."""
    return [round(sent.at - wire.sent[0].at, 6) for sent in wire.sent if part in sent.url]


def waits(wire: ScriptedWire) -> list[float]:
    """Returns the seconds between one request and the next."""
    at = times(wire)
    return [round(later - earlier, 6) for earlier, later in pairwise(at)]


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Returns level and text of each line that the library logged."""
    logged = [record for record in caplog.records if record.name == "gracy_transport"]
    return [(record.levelname, record.getMessage()) for record in logged]
