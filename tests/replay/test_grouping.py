"""Storages of the user's own that write in batches."""

from __future__ import annotations

from threading import Thread
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport.replay import grouping
from gracy_transport.replay.grouping import Groups
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.support import URL, client_of
from tests.replay.test_storage import MyCustomStorage

pytestmark = pytest.mark.anyio


class Slow:
    """Writes one batch after the other, each when it is let."""

    def __init__(self) -> None:
        self.begun: list[list[int]] = []
        self.may_end = anyio.Event()
        self.fails = False

    async def write(self, batch: list[int]) -> None:
        self.begun.append(batch)
        await self.may_end.wait()
        if self.fails:
            raise OSError("full")


async def test_what_comes_in_meanwhile_goes_into_the_next_batch() -> None:
    """And everybody returns when theirs is written."""
    slow = Slow()
    groups = Groups(slow.write)
    written: list[int] = []

    async def add(item: int) -> None:
        await groups.add(item)
        written.append(item)

    async with anyio.create_task_group() as tasks:
        for item in range(5):
            tasks.start_soon(add, item)
            await anyio.wait_all_tasks_blocked()
        assert slow.begun == [[0]]
        assert written == []
        slow.may_end.set()
    assert slow.begun == [[0], [1, 2, 3, 4]]
    assert sorted(written) == [0, 1, 2, 3, 4]
    await groups.add(5)
    assert slow.begun[2:] == [[5]]


async def test_a_failure_is_that_of_all_in_the_batch() -> None:
    """And of no others."""
    slow = Slow()
    groups = Groups(slow.write)
    failed: list[int] = []

    async def add(item: int) -> None:
        try:
            await groups.add(item)
        except OSError:
            failed.append(item)
            slow.fails = len(failed) < 3

    slow.fails = True
    async with anyio.create_task_group() as tasks:
        for item in range(3):
            tasks.start_soon(add, item)
            await anyio.wait_all_tasks_blocked()
        slow.may_end.set()
    assert sorted(failed) == [0, 1, 2]
    await add(3)
    assert sorted(failed) == [0, 1, 2]


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_task_that_is_cancelled_takes_only_its_own(cancelled: int) -> None:
    """Whether it writes, is next to write, or waits."""
    slow = Slow()
    groups = Groups(slow.write)
    scopes = [anyio.CancelScope() for _ in range(4)]
    written: list[int] = []

    async def add(item: int) -> None:
        with scopes[item]:
            await groups.add(item)
            written.append(item)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for item in range(4):
                tasks.start_soon(add, item)
                await anyio.wait_all_tasks_blocked()
            scopes[cancelled].cancel()
            await anyio.wait_all_tasks_blocked()
            slow.may_end.set()
    assert sorted(written) == [item for item in range(4) if item != cancelled]


class Batching(MyCustomStorage):
    """One that commits many responses at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    async def record_batch(self, responses: list[Any]) -> None:
        self.batches.append(len(responses))
        await anyio.sleep(0)
        for response in responses:
            await self.record(response)


async def test_a_storage_may_write_in_batches(family: ModuleType) -> None:
    """It is asked to, and nothing is missing afterwards."""
    storage = Batching()
    wire = ScriptedWire(*[ScriptedResponse(json=place) for place in range(20)])
    async with client_of(family, "record", storage, wire) as client, anyio.create_task_group() as tasks:
        for place in range(20):
            tasks.start_soon(client.get, f"{URL}/{place}")
    assert sum(storage.batches) == 20
    assert len(storage.batches) < 20
    assert len(storage.kept) == 20


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_destructor_may_end_what_a_loop_has_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while something else is handed over in its thread."""

    class Place:
        """A loop; the garbage collector comes when it is looked for."""

        def __hash__(self) -> int:
            if abandoned:
                abandoned.pop().close()
            return 1

    async def hand_over() -> None:
        await groups.add(2)

    slow, abandoned = Slow(), list[Any]()
    groups = Groups(slow.write)
    begun: Any = groups.add(1)
    begun.send(None)
    abandoned.append(begun)
    monkeypatch.setattr(grouping, "current_loop", Place)
    slow.may_end = anyio.Event()
    slow.may_end.set()
    thread = Thread(target=anyio.run, args=(hand_over,), daemon=True)
    thread.start()
    thread.join(10)
    assert slow.begun == [[2]]
