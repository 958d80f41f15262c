"""What each process has of a storage."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gracy_transport.replay.books import Books
from gracy_transport.replay.lines import JSONLinesReplayStorage
from gracy_transport.replay.sqlite import SQLiteReplayStorage, _Files
from tests.replay.support import sqlite_in


@pytest.mark.parametrize(("kind", "storage_in"), [(_Files, sqlite_in), (Books, JSONLinesReplayStorage)])
def test_threads_that_come_first_in_a_child_write_together(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    storage_in: Callable[[Path], SQLiteReplayStorage | JSONLinesReplayStorage],
) -> None:
    """Else what one of them records first would replace what the other has recorded after it."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(storage._here()))

    def overtaken(self: Any, *args: Any, **options: Any) -> None:
        if os.getpid() == 1 and not thread.ident:
            thread.start()
            thread.join(30)
        made(self, *args, **options)

    made = kind.__init__
    monkeypatch.setattr(kind, "__init__", overtaken)
    storage = storage_in(tmp_path)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    found.append(storage._here())
    assert found[0] is found[1] is storage._here()


COMMON = """
import asyncio, os, sys, threading
from pathlib import Path
from gracy_transport.replay import schema
from tests.replay.support import asked_for, sqlite_in
from tests.replay.test_sqlite import recording

def save(place):
    asyncio.run(storage.save(asked_for(place), recording(asked_for(place)), 0, is_first=True))

def is_there(place):
    return asyncio.run(sqlite_in(home).find(asked_for(place), 0)) is not None

home = Path(sys.argv[1])
storage = sqlite_in(home)
"""

AS_IT_WRITES = """
begun, may_go_on = threading.Event(), threading.Event()
insert = schema._insert

def insert_late(connection, rows):
    begun.set()
    may_go_on.wait(60)
    insert(connection, rows)

schema._insert = insert_late
save(0)
begun.wait(60)
os.register_at_fork(before=may_go_on.set)
sys.setswitchinterval(60)  # so that whoever writes goes on when the fork waits, and not before
child = os.fork()
sys.setswitchinterval(0.005)
save(1 if child else 2)
storage.flush()
if not child:
    os._exit(0 if is_there(2) else 1)
assert os.waitpid(child, 0)[1] == 0
assert all(map(is_there, range(3)))
"""

AS_IT_READS = """
def write(place):
    row = schema.row_of(recording(asked_for(place)), asked_for(place).key, 0)
    storage._here().writer._store([(row, True)])

save(0)
storage.flush()
assert asyncio.run(storage.find(asked_for(0), 0))
has_written, written = os.pipe()
has_closed, closed = os.pipe()
child = os.fork()
if not child:
    write(1)
    os.write(written, b".")
    os.read(has_closed, 1)
    write(2)
    os._exit(0)
os.read(has_written, 1)
storage.flush()
os.write(closed, b".")
assert os.waitpid(child, 0)[1] == 0
assert all(map(is_there, range(3)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
@pytest.mark.parametrize("moment", [AS_IT_WRITES, AS_IT_READS], ids=["as it writes", "as it reads"])
def test_a_fork_loses_no_recording_of_the_parent_or_the_child(tmp_path: Path, moment: str) -> None:
    """What SQLite knows of a file that is open would be wrong in the child, so it is not open then."""
    command = [sys.executable, "-W", "ignore", "-c", COMMON + moment, str(tmp_path)]
    subprocess.run(command, cwd=Path(__file__).parents[2], timeout=100, check=True)
