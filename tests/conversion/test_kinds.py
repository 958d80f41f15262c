"""Converting from any kind of recordings to any: what comes out is what went in, and what a file is, is told by it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from itertools import product
from pathlib import Path

import pytest

from gracy_transport.__main__ import main
from gracy_transport.conversion.sources import Kind, kind_of, storage_of
from gracy_transport.formats import read_har, write_har
from gracy_transport.replay.document import to_json
from gracy_transport.replay.recording import RecordedError, RecordedRequest, RecordedResponse, Recording
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from tests.formats.support import AT, chrome_entry, har_file

JSON = (("content-type", "application/json"),)
RECORDINGS = [
    Recording(RecordedRequest("GET", "https://a.test/x?y=1"), AT, RecordedResponse(200, JSON, b'{"n": 1}')),
    Recording(RecordedRequest("GET", "https://a.test/x?y=1"), AT, RecordedResponse(200, JSON, b'{"n": 2}')),
    Recording(RecordedRequest("GET", "https://b.test:8/", credential="credential-1"), AT, RecordedResponse(204)),
    Recording(RecordedRequest("GET", "https://b.test:8/", match="own"), AT, error=RecordedError("ReadTimeout", "late")),
    Recording(RecordedRequest("POST", "https://b.test:8/up", JSON, b"[1]"), AT, RecordedResponse(200, (), b"\x00\xff")),
]
NAMES = ("x.sqlite3", "x.jsonl", "x.har", "x")


def held(path: Path) -> list[str]:
    """Returns what a file holds, in an order that does not depend on the kind."""
    kind = kind_of(path)
    assert kind is not None
    recordings = read_har(path) if kind is Kind.HAR else storage_of(path, kind).recordings()
    return sorted(to_json(recording) for recording in recordings)


def convert(old: Path, new: Path) -> int:
    return main(["convert-recordings", str(old), str(new)])


@pytest.mark.parametrize(("one", "other"), list(product(NAMES, NAMES)))
def test_from_any_kind_to_any(one: str, other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost, and nothing else is left anywhere."""
    start = tmp_path / "start.har"
    write_har(start, RECORDINGS)
    old, new = tmp_path / "old" / one, tmp_path / "new" / other
    assert [convert(start, old), convert(old, new)] == [0, 0]
    assert held(old) == held(new) == sorted(to_json(each) for each in RECORDINGS)
    assert [path.name for path in new.parent.iterdir()] == [other]
    assert capsys.readouterr().out.splitlines()[-1] == f"5 of 5 recordings converted to {new}"


@pytest.mark.parametrize("name", ["x.txt", "x.JSONL", "x"])
@pytest.mark.parametrize("kind", ["x.sqlite3", "x.jsonl", "x.har"])
def test_a_file_of_any_name_is_what_stands_in_it(kind: str, name: str, tmp_path: Path) -> None:
    """All of it is read."""
    write_har(tmp_path / "start.har", RECORDINGS)
    assert convert(tmp_path / "start.har", tmp_path / kind) == 0
    (tmp_path / "renamed").mkdir()
    old = (tmp_path / kind).rename(tmp_path / "renamed" / name)
    assert convert(old, tmp_path / "new.jsonl") == 0
    assert held(tmp_path / "new.jsonl") == sorted(to_json(each) for each in RECORDINGS)


def test_answers_to_one_request_stay_in_order(tmp_path: Path) -> None:
    """Also in lines, where their positions stand."""
    write_har(tmp_path / "x.har", RECORDINGS[:2])
    assert convert(tmp_path / "x.har", tmp_path / "x.jsonl") == 0
    first, last = map(json.loads, (tmp_path / "x.jsonl").read_text("utf-8").splitlines())
    assert ("position" in first, last["position"]) == (False, 1)


def test_a_directory_has_one_file_for_each_host(tmp_path: Path) -> None:
    """As the storage makes them."""
    write_har(tmp_path / "x.har", RECORDINGS)
    assert convert(tmp_path / "x.har", tmp_path / "recordings") == 0
    assert sorted(path.name for path in (tmp_path / "recordings").iterdir()) == ["a.test.jsonl", "b.test_8.jsonl"]
    assert len(list(JSONLinesReplayStorage(tmp_path / "recordings").recordings())) == 5


@pytest.mark.parametrize("name", NAMES[:3])
def test_nothing_is_converted_to_nothing(name: str, tmp_path: Path) -> None:
    """An empty file of lines is one."""
    (tmp_path / "old.jsonl").touch()
    assert convert(tmp_path / "old.jsonl", tmp_path / name) == 0
    assert held(tmp_path / name) == []


CASSETTE = """interactions:
- request: {method: GET, uri: 'https://api.test/x?token=SECRET', body: null, headers: {}}
  response: {status: {code: 200, message: OK}, headers: {}, body: {string: hello}}
version: 1
"""


def test_a_cassette_is_converted(tmp_path: Path) -> None:
    """Without its secrets."""
    (tmp_path / "x.yaml").write_text(CASSETTE, "utf-8")
    assert convert(tmp_path / "x.yaml", tmp_path / "x.jsonl") == 0
    text = (tmp_path / "x.jsonl").read_text("utf-8")
    assert "hello" in text and "SECRET" not in text


def test_what_a_browser_wrote_is_converted_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left out is named, and the status says so."""
    old = har_file(tmp_path, chrome_entry(), chrome_entry("wss://api.test/live?token=SECRET"))
    assert convert(old, tmp_path / "x.jsonl") == 1
    said = capsys.readouterr()
    assert said.out == f"1 of 2 recordings converted to {tmp_path / 'x.jsonl'}\n"
    assert said.err == (
        "entry 2, GET wss://api.test/live?token=[redacted]: cannot be converted, "
        "it is a WebSocket, and only requests with an answer are recorded\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x", '{"gracy":1}', Kind.LINES),
        ("x.txt", ' { "gracy" : 1}', Kind.LINES),
        ("x.json", '\ufeff{\n "log": {}}', Kind.HAR),
        ("x.json", '{"version": 1, "interactions": []}', Kind.CASSETTE),
        ("x.json", '{"interactions": [], "version": 1}', Kind.CASSETTE),
        ("x.json", '[{"request": {}}]', Kind.CASSETTE),
        ("x", CASSETTE, Kind.CASSETTE),
        ("x", "- request: {}", Kind.CASSETTE),
        ("x.jsonl", "", Kind.LINES),
        ("x.har", "", Kind.HAR),
        ("x.yml", "", Kind.CASSETTE),
        ("x.har", CASSETTE, Kind.CASSETTE),
        ("x.json", "{}", None),
        ("x", "", None),
    ],
)
def test_what_a_file_is_stands_in_it(name: str, text: str, kind: Kind | None, tmp_path: Path) -> None:
    """And only when that does not tell, in its name."""
    path = tmp_path / name
    path.write_text(text, "utf-8")
    assert kind_of(path) is kind


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.jsonl", '{"gracy": 9}', "line 1: this recording is of version 9"),
        ("x.har", "{", "x.har is no HAR: it is not JSON"),
        ("x.yaml", "a: [", "x.yaml cannot be read as YAML"),
    ],
)
def test_what_cannot_be_read_at_all_is_refused(
    name: str, text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With status 2, and nothing is made."""
    (tmp_path / name).write_text(text, "utf-8")
    assert convert(tmp_path / name, tmp_path / "new.jsonl") == 2
    assert capsys.readouterr().err.startswith("nothing was converted: ")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert convert(tmp_path / name, tmp_path / "new.jsonl") == 2
    assert said in capsys.readouterr().err


def test_a_zipped_har_is_a_har(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And any other archive is nothing that recordings are read from."""
    write_har(tmp_path / "har.har", RECORDINGS)
    for name, member in (("x.zip", "har.har"), ("y.zip", "word.xml")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.write(tmp_path / "har.har", member)
    assert convert(tmp_path / "x.zip", tmp_path / "new.jsonl") == 0
    assert convert(tmp_path / "y.zip", tmp_path / "other.jsonl") == 2
    assert "is nothing that recordings are read from: give a SQLite file" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do."""
    path = tmp_path / "x.har"
    path.touch(mode=0)
    assert convert(path, tmp_path / "new.jsonl") == 2
    assert "check its permissions" in capsys.readouterr().err


def test_a_target_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With status 2, whatever it is to be."""
    write_har(tmp_path / "x.har", RECORDINGS)
    (tmp_path / "taken").touch()
    for name in NAMES:
        assert convert(tmp_path / "x.har", tmp_path / "taken" / name) == 2
        assert f"taken/{name} cannot be written" in capsys.readouterr().err
    shutil.rmtree(tmp_path)
