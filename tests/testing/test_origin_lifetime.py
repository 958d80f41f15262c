"""The origin: opening, closing, and what lies between."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import TYPE_CHECKING

import anyio
import pytest

from gracy_transport.testing.origin import Origin, Reply

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.anyio


async def test_an_error_of_the_block_leaves_it_unwrapped() -> None:
    """The tasks of the origin do not turn a failed assertion into a group."""
    with pytest.raises(LookupError, match="mine"):
        async with Origin():
            raise LookupError("mine")


async def test_an_error_of_the_block_carries_a_note_of_those_of_the_script(family: ModuleType) -> None:
    """A failed assertion that a broken handler has caused says so."""
    with pytest.raises(LookupError) as caught:
        async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
            origin.on("/").handle(lambda _: Reply(1 // 0))
            await client.get("/")
            raise LookupError
    assert "ZeroDivisionError" in caught.value.__notes__[0]


async def test_a_handler_may_fail_the_test_itself(family: ModuleType) -> None:
    """`pytest.fail`, which is no ordinary exception, ends the origin and is not lost."""
    with pytest.raises(BaseExceptionGroup) as caught:
        async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
            origin.on("/").handle(lambda _: pytest.fail("by the handler"))
            await client.get("/")
    assert caught.group_contains(pytest.fail.Exception, match="by the handler")


async def test_a_cancelled_block_closes_the_origin() -> None:
    """A timeout around the origin works as around anything else."""
    origin = Origin()
    with anyio.move_on_after(0.005) as scope:
        async with origin:
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    with pytest.raises(RuntimeError, match="the origin is closed"):
        _ = origin.url


async def test_leaving_closes_all_sockets_at_once(family: ModuleType) -> None:
    """Neither idle nor stalled connections hold the end up, and nothing is left for the garbage collector."""

    async def stalled(url: str) -> None:
        with pytest.raises(family.RemoteProtocolError):
            await client.get(url)

    async with family.AsyncClient(verify=False) as client, anyio.create_task_group() as tasks:
        async with Origin() as origin:
            origin.on("/stall").reply(Reply(fault="stall"))
            tasks.start_soon(stalled, f"{origin.url}/stall")
            await origin.until(lambda: origin.in_flight == 1)
            await client.get(f"{origin.url}/idle")
            assert origin.open_connections == 2
        assert origin.open_connections == 0
    gc.collect()


async def test_an_origin_that_is_down_refuses_and_comes_back_on_its_port(family: ModuleType) -> None:
    """Connection errors can be scripted too."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        url = origin.url
        await client.get("/")
        async with origin.down():
            assert origin.open_connections == 0
            with pytest.raises(family.ConnectError):
                await client.get("/")
        assert (await client.get("/")).status_code == 404
        assert origin.url == url


async def test_an_origin_opens_twice_in_a_row_but_not_at_once() -> None:
    """It keeps its port for the next time, and says when it is open already."""
    origin = Origin()
    assert repr(origin) == "<Origin closed, 0 routes, 0 visits, 0 open connections>"
    async with origin:
        url = origin.url
        with pytest.raises(RuntimeError, match="is open already"):
            await origin.__aenter__()
    async with origin:
        assert origin.url == url


async def test_a_taken_port_is_an_os_error() -> None:
    """An origin that cannot bind leaves nothing behind."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            await Origin(port=taken.getsockname()[1]).__aenter__()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_another_task_may_close_it(family: ModuleType) -> None:
    """As it is with a fixture of pytest-asyncio and with the cells of a notebook, each of which is a task."""
    origin = Origin()
    await asyncio.create_task(origin.__aenter__())
    gc.collect()
    async with family.AsyncClient(base_url=origin.url, verify=False) as client:
        assert (await client.get("/idle")).status_code == 404
        origin.on("/stall").reply(Reply(fault="stall"))
        stalled = asyncio.create_task(client.get("/stall"))
        await origin.until(lambda: origin.in_flight == 1)
        await asyncio.create_task(origin.__aexit__(None, None, None))
        with pytest.raises(family.RemoteProtocolError):
            await stalled
    assert origin.open_connections == 0
    async with origin:
        assert origin.url


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_another_task_hears_of_the_errors_of_the_script(family: ModuleType) -> None:
    """They are raised wherever it is closed."""
    origin = Origin()
    await asyncio.create_task(origin.__aenter__())
    origin.on("/").handle(lambda _: Reply(1 // 0))
    async with family.AsyncClient(base_url=origin.url, verify=False) as client:
        await client.get("/")
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.create_task(origin.__aexit__(None, None, None))
    assert caught.group_contains(ZeroDivisionError)
