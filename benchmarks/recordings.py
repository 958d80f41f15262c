"""Asks what it costs to record an answer and to replay one, with the whole stack on and a SQLite file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx

from gracy_transport.replay import GracyReplay
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.stack import GracyTransport

from .figures import Figure
from .harness import race
from .subjects import EVERYTHING, wire_of

TITLE = "client.get, recorded and replayed, on a wire that does nothing"
RECORDINGS = 300


async def ask(*, quick: bool) -> list[Figure]:
    """Records some URLs once, then compares a client that replays them, and one that records, with a bare one."""
    with TemporaryDirectory() as folder:
        clients = {
            "bare": httpx.AsyncClient(transport=wire_of(httpx)),
            "replay": _client("replay", Path(folder)),
            "record": _client("record", Path(folder)),
        }
        for url in _urls(RECORDINGS):
            await clients["record"].get(url)
        steps = {name: client.get for name, client in clients.items()}
        took = await race(steps, _urls, rounds=7 if quick else 21, steps=RECORDINGS)
        for client in clients.values():
            await client.aclose()
    bare = took.pop("bare")
    figures = [Figure("bare", bare.median, "µs", bare.best)]
    for name, timing in took.items():
        ratio, best = timing.ratio_to(bare)
        note = "the writing itself is done by another thread" if name == "record" else ""
        figures.append(Figure(f"everything on, mode {name}", ratio, "×", best, note=note))
    return figures


def _client(mode: Literal["record", "replay"], folder: Path) -> httpx.AsyncClient:
    replay = GracyReplay(mode, SQLiteReplayStorage("recordings.sqlite3", folder))
    return httpx.AsyncClient(transport=GracyTransport(wire_of(httpx), EVERYTHING, replay=replay))


def _urls(count: int) -> Sequence[Any]:
    return [f"https://api.example.com/v2/pokemon/{number}" for number in range(count)]
