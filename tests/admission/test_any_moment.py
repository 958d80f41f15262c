"""What comes back between any two steps of the desk, from another thread or a destructor, wakes who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest
import trio

from gracy_transport.admission import Desk, Gate
from gracy_transport.clock import SYSTEM_CLOCK

pytestmark = pytest.mark.anyio


class StallingDesk(Desk):
    """A desk whose threads can be held up just before they work off what was given back."""

    is_stalling = False

    def _take_back(self) -> None:
        if not self.is_stalling:
            super()._take_back()


def once_before(make: Callable[[], Any], first: Callable[[], object]) -> Callable[[], Any]:
    """Returns what makes the same, and does something before the first time: as a destructor would there."""
    steps = [first]

    def made() -> Any:
        if steps:
            steps.pop()()
        return make()

    return made


async def test_a_slot_that_comes_back_as_a_waiter_lies_down_wakes_it(
    monkeypatch: pytest.MonkeyPatch, anyio_backend_name: str
) -> None:
    """It has looked around and not fallen asleep yet: making what it sleeps in can let the garbage collector run."""
    desk, leading, gate = Desk(SYSTEM_CLOCK), Gate(1), Gate(1)
    assert desk.try_now((leading, gate))
    home: Any = trio if anyio_backend_name == "trio" else asyncio.get_running_loop()
    name = "Event" if anyio_backend_name == "trio" else "create_future"

    async def wait() -> None:
        monkeypatch.setattr(home, name, once_before(getattr(home, name), lambda: desk.release((gate,))))
        await desk.wait((gate,))

    async with anyio.create_task_group() as group:
        group.start_soon(desk.wait, (leading,))
        await anyio.wait_all_tasks_blocked()
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        monkeypatch.undo()
        assert (desk.waiting, len(everybody_at(desk))) == (1, 1), "it went on"
        group.cancel_scope.cancel()


def everybody_at(desk: Desk) -> list[object]:
    """Returns who waits at a desk, or has not gone on yet."""
    return [guest for room in desk._rooms.values() for guest in room.waiters]


async def test_a_slot_that_comes_back_as_the_leader_lies_down_wakes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise for the one that waits for the timer: here it would have been for good."""
    desk, gate = Desk(SYSTEM_CLOCK), Gate(1)
    assert desk.try_now((gate,))

    async def wait() -> None:
        monkeypatch.setattr(anyio, "CancelScope", once_before(anyio.CancelScope, lambda: desk.release((gate,))))
        await desk.wait((gate,))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        monkeypatch.undo()
        assert everybody_at(desk) == []
        group.cancel_scope.cancel()


async def test_a_slot_that_comes_back_while_the_last_waiter_leaves_is_not_lost_to_the_next() -> None:
    """Its thread may stop before the queue knows that it left: whoever gives a slot back then must not pass it by."""
    desk, gate = StallingDesk(SYSTEM_CLOCK), Gate(1)
    assert desk.try_now((gate,))
    async with anyio.create_task_group() as leaving:
        leaving.start_soon(desk.wait, (gate,))
        await anyio.wait_all_tasks_blocked()
        desk.is_stalling = True
        leaving.cancel_scope.cancel()
    desk.release((gate,))
    desk.is_stalling = False
    async with anyio.create_task_group() as group:
        group.start_soon(desk.wait, (gate,))
        await anyio.wait_all_tasks_blocked()
        assert desk.waiting == 0
        group.cancel_scope.cancel()
