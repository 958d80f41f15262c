"""Converting recordings to a server and from one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gracy_transport.__main__ import main
from gracy_transport.conversion.servers import address_in, fill
from gracy_transport.exceptions import UnreadableRecording
from gracy_transport.formats import write_har
from gracy_transport.redis import RedisReplayStorage, replay
from gracy_transport.replay.document import to_json
from gracy_transport.replay.recording import Recording
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.conversion.test_kinds import RECORDINGS
from tests.replay.support import URL, client_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(valkey: str, namespace: str) -> str:
    """Gives the URL of a namespace on the server, as the command takes it."""
    return f"{valkey}?namespace={namespace}"


@pytest.fixture
def storage(valkey: str, namespace: str) -> RedisReplayStorage:
    """Gives the storage that the URL means."""
    return RedisReplayStorage(valkey, namespace=namespace)


def convert(old: object, new: object) -> int:
    return main(["convert-recordings", str(old), str(new)])


def test_to_a_server_and_back(
    server: str, storage: RedisReplayStorage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost, and the answers to one request stay in their order."""
    write_har(tmp_path / "old.har", RECORDINGS)
    assert [convert(tmp_path / "old.har", server), convert(server, tmp_path / "new.jsonl")] == [0, 0]
    convert(tmp_path / "old.har", tmp_path / "direct.jsonl")
    assert (tmp_path / "new.jsonl").read_bytes() == (tmp_path / "direct.jsonl").read_bytes()
    assert sorted(map(to_json, storage.recordings())) == sorted(map(to_json, RECORDINGS))
    assert capsys.readouterr().out.splitlines()[0] == f"5 of 5 recordings converted to {storage!r}"


async def test_what_was_converted_is_replayed(
    server: str, storage: RedisReplayStorage, family: ModuleType, tmp_path: Path
) -> None:
    """It is found under the keys of the requests that were recorded."""
    home = JSONLinesReplayStorage(tmp_path / "old.jsonl")
    wire = ScriptedWire(ScriptedResponse(json={"n": 1}), ScriptedResponse(json={"n": 2}))
    async with client_of(family, "record", home, wire) as client:
        for _ in range(2):
            await client.get(URL, params={"api_key": "secret-1"})
    assert convert(home.path, server) == 0
    async with client_of(family, "replay", storage, ScriptedWire()) as client:
        answers = [(await client.get(URL, params={"api_key": "another"})).json() for _ in range(2)]
    assert answers == [{"n": 1}, {"n": 2}]


def test_what_is_there_stays(server: str, storage: RedisReplayStorage, capsys: pytest.CaptureFixture[str]) -> None:
    """A namespace that has recordings is no place to convert to."""
    fill(storage, RECORDINGS[:1])
    assert convert(server, server) == 2
    assert capsys.readouterr().err == (
        f"nothing was converted: there are recordings in {storage!r}: give another namespace\n"
    )
    assert list(storage.recordings()) == RECORDINGS[:1]


def test_what_fails_half_way_leaves_nothing(storage: RedisReplayStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored before is deleted again."""
    monkeypatch.setattr(replay, "MOST_AT_ONCE", 1)
    before: list[bool] = []

    def broken() -> Iterator[Recording]:
        yield from RECORDINGS
        before.append(storage.is_empty())
        raise UnreadableRecording("the file ends here")

    with pytest.raises(UnreadableRecording, match="the file ends here"):
        fill(storage, broken())
    assert before == [False]
    assert storage.is_empty()


@pytest.mark.parametrize("is_old", [True, False], ids=["from", "to"])
def test_a_server_that_is_away(is_old: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named without its password, and nothing is done."""
    url, file = "redis://user:s3cret@localhost:1?namespace=a", tmp_path / "x.jsonl"
    if not is_old:
        file.touch()
    assert (convert(url, file) if is_old else convert(file, url)) == 2
    said = capsys.readouterr().err
    assert "redis://localhost:1 cannot be reached" in said
    assert "s3cret" not in said
    assert file.exists() is not is_old


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://user:s3cret@localhost", "redis://localhost names no namespace: put ?namespace=NAME at its end"),
        ("redis://user:s3cret@localhost?namespace=", "the namespace '' makes no key"),
        ("https://user:s3cret@localhost?namespace=a", "redis://user:password@host:6379/0"),
        ("https://user:s3cret@localhost/recordings.har", "redis://user:password@host:6379/0"),
    ],
    ids=["no namespace", "empty", "no server", "no server, no namespace"],
)
def test_a_url_that_cannot_be_used(url: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused as any other argument is, and no password is shown."""
    with pytest.raises(SystemExit, match="2"):
        convert(url, tmp_path / "x.jsonl")
    said = " ".join(capsys.readouterr().err.split())
    assert why in said
    assert "s3cret" not in said


def test_the_namespace_is_taken_out_of_the_url(valkey: str) -> None:
    """The other options are those of the server."""
    for query in ("namespace=a%20b&socket_keepalive=yes", "socket_keepalive=yes&namespace=a%20b", "namespace=a%20b"):
        storage = address_in(f"{valkey}?{query}")
        assert isinstance(storage, RedisReplayStorage)
        assert storage.namespace == "a b"
        assert storage.is_empty()
    assert address_in("recordings.jsonl") == Path("recordings.jsonl")
