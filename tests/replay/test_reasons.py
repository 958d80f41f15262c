"""Reason phrases, of which HTTP has one for each status, and servers others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.formats import read_har, write_har
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from gracy_transport.testing import ScriptedWire

from .support import URL, client_of, storage_in

pytestmark = pytest.mark.anyio

STORAGES: list[Callable[[Path], Any]] = [
    storage_in,
    lambda directory: JSONLinesReplayStorage(directory / "test.jsonl"),
]


def wire(family: ModuleType, status: int, reason: bytes) -> ScriptedWire:
    """Answers with that phrase."""
    return ScriptedWire(lambda _request: family.Response(status, extensions={"reason_phrase": reason}, content=b"x"))


@pytest.mark.parametrize("storage_in", STORAGES, ids=["sqlite", "lines"])
@pytest.mark.parametrize(
    "said",
    [(200, b"OK"), (200, b"Fine"), (429, b"Slow down, please"), (799, b""), (799, b"Odd"), (200, b"caf\xe9")],
)
async def test_a_phrase_of_the_servers_own_comes_back(
    family: ModuleType, tmp_path: Path, storage_in: Callable[[Path], Any], said: tuple[int, bytes]
) -> None:
    """And only that takes room in a recording."""
    replayed = said[1].decode("ascii", "ignore")
    async with client_of(family, "record", storage_in(tmp_path), wire(family, *said)) as client:
        await client.get(URL)
    [recording] = storage_in(tmp_path).recordings()
    assert recording.response is not None
    assert recording.response.reason == ("" if replayed == "OK" else replayed)
    assert ("reason" in recording.response.manner_document()) is bool(recording.response.reason)
    async with client_of(family, "replay", storage_in(tmp_path)) as client:
        assert (await client.get(URL)).reason_phrase == replayed


async def test_a_phrase_goes_through_a_har(family: ModuleType, tmp_path: Path) -> None:
    """As its status text."""
    async with client_of(family, "record", tmp_path, wire(family, 200, b"Fine")) as client:
        await client.get(URL)
    recordings = list(storage_in(tmp_path).recordings())
    write_har(tmp_path / "x.har", recordings)
    assert '"statusText": "Fine"' in (tmp_path / "x.har").read_text("utf-8")
    assert read_har(tmp_path / "x.har") == recordings


async def test_a_phrase_holds_no_secret_of_the_request(family: ModuleType, tmp_path: Path) -> None:
    """A server that tells back what it was sent is no reason to store it."""
    async with client_of(family, "record", tmp_path, wire(family, 401, b"No user hunter2-hunter2")) as client:
        await client.get(URL, headers={"authorization": "Bearer hunter2-hunter2"})
    [recording] = storage_in(tmp_path).recordings()
    assert recording.response is not None
    assert "hunter2" not in recording.response.reason
    assert recording.response.reason.startswith("No user [")
