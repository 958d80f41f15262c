"""Requests of one URL that their headers tell apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire

from .support import URL, client_of, storage_in

pytestmark = pytest.mark.anyio

STORAGES: list[Callable[[Path], Any]] = [
    storage_in,
    lambda directory: JSONLinesReplayStorage(directory / "test.jsonl"),
]
ASKED: list[dict[str, str]] = [
    {},
    {"if-none-match": '"1"'},
    {"range": "bytes=0-9"},
    {"range": "bytes=10-19"},
    {"accept": "text/csv"},
    {"accept": "application/json"},
    {"accept-language": "de"},
    {"accept-language": "en", "range": "bytes=0-9"},
]


def answer(request: Any) -> ScriptedResponse:
    """Answers as a server that knows parts, kinds and versions of a document."""
    if "if-none-match" in request.headers:
        return ScriptedResponse(status=304)
    said = [request.headers.get(name, "") for name in ("range", "accept", "accept-language")]
    return ScriptedResponse(content=" ".join(said).encode())


@pytest.mark.parametrize("storage_in", STORAGES, ids=["sqlite", "lines"])
async def test_each_gets_its_own_answer(family: ModuleType, tmp_path: Path, storage_in: Callable[[Path], Any]) -> None:
    """Another part, kind, language or version of what a URL names; also from a file that is opened again."""
    async with client_of(family, "record", storage_in(tmp_path), ScriptedWire(answer)) as client:
        recorded = [(await client.get(URL, headers=headers)).content for headers in ASKED]
    async with client_of(family, "replay", storage_in(tmp_path)) as client:
        replayed = [await client.get(URL, headers=headers) for headers in reversed(ASKED)]
    assert [response.content for response in reversed(replayed)] == recorded
    assert [response.status_code for response in reversed(replayed)] == [200, 304, *[200] * 6]


async def test_a_part_that_was_not_recorded_is_missing(family: ModuleType, tmp_path: Path) -> None:
    """And the message names the header; no answer to another question is given."""
    async with client_of(family, "record", tmp_path, ScriptedWire(answer)) as client:
        await client.get(URL, headers={"range": "bytes=0-9"})
    async with client_of(family, "replay", tmp_path) as client:
        with pytest.raises(GracyReplayRequestNotFound, match='header "range" is "bytes=10-19" and was recorded as'):
            await client.get(URL, headers={"range": "bytes=10-19"})
        with pytest.raises(GracyReplayRequestNotFound, match='header "range" is missing'):
            await client.get(URL)


async def test_what_was_asked_for_anything_is_no_answer_to_who_asks_for_a_kind(
    family: ModuleType, tmp_path: Path
) -> None:
    """It is sent where what is missing is sent."""
    async with client_of(family, "record", tmp_path, ScriptedWire(answer)) as client:
        await client.get(URL)
    async with client_of(family, "smart-replay", tmp_path, ScriptedWire(answer)) as client:
        asked = [(await client.get(URL, headers=headers)).text for headers in ({"accept": "text/csv"}, {})]
    assert asked == [" text/csv ", " */* "]


async def test_a_redacted_field_that_may_be_data_is_named(family: ModuleType, tmp_path: Path) -> None:
    """Where requests that differ in nothing else were taken for one, and are asked more often than that."""
    async with client_of(family, "record", tmp_path, ScriptedWire(200)) as client:
        await client.post(URL, json={"password": "1"})
    async with client_of(family, "replay", tmp_path, exhausted="error") as client:
        await client.post(URL, json={"password": "1"})
        with pytest.raises(GracyReplayRequestNotFound, match="if 'password' is plain data, set public_names"):
            await client.post(URL, json={"password": "2"})


async def test_headers_play_no_part_where_they_are_left_out(family: ModuleType, tmp_path: Path) -> None:
    """As `match_on` says."""
    parts: dict[str, Any] = {"match_on": ["method", "url", "body"]}
    async with client_of(family, "record", tmp_path, ScriptedWire(answer), **parts) as client:
        recorded = await client.get(URL, headers={"accept": "text/csv"})
    async with client_of(family, "replay", tmp_path, **parts) as client:
        replayed = await client.get(URL, headers={"accept": "application/json"})
    assert replayed.content == recorded.content
