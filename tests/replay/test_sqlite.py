"""Recordings in a SQLite file."""

from __future__ import annotations

import contextlib
import copy
import logging
import multiprocessing
import os
import pickle
import random
import shutil
import sqlite3
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

from gracy_transport.exceptions import GracyReplayRequestNotFound, UnreadableRecording
from gracy_transport.replay import GracyReplay, RecordedError, RecordedResponse, Recording, ReplayTransport, opening
from gracy_transport.replay.ahead import Ahead
from gracy_transport.replay.asked import Asked
from gracy_transport.replay.config import Mode
from gracy_transport.replay.schema import CREATE, row_of, write
from gracy_transport.replay.sequence import LAST
from gracy_transport.replay.storage import Wanted
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.support import URL, asked_for, bodies_in, client_of, sqlite_in

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def recording(asked: Asked, body: bytes = b"body", status: int = 200, at: float = 1.7e9) -> Recording:
    """Returns an answer to a request."""
    return Recording(asked.facts, datetime.fromtimestamp(at, UTC), RecordedResponse(status, (("a", "b"),), body))


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    """Returns what a person would see who opened the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT method, url, asked, status, headers, body FROM recordings").fetchall()


def no_thread_writes() -> bool:
    """Tells whether all writers have ended."""
    return not any(thread.name == "gracy-recordings" for thread in threading.enumerate())


async def until_idle() -> None:
    """Waits until whatever was recorded is written."""
    with anyio.fail_after(10):
        while not no_thread_writes():
            await anyio.sleep(0.01)


async def test_what_is_saved_is_found(tmp_path: Path) -> None:
    """At once, by another storage on the file, and after a flush, identical."""
    asked = asked_for(content=b"\xff\x00", headers={"content-type": "image/png"})
    storage = sqlite_in(tmp_path)
    saved = recording(asked, b"text \0")
    await storage.save(asked, saved, 0, is_first=True)
    assert await storage.find(asked, 0) == saved
    assert await sqlite_in(tmp_path).find(asked, LAST) == saved
    assert await storage.find(asked_for(1), 0) is None
    failed = Recording(asked.facts, saved.recorded_at, error=RecordedError("ReadTimeout", "late"))
    await storage.save(asked, failed, 1, is_first=False)
    await storage.let_go()
    assert await storage.find(asked, LAST) == failed
    storage.flush()


async def test_recordings_are_found_by_position(tmp_path: Path) -> None:
    """Among those that are wanted; the last one at `LAST`."""
    storage = sqlite_in(tmp_path)
    asked = asked_for()
    answers = [recording(asked, b"a", 200, 1e9), recording(asked, b"b", 503, 2e9), recording(asked, b"c", 200, 3e9)]
    for place in (2, 0, 1):
        await storage.save(asked, answers[place], place, is_first=place == 2)

    async def found(wanted: Wanted) -> list[bytes]:
        return await bodies_in(storage, asked, wanted)

    assert await found(Wanted()) == [b"a", b"b", b"c", b"-", b"c"]
    assert await found(Wanted(only_good=True)) == [b"a", b"c", b"-", b"-", b"c"]
    since = datetime.fromtimestamp(2e9, UTC)
    assert await found(Wanted(since)) == [b"b", b"c", b"-", b"-", b"c"]
    assert await found(Wanted(since, only_good=True)) == [b"c", b"-", b"-", b"-", b"c"]
    assert [Wanted(since, only_good=True).accepts(each) for each in answers] == [False, False, True]
    storage.flush()


async def test_the_file_can_be_read_by_a_person(family: ModuleType, tmp_path: Path) -> None:
    """Text is text, and only what is no text is a blob; WAL leaves no other file behind."""
    wire = ScriptedWire(ScriptedResponse(json={"name": "é"}), ScriptedResponse(content=b"\xff"))
    async with client_of(family, "record", tmp_path, wire) as client:
        await client.post(URL, json={"a": 1})
        await client.get(f"{URL}?x=1")
    assert [file.name for file in tmp_path.iterdir()] == ["test.sqlite3"]
    (post, get) = sorted(rows_of(tmp_path / "test.sqlite3"), key=lambda row: row[1])
    assert post == (
        "POST",
        URL,
        '{"headers":{"content-type":"application/json"},"body":{"json":{"a":1}}}',
        200,
        '{"content-length":"13","content-type":"application/json"}',
        '{"name":"é"}',
    )
    assert get == ("GET", f"{URL}?x=1", None, 200, '{"content-length":"1"}', b"\xff")


async def test_the_directory_is_made(family: ModuleType, tmp_path: Path) -> None:
    """With its parents, when there is something to write; `.gracy` unless given."""
    storage = SQLiteReplayStorage("a.sqlite3", tmp_path / "x" / "y")
    async with client_of(family, "record", storage, ScriptedWire(200)) as client:
        await client.get(URL)
    assert (tmp_path / "x" / "y" / "a.sqlite3").exists()
    assert SQLiteReplayStorage().path == Path.cwd() / ".gracy" / "gracy-records.sqlite3"
    assert repr(SQLiteReplayStorage("a")) == f"<SQLiteReplayStorage {Path.cwd() / '.gracy' / 'a'}>"


async def test_the_directory_is_that_of_the_beginning(
    family: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the program goes while its recordings wait to be written."""
    for name in "ab":
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")
    async with client_of(family, "record", SQLiteReplayStorage("test.sqlite3"), ScriptedWire(200)) as client:
        await client.get(URL)
        monkeypatch.chdir(tmp_path / "b")
    assert (tmp_path / "a" / ".gracy" / "test.sqlite3").exists()
    assert list((tmp_path / "b").iterdir()) == []


async def test_a_storage_can_be_copied(tmp_path: Path) -> None:
    """And sent to another process, as a part of a config: the copy is one on the same file."""
    storage = sqlite_in(tmp_path)
    await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
    storage.flush()
    config = GracyReplay("replay", storage)
    for twin in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert isinstance(twin.storage, SQLiteReplayStorage)
        assert twin.storage is not storage
        assert twin.storage.path == storage.path
        assert await twin.storage.find(asked_for(), 0) == recording(asked_for())
        twin.storage.flush()


def test_a_file_in_memory_is_refused() -> None:
    """It could not outlive the program that records."""
    with pytest.raises(ValueError, match="keeps nothing"):
        SQLiteReplayStorage(":memory:")


async def test_the_small_interface(family: ModuleType, tmp_path: Path) -> None:
    """Responses can be recorded and loaded by hand."""
    storage = sqlite_in(tmp_path)
    request = family.Request("POST", URL, json={"token": "secret-1"})
    response = family.Response(200, json={"id": 1}, request=request)
    await storage.record(response)
    found = await storage.load(family.Request("POST", URL, json={"token": "other"}))
    assert (await found.aread(), found.request.method) == (response.content, "POST")
    assert await storage.find_replay(family.Request("GET", URL)) is None
    soon = datetime.now(UTC) + timedelta(hours=1)
    for too_old in (soon, soon.astimezone().replace(tzinfo=None)):
        assert await storage.find_replay(family.Request("POST", URL, json={"token": "other"}), too_old) is None
    with pytest.raises(GracyReplayRequestNotFound, match=f"nothing is recorded for GET {URL}"):
        await storage.load(family.Request("GET", URL))
    storage.flush()


def make_foreign(path: Path) -> None:
    """A database of something else."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")


def make_original(path: Path) -> None:
    """A recording of the original library: pickled responses."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE gracy_recordings (url, method, request_body, response, updated_at)")
        row = (URL, "GET", None, pickle.dumps(httpx.Response(200)), "2026-01-01")
        connection.execute("INSERT INTO gracy_recordings VALUES (?, ?, ?, ?, ?)", row)
        connection.commit()


def make_newer(path: Path) -> None:
    """A file that a later version of this library made."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 0x67726379")
        connection.execute("PRAGMA user_version = 2")
        connection.execute("CREATE TABLE recordings (key)")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (make_foreign, "is a SQLite file of something else: give another file name"),
        (make_original, "which are pickled: reading them could run any code. Convert it"),
        (make_newer, "is of version 2 and this gracy_transport reads up to 1: upgrade"),
        (
            lambda path: path.write_bytes(b"x" * 5000),
            "is no SQLite file, or a damaged one",
        ),
    ],
)
async def test_a_file_that_does_not_fit_is_refused(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Any, why: str
) -> None:
    """When the transport is made, before anything is sent; it stays as it is."""
    path = tmp_path / "test.sqlite3"
    make(path)
    before = path.read_bytes()
    modes: tuple[Mode, ...] = ("record", "replay", "smart-replay")
    for mode in modes:
        config = GracyReplay(mode, sqlite_in(tmp_path))
        with pytest.raises(UnreadableRecording, match=why):
            ReplayTransport(ScriptedWire(), config)
    storage = sqlite_in(tmp_path)
    with pytest.raises(UnreadableRecording, match=why):
        await storage.find(asked_for(), 0)
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
        storage.flush()
    assert why in caplog.text
    assert "1 recording could not be written to" in caplog.text
    assert path.read_bytes() == before
    await until_idle()


async def test_a_file_with_more_in_it_can_be_used(family: ModuleType, tmp_path: Path) -> None:
    """A later version may know more of each exchange and still be of the same format: what it adds is ignored."""
    async with client_of(family, "record", tmp_path, ScriptedWire(ScriptedResponse(content=b"old"))) as client:
        await client.get(URL)
    with contextlib.closing(sqlite3.connect(tmp_path / "test.sqlite3")) as connection:
        connection.execute("ALTER TABLE recordings ADD COLUMN colour TEXT")
        connection.execute("""UPDATE recordings SET asked = '{"credential":1}', answered = '{"chunks":[1,2]}'""")
        connection.commit()
    async with client_of(family, "smart-replay", tmp_path, ScriptedWire(ScriptedResponse(content=b"new"))) as client:
        assert [(await client.get(url)).text for url in (URL, f"{URL}/new")] == ["old", "new"]


async def test_a_half_made_file_is_a_new_one(family: ModuleType, tmp_path: Path) -> None:
    """A program may have been killed right after it made the file."""
    (tmp_path / "test.sqlite3").touch()
    assert await sqlite_in(tmp_path).find(asked_for(), 0) is None
    async with client_of(family, "smart-replay", tmp_path, ScriptedWire(204)) as client:
        assert (await client.get(URL)).status_code == 204
    async with client_of(family, "replay", tmp_path) as client:
        assert (await client.get(URL)).status_code == 204


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE recordings SET headers = 'x'",
        "UPDATE recordings SET headers = '[1]'",
        "UPDATE recordings SET asked = '{\"body\":{}}'",
        "UPDATE recordings SET at = 'then'",
        "UPDATE recordings SET status = NULL, error = '{}'",
        "ALTER TABLE recordings RENAME TO notes",
    ],
)
async def test_a_broken_recording_is_named(tmp_path: Path, change: str) -> None:
    """Rather than replayed as something else."""
    storage = sqlite_in(tmp_path)
    await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
    storage.flush()
    with contextlib.closing(sqlite3.connect(storage.path)) as connection:
        connection.execute(change)
        connection.commit()
    with pytest.raises(UnreadableRecording, match=r"record .*again"):
        await storage.find(asked_for(), 0)
    storage.flush()


async def test_a_file_that_cannot_be_written_is_a_warning(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer reaches the caller."""
    (tmp_path / "file").touch()
    storage = SQLiteReplayStorage("test.sqlite3", tmp_path / "file")
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        async with client_of(family, "record", storage, ScriptedWire(200)) as client:
            assert (await client.get(URL)).status_code == 200
    assert "1 recording could not be written to" in caplog.text
    assert "the responses are not affected" in caplog.text


async def test_a_batch_that_fails_leaves_nothing_half_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And the next one is written again."""
    storage = sqlite_in(tmp_path)
    await storage.save(asked_for(), recording(asked_for(), b"old"), 0, is_first=True)
    storage.flush()
    with contextlib.closing(sqlite3.connect(storage.path)) as connection:
        connection.execute(
            "CREATE TRIGGER one BEFORE INSERT ON recordings WHEN new.status = 418 BEGIN SELECT RAISE(FAIL, 'x'); END"
        )
        connection.execute(
            "CREATE TRIGGER two BEFORE INSERT ON recordings "
            "WHEN new.status = 419 BEGIN SELECT RAISE(ROLLBACK, 'x'); END"
        )
    for status in (418, 419):
        with caplog.at_level(logging.WARNING, "gracy_transport"):
            await storage.save(asked_for(), recording(asked_for(), b"new", status), 0, is_first=True)
            storage.flush()
        assert "could not be written" in caplog.text
        assert [row[5] for row in rows_of(storage.path)] == ["old"]
    await storage.save(asked_for(), recording(asked_for(), b"new"), 0, is_first=True)
    storage.flush()
    assert [row[5] for row in rows_of(storage.path)] == ["new"]
    await until_idle()


async def test_a_first_answer_that_was_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What comes after it replaces the old answers all the same: they must not get mixed."""
    storage = sqlite_in(tmp_path)
    for place, body in enumerate((b"old 0", b"old 1", b"old 2")):
        await storage.save(asked_for(), recording(asked_for(), body), place, is_first=not place)
    storage.flush()
    with contextlib.closing(sqlite3.connect(storage.path)) as connection:
        connection.execute(
            "CREATE TRIGGER one BEFORE INSERT ON recordings WHEN new.status = 418 BEGIN SELECT RAISE(FAIL, 'x'); END"
        )
    for place, status in enumerate((418, 418, 200, 200)):
        await storage.save(asked_for(), recording(asked_for(), b"new", status), place, is_first=not place)
        storage.flush()
    assert caplog.text.count("could not be written") == 2
    assert [row[5] for row in rows_of(storage.path)] == ["new", "new"]
    await until_idle()


async def test_first_answers_of_two_recorders_in_one_batch(tmp_path: Path) -> None:
    """The later one replaces the earlier one, as it would in another batch."""
    storage = sqlite_in(tmp_path)
    for body, is_first in ((b"a", True), (b"b", False), (b"c", True), (b"d", False)):
        await storage.save(asked_for(), recording(asked_for(), body), 0, is_first=is_first)
    storage.flush()
    assert [row[5] for row in rows_of(storage.path)] == ["c", "d"]


async def test_many_recordings_in_one_batch(tmp_path: Path) -> None:
    """More than fit into one statement."""
    storage = sqlite_in(tmp_path)
    for place in range(300):
        await storage.save(asked_for(place), recording(asked_for(place)), 0, is_first=True)
    storage.flush()
    assert len(rows_of(storage.path)) == 300
    assert storage.path.stat().st_size < 300 * 250


def test_what_is_replaced_is_found_without_looking_at_all_that_is_recorded() -> None:
    """Recording costs no more for each answer that is there already."""
    rows = [row_of(recording(asked_for(number)), number, 0) for number in range(3_000)]
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in CREATE:
            connection.execute(statement)
        write(connection, [(row, True) for row in rows])
        steps: list[int] = []
        connection.set_progress_handler(lambda: steps.append(1), 1_000)
        write(connection, [(row, True) for row in rows[1_000:1_010]])
        assert len(steps) < 10
        assert connection.execute("SELECT count(*), count(DISTINCT key) FROM recordings").fetchone() == (3_000, 3_000)


async def test_writing_needs_no_close(tmp_path: Path) -> None:
    """A thread writes, and is gone when there is nothing more to write."""
    storage = sqlite_in(tmp_path)
    await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
    assert not no_thread_writes()
    await until_idle()
    assert [file.name for file in tmp_path.iterdir()] == ["test.sqlite3"]
    assert len(rows_of(storage.path)) == 1
    for place in (1, 2):
        await storage.save(asked_for(place), recording(asked_for(place)), 0, is_first=True)
        storage.flush()
    await until_idle()
    assert len(rows_of(storage.path)) == 3


async def test_much_that_waits_is_written_before_more_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a slow disk does not fill the memory."""
    monkeypatch.setattr("gracy_transport.replay.batches.MOST_WAITING", 10)
    monkeypatch.setattr("gracy_transport.replay.background.GATHER", 0.5)
    storage = sqlite_in(tmp_path)
    await storage.save(asked_for(1), recording(asked_for(1), b"12345678"), 0, is_first=True)
    assert not storage.path.exists()
    await storage.save(asked_for(2), recording(asked_for(2), b"12345678"), 0, is_first=True)
    assert len(rows_of(storage.path)) == 2
    await until_idle()


async def test_a_thread_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the very end of a program there are no new threads: the recording is written where it is made."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    storage = sqlite_in(tmp_path)
    await anyio.to_thread.run_sync(int)  # anyio's own thread
    monkeypatch.setattr(threading.Thread, "start", refuse)
    await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
    monkeypatch.undo()
    assert len(rows_of(storage.path)) == 1


SCRIPT = """
import asyncio, os, sys, tempfile, traceback
import httpx
from gracy_transport.replay import GracyReplay, ReplayTransport
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedWire

async def main(mode, directory, name, count):
    storage = SQLiteReplayStorage("test.sqlite3", dir=directory)
    client = httpx.AsyncClient(transport=ReplayTransport(ScriptedWire(200), GracyReplay(mode, storage)))
    for place in range(int(count)):
        await client.get(f"https://api.test/{name}/{place}")
    return client

async def warm_up(directory):
    client = await main("smart-replay", directory, "a", "1")
    await client.aclose()

if os.environ.get("AS_NOBODY"):  # to root nothing is read-only
    with tempfile.TemporaryDirectory() as warm:  # what is imported on first use may be out of reach afterwards
        asyncio.run(warm_up(warm))
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
asyncio.run(main(*sys.argv[1:]))
"""


def run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the script in a process of its own, which never closes its client."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def test_a_program_that_just_ends_loses_nothing(tmp_path: Path) -> None:
    """As in the README, where nothing is ever closed."""
    ended = run("record", str(tmp_path), "a", "20")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(rows_of(tmp_path / "test.sqlite3")) == 20
    assert [file.name for file in tmp_path.iterdir()] == ["test.sqlite3"]
    ended = run("replay", str(tmp_path), "a", "20")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    """No lock error, nothing lost, whoever makes the file."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT, "record", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen([*command, name, "125"], env=environment, stderr=subprocess.PIPE, text=True) for name in "abcd"
    ]
    assert [(each.communicate(timeout=60)[1], each.returncode) for each in running] == [("", 0)] * 4
    assert len({row[1] for row in rows_of(tmp_path / "test.sqlite3")}) == 500


async def test_several_threads_write_and_read_at_once(tmp_path: Path) -> None:
    """With one storage for all, from loops of their own."""
    storage = sqlite_in(tmp_path)

    async def work(name: int) -> None:
        async with client_of(httpx, "smart-replay", storage, ScriptedWire(200)) as client:
            for place in range(60):
                assert (await client.get(f"https://api.test/{name}/{place // 2}")).status_code == 200

    async def in_a_thread(name: int) -> None:
        await anyio.to_thread.run_sync(lambda: anyio.run(work, name))

    async with anyio.create_task_group() as group:
        for name in range(4):
            group.start_soon(in_a_thread, name)
    assert len(rows_of(storage.path)) == 4 * 30
    await until_idle()


async def test_the_loop_goes_on_while_others_hold_the_file(family: ModuleType, tmp_path: Path) -> None:
    """Recording waits for nobody; what was recorded is written when they let go."""
    async with client_of(family, "record", tmp_path, ScriptedWire(200)) as client:
        await client.get(f"{URL}/first")
    with contextlib.closing(sqlite3.connect(tmp_path / "test.sqlite3", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        async with client_of(family, "record", tmp_path, ScriptedWire(200)) as client:
            began = time.perf_counter()
            for place in range(20):
                await client.get(f"{URL}/{place}")
            assert time.perf_counter() - began < 20
            holder.execute("COMMIT")
    assert len(rows_of(tmp_path / "test.sqlite3")) == 21


async def test_making_the_file_waits_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes may switch a new file to WAL at the same moment; there is an end to waiting, though."""
    path = tmp_path / "test.sqlite3"
    storage = sqlite_in(tmp_path)
    monkeypatch.setattr("gracy_transport.replay.opening.BUSY", 0.05)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("CREATE TABLE x (y)")
        holder.execute("DROP TABLE x")
        holder.execute("BEGIN IMMEDIATE")
        await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
        storage.flush()
        monkeypatch.undo()
        threading.Timer(0.1, lambda: holder.execute("COMMIT")).start()
        await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
        await storage.let_go()
    assert len(rows_of(path)) == 1
    await until_idle()


def _in_a_fork(storage: SQLiteReplayStorage, pipe: Any) -> None:
    async def work() -> None:
        found = await storage.find(asked_for(), 0)
        await storage.save(asked_for(1), recording(asked_for(1)), 0, is_first=True)
        pipe.send(found)

    anyio.run(work)
    storage.flush()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("has_read", [True, False])
def test_a_storage_survives_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_read: bool) -> None:
    """The child must not touch the connections of its parent, nor write what waits in the parent."""
    monkeypatch.setattr("gracy_transport.replay.background.GATHER", 1.0)  # the thread sleeps while the process forks
    storage = sqlite_in(tmp_path)

    async def before() -> None:
        await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
        storage.flush()
        if has_read:
            await storage.find(asked_for(), 0)
        await storage.save(asked_for(2), recording(asked_for(2)), 0, is_first=True)

    anyio.run(before)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_in_a_fork, args=(storage, theirs))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert ours.recv() == recording(asked_for())
    ours.close()
    theirs.close()
    storage.flush()
    assert sorted(row[1] for row in rows_of(storage.path)) == [f"https://api.test/items/{place}" for place in range(3)]
    anyio.run(until_idle)


@pytest.mark.parametrize("has_read", [True, False])
async def test_files_of_another_process_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_read: bool
) -> None:
    """As after a fork: neither used nor closed."""
    storage = sqlite_in(tmp_path)
    await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
    storage.flush()
    if has_read:
        await storage.find(asked_for(), 0)
    before = storage._here()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        assert await storage.find(asked_for(), 0) == recording(asked_for())
        storage.flush()
        assert storage._here() is not before
    assert (before._ahead is not None) is has_read
    before._closing = None
    if before._ahead is not None:
        before._ahead.connection.close()
    await until_idle()


async def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """Whatever stands in the way."""
    (tmp_path / "test.sqlite3").mkdir()
    with pytest.raises(UnreadableRecording, match=r"cannot be opened .*: check its permissions"):
        await sqlite_in(tmp_path).find(asked_for(), 0)


async def test_a_file_that_cannot_be_opened_in_any_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way is tried: for writing, for reading, and as one that nobody changes."""
    (tmp_path / "test.sqlite3").touch()
    tried: list[str] = []

    genuine: Any = sqlite3.connect

    def connect(database: str, **options: Any) -> Any:
        tried.append(database.partition("?")[2])
        return genuine(database.replace("test.sqlite3", "none/test.sqlite3"), **options)

    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(UnreadableRecording, match="unable to open database file"):
        await sqlite_in(tmp_path).find(asked_for(), 0)
    assert tried == ["mode=rw", "mode=ro", "mode=ro&immutable=1"]


class Settling(type(Path())):  # type: ignore[misc]  # the class of paths of this system
    """A path beside which somebody closes the file last, just after its log was seen."""

    def exists(self, **options: Any) -> bool:
        is_there = bool(super().exists(**options))
        if self.name.endswith("-wal"):
            self.unlink(missing_ok=True)
        return is_there


def test_a_log_that_goes_away_while_the_file_is_opened(tmp_path: Path) -> None:
    """It is not looked for again: whoever took it away has merged it."""
    path = Settling(tmp_path / "test.sqlite3")
    opening.open_to_write(path).close()
    (tmp_path / "test.sqlite3-wal").touch()
    reader = opening.open_to_read(path)
    assert reader is not None
    reader.close()


async def test_a_file_that_somebody_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read as if nobody did."""
    monkeypatch.setattr("gracy_transport.replay.opening.BUSY", 0.01)
    path = tmp_path / "test.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE x (y)")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnreadableRecording, match="locked"):
            await sqlite_in(tmp_path).find(asked_for(), 0)


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """A directory that any user may reach, unlike those of pytest."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no such permissions here")
def test_a_directory_without_write_permission_is_enough_to_replay(public_dir: Path) -> None:
    """As in CI; recording there is a warning."""
    assert run("record", str(public_dir), "a", "3").returncode == 0
    (public_dir / "test.sqlite3").chmod(0o444)
    public_dir.chmod(0o555)
    nobody = {"AS_NOBODY": "1"} if os.geteuid() == 0 else {}
    ended = run("replay", str(public_dir), "a", "3", **nobody)
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = run("record", str(public_dir), "b", "3", **nobody)
    assert ended.returncode == 0
    assert "could not be written" in ended.stderr
    public_dir.chmod(0o755)
    (public_dir / "test.sqlite3-wal").write_bytes(b"what a program that was killed had still to merge")
    public_dir.chmod(0o555)
    ended = run("replay", str(public_dir), "a", "3", **nobody)
    assert "UnreadableRecording" in ended.stderr, "as if nothing were recorded"
    (public_dir / "test.sqlite3").chmod(0o000)
    ended = run("replay", str(public_dir), "a", "3", **nobody)
    assert "UnreadableRecording" in ended.stderr
    assert "check its permissions and those of its directory" in ended.stderr


async def test_a_miss_among_many_long_urls_is_quick(tmp_path: Path) -> None:
    """What comes nearest is found without comparing every letter with every other."""
    storage = sqlite_in(tmp_path)
    letters = random.Random(1)

    def asked() -> Asked:
        cursor = "".join(letters.choices(string.ascii_letters, k=500))
        return Asked(httpx.Request("GET", f"https://api.test/items?cursor={cursor}"), b"")

    for _ in range(1000):
        await storage.save(one := asked(), recording(one), 0, is_first=True)
    await storage.save(asked_for(12345), recording(asked_for(12345)), 0, is_first=True)
    storage.flush()
    began = time.perf_counter()
    assert await storage.hint(asked_for(12545)) == "the nearest recording is of GET https://api.test/items/12345"
    assert await storage.hint(asked()) == ""
    assert time.perf_counter() - began < 5
    storage.flush()
    await until_idle()


async def test_opening_many_recordings_is_quick(tmp_path: Path) -> None:
    """Nothing is read in advance."""
    storage = sqlite_in(tmp_path)
    for place in range(2000):
        await storage.save(asked_for(place), recording(asked_for(place)), 0, is_first=True)
    await storage.let_go()
    began = time.perf_counter()
    found = await sqlite_in(tmp_path).find(asked_for(1999), 0)
    assert time.perf_counter() - began < 5
    assert found == recording(asked_for(1999))
    await until_idle()


# ---------------------------------------------------------------- whose requests they were


async def test_each_credential_has_a_sequence_of_its_own(tmp_path: Path) -> None:
    """Recording anew for one leaves the answers of the other, and whoever does not ask for one gets any."""
    storage = sqlite_in(tmp_path)
    for whose, body in (("", b"nobody"), ("credential-1", b"one"), ("credential-2", b"two"), ("credential-1", b"anew")):
        asked = Asked(httpx.Request("GET", URL), b"", whose)
        await storage.save(asked, recording(asked, body), 0, is_first=True)
    asked = asked_for(1)
    for wanted, body in ((None, b"nobody"), ("", b"nobody"), ("credential-1", b"anew"), ("credential-2", b"two")):
        found = await storage.find(asked, 0, Wanted(credential=wanted))
        assert found is not None
        assert found.response is not None
        assert found.response.body == body
    assert await storage.find(asked, 0, Wanted(credential="credential-3")) is None
    assert storage.credentials() == {"credential-1", "credential-2"}
    await storage.let_go()


async def test_all_recordings_come_in_a_stable_order(tmp_path: Path) -> None:
    """By URL and method, and those of one request in their sequence, in whatever order they came."""
    storage = sqlite_in(tmp_path)
    urls = ("GET", "https://api.test/a"), ("GET", "https://api.test/a"), ("POST", "https://api.test/a"), ("GET", URL)
    askeds = [Asked(httpx.Request(*url), b"") for url in urls]
    made = [recording(asked, b"%d" % place) for place, asked in enumerate(askeds)]
    for place in (3, 1, 2, 0):
        await storage.save(askeds[place], made[place], int(place == 1), is_first=False)
    assert list(storage.recordings()) == made
    await storage.let_go()


# ---------------------------------------------------------------- reading ahead


async def keep_many(storage: SQLiteReplayStorage, count: int, body: bytes = b"body") -> None:
    """Saves the answers of many requests, and writes them."""
    for place in range(count):
        await storage.save(asked_for(place), recording(asked_for(place), b"%d%b" % (place, body)), 0, is_first=True)
    await storage.let_go()


@pytest.mark.parametrize("body", [b"body", bytes(300_000)])
async def test_what_is_read_ahead_is_what_is_asked_for(tmp_path: Path, body: bytes) -> None:
    """In whatever order, and however large."""
    storage = sqlite_in(tmp_path)
    count = 600 if len(body) < 100 else 20
    await keep_many(storage, count, body)
    orders = [list(range(count)), list(range(count))[::-1], random.Random(1).sample(range(count), count)]
    for order in orders:
        for place in order:
            found = await storage.find(asked_for(place), 0)
            assert found is not None
            assert found.response is not None
            assert found.response.body == b"%d%b" % (place, body)
            assert await storage.find(asked_for(place), 1) is None
    storage.flush()


async def test_rows_are_read_many_at_a_time(tmp_path: Path) -> None:
    """When they are asked for in their order; one by one when they are not."""
    storage = sqlite_in(tmp_path)
    await keep_many(storage, 1000)
    statements: list[str] = []

    async def reads(order: list[int]) -> int:
        statements.clear()
        for place in order:
            await storage.find(asked_for(place), 0)
        statements[:] = [each for each in statements if "LIMIT" in each]
        return len(statements)

    assert await storage.find(asked_for(0), 0) is not None
    ahead = storage._here()._ahead
    assert ahead is not None
    ahead.connection.set_trace_callback(statements.append)
    assert await reads(list(range(1000))) < 20
    assert await reads(list(range(700, -1, -1))) > 600
    assert statements[-1].endswith(("LIMIT 1", "LIMIT 2"))
    storage.flush()


async def test_what_is_read_ahead_is_forgotten_when_somebody_writes(tmp_path: Path) -> None:
    """This process or, a moment later, another one."""
    storage, other = sqlite_in(tmp_path), sqlite_in(tmp_path)
    await keep_many(storage, 3)
    for body, writer in ((b"mine", storage), (b"theirs", other)):
        for place in range(3):
            assert await storage.find(asked_for(place), 0) is not None
        for place in range(3):
            await writer.save(asked_for(place), recording(asked_for(place), body), 0, is_first=True)
        await writer.let_go()
        if writer is other:
            await anyio.sleep(0.06)
        found = await storage.find(asked_for(1), 0)
        assert found is not None
        assert found.response is not None
        assert found.response.body == body
    await other.save(asked_for(9), recording(asked_for(9)), 0, is_first=True)
    await other.let_go()
    assert await storage.find(asked_for(9), 0) is not None, "who finds nothing looks again at once"
    storage.flush()


async def test_many_answers_to_one_request_are_found_in_time(tmp_path: Path) -> None:
    """Each is found without counting those before it."""
    storage = sqlite_in(tmp_path)
    for place in range(2000):
        await storage.save(asked_for(), recording(asked_for(), b"%d" % place), place, is_first=not place)
    await storage.let_go()
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    assert await storage.find(asked_for(), LAST) is not None
    ahead = storage._here()._ahead
    assert ahead is not None
    ahead.connection.set_progress_handler(step, 1000)
    for place in range(2000):
        found = await storage.find(asked_for(), place, Wanted(only_good=True))
        assert found is not None
        assert found.response is not None
        assert found.response.body == b"%d" % place
    assert steps < 2000, "thousands of steps of SQLite"
    storage.flush()


async def test_places_are_not_remembered_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests are asked for."""
    monkeypatch.setattr("gracy_transport.replay.ahead._MOST_PLACES", 50)
    storage = sqlite_in(tmp_path)
    await keep_many(storage, 300)
    for _ in range(2):
        for place in range(300):
            assert await storage.find(asked_for(place), 0) is not None
    ahead = storage._here()._ahead
    assert ahead is not None
    assert len(ahead._places) < 320
    storage.flush()


@pytest.mark.parametrize("others", [[], [asked_for(1)]])
def test_what_another_program_replaces_meanwhile_is_not_taken_for_what_has_its_number_now(
    tmp_path: Path, others: list[Asked]
) -> None:
    """Where answers are is known for a moment, in which they may be deleted, and others come to their place."""
    asked = asked_for()
    rows = [row_of(recording(asked, body), asked.key, place) for place, body in enumerate((b"old 1", b"old 2"))]
    again = [row_of(recording(each, b"new"), each.key, 0) for each in (asked, *others)]
    with contextlib.closing(opening.open_to_write(tmp_path / "test.sqlite3")) as writer:
        write(writer, [(row, False) for row in rows])
        reader = opening.open_to_read(tmp_path / "test.sqlite3")
        assert reader is not None
        with contextlib.closing(reader):
            ahead, wish = Ahead(reader), (None, 0.0, 1_000)
            assert ahead.find(asked.key, 0, wish) == recording(asked, b"old 1")
            write(writer, [(row, True) for row in again])
            assert ahead.find(asked.key, 1, wish) is None
            assert ahead.find(asked.key, 0, wish) == recording(asked, b"new")
