"""Tests of the real clock."""

from __future__ import annotations

import time

import anyio
import pytest

from gracy_transport.clock import SYSTEM_CLOCK

pytestmark = pytest.mark.anyio


def test_now_is_monotonic_and_wall_is_the_date() -> None:
    """Arithmetic and stamps come from different clocks of the machine."""
    assert 0 <= SYSTEM_CLOCK.now() - time.monotonic() < 5 or SYSTEM_CLOCK.now() <= time.monotonic()
    assert abs(SYSTEM_CLOCK.wall() - time.time()) < 5
    assert repr(SYSTEM_CLOCK) == "<SystemClock>"


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_sleeping_no_time_lets_others_run(seconds: float) -> None:
    """A wait that is already over still is a place where other tasks come to their turn."""
    seen: list[str] = []

    async def other() -> None:
        seen.append("other")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(3):
            await SYSTEM_CLOCK.sleep(seconds)
        seen.append("self")
    assert seen == ["other", "self"]


async def test_timeout_cancels_the_block_and_only_that() -> None:
    """The scope says that it was cut short, and the caller goes on."""
    with SYSTEM_CLOCK.timeout(0.0) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
