"""Programs that are killed while they record: the file opens afterwards, and what was written before is there."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gracy_transport.replay.storage import RecordingStorage
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here, nor SIGKILL")

ROOT = Path(__file__).parents[2]
KILLS = 100
LOST_FOR = 1.0
"""Seconds before its end of which a program that is killed may lose what it recorded, and the machine may be slow."""

WARM = textwrap.dedent(
    """
    # Forks a recorder for each line of input, kills it after so many seconds, and says what it had answered for.
    import asyncio, json, os, signal, sys, time
    import httpx
    from gracy_transport.replay import GracyReplay, ReplayTransport
    from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
    from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
    from gracy_transport.testing import ScriptedWire

    kind, directory = sys.argv[1:]

    async def record(run, pipe):
        storage = JSONLinesReplayStorage(directory) if kind == "lines" else SQLiteReplayStorage("a.sqlite3", directory)
        client = httpx.AsyncClient(transport=ReplayTransport(ScriptedWire(200), GracyReplay("record", storage)))
        place = 0
        while True:
            await client.get(f"https://api.test/{run % 7}/{run}/{place}")
            os.write(pipe, b"%d %d %.3f\\n" % (run, place, time.monotonic()))
            place += 1
            await asyncio.sleep(0.002)

    for line in sys.stdin:
        run, seconds = json.loads(line)
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.close(ours)
            asyncio.run(record(run, theirs))
        os.close(theirs)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        killed = time.monotonic()
        os.waitpid(child, 0)
        with open(ours) as answered:
            said = [line.split() for line in answered if line.endswith("\\n")]
        urls = [f"https://api.test/{int(run) % 7}/{run}/{place}" for run, place, _at in said]
        print(json.dumps([urls, [killed - float(at) for _run, _place, at in said]]), flush=True)
    """
)


@pytest.mark.parametrize("kind", ["sqlite", "lines"])
def test_nothing_is_lost_but_the_last_batch(tmp_path: Path, kind: str) -> None:
    """A hundred times, at any moment: the file always opens, and holds all but what was about to be written."""
    moments = random.Random(5)
    command = [sys.executable, "-c", WARM, kind, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answered, owed = set[str](), set[str]()
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as warm:
        assert warm.stdin is not None
        assert warm.stdout is not None
        try:
            for run in range(KILLS):
                # Mostly around the first writing, and sometimes late enough for many.
                seconds = moments.uniform(0.04, 0.09) if run % 25 else LOST_FOR + moments.uniform(0.2, 0.4)
                warm.stdin.write(json.dumps([run, seconds]) + "\n")
                warm.stdin.flush()
                urls, ago = json.loads(warm.stdout.readline())
                owed |= {url for url, seconds in zip(urls, ago, strict=True) if seconds > LOST_FOR}
                answered.update(urls)
                recorded = {recording.request.url for recording in storage_in(tmp_path, kind).recordings()}
                assert not owed - recorded, "what was answered for is lost"
                owed |= recorded
        finally:
            os.killpg(warm.pid, signal.SIGKILL)
    assert len(owed) > KILLS
    assert len(answered - owed) > KILLS, "no batch was on its way"


def storage_in(directory: Path, kind: str) -> RecordingStorage:
    """Returns a storage as it is when a program begins."""
    return JSONLinesReplayStorage(directory) if kind == "lines" else SQLiteReplayStorage("a.sqlite3", directory)
