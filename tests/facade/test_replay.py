"""Recording and replaying through the facade: the mode is the first argument of an API."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from gracy_transport import GracyConfig, GracyReplay
from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted

pytestmark = pytest.mark.anyio


class API(Scripted):
    """An API with a parser, which replays pass through as well."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()["name"]})


async def test_what_was_recorded_is_replayed(family: ModuleType, tmp_path: Path) -> None:
    """Without a request; parsers and the report work as usual."""
    storage = SQLiteReplayStorage(str(tmp_path / "pokeapi.sqlite3"))
    answer = ScriptedResponse(json={"name": "pikachu"})
    async with API(family, ScriptedWire(answer), replay=GracyReplay("record", storage)) as recording:
        assert await recording.get_pokemon() == "pikachu"
    async with API(family, ScriptedWire(500), replay=GracyReplay("replay", storage)) as replaying:
        assert await replaying.get_pokemon() == "pikachu"
        assert replaying.wire.sent == []
        assert replaying.get_report().total.replays == 1


async def test_what_was_not_recorded_is_named(family: ModuleType, tmp_path: Path) -> None:
    """By an error of our own, with nothing around it."""
    storage = SQLiteReplayStorage(str(tmp_path / "pokeapi.sqlite3"))
    async with API(family, ScriptedWire(200), replay=GracyReplay("record", storage)):
        pass
    async with API(family, ScriptedWire(200), replay=GracyReplay("replay", storage)) as replaying:
        with pytest.raises(GracyReplayRequestNotFound):
            await replaying.get_pokemon()
        assert replaying.wire.sent == []
