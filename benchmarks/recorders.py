"""What records and replays: this library in its ways, and its peers, those of them that are installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

import httpx

from gracy_transport.replay import GracyReplay, ReplayTransport
from gracy_transport.replay.lines import JSONLinesReplayStorage
from gracy_transport.replay.memory import MemoryReplayStorage
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.stack import GracyTransport

from .peers import import_gracy
from .subjects import BODY, EVERYTHING, wire_of

HOST = "https://api.example.com"

Get: TypeAlias = Callable[[str], Awaitable[Any]]
Opened: TypeAlias = AbstractAsyncContextManager[Get]
Mode: TypeAlias = Literal["record", "replay"]


@dataclass(frozen=True)
class Recorder:
    """Something that records and replays.

    Attributes:
        name: what it is, and where it keeps what it records.
        open: given a mode and a folder of its own, opens something that sends requests.
        replay_at_most, record_at_most: how many times as long as a bare client it may take.
        load_at_most, size_at_most: milliseconds to open what was recorded, bytes of a recording.
        most_recorded, most_replayed: how many requests it can be asked in reasonable time: some look through all that
            was recorded for each.
    """

    name: str
    open: Callable[[Mode, Path], Opened] = field(repr=False)
    replay_at_most: float | None = None
    record_at_most: float | None = None
    load_at_most: float | None = None
    size_at_most: float | None = None
    most_recorded: int = 1_000_000
    most_replayed: int = 1_000_000


def ours() -> list[Recorder]:
    """Returns this library: the layer alone on each of its storages, and the whole stack."""
    memory: dict[Path, MemoryReplayStorage] = {}

    def in_memory(folder: Path) -> MemoryReplayStorage:
        return memory.setdefault(folder, MemoryReplayStorage())

    return [
        Recorder("ReplayTransport, memory", _layer(in_memory), replay_at_most=1.1, record_at_most=1.5),
        Recorder(
            "ReplayTransport, SQLite",
            _layer(_in_sqlite),
            replay_at_most=1.1,
            record_at_most=1.5,
            load_at_most=10,
            size_at_most=250,
        ),
        Recorder(
            "ReplayTransport, lines",
            _layer(lambda folder: JSONLinesReplayStorage(folder / "lines.jsonl")),
            replay_at_most=1.1,
            record_at_most=1.5,
            load_at_most=100,
            size_at_most=250,
        ),
        Recorder("the stack with everything on, SQLite", _stack),
    ]


def peers() -> tuple[list[Recorder], list[str]]:
    """Returns the peers that are installed, and the names of those that are not."""
    known = {
        "gracy": Recorder("gracy 1.34 (the original), SQLite", _gracy),
        "vcr": Recorder("vcrpy, YAML", _vcrpy, most_recorded=1_000, most_replayed=50),
        "dvd_rw": Recorder("dvd-rw, JSON", _dvd),
    }
    missing = [recorder.name for package, recorder in known.items() if find_spec(package) is None]
    return [recorder for recorder in known.values() if recorder.name not in missing], missing


def _in_sqlite(folder: Path) -> SQLiteReplayStorage:
    return SQLiteReplayStorage("recordings.sqlite3", folder)


def _layer(storage_in: Callable[[Path], Any]) -> Callable[[Mode, Path], Opened]:
    @asynccontextmanager
    async def opened(mode: Mode, folder: Path) -> AsyncIterator[Get]:
        transport = ReplayTransport(wire_of(httpx), GracyReplay(mode, storage_in(folder)))
        async with httpx.AsyncClient(transport=transport) as client:
            yield client.get

    return opened


@asynccontextmanager
async def _stack(mode: Mode, folder: Path) -> AsyncIterator[Get]:
    replay = GracyReplay(mode, _in_sqlite(folder))
    async with httpx.AsyncClient(transport=GracyTransport(wire_of(httpx), EVERYTHING, replay=replay)) as client:
        yield client.get


@asynccontextmanager
async def _gracy(mode: Mode, folder: Path) -> AsyncIterator[Get]:
    gracy, sqlite = import_gracy(), import_module("gracy.replays.storages.sqlite")

    class Endpoint(gracy.BaseEndpoint):  # type: ignore[misc, name-defined]
        ITEM = "{PATH}"

    class Api(gracy.Gracy):  # type: ignore[misc, name-defined]
        class Config:
            BASE_URL = HOST

        def _create_client(self, **_kwargs: Any) -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=wire_of(httpx), base_url=HOST)

    api = Api(gracy.GracyReplay(mode, sqlite.SQLiteReplayStorage("recordings.sqlite3", str(folder))))

    async def get(url: str) -> Any:
        return await api.get(Endpoint.ITEM, {"PATH": url.removeprefix(HOST)})

    yield get


@asynccontextmanager
async def _vcrpy(mode: Mode, folder: Path) -> AsyncIterator[Get]:
    import vcr

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "application/json"}, content=BODY)

    how = "all" if mode == "record" else "none"
    with vcr.use_cassette(str(folder / "cassette.yaml"), record_mode=how, allow_playback_repeats=True):
        # It wraps the transports of httpx itself, and among those this is the one that talks to nobody.
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            yield client.get


@asynccontextmanager
async def _dvd(_mode: Mode, folder: Path) -> AsyncIterator[Get]:
    with import_module("dvd_rw.loader").DVDLoader(folder / "dvd.json"):
        async with httpx.AsyncClient(transport=wire_of(httpx)) as client:
            yield client.get
