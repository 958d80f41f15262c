"""Tests of virtual time: the same figures on both backends, at once, in the right order."""

from __future__ import annotations

import asyncio
import math
import time
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport.testing import FakeClock

pytestmark = pytest.mark.anyio


async def test_time_stands_still_while_anybody_runs(clock: FakeClock) -> None:
    """A hundred steps take no time at all."""
    for _ in range(100):
        await anyio.lowlevel.checkpoint()
    assert clock.now() == 1000.0


async def test_a_sleep_takes_its_length_and_no_real_time(clock: FakeClock) -> None:
    """An hour passes at once, to the digit."""
    began = time.monotonic()
    await clock.sleep(3600.0)
    assert clock.now() == 4600.0
    assert clock.waits == [3600.0]
    assert time.monotonic() - began < 5


async def test_start_and_wall_can_be_chosen() -> None:
    """The two move together; the default wall time is the start of 2026."""
    chosen = FakeClock(start=5.0, wall=100.0)
    await chosen.sleep(2.5)
    assert (chosen.now(), chosen.wall()) == (7.5, 102.5)
    assert time.gmtime(FakeClock().wall())[:6] == (2026, 1, 1, 0, 0, 0)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_sleeping_no_time_lets_others_run(clock: FakeClock, seconds: float) -> None:
    """As the real clock does; the time stays."""
    seen: list[str] = []

    async def other() -> None:
        seen.append("other")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(3):
            await clock.sleep(seconds)
        seen.append("self")
    assert seen == ["other", "self"]
    assert clock.now() == 1000.0


async def test_sleepers_wake_in_order_with_the_same_figures_on_both_backends(clock: FakeClock) -> None:
    """By time, then by who asked first; what they do next happens before time moves on."""
    seen: list[tuple[float, str]] = []

    async def sleeper(name: str, *delays: float) -> None:
        for delay in delays:
            await clock.sleep(delay)
            seen.append((clock.now(), name))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper, "a", 3.0, 1.0)
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(sleeper, "b", 1.0, 1.0, 2.5)
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(sleeper, "c", 0.5, 0.25)
    assert [each for each in seen if each[0] != 1004.0] == [
        (1000.5, "c"),
        (1000.75, "c"),
        (1001.0, "b"),
        (1002.0, "b"),
        (1003.0, "a"),
        (1004.5, "b"),
    ]
    assert (1004.0, "a") in seen


async def test_ten_thousand_sleepers_are_quick(clock: FakeClock) -> None:
    """Each instant is one step, whoever waits for it."""
    began, woken = time.monotonic(), list[float]()

    async def sleeper(number: int) -> None:
        await clock.sleep(1.0 + number % 100)
        woken.append(clock.now())

    async with anyio.create_task_group() as tasks:
        for number in range(10_000):
            tasks.start_soon(sleeper, number)
    assert woken == sorted(woken)
    assert clock.now() == 1100.0
    assert time.monotonic() - began < 20


async def test_a_timeout_cuts_a_wait_at_its_time(clock: FakeClock) -> None:
    """The rest of the wait is forgotten."""
    with clock.timeout(2.0) as scope:
        await clock.sleep(10.0)
    assert scope.cancelled_caught
    assert clock.now() == 1002.0
    await clock.sleep(20.0)
    assert clock.now() == 1022.0


async def test_a_timeout_that_is_not_needed_leaves_no_trace(clock: FakeClock) -> None:
    """Time does not stop at it later."""
    with clock.timeout(5.0) as scope:
        await clock.sleep(1.0)
    assert not scope.cancelled_caught
    assert repr(clock) == "<FakeClock at 1001.000, 0 waiting>"
    await clock.sleep(10.0)
    assert clock.now() == 1011.0


async def test_timeouts_nest(clock: FakeClock) -> None:
    """The shorter one wins, and the outer goes on."""
    with clock.timeout(5.0) as outer:
        with clock.timeout(1.0) as inner:
            await anyio.sleep_forever()
        await anyio.sleep_forever()
    assert inner.cancelled_caught
    assert outer.cancelled_caught
    assert clock.now() == 1005.0


async def test_a_cancelled_sleeper_is_forgotten(clock: FakeClock) -> None:
    """Its time never comes."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 50.0)
        await clock.sleep(1.0)
        assert repr(clock) == "<FakeClock at 1001.000, 1 waiting>"
        tasks.cancel_scope.cancel()
    assert repr(clock) == "<FakeClock at 1001.000, 0 waiting>"
    await clock.sleep(1.0)
    assert clock.now() == 1002.0


async def test_an_endless_sleep_does_not_move_time(clock: FakeClock) -> None:
    """A server that hangs is such a sleep: only a timeout ends it."""
    with clock.timeout(3.0) as scope:
        await clock.sleep(math.inf)
    assert scope.cancelled_caught
    assert clock.now() == 1003.0


async def test_a_wait_of_no_number_is_refused(clock: FakeClock) -> None:
    """It would never end, and keep the loop busy."""
    with pytest.raises(ValueError, match="nan is no number of seconds"):
        await clock.sleep(math.nan)
    for seconds in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"time cannot move on by {seconds} seconds"):
            await clock.advance(seconds)
    with pytest.raises(ValueError, match="nan is no number of seconds"), clock.timeout(math.nan):
        raise AssertionError("entered")
    assert repr(clock) == "<FakeClock at 1000.000, 0 waiting>"


async def test_two_clocks_in_one_loop_do_not_wait_for_each_other(clock: FakeClock) -> None:
    """Each keeps a time of its own; that of the other is no work."""
    other = FakeClock()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 5.0)
        tasks.start_soon(other.sleep, 7.0)
    assert (clock.now(), other.now()) == (1005.0, 1007.0)


async def test_a_clock_that_moves_by_itself_can_be_moved_too(clock: FakeClock) -> None:
    """It does not overtake the one who moves it."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 5.0)
        await clock.advance(2.0)
        assert clock.now() == 1002.0
    assert clock.now() == 1005.0


async def test_an_endless_timeout_never_comes(clock: FakeClock) -> None:
    """It costs nothing either."""
    with clock.timeout(math.inf) as scope:
        await clock.sleep(1.0)
    assert not scope.cancelled_caught


async def test_time_goes_on_after_everybody_stopped_waiting(clock: FakeClock) -> None:
    """The driver steps down and is there again for the next wait."""
    for _ in range(3):
        await clock.sleep(1.0)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
    assert clock.now() == 1003.0


async def test_tasks_that_wait_for_each_other_take_no_time(clock: FakeClock) -> None:
    """An event set by a task that was woken is served before time moves on."""
    ready, seen = anyio.Event(), list[float]()

    async def follower() -> None:
        await ready.wait()
        seen.append(clock.now())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follower)
        tasks.start_soon(clock.sleep, 1.5)
        await clock.sleep(1.0)
        ready.set()
        await clock.sleep(1.0)
    assert seen == [1001.0]


def test_one_clock_serves_one_loop_after_another(anyio_backend_name: str) -> None:
    """Time goes on where it was; a loop that ended in the middle of a wait leaves nothing behind."""
    clock = FakeClock()

    async def waits() -> None:
        await clock.sleep(1.0)

    async def fails() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.sleep, 100.0)
            await clock.sleep(1.0)
            tasks.cancel_scope.cancel()

    for main in (waits, fails, waits):
        anyio.run(main, backend=anyio_backend_name)
    assert clock.now() == 1003.0


def test_a_loop_that_rests_leaves_the_time_to_another() -> None:
    """`run_until_complete` in turns, as notebooks have it: each loop sees time go on."""
    clock, resting, other = FakeClock(), asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        long = resting.create_task(clock.sleep(10.0))
        resting.run_until_complete(clock.sleep(1.0))
        other.run_until_complete(clock.sleep(2.0))
        assert clock.now() == 1003.0
        resting.run_until_complete(clock.sleep(3.0))
        assert clock.now() == 1006.0
        resting.run_until_complete(long)
        assert clock.now() == 1010.0
    finally:
        resting.close()
        other.close()


async def test_a_wait_that_is_over_before_everybody_rests_does_not_move_time(clock: FakeClock) -> None:
    """The driver looks again when all tasks wait, and steps down."""
    with clock.timeout(5.0):
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()
    assert clock.now() == 1000.0
    await clock.sleep(1.0)
    assert clock.now() == 1001.0


# ---------------------------------------------------------------- by hand


@pytest.fixture
def manual() -> FakeClock:
    """Gives a clock that moves only when the test says so."""
    return FakeClock(auto=False)


async def test_by_hand_time_moves_only_when_told(manual: FakeClock) -> None:
    """Whoever is due on the way is woken at its own instant."""
    seen: list[float] = []

    async def sleeper() -> None:
        for _ in range(3):
            await manual.sleep(1.0)
            seen.append(manual.now())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper)
        await manual.advance(0.5)
        assert seen == []
        await manual.advance(2.0)
        assert seen == [1001.0, 1002.0]
        assert manual.now() == 1002.5
        await manual.advance(10.0)
    assert seen == [1001.0, 1002.0, 1003.0]
    assert manual.now() == 1012.5


async def test_by_hand_a_timeout_comes_too(manual: FakeClock) -> None:
    """At its instant."""
    ended: list[float] = []

    async def hangs() -> None:
        with manual.timeout(2.0):
            await anyio.sleep_forever()
        ended.append(manual.now())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hangs)
        await manual.advance(5.0)
    assert ended == [1002.0]


async def test_by_hand_nobody_need_wait(manual: FakeClock) -> None:
    """Then it is only the time that moves."""
    await manual.advance(1.0)
    assert manual.now() == 1001.0
    await manual.advance(0.0)
    assert manual.now() == 1001.0


async def test_advancing_waits_for_those_who_are_busy(manual: FakeClock) -> None:
    """A task with many steps is through before the time moves."""
    seen: list[float] = []

    async def busy() -> None:
        for _ in range(200):
            await anyio.lowlevel.checkpoint()
        seen.append(manual.now())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(busy)
        await manual.advance(1.0)
        assert seen == [1000.0]


def test_a_loop_that_cannot_be_looked_into_is_refused() -> None:
    """As that of uvloop: nobody would know when time may move, and the test would hang."""
    opaque: Any = object()
    message = "cannot see when all tasks of builtins.object wait: run the test on asyncio's own loop"
    asyncio._set_running_loop(opaque)  # as a loop does that runs
    try:
        for waiting in (FakeClock().sleep(1.0), FakeClock(auto=False).advance(1.0)):
            with pytest.raises(RuntimeError, match=message):
                waiting.send(None)
    finally:
        asyncio._set_running_loop(None)


async def test_time_serves_clients_of_both_families(clock: FakeClock, family: ModuleType) -> None:
    """Nothing of it depends on the wire."""

    async def answer(request: object) -> object:
        await clock.sleep(2.0)
        return family.Response(200)

    async with family.AsyncClient(transport=family.MockTransport(answer)) as client:
        await client.get("https://api.test")
    assert clock.now() == 1002.0
