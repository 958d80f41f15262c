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
WARM = textwrap.dedent(
    """
    # Forks a recorder for each line of input, kills it after so many answers, from its start or from its first batch
    # on, and says how many requests it had answered.
    import asyncio, json, os, signal, sys
    import httpx
    from gracy_transport.replay import GracyReplay, ReplayTransport
    from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
    from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
    from gracy_transport.testing import ScriptedWire

    kind, directory = sys.argv[1:]

    def storage():
        return JSONLinesReplayStorage(directory) if kind == "lines" else SQLiteReplayStorage("a.sqlite3", directory)

    def has_written(run):
        return any(f"/{run}/" in recording.request.url for recording in storage().recordings())

    async def record(run, pipe):
        client = httpx.AsyncClient(transport=ReplayTransport(ScriptedWire(200), GracyReplay("record", storage())))
        place = 0
        while True:
            await client.get(f"https://api.test/{run % 7}/{run}/{place}")
            os.write(pipe, b".")
            place += 1
            await asyncio.sleep(0.002)

    for line in sys.stdin:
        run, more, awaits_batch = json.loads(line)
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.close(ours)
            asyncio.run(record(run, theirs))
        os.close(theirs)
        answered = 0
        while awaits_batch and not has_written(run):
            answered += len(os.read(ours, 1000))
        enough = answered + more
        while answered < enough:
            answered += len(os.read(ours, 1000))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(ours) as rest:
            print(answered + len(rest.read()), flush=True)
    """
)


@pytest.mark.parametrize("kind", ["sqlite", "lines"])
def test_nothing_is_lost_but_the_last_batch(tmp_path: Path, kind: str) -> None:
    """A hundred times, at any moment: the file always opens, and holds all but what was about to be written."""
    moments = random.Random(5)
    command = [sys.executable, "-c", WARM, kind, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    written, lost = 0, 0
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as warm:
        assert warm.stdin is not None
        assert warm.stdout is not None
        try:
            for run in range(KILLS):
                awaits_batch = run % 10 == 0
                warm.stdin.write(json.dumps([run, moments.randint(1, 40), awaits_batch]) + "\n")
                warm.stdin.flush()
                answered = int(warm.stdout.readline())
                urls = [recording.request.url for recording in storage_in(tmp_path, kind).recordings()]
                mine = sorted(int(url.rpartition("/")[2]) for url in urls if f"/{run}/" in url)
                assert mine == list(range(len(mine))), "what was lost is not the end"
                assert mine or not awaits_batch
                assert len(urls) == written + len(mine), "what an earlier run had written is lost"
                written, lost = len(urls), lost + max(0, answered - len(mine))
        finally:
            os.killpg(warm.pid, signal.SIGKILL)
    assert written >= KILLS / 10
    assert lost > 0, "no batch was on its way"


def storage_in(directory: Path, kind: str) -> RecordingStorage:
    """Returns a storage as it is when a program begins."""
    return JSONLinesReplayStorage(directory) if kind == "lines" else SQLiteReplayStorage("a.sqlite3", directory)
