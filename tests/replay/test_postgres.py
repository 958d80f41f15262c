"""The storage on PostgreSQL that a docstring shows, as it stands there, on a real server."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracyReplayStorage
from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.support import URL, client_of
from tests.support import gather

psycopg = pytest.importorskip("psycopg", reason="there is no driver of PostgreSQL here")
pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```", inspect.getdoc(GracyReplayStorage) or "", re.MULTILINE | re.DOTALL)


def load_example() -> Any:
    """Returns the class of the example, made as if it was pasted into a program."""
    space: dict[str, Any] = {}
    exec(compile(EXAMPLE, "example", "exec"), space)
    return space["PostgresReplayStorage"]


@pytest.fixture
def dsn(postgres: str, namespace: str) -> str:
    """Gives a database that no other test has."""
    name = f"test_{namespace}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.replace("/postgres?", f"/{name}?")


def test_the_example_is_short() -> None:
    """As long as a person reads."""
    assert len(EXAMPLE.splitlines()) <= 40


async def test_it_records_and_replays(family: ModuleType, dsn: str) -> None:
    """Text, bytes, headers that stand there twice, and no body; what is asked otherwise is not found."""
    twice = family.Response(200, headers=[("link", "<a>"), ("link", "<b>")], json={"name": "é"})
    wire = ScriptedWire(lambda _request: twice, ScriptedResponse(content=b"\x00\xff", status=404), 204)
    async with client_of(family, "record", load_example()(dsn), wire) as client:
        await client.post(URL, json={"a": 1}, headers={"authorization": "Bearer secret-1"})
        await client.get(URL)
        await client.get(f"{URL}?page=2")
    async with client_of(family, "replay", load_example()(dsn)) as client:
        first = await client.post(URL, json={"a": 1}, headers={"authorization": "Bearer other"})
        assert (first.json(), first.headers.get_list("link")) == ({"name": "é"}, ["<a>", "<b>"])
        others = [await client.get(url) for url in (URL, f"{URL}?page=2")]
        assert [(each.status_code, each.content) for each in others] == [(404, b"\x00\xff"), (204, b"")]
        with pytest.raises(GracyReplayRequestNotFound):
            await client.post(URL, json={"a": 2})


async def test_the_last_answer_stays(family: ModuleType, dsn: str) -> None:
    """Of one run and of several, and smart-replay sends what is missing or too old."""
    for run in range(2):
        wire = ScriptedWire(*(ScriptedResponse(content=b"%d" % (2 * run + place)) for place in range(2)))
        async with client_of(family, "record", load_example()(dsn), wire) as client:
            await client.get(URL)
            await client.get(URL)
    wire = ScriptedWire(ScriptedResponse(content=b"new"))
    async with client_of(family, "smart-replay", load_example()(dsn), wire) as client:
        assert [(await client.get(url)).text for url in (URL, f"{URL}/0", f"{URL}/0")] == ["3", "new", "new"]
    old: dict[str, Any] = {"discard_replays_older_than": datetime.now(UTC) + timedelta(hours=1)}
    async with client_of(family, "replay", load_example()(dsn), **old) as client:
        with pytest.raises(GracyReplayRequestNotFound):
            await client.get(URL)


async def test_many_tasks_record_at_once(family: ModuleType, dsn: str) -> None:
    """In a few transactions, also where some ask for the same."""
    urls = [f"{URL}/{place % 40}" for place in range(100)]
    wire = ScriptedWire(lambda request: ScriptedResponse(content=str(request.url).encode()))
    async with client_of(family, "record", load_example()(dsn), wire) as client:
        await gather(client, urls)
    async with client_of(family, "replay", load_example()(dsn)) as client:
        assert [each.text for each in await gather(client, urls)] == urls
    with psycopg.connect(dsn) as connection:
        (count, transactions) = connection.execute(
            "SELECT count(*), count(DISTINCT xmin::text) FROM recordings"
        ).fetchone()
    assert count == 40
    assert transactions < 40


def test_many_processes_record_the_same_at_once(dsn: str) -> None:
    """They make one table, and wait for each other in one order."""
    program = f"""
import anyio, random, sys
import httpx
from gracy_transport.replay import GracyReplay, ReplayTransport
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.test_postgres import load_example
from tests.support import gather

async def main(seed):
    urls = [f"https://api.test/{{place}}" for place in range(50)] * 2
    random.Random(seed).shuffle(urls)
    wire = ScriptedWire(lambda request: ScriptedResponse(content=str(request.url).encode()))
    transport = ReplayTransport(wire, GracyReplay("record", load_example()({dsn!r})))
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, urls, in_turn=False)

anyio.run(main, sys.argv[1], backend="trio" if int(sys.argv[1]) % 2 else "asyncio")
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(seed)], env=environment, stderr=subprocess.PIPE)
        for seed in range(3)
    ]
    assert [each.communicate(timeout=120)[1] for each in running] == [b""] * 3
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT convert_from(body, 'UTF8') FROM recordings").fetchall()
    assert sorted(rows) == sorted((f"https://api.test/{place}",) for place in range(50))
