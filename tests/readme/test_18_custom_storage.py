"""README, "Creating a custom Replay data source": a storage of one's own, in the three methods it names."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport import GracyConfig, GracyReplay, GracyReplayStorage
from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import BASE, OnWire, PokeApiEndpoint, wire_of

pytestmark = pytest.mark.anyio

FOUND = ScriptedResponse(json={"name": "pikachu"})


class MyCustomStorage(GracyReplayStorage):
    def __init__(self) -> None:
        self.prepared = 0
        self.responses: dict[Any, httpx.Response] = {}

    def prepare(self) -> None:  # (Optional) Executed upon API instance creation.
        self.prepared += 1

    async def record(self, response: httpx.Response) -> None:
        request = response.request
        self.responses[request.method, str(request.url), request.content] = response

    async def _load(self, request: httpx.Request) -> httpx.Response:
        try:
            return self.responses[request.method, str(request.url), request.content]
        except KeyError:
            raise GracyReplayRequestNotFound(f"nothing for {request.url}") from None


class GracefulPokeAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()["name"]})

    async def create(self, name: str) -> Any:
        return await self.post(PokeApiEndpoint.BERRY_LIST, json={"name": name})


async def test_the_example(family: ModuleType) -> None:
    """Recorded with one API, replayed with another; the storage saw the request, its body too."""
    storage = MyCustomStorage()
    record_mode = GracyReplay("record", storage)
    replay_mode = GracyReplay("replay", storage)

    async with GracefulPokeAPI(family, wire_of(FOUND), record_mode) as pokeapi:
        assert storage.prepared == 1  # upon creation
        assert await pokeapi.get_pokemon("pikachu") == "pikachu"
        assert await pokeapi.create("cheri") == "pikachu"
    keys = list(storage.responses)
    assert keys[0] == ("GET", f"{BASE}/pokemon/pikachu", b"")
    assert (keys[1][0], keys[1][2].replace(b" ", b"")) == ("POST", b'{"name":"cheri"}')

    async with GracefulPokeAPI(family, wire_of(500), replay_mode) as pokeapi:
        for _ in range(2):
            assert await pokeapi.get_pokemon("pikachu") == "pikachu"
        assert await pokeapi.create("cheri") == "pikachu"
        with pytest.raises(GracyReplayRequestNotFound):
            await pokeapi.create("pecha")
        assert pokeapi.wire.sent == []
        assert pokeapi.get_report().total.replays == 3


async def test_smart_replay_asks_it_first(family: ModuleType) -> None:
    """And records with it what it does not have."""
    async with GracefulPokeAPI(family, wire_of(FOUND), GracyReplay("smart-replay", MyCustomStorage())) as pokeapi:
        for name in ("pikachu", "pikachu", "ditto"):
            await pokeapi.get_pokemon(name)
        assert len(pokeapi.wire.sent) == 2


class OlderStorage(MyCustomStorage):
    """Written for the original library, which demands `find_replay`, and a second parameter of both."""

    def __init__(self) -> None:
        super().__init__()
        self.dates: list[datetime | None] = []

    async def find_replay(self, request: httpx.Request, discard_before: datetime | None) -> Any:  # type: ignore[override]
        return await self._load(request, discard_before)

    async def _load(self, request: httpx.Request, discard_before: datetime | None) -> httpx.Response:  # type: ignore[override]
        self.dates.append(discard_before)
        return await super()._load(request)


async def test_a_storage_of_the_original_works(family: ModuleType) -> None:
    """It is told from when on recordings count."""
    storage = OlderStorage()
    async with GracefulPokeAPI(family, wire_of(FOUND), GracyReplay("record", storage)) as pokeapi:
        await pokeapi.get_pokemon("pikachu")
    since = datetime.now().astimezone() - timedelta(days=1)
    replay = GracyReplay("replay", storage, discard_replays_older_than=since)
    async with GracefulPokeAPI(family, wire_of(500), replay) as pokeapi:
        assert await pokeapi.get_pokemon("pikachu") == "pikachu"
    assert storage.dates == [since]


def test_both_methods_are_required() -> None:
    """`prepare` is optional."""

    class Without(GracyReplayStorage):
        async def record(self, response: httpx.Response) -> None: ...

    with pytest.raises(TypeError, match="_load"):
        Without()  # type: ignore[abstract]  # pyright: ignore[reportAbstractUsage]
