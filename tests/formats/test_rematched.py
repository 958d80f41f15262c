"""Recordings that are looked up by something else than they were recorded by."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.__main__ import main
from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.formats import read_har, rematched
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from gracy_transport.replays.storages.memory import MemoryReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.formats.support import chrome_entry, har_file
from tests.replay.support import URL, client_of, storage_in

PARTS = ("method", "path")


@pytest.mark.anyio
@pytest.mark.parametrize("match_on", [PARTS, lambda request: request.url.path])
async def test_what_is_read_from_elsewhere_is_looked_up_by_any_parts(
    family: ModuleType, tmp_path: Path, match_on: Any
) -> None:
    """As the tool that wrote it did; the order of answers is that of the file."""
    first, second = (chrome_entry(content={"text": f'{{"id":{number}}}'}) for number in (1, 2))
    recordings = rematched(read_har(har_file(tmp_path, first, second)), match_on)
    async with client_of(family, "replay", MemoryReplayStorage(recordings), match_on=match_on) as client:
        asked = [(await client.get(f"https://other.test/items/1?n={number}")).json() for number in range(2)]
        with pytest.raises(GracyReplayRequestNotFound):
            await client.get("https://api.test/items/2")
    assert asked == [{"id": 1}, {"id": 2}]


@pytest.mark.anyio
async def test_it_is_what_would_have_been_recorded(family: ModuleType, tmp_path: Path) -> None:
    """There and back."""

    async def recorded(name: str, **options: Any) -> list[Any]:
        (tmp_path / name).mkdir()
        async with client_of(
            family, "record", tmp_path / name, ScriptedWire(ScriptedResponse(json=1)), **options
        ) as client:
            await client.post(URL, json={"a": 1, "password": "hunter22"}, headers={"accept": "text/csv"})
        return [each.request for each in storage_in(tmp_path / name).recordings()]

    plain, other = await recorded("plain"), await recorded("other", match_on=("body", "header:accept"))
    plain_recordings = list(storage_in(tmp_path / "plain").recordings())
    there = list(rematched(plain_recordings, ["header:Accept", "body"]))
    assert [each.request for each in there] == other
    assert [each.request for each in rematched(there)] == plain


def test_a_part_that_is_none_is_refused() -> None:
    """At once, with the names of those that are."""
    with pytest.raises(ValueError, match="'uri' is no part of a request"):
        rematched([], "uri")


def test_the_command_does_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For any kind of recordings."""
    path = har_file(tmp_path, chrome_entry())
    assert main(["convert-recordings", str(path), str(tmp_path / "x.jsonl"), "--match-on", "method, path"]) == 0
    [recording] = JSONLinesReplayStorage(tmp_path / "x.jsonl").recordings()
    assert recording.request.match == "method GET\npath /items/1"
    with pytest.raises(SystemExit):
        main(["convert-recordings", str(path), str(tmp_path / "y.jsonl"), "--match-on", "uri"])
    assert "'uri' is no part of a request to match on: the parts are method" in capsys.readouterr().err
