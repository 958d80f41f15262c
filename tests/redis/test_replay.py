"""Recordings on a real server."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from redis import Redis

from gracy_transport.exceptions import GracyReplayRequestNotFound, UnreadableRecording
from gracy_transport.redis import RedisReplayStorage
from gracy_transport.replay import GracyReplay, RecordedError, RecordedResponse, Recording, ReplayTransport
from gracy_transport.replay.asked import Asked
from gracy_transport.replay.document import to_json
from gracy_transport.replay.sequence import LAST
from gracy_transport.replay.storage import Wanted
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.support import URL, asked_for, bodies_in, client_of
from tests.support import at_once

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 22, 16, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def storage(valkey: str, namespace: str) -> RedisReplayStorage:
    """Gives a storage on the server."""
    return RedisReplayStorage(valkey, namespace=namespace)


def recording(asked: Asked, body: bytes = b"body", status: int = 200, at: datetime = AT) -> Recording:
    """Returns an answer to a request."""
    return Recording(asked.facts, at, RecordedResponse(status, (("a", "b"),), body))


def bodies(storage: RedisReplayStorage) -> list[bytes]:
    """Returns the bodies of all that is recorded, in its order."""
    return [each.response.body for each in storage.recordings() if each.response is not None]


def keys_of(url: str, namespace: str) -> dict[str, int]:
    """Returns the keys of a namespace, and how many members each has."""
    with Redis.from_url(url) as client:
        keys = sorted(client.scan_iter(f"gracy:{{{namespace}}}:*"))
        return {key.decode(): client.hlen(key) if client.type(key) == b"hash" else client.zcard(key) for key in keys}


def start(program: str, *options: str, arguments: Iterable[str] = ()) -> subprocess.Popen[str]:
    """Starts a program in a process of its own."""
    command = [sys.executable, *options, "-c", program, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


async def test_what_is_saved_is_found(storage: RedisReplayStorage) -> None:
    """At once, by another storage on the server, and after a flush, identical."""
    asked = asked_for(content=b"\xff\x00", headers={"content-type": "image/png"})
    saved = recording(asked, b'{"text": "\\ud800 \0"}')
    await storage.save(asked, saved, 0, is_first=True)
    assert await storage.find(asked, 0) == saved
    assert await copy.deepcopy(storage).find(asked, LAST) == saved
    assert await storage.find(asked_for(1), 0) is None
    failed = Recording(asked.facts, AT, error=RecordedError("ReadTimeout", "late"))
    await storage.save(asked, failed, 1, is_first=False)
    await storage.let_go()
    assert await storage.find(asked, LAST) == failed
    assert list(storage.recordings()) == [saved, failed]
    storage.flush()


async def test_what_is_stored_is_the_json_of_the_format(valkey: str, namespace: str, family: ModuleType) -> None:
    """A person can read it, and every key of a namespace is in one slot of a cluster."""
    home = RedisReplayStorage(valkey, namespace=namespace)
    async with client_of(family, "record", home, ScriptedWire(ScriptedResponse(json={"id": 1}))) as client:
        await client.get(URL, headers={"authorization": "Bearer secret-1"})
    with Redis.from_url(valkey) as client:
        (document,) = client.hvals(f"gracy:{{{namespace}}}:recordings")
    read = json.loads(document)
    assert read["gracy"] == 1
    assert (read["request"]["url"], read["request"]["credential"]) == (URL, "credential-1")
    assert read["response"]["body"] == {"json": {"id": 1}}
    assert "secret" not in str(document)
    assert all(key.startswith(f"gracy:{{{namespace}}}:recordings") for key in keys_of(valkey, namespace))


async def test_recordings_are_found_by_position(storage: RedisReplayStorage) -> None:
    """Among those that are wanted; the last one at `LAST`."""
    asked = asked_for()
    days = [AT + timedelta(days=place) for place in range(3)]
    answers = [recording(asked, b"a", 200, days[0]), recording(asked, b"b", 503, days[1])]
    answers.append(recording(asked, b"c", 200, days[2]))
    for place in (2, 0, 1):
        await storage.save(asked, answers[place], place, is_first=place == 2)

    async def found(wanted: Wanted) -> list[bytes]:
        return await bodies_in(storage, asked, wanted)

    assert await found(Wanted()) == [b"a", b"b", b"c", b"-", b"c"]
    assert await found(Wanted(only_good=True)) == [b"a", b"c", b"-", b"-", b"c"]
    assert await found(Wanted(days[1])) == [b"b", b"c", b"-", b"-", b"c"]
    assert await found(Wanted(days[1] + timedelta(microseconds=1))) == [b"c", b"-", b"-", b"-", b"c"]
    assert await found(Wanted(days[1], only_good=True)) == [b"c", b"-", b"-", b"-", b"c"]
    assert await found(Wanted(credential="credential-1")) == [b"-"] * 5
    storage.flush()


async def test_a_first_answer_replaces_its_sequence_alone(
    storage: RedisReplayStorage, valkey: str, namespace: str
) -> None:
    """Those of other users and other requests stay, and of the old ones nothing is left."""
    mine, theirs, other = asked_for(credential="credential-1"), asked_for(credential="credential-2"), asked_for(1)
    for asked in (mine, theirs, other):
        for place in range(3):
            await storage.save(asked, recording(asked, b"old %d" % place), place, is_first=not place)
    storage.flush()
    await storage.save(mine, recording(mine, b"new"), 0, is_first=True)
    assert len(bodies(storage)) == 7
    assert await storage.find(mine, 1, Wanted(credential="credential-1")) is None
    found = await storage.find(mine, LAST, Wanted(credential="credential-2"))
    assert found is not None
    assert found.response is not None
    assert found.response.body == b"old 2"
    assert sorted(keys_of(valkey, namespace).values()) == [1, 3, 3, 3, 4, 7]
    storage.flush()


async def test_a_storage_knows_what_it_has(storage: RedisReplayStorage) -> None:
    """Before and after it is written, with holes, by credential or for all."""
    alice, bob = asked_for(credential="alice"), asked_for(credential="bob")
    assert storage.is_empty()
    assert await storage.next_position(alice, None) == 0
    for asked, place in ((alice, 0), (alice, 7), (bob, 2)):
        await storage.save(asked, recording(asked), place, is_first=place != 7)
    nobodys = asked_for(1, credential="")
    await storage.save(nobodys, recording(nobodys), 0, is_first=True)
    assert [await storage.next_position(alice, whose) for whose in ("alice", "bob", "carol", None)] == [8, 3, 0, 8]
    assert not storage.is_empty()
    assert storage.credentials() == {"alice", "bob"}
    storage.flush()


async def test_forgetting_leaves_nothing_behind(storage: RedisReplayStorage, valkey: str, namespace: str) -> None:
    """However much it is."""
    old, new = AT - timedelta(microseconds=1), AT
    for place in range(2500):
        asked = asked_for(place % 3)
        await storage.save(asked, recording(asked, b"old", at=old), place, is_first=False)
    await storage.save(asked_for(1), recording(asked_for(1), b"new", at=new), 2500, is_first=False)
    await storage.forget_unrecorded(AT)
    assert bodies(storage) == [b"new"]
    assert sorted(keys_of(valkey, namespace).values()) == [1, 1, 1]
    storage.flush()


async def test_what_comes_together_is_written_together(storage: RedisReplayStorage, valkey: str) -> None:
    """Hundreds of recordings take a few commands."""

    def scripts_run() -> int:
        with Redis.from_url(valkey) as client:
            stats: dict[str, Any] = client.info("commandstats").get("cmdstat_eval", {"calls": 0})
            calls: int = stats["calls"]
            return calls

    before = scripts_run()
    for place in range(300):
        await storage.save(asked_for(place), recording(asked_for(place)), 0, is_first=True)
    assert len(list(storage.recordings())) == 300
    assert scripts_run() - before < 100
    storage.flush()


async def test_large_bodies_go_one_by_one(storage: RedisReplayStorage) -> None:
    """Each step is small enough for a slow network, except where one body alone is not."""
    sizes = [0] * 3 + [700_000] * 3 + [3_000_000] + [0] * 3
    for place, size in enumerate(sizes):
        await storage.save(asked_for(), recording(asked_for(), b"x" * size), place, is_first=False)
    storage.flush()
    assert [len(body) for body in bodies(storage)] == sizes
    assert storage._here().writer.batches >= 4
    storage.flush()


async def test_a_batch_that_is_sent_twice_is_stored_once(storage: RedisReplayStorage) -> None:
    """Nobody knows whether a server whose connection broke had got it."""
    from gracy_transport.redis.places import Entry, Place

    asked = asked_for()
    batch = [
        (Entry(Place.new(each, asked.sequence, place), to_json(each, place).encode()), place in {0, 2})
        for place, each in enumerate(recording(asked, b"%d" % place) for place in range(4))
    ]
    for _ in range(2):
        storage._here().writer._store(batch)
        assert bodies(storage) == [b"2", b"3"]
    storage.flush()


def test_a_program_that_just_ends_loses_nothing(valkey: str, namespace: str) -> None:
    """Nor does a child of a fork, which has its own connection; what waits in the parent is the parent's to write."""
    program = f"""
import asyncio, os
from gracy_transport.redis import RedisReplayStorage
from tests.redis.test_replay import asked_for, recording

async def main(place):
    await storage.save(asked_for(place), recording(asked_for(place)), 0, is_first=True)

storage = RedisReplayStorage({valkey!r}, namespace={namespace!r})
asyncio.run(main(0))
child = os.fork()
asyncio.run(main(1 if child else 2))
if child:
    os.waitpid(child, 0)
"""
    with start(program, "-W", "ignore"):
        pass
    storage = RedisReplayStorage(valkey, namespace=namespace)
    urls = [each.request.url for each in storage.recordings()]
    assert urls == [f"https://api.test/items/{place}" for place in range(3)]
    storage.flush()


def test_many_processes_record_at_once(valkey: str, namespace: str) -> None:
    """Each its own, and all of it is there."""
    program = f"""
import asyncio, sys
from gracy_transport.redis import RedisReplayStorage
from tests.redis.test_replay import asked_for, recording

async def main(first):
    storage = RedisReplayStorage({valkey!r}, namespace={namespace!r})
    for number in range(400):
        asked = asked_for(first + number // 4)
        await storage.save(asked, recording(asked, b"%d" % (number % 4)), number % 4, is_first=not number % 4)
        await asyncio.sleep(0)

asyncio.run(main(int(sys.argv[1])))
"""
    running = [start(program, arguments=[str(first)]) for first in range(0, 400, 100)]
    for each in running:
        with each:
            pass
    assert [each.returncode for each in running] == [0, 0, 0, 0]
    storage = RedisReplayStorage(valkey, namespace=namespace)
    assert bodies(storage) == [b"0", b"1", b"2", b"3"] * 400
    storage.flush()


def test_many_loops_share_a_storage(storage: RedisReplayStorage) -> None:
    """Of both backends, in threads side by side."""

    async def work() -> None:
        wire = ScriptedWire(lambda request: ScriptedResponse(content=request.url.path.encode()))
        async with client_of(httpx, "smart-replay", storage, wire) as client:
            for place in range(50):
                assert (await client.get(f"https://api.test/{place}")).text == f"/{place}"

    at_once(("asyncio", "trio", "asyncio", "trio"), work)
    assert {body.decode() for body in bodies(storage)} == {f"/{place}" for place in range(50)}
    storage.flush()


def test_a_killed_recorder_loses_only_the_last_batch(valkey: str, namespace: str) -> None:
    """What is there is the beginning of what it recorded, in order."""
    program = f"""
import asyncio
from gracy_transport.redis import RedisReplayStorage
from tests.redis.test_replay import asked_for, recording

async def main():
    storage = RedisReplayStorage({valkey!r}, namespace={namespace!r})
    number = 0
    while True:
        await storage.save(asked_for(), recording(asked_for(), b"%d" % number), number, is_first=not number)
        number += 1
        print(number, flush=True)
        await asyncio.sleep(0)

asyncio.run(main())
"""
    storage = RedisReplayStorage(valkey, namespace=namespace)
    for kill in range(5):
        with start(program) as process:
            assert process.stdout is not None
            until = 0 if kill == 4 else 100 * (kill + 1)
            for line in process.stdout:
                if int(line) > until and (kill < 4 or not storage.is_empty()):
                    break
            process.kill()
        found = [int(body) for body in bodies(storage)]
        assert found == list(range(len(found)))
    assert bodies(storage)
    storage.flush()


@pytest.mark.parametrize("twin_of", [lambda config: pickle.loads(pickle.dumps(config)), copy.deepcopy])
async def test_a_storage_can_be_copied(storage: RedisReplayStorage, twin_of: Any) -> None:
    """And sent to another process, as a part of a config: the copy is one on the same server."""
    await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
    storage.flush()
    twin = twin_of(GracyReplay("replay", storage)).storage
    assert isinstance(twin, RedisReplayStorage)
    assert twin is not storage
    assert repr(twin) == repr(storage)
    assert await twin.find(asked_for(), 0) == recording(asked_for())
    twin.flush()


async def test_a_miss_names_what_comes_nearest(family: ModuleType, storage: RedisReplayStorage) -> None:
    """Among many."""
    wire = ScriptedWire(lambda _request: ScriptedResponse())
    async with client_of(family, "record", storage, wire) as client:
        for place in range(60):
            await client.get(f"https://api.test/{place}", params={"page": place})
    async with client_of(family, "replay", storage) as client:
        with pytest.raises(GracyReplayRequestNotFound, match=r'parameter "page" is "70" and was recorded as "7"'):
            await client.get("https://api.test/7", params={"page": 70})


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda client, key: client.set(key, "x"), "give another namespace if something else is kept in this one"),
        (lambda client, key: client.hset(key, "x", "{}"), "what is stored as b'x' is no recording: delete it"),
        (
            lambda client, key: [client.hset(key, name, '{"gracy":2}') for name in client.hkeys(key)],
            "is of version 2 and this gracy_transport reads up to 1: upgrade",
        ),
        (
            lambda client, key: [client.hset(key, name, "x") for name in client.hkeys(key)],
            "this is no recording: it is not JSON",
        ),
    ],
)
async def test_what_does_not_fit_is_named(
    storage: RedisReplayStorage, valkey: str, namespace: str, break_it: Any, why: str
) -> None:
    """Rather than replayed as something else."""
    await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
    storage.flush()
    with Redis.from_url(valkey) as client:
        break_it(client, f"gracy:{{{namespace}}}:recordings")
    with pytest.raises(UnreadableRecording) as raised:
        list(storage.recordings())
    assert why in str(raised.value)
    storage.flush()


async def test_a_namespace_of_something_else_is_refused(
    family: ModuleType, storage: RedisReplayStorage, valkey: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """When the transport is made; what is recorded nevertheless is a warning."""
    with Redis.from_url(valkey) as client:
        client.set(f"gracy:{{{namespace}}}:recordings", "x")
    with pytest.raises(UnreadableRecording, match="WRONGTYPE"):
        ReplayTransport(ScriptedWire(), GracyReplay("record", storage))
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        await storage.save(asked_for(), recording(asked_for()), 0, is_first=True)
        storage.flush()
    assert "1 recording could not be written to redis://127.0.0.1" in caplog.text


@pytest.mark.parametrize("namespace", ["", " ", "a{b", "a}b"])
def test_a_namespace_that_makes_no_key_is_refused(namespace: str) -> None:
    """Braces would put the keys of one namespace into several slots."""
    with pytest.raises(ValueError, match="give it a name without braces"):
        RedisReplayStorage("redis://localhost", namespace=namespace)


def test_a_missing_package_is_named() -> None:
    """With what to install."""
    program = """
import sys
sys.modules["redis"] = None
from gracy_transport.redis import RedisReplayStorage
RedisReplayStorage("redis://localhost", namespace="a")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert 'ImportError: what is shared on Redis needs the redis package: run pip install "gracy-transport[redis]"' in (
        done.stderr
    )
