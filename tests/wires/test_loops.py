"""Loops come and go: each has connections of its own, which end with it at the latest."""

from __future__ import annotations

import asyncio
import gc
import threading
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import Gracy, GracyConfig
from gracy_transport.testing.origin import Origin, OriginProcess, Reply, origin_process
from tests.support import at_once
from tests.wires.support import client_of


def fine() -> Origin:
    """Returns a server that answers everything."""
    origin = Origin()
    origin.on("*").reply(Reply(text="fine"))
    return origin


@pytest.fixture(scope="module")
def remote() -> Any:
    """Gives that server in a process of its own: the loops that ask it come and go."""
    with origin_process(fine) as running:
        yield running


def test_one_client_serves_a_loop_after_the_other(family: ModuleType, remote: OriginProcess) -> None:
    """Nobody closes anything in between, and nothing is left open: a warning would be an error."""
    client = client_of("aiohttp", family, remote.url)

    async def ask() -> None:
        assert (await client.get("/a")).text == "fine"
        assert len(client._transport._sessions) == 1

    for _ in range(3):
        asyncio.run(ask())
        assert client._transport._sessions == {}
        gc.collect()


def test_one_client_serves_two_loops_at_once(family: ModuleType, remote: OriginProcess) -> None:
    """In two threads, with the limit of each."""
    client = client_of("aiohttp", family, remote.url, limits=family.Limits(max_connections=2))

    async def ask() -> None:
        for _ in range(5):
            answers = await asyncio.gather(*[client.get("/a") for _ in range(4)])
            assert [answer.text for answer in answers] == ["fine"] * 4

    at_once(("asyncio", "asyncio"), ask)
    assert client._transport._sessions == {}


def test_a_loop_that_told_nobody_of_its_end_is_noticed(family: ModuleType, remote: OriginProcess) -> None:
    """It was closed as it stood. What can be, is put in order by the next request."""
    client = client_of("aiohttp", family, remote.url, limits=family.Limits(max_keepalive_connections=0))
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(client.get("/a")).text == "fine"
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    [left] = client._transport._sessions.values()

    async def ask() -> None:
        assert (await client.get("/a")).text == "fine"
        assert left.client.closed

    asyncio.run(ask())
    gc.collect()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_closing_from_another_loop_reaches_the_connections_of_the_first(
    family: ModuleType, remote: OriginProcess, backend: str
) -> None:
    """It is closed by its own loop, in its own thread, as soon as that comes to it."""
    client = client_of("aiohttp", family, remote.url)
    is_open, may_end = threading.Event(), threading.Event()
    was_closed: list[bool] = []

    async def hold() -> None:
        await client.get("/a")
        [session] = client._transport._sessions.values()
        is_open.set()
        while not session.client.closed:
            await asyncio.sleep(0.005)
        was_closed.append(True)
        may_end.set()

    async def close() -> None:
        await client.aclose()

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    assert is_open.wait(10)
    anyio.run(close, backend=backend)
    assert may_end.wait(10)
    thread.join(10)
    assert was_closed == [True]


def test_an_api_object_serves_a_loop_after_the_other(remote: OriginProcess) -> None:
    """With clients of its own in each, as with any wire."""

    class API(Gracy[str]):
        class Config:
            BASE_URL = remote.url
            REQUEST_TIMEOUT = 5
            SETTINGS = GracyConfig(wire="aiohttp", concurrent_requests=2)

    api = API()

    async def ask() -> None:
        assert (await api.get("/a")).text == "fine"

    for _ in range(3):
        asyncio.run(ask())
    gc.collect()
    assert api.get_report().total.calls == 3


def test_closing_what_was_never_used_is_nothing(family: ModuleType) -> None:
    """On either backend, and twice."""

    async def close() -> None:
        client = client_of("aiohttp", family)
        await client._transport.aclose()
        await client.aclose()

    for backend in ("asyncio", "trio"):
        anyio.run(close, backend=backend)


def test_a_loop_may_begin_while_another_looks_which_have_ended(family: ModuleType) -> None:
    """In a thread of its own, at any moment."""
    wire = client_of("aiohttp", family)._transport

    async def begin() -> None:
        await wire._opened(asyncio.get_running_loop())

    class Resting:
        """A session, beside which another begins while somebody asks whether its loop has ended."""

        loop: Any

        def is_closed(self) -> bool:
            wire._sessions[object()] = self
            return False

    resting = Resting()
    resting.loop = resting
    wire._sessions[resting] = resting
    asyncio.run(begin())
    assert len(wire._sessions) == 2


def test_a_loop_that_begins_while_another_closes_all_is_not_forgotten(family: ModuleType) -> None:
    """It goes on with the connections that it has just opened."""
    wire = client_of("aiohttp", family)._transport
    begun = object()

    class Overtaken(dict[Any, Any]):
        """Another loop begins when somebody has just looked which there are."""

        def values(self) -> Any:
            seen = list(super().values())
            self[begun] = begun
            return seen

    wire._sessions = Overtaken()
    asyncio.run(wire.aclose())
    assert wire._sessions.get(begun) is begun


def test_what_a_loop_opens_before_it_hears_that_all_were_closed_is_not_forgotten(family: ModuleType) -> None:
    """It closes what it had then, and nothing else."""
    wire = client_of("aiohttp", family)._transport

    async def work() -> None:
        loop = asyncio.get_running_loop()
        before = await wire._opened(loop)
        thread = threading.Thread(target=asyncio.run, args=(wire.aclose(),))
        thread.start()
        thread.join(30)
        now = await wire._opened(loop)
        while before._closing is None:
            await asyncio.sleep(0)
        await before._closing
        assert (before.client.closed, now.client.closed) == (True, False)
        assert wire._sessions == {loop: now}

    asyncio.run(work())
    assert wire._sessions == {}


def test_loops_that_begin_together_close_once_what_a_loop_before_them_has_left(family: ModuleType) -> None:
    """Each in a thread of its own."""
    wire = client_of("aiohttp", family)._transport

    async def begin() -> None:
        await wire._opened(asyncio.get_running_loop())

    class Left:
        """A session; another loop begins when somebody has just seen that its own has ended."""

        closed = 0

        def is_closed(self) -> bool:
            if not thread.ident:
                thread.start()
                thread.join(30)
            return True

        async def close(self) -> None:
            self.closed += 1

    thread = threading.Thread(target=lambda: asyncio.run(begin()))
    left: Any = Left()
    left.loop = left
    wire._sessions[left] = left
    asyncio.run(begin())
    assert left.closed == 1
