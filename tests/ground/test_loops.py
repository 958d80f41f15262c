"""Tests of reaching an event loop from elsewhere."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.to_thread
import pytest
import trio

from gracy_transport.loops import Loop, current_loop

pytestmark = pytest.mark.anyio


async def _loop() -> Loop:
    return current_loop()


@pytest.fixture
def ended_loop(anyio_backend_name: str) -> Loop:
    """Gives a loop of this very thread that has run and ended."""
    return anyio.run(_loop, backend=anyio_backend_name)


async def test_the_current_loop_knows_its_backend_and_thread(anyio_backend_name: str) -> None:
    """Two looks at one loop are equal."""
    loop = current_loop()
    assert loop.is_trio is (anyio_backend_name == "trio")
    assert loop.thread == threading.get_ident()
    assert loop == current_loop()


def test_there_is_no_current_loop_outside_of_one() -> None:
    """Asking from plain code is an error and not a new loop."""
    with pytest.raises(RuntimeError):
        current_loop()


def test_asyncio_is_found_when_trio_was_never_imported() -> None:
    """Who does not use trio does not load it."""
    code = (
        "import asyncio, sys; from gracy_transport.loops import current_loop\n"
        "async def main(): return current_loop().is_trio\n"
        "assert asyncio.run(main()) is False and 'trio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_asyncio_is_found_where_trio_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """`None` in `sys.modules` is how an import is forbidden."""
    monkeypatch.setitem(sys.modules, "trio", None)
    assert not current_loop().is_trio


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("half", [SimpleNamespace(), SimpleNamespace(lowlevel=SimpleNamespace())])
async def test_asyncio_is_found_while_another_thread_imports_trio(half: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is in `sys.modules` before it has its names."""
    monkeypatch.setitem(sys.modules, "trio", half)
    assert not current_loop().is_trio


async def test_a_call_from_the_own_thread_happens_at_once() -> None:
    """No other task comes in between."""
    called: list[int] = []
    assert current_loop().call(lambda: called.append(1))
    assert called == [1]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_call_from_between_the_tasks_of_asyncio_is_posted() -> None:
    """A destructor may run where the loop has found nothing to do and is about to sleep: it has to be told."""
    loop, done, called = current_loop(), anyio.Event(), list[bool]()

    def here() -> None:
        called.append(True)
        done.set()

    def between() -> None:
        assert loop.call(here)
        called.append(False)

    asyncio.get_running_loop().call_soon(between)
    await done.wait()
    assert called == [False, True]


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_a_call_from_between_the_tasks_of_trio_is_posted() -> None:
    """As above; what was scheduled there would lie until the sleep is over."""
    loop, done, called = current_loop(), anyio.Event(), list[bool]()

    def here() -> None:
        called.append(True)
        done.set()

    class AboutToSleep(trio.abc.Instrument):
        """Does it once, just before trio waits."""

        def before_io_wait(self, timeout: float) -> None:
            if not called:
                assert loop.call(here)
                called.append(False)

    instrument = AboutToSleep()
    trio.lowlevel.add_instrument(instrument)
    try:
        with anyio.fail_after(5):
            await done.wait()
    finally:
        trio.lowlevel.remove_instrument(instrument)
    assert called == [False, True]


async def test_a_call_from_another_thread_happens_in_the_loop() -> None:
    """It is posted, and runs in the thread of the loop."""
    loop, done, where = current_loop(), anyio.Event(), list[int]()

    def here() -> None:
        where.append(threading.get_ident())
        done.set()

    assert await anyio.to_thread.run_sync(loop.call, here)
    with anyio.fail_after(5):
        await done.wait()
    assert where == [loop.thread]


def test_a_call_to_an_ended_loop_of_this_thread_is_refused(ended_loop: Loop) -> None:
    """Successive loops in one thread are common (tests, notebooks): nothing may be called in a dead one."""
    called: list[int] = []
    assert not ended_loop.call(lambda: called.append(1))
    assert called == []


def test_a_call_to_an_ended_loop_from_within_the_next_one_is_refused(ended_loop: Loop, anyio_backend_name: str) -> None:
    """The thread is the same, the loop is not."""
    called: list[int] = []

    async def later() -> bool:
        return ended_loop.call(lambda: called.append(1))

    assert anyio.run(later, backend=anyio_backend_name) is False
    assert called == []


def test_a_call_to_an_ended_loop_from_another_thread_is_refused(ended_loop: Loop) -> None:
    """The answer is the same from everywhere."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(ended_loop.call(lambda: None)))
    thread.start()
    thread.join()
    assert answers == [False]


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
async def test_an_error_of_the_function_is_not_taken_for_an_ended_loop(error: type[Exception]) -> None:
    """What goes wrong in the function is the caller's to see."""

    def broken() -> None:
        raise error("broken")

    with pytest.raises(error, match="broken"):
        current_loop().call(broken)


def test_a_loop_that_rests_gets_the_call_when_it_goes_on() -> None:
    """`run_until_complete` twice: in between, the loop is neither running nor closed."""
    resting = asyncio.new_event_loop()
    try:
        loop = resting.run_until_complete(_loop())
        called: list[int] = []
        post: Callable[[], object] = lambda: called.append(1)  # noqa: E731 - typed for the call
        assert loop.call(post)
        assert called == []
        resting.run_until_complete(asyncio.sleep(0))
        assert called == [1]
    finally:
        resting.close()
