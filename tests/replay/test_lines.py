"""Recordings in lines of JSON."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport.exceptions import UnreadableRecording
from gracy_transport.replay import (
    GracyReplay,
    RecordedError,
    RecordedResponse,
    Recording,
    ReplayTransport,
    lines,
    locking,
)
from gracy_transport.replay.asked import Asked
from gracy_transport.replay.sequence import LAST
from gracy_transport.replay.storage import Wanted
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.support import AT, URL, client_of, recording

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def asked_for(place: int = 0, host: str = "api.test", **given: Any) -> Asked:
    """Returns one of many different requests."""
    request = httpx.Request(given.pop("method", "GET"), f"https://{host}/items/{place}", **given)
    return Asked(request, request.content)


async def keep(storage: JSONLinesReplayStorage, *answers: tuple[Asked, Recording]) -> None:
    """Saves the one answer of each request, and writes."""
    for asked, answer in answers:
        await storage.save(asked, answer, 0, is_first=True)
    await storage.let_go()


async def test_what_is_saved_is_found(tmp_path: Path) -> None:
    """At once, by another storage on the file, and after a flush, identical."""
    storage = JSONLinesReplayStorage(tmp_path / "a.jsonl")
    asked = asked_for(content=b"\xff\x00", headers={"content-type": "image/png"})
    saved = [
        recording(asked, b"text \0 \xe2\x80\xa8"),
        Recording(asked.facts, AT, error=RecordedError("ReadTimeout", "\ud800")),
    ]
    for place, each in enumerate(saved):
        await storage.save(asked, each, place, is_first=not place)
        assert await storage.find(asked, place) == each
    await storage.let_go()
    for other in (storage, JSONLinesReplayStorage(tmp_path / "a.jsonl")):
        assert [await other.find(asked, place) for place in (0, 1, 2, LAST)] == [*saved, None, saved[1]]
        assert list(other.recordings()) == saved
        assert await other.find(asked_for(1), 0) is None
        assert await other.next_position(asked, None) == 2
        assert await other.next_position(asked, "credential-1") == 0
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


async def test_the_format_is_as_documented(tmp_path: Path) -> None:
    """The example in the docstring of the module is what is written, and what is read."""
    assert lines.__doc__ is not None
    pieces = [line.strip() for line in lines.__doc__.split("\n\n")[2].splitlines()]
    asked = asked_for(1)
    example = RecordedResponse(200, (("content-type", "application/json"),), b'{"id": 1}')
    storage = JSONLinesReplayStorage(tmp_path / "a.jsonl")
    await storage.save(asked, Recording(asked.facts, AT, example), 1, is_first=False)
    storage.flush()
    assert (tmp_path / "a.jsonl").read_text("utf-8") == "".join(pieces) + "\n"
    (tmp_path / "b.jsonl").write_text("".join(pieces), "utf-8")
    assert await JSONLinesReplayStorage(tmp_path / "b.jsonl").find(asked, 0) == Recording(asked.facts, AT, example)


async def test_a_directory_has_a_file_for_each_host(tmp_path: Path) -> None:
    """Named by it, the port too; found whatever the file is called."""
    storage = JSONLinesReplayStorage(tmp_path / "x" / "y")
    hosts = ("api.test", "api.test:8080", "[::1]:80", "user@B.test")
    await keep(storage, *[(asked := asked_for(host=host), recording(asked)) for host in hosts])
    files = sorted(file.name for file in (tmp_path / "x" / "y").iterdir())
    assert files == ["___1__80.jsonl", "api.test.jsonl", "api.test_8080.jsonl", "b.test.jsonl"]
    (tmp_path / "x" / "y" / "api.test.jsonl").rename(tmp_path / "x" / "y" / "other.jsonl")
    for host in hosts:
        assert await JSONLinesReplayStorage(tmp_path / "x" / "y").find(asked_for(host=host), 0) is not None
    assert repr(storage) == f"<JSONLinesReplayStorage {tmp_path / 'x' / 'y'}>"
    for twin in (pickle.loads(pickle.dumps(storage)), copy.deepcopy(storage)):
        assert twin.path == storage.path


async def test_lines_have_one_order(tmp_path: Path) -> None:
    """In whatever order the answers came: by URL and method, and those of one request in their sequence."""
    askeds = [
        asked_for(2),
        asked_for(1),
        asked_for(1, method="POST", content=b"b"),
        asked_for(1, method="POST", content=b"a"),
    ]
    saves = [(asked, place) for asked in askeds for place in range(3)]
    written: set[bytes] = set()
    for number, order in enumerate((saves, saves[::-1])):
        storage = JSONLinesReplayStorage(tmp_path / f"{number}.jsonl")
        for asked, place in order:
            await storage.save(asked, recording(asked, b"%d" % place), place, is_first=False)
            if not place:
                storage.flush()
        storage.flush()
        written.add(storage.path.read_bytes())
    (content,) = written
    found = [json.loads(line) for line in content.splitlines()]
    assert [line["request"]["method"] for line in found] == ["GET"] * 3 + ["POST"] * 6 + ["GET"] * 3
    assert [line.get("position", 0) for line in found] == [0, 1, 2] * 4
    assert [line["request"]["url"][-1] for line in found] == ["1"] * 9 + ["2"] * 3


CHANGING: list[dict[str, Any]] = [
    {"date": "Sun, 22 Nov 2026 16:30:00 GMT", "age": "1", "x_request_id": "a", "x_ratelimit_remaining": "9"}
    | {"keep_alive": "timeout=5, max=100", "x_kong_upstream_latency": "3", "x_amz_cf_pop": "FRA2", "x_fb_debug": "a"},
    {"date": "Mon, 23 Nov 2026 17:31:01 GMT", "age": "7", "x_request_id": "b", "x_ratelimit_remaining": "8"}
    | {"keep_alive": "timeout=5, max=99", "x_kong_upstream_latency": "9", "x_amz_cf_pop": "FRA6", "x_fb_debug": "b"},
]


async def test_recording_what_has_not_changed_leaves_the_file(tmp_path: Path) -> None:
    """To the byte: an empty diff, though the time, request ids, limits and the expiry of cookies are others."""
    before = b""
    for run, headers in enumerate(CHANGING):
        storage = JSONLinesReplayStorage(tmp_path)
        cookie = f"a=[redacted]; Expires=Sun, 2{run} Nov 2026 16:30:00 GMT; Path=/"
        for place in range(4):
            asked = asked_for(place // 2)
            answer = recording(asked, b"%d" % place, at=AT + timedelta(days=run), set_cookie=cookie, **headers)
            await storage.save(asked, answer, place % 2, is_first=place % 2 == 0)
            storage.flush()  # so that a sequence is replaced in several batches
        if run == 0:
            before = (tmp_path / "api.test.jsonl").read_bytes()
    assert (tmp_path / "api.test.jsonl").read_bytes() == before
    assert len(before.splitlines()) == 4


@pytest.mark.parametrize(
    "change", [{"body": b"other"}, {"status": 201}, {"etag": "b"}, {"set_cookie": "a=[redacted]; Path=/x"}]
)
async def test_what_has_changed_changes_its_line_alone(tmp_path: Path, change: dict[str, Any]) -> None:
    """The other one keeps its old time."""
    storage = JSONLinesReplayStorage(tmp_path)
    headers: dict[str, Any] = {"etag": "a", "set_cookie": "a=[redacted]; Path=/"}
    await keep(storage, *[(asked := asked_for(place), recording(asked, **headers)) for place in (0, 1)])
    before = (tmp_path / "api.test.jsonl").read_bytes().splitlines()
    asked, later = asked_for(), AT + timedelta(days=1)
    await keep(storage, (asked, recording(asked, at=later, **(headers | change))))
    await keep(storage, (asked_for(1), recording(asked_for(1), at=later, **headers)))
    after = (tmp_path / "api.test.jsonl").read_bytes().splitlines()
    assert (after[0] == before[0], after[1] == before[1]) == (False, True)
    found = await storage.find(asked, 0)
    assert found is not None
    assert found.recorded_at == later


async def test_what_is_too_old_gets_a_new_time(tmp_path: Path) -> None:
    """Else it would be as good as missing, however often it is recorded again."""
    storage = JSONLinesReplayStorage(tmp_path)
    asked = asked_for()
    await keep(storage, (asked, recording(asked)))
    fresh = Wanted(AT + timedelta(days=1))
    storage.run.renew_before(fresh.since)
    assert await storage.find(asked, 0, fresh) is None
    await keep(storage, (asked, recording(asked, at=AT + timedelta(days=2))))
    assert await JSONLinesReplayStorage(tmp_path).find(asked, 0, fresh) is not None


async def test_recording_again_replaces_a_sequence_of_one_credential(family: ModuleType, tmp_path: Path) -> None:
    """And leaves that of others."""
    storage = JSONLinesReplayStorage(tmp_path)
    for whose, body in (("", b"nobody"), ("credential-1", b"one"), ("credential-2", b"two"), ("credential-1", b"anew")):
        request = httpx.Request("GET", URL)
        asked = Asked(request, b"", whose)
        await storage.save(asked, recording(asked, body), 0, is_first=True)
        if body == b"two":
            await storage.save(asked, recording(asked, b"two again"), 1, is_first=False)
            storage.flush()
    storage.flush()
    for other in (storage, JSONLinesReplayStorage(tmp_path)):
        bodies = [each.response.body for each in other.recordings() if each.response is not None]
        assert bodies == [b"nobody", b"anew", b"two", b"two again"]
        assert other.credentials() == {"credential-1", "credential-2"}
        found = await other.find(asked_for(1), 0, Wanted(credential="credential-2"))
        assert found is not None
        assert found.response is not None
        assert found.response.body == b"two"


async def test_what_was_not_recorded_again_is_forgotten(tmp_path: Path) -> None:
    """What was and has not changed stays, with its old time; a file without lines goes."""
    storage = JSONLinesReplayStorage(tmp_path)
    await keep(storage, *[(asked := asked_for(place, host), recording(asked)) for place in (0, 1) for host in "ab"])
    storage = JSONLinesReplayStorage(tmp_path)
    assert not storage.is_empty()
    since = AT + timedelta(days=1)
    await keep(storage, (asked_for(0, "a"), recording(asked_for(0, "a"), at=since)))
    await storage.forget_unrecorded(since)
    assert [each.request.url for each in storage.recordings()] == ["https://a/items/0"]
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]
    assert JSONLinesReplayStorage(tmp_path / "b.jsonl").is_empty()


async def test_what_another_process_writes_is_kept_and_found(tmp_path: Path) -> None:
    """Whatever waits here meanwhile."""
    ours, theirs = JSONLinesReplayStorage(tmp_path), JSONLinesReplayStorage(tmp_path)
    ours.prepare()
    await theirs.save(asked_for(0), recording(asked_for(0), b"theirs"), 0, is_first=True)
    await ours.save(asked_for(1), recording(asked_for(1), b"ours"), 0, is_first=True)
    await theirs.let_go()
    assert await ours.find(asked_for(0), 0) is not None
    assert await ours.find(asked_for(1), 0) is not None
    await ours.let_go()
    assert len(list(theirs.recordings())) == 2
    (tmp_path / "api.test.jsonl").unlink()
    assert list(ours.recordings()) == []


BROKEN = [
    (
        '{"gracy":1,"request":{"method":"GET","url":"https://api.test/items/0"},"at":"2026-11',
        "is no recording",
    ),
    ('{"gracy":1,"request":{"method":"GET","url":"https://api.test/items/0"},"at":"x"}', "record it again"),
    ('{"gracy":1,"request":{"method":"GET","url":"https://api.test/items/0"},"at":"x}', "is no recording"),
    ('{"gracy":2,"request":{}}', "is of version 2 and this gracy_transport reads up to 1: upgrade"),
    ('{"request":{}}', "this is no recording"),
    ("[" * 100_000, "is no recording"),
    ("<<<<<<< HEAD", "git has left a merge conflict here: keep"),
    ("=======", "git has left a merge conflict here: keep"),
    (">>>>>>> other", "git has left a merge conflict here: keep"),
]


@pytest.mark.parametrize(("line", "why"), BROKEN)
async def test_a_broken_line_is_named(tmp_path: Path, line: str, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """With its file and number; nothing is written over it."""
    path = tmp_path / "a.jsonl"
    await keep(JSONLinesReplayStorage(path), (asked_for(1), recording(asked_for(1))))
    path.write_text(f"\n{path.read_text('utf-8')}{line}\n", "utf-8")
    storage = JSONLinesReplayStorage(path)
    with pytest.raises(UnreadableRecording, match=why) as raised:
        await storage.find(asked_for(0), 0)
    assert f"{path}, line 3: " in str(raised.value)
    with pytest.raises(UnreadableRecording, match=why):
        list(JSONLinesReplayStorage(path).recordings())


async def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """When the transport is made, before anything is sent."""
    (tmp_path / "a.jsonl").write_text("<<<<<<< ours\n", "utf-8")
    with pytest.raises(UnreadableRecording, match="merge conflict"):
        ReplayTransport(ScriptedWire(), GracyReplay("record", JSONLinesReplayStorage(tmp_path)))
    (tmp_path / "a.txt").write_text("Dear all,\n", "utf-8")
    with pytest.raises(UnreadableRecording, match=r"a\.txt, line 1: this is no recording"):
        ReplayTransport(ScriptedWire(), GracyReplay("record", JSONLinesReplayStorage(tmp_path / "a.txt")))


async def test_files_as_editors_and_git_leave_them(tmp_path: Path) -> None:
    """Windows line ends stay; a byte order mark, empty lines, another order and unknown names do no harm."""
    path = tmp_path / "a.jsonl"
    answers = [(asked := asked_for(place), recording(asked, b"%d" % place)) for place in range(3)]
    await keep(JSONLinesReplayStorage(path), *answers)
    lines = path.read_bytes().splitlines()
    lines[1] = b'{ "colour" : 1,' + lines[1][1:]
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([lines[2], b"", lines[1], b" " + lines[0]]))
    storage = JSONLinesReplayStorage(path)
    assert list(storage.recordings()) == [answer for _asked, answer in answers]
    await keep(storage, (asked_for(3), recording(asked_for(3))))
    content = path.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n") == 4
    assert content.splitlines()[:3] == lines


async def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each recording, which is written when that works again."""
    (tmp_path / "x").touch()
    storage = JSONLinesReplayStorage(tmp_path / "x" / "y")
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        for place in (0, 1):
            await storage.save(asked_for(place), recording(asked_for(place)), 0, is_first=True)
            storage.flush()
            storage.flush()
    assert caplog.text.count("1 recording could not be written to") == 2
    assert await storage.find(asked_for(1), 0) is not None
    (tmp_path / "x").unlink()
    storage.flush()
    assert len((tmp_path / "x" / "y" / "api.test.jsonl").read_bytes().splitlines()) == 2


async def test_permissions_and_links_stay(tmp_path: Path) -> None:
    """Whatever a file is, it is still that when it was written."""
    path = tmp_path / "a.jsonl"
    await keep(JSONLinesReplayStorage(path), (asked_for(), recording(asked_for())))
    path.chmod(0o640)
    (tmp_path / "x").mkdir()
    link = tmp_path / "x" / "b.jsonl"
    link.symlink_to(path)
    await keep(JSONLinesReplayStorage(tmp_path / "x" / "b.jsonl"), (asked_for(1), recording(asked_for(1))))
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(path.read_bytes().splitlines()) == 2


async def test_another_program_that_keeps_the_directory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is an end to waiting."""
    monkeypatch.setattr(locking, "BUSY", 0.02)
    storage = JSONLinesReplayStorage(tmp_path)
    with locking.hold(tmp_path), caplog.at_level(logging.WARNING, "gracy_transport"):
        await keep(storage, (asked_for(), recording(asked_for())))
    assert f"another program has held {tmp_path} for 0.02 seconds" in caplog.text
    storage.flush()
    assert len(list(JSONLinesReplayStorage(tmp_path).recordings())) == 1


async def test_a_miss_names_the_nearest(family: ModuleType, tmp_path: Path) -> None:
    """Or that there is nothing at all."""
    async with client_of(family, "replay", JSONLinesReplayStorage(tmp_path / "none")) as client:
        with pytest.raises(family.TransportError, match="none does not exist"):
            await client.get(URL)
    storage = JSONLinesReplayStorage(tmp_path)
    async with client_of(family, "record", storage, ScriptedWire(ScriptedResponse(json=[1]))) as client:
        assert (await client.get(f"{URL}?page=1")).json() == [1]
    async with client_of(family, "replay", storage) as client:
        assert (await client.get(f"{URL}?page=1")).json() == [1]
        with pytest.raises(family.TransportError, match='parameter "page" is "2" and was recorded as "1"'):
            await client.get(f"{URL}?page=2")


async def test_files_of_another_process_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a fork: what waits in the parent is not the child's to write."""
    storage = JSONLinesReplayStorage(tmp_path)
    monkeypatch.setattr("gracy_transport.replay.background.GATHER", 0.3)
    await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        assert await storage.find(asked_for(), 0) is None
        storage.flush()
    assert list(tmp_path.iterdir()) == []
    storage.flush()
    assert len(list(storage.recordings())) == 1


SCRIPT = textwrap.dedent(
    """
    import asyncio, sys, threading
    import httpx
    from gracy_transport.replay import GracyReplay, ReplayTransport
    from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
    from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
    from gracy_transport.testing import ScriptedWire

    kind, directory, name, count = sys.argv[1:]
    storage = JSONLinesReplayStorage(directory) if kind == "lines" else SQLiteReplayStorage("a.sqlite3", directory)

    async def work(thread):
        client = httpx.AsyncClient(transport=ReplayTransport(ScriptedWire(200), GracyReplay("smart-replay", storage)))
        for place in range(int(count)):
            await client.get(f"https://host-{place % 2}.test/{name}/{thread}/{place}")
            await client.get(f"https://host-{place % 2}.test/{name}/{thread}/{place}")

    threads = [threading.Thread(target=lambda thread=thread: asyncio.run(work(thread))) for thread in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    """
)


@pytest.mark.parametrize("kind", ["lines", "sqlite"])
def test_processes_and_threads_write_at_once(tmp_path: Path, kind: str) -> None:
    """Nothing is lost or torn, and no program hangs at its end though nobody closes anything."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT, kind, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen([*command, name, "30"], env=environment, stderr=subprocess.PIPE, text=True) for name in "abcd"
    ]
    assert [(each.communicate(timeout=60)[1], each.returncode) for each in running] == [("", 0)] * 4
    storage = JSONLinesReplayStorage(tmp_path) if kind == "lines" else SQLiteReplayStorage("a.sqlite3", tmp_path)
    assert len(list(storage.recordings())) == 4 * 2 * 30
    storage.flush()
    names: Sequence[str] = ["host-0.test.jsonl", "host-1.test.jsonl"] if kind == "lines" else ["a.sqlite3"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
