"""The runner that cancels a coroutine at each of its awaits."""

from __future__ import annotations

import re
from inspect import getdoc
from itertools import count
from textwrap import indent
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from gracy_transport.testing import FakeClock, cancelling
from gracy_transport.testing.cancelling import ABANDONED, cancel_at, count_awaits, ways_to_cancel

pytestmark = pytest.mark.anyio


class Steps:
    """A scenario of several awaits, of both kinds, that notes where it was cancelled."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.done = 0
        self.cleaned = 0

    async def run(self) -> int:
        try:
            for _ in range(3):
                await checkpoint()
                await self.clock.sleep(1)
                self.done += 1
        except BaseException:
            self.cleaned += 1
            raise
        return self.done


async def test_awaits_are_counted() -> None:
    """As often as the coroutine is suspended, and it runs to its end."""
    steps = Steps()
    awaits = await count_awaits(steps.run())
    assert awaits >= 3
    assert (steps.done, steps.cleaned) == (3, 0)


async def test_each_await_can_be_the_last() -> None:
    """In every way; the task that cancelled goes on."""
    for way in ways_to_cancel():
        for at in range(1, await count_awaits(Steps().run()) + 1):
            steps = Steps()
            assert await cancel_at(steps.run(), at, way)
            assert steps.done <= at
            assert steps.cleaned == 1
    await checkpoint()


async def test_an_await_that_never_comes_is_told() -> None:
    """So that a test which cancels nothing can tell."""
    for way in ways_to_cancel():
        steps = Steps()
        assert not await cancel_at(steps.run(), 100, way)
        assert steps.done == 3


async def test_an_error_in_place_of_the_cancellation_comes_out() -> None:
    """Whoever makes one of it is found out."""

    async def swallow() -> None:
        try:
            await anyio.sleep(0)
        except BaseException as error:
            raise RuntimeError("swallowed") from error

    with pytest.raises(RuntimeError, match="swallowed"):
        await cancel_at(swallow(), 1, "scope")


async def test_a_coroutine_can_be_abandoned() -> None:
    """It is closed at that await, as the garbage collector does it."""
    steps = Steps()
    assert await cancel_at(steps.run(), 1, ABANDONED)
    assert (steps.done, steps.cleaned) == (0, 1)


async def test_the_example_runs() -> None:
    """With a scenario, and a look at what it leaves."""
    [block] = re.findall(r"```python\n(.*?)```", getdoc(cancelling) or "", re.DOTALL)
    looks = count(1)
    names = {"scenario": lambda: Steps().run(), "nothing_is_left": lambda: next(looks)}
    scope: dict[str, Any] = {**vars(cancelling), **names}
    exec(f"async def main():\n{indent(block, '    ')}", scope)
    await scope["main"]()
    assert next(looks) > 3
