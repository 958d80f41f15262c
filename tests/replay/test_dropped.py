"""Storages that nobody closes."""

from __future__ import annotations

import gc
import threading

import pytest

from gracy_transport.replay.background import Background
from gracy_transport.replay.storage import RecordingStorage
from tests.replay.support import Home, asked_for, recording

pytestmark = pytest.mark.anyio


def writers() -> set[int]:
    """Returns what writes, by its identity."""
    return {id(each) for each in gc.get_objects() if isinstance(each, Background)}


def join() -> None:
    """Waits until nothing is written any more."""
    for thread in threading.enumerate():
        if thread.name == "gracy-recordings":
            thread.join()


async def save_one(storage: RecordingStorage) -> None:
    """Lets the storage have something to write."""
    asked = asked_for()
    await storage.save(asked, recording(asked), 0, is_first=True)


async def test_a_storage_that_is_dropped_is_let_go_at_once(home: Home) -> None:
    """With all that it has open: nothing waits for the garbage collector."""
    gc.collect()
    before = writers()
    storage = home()
    await save_one(storage)
    join()
    assert not storage.is_empty()  # no thread of an event loop's had it in hands
    del storage
    assert writers() <= before


async def test_what_waits_is_written_though_its_storage_is_dropped(home: Home) -> None:
    """Whoever writes it needs the storage no more."""
    await save_one(home())
    join()
    storage = home()
    assert list(storage.recordings()) == [recording(asked_for())]
    storage.flush()
