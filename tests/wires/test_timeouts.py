"""Each of the four timeouts has its own error, on the wire of aiohttp as on that of httpx."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import anyio
import pytest

from gracy_transport.testing.origin import Origin, Reply
from tests.certificates import of_client
from tests.wires.support import OK, WIRES, client_of, request_bytes, server

pytestmark = pytest.mark.anyio

SOON = 0.15
"""Seconds of a timeout that is to come."""


@pytest.fixture
def anyio_backend() -> str:
    """Runs on asyncio, which is all that aiohttp knows."""
    return "asyncio"


@contextmanager
def silent() -> Iterator[str]:
    """Gives the host of a server whose connections the system accepts, and nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@WIRES
async def test_a_connection_that_does_not_come_about_is_a_connect_timeout(family: ModuleType, wire: str) -> None:
    """The handshake of TLS is a part of it."""
    timeout = family.Timeout(5, connect=SOON)
    with silent() as host:
        async with client_of(wire, family, timeout=timeout, verify=of_client()) as client:
            with pytest.raises(family.ConnectTimeout):
                await client.get(f"https://{host}/")


@WIRES
async def test_an_answer_that_does_not_come_is_a_read_timeout(family: ModuleType, wire: str) -> None:
    """Other timeouts are longer."""
    with silent() as host:
        async with client_of(wire, family, timeout=family.Timeout(5, read=SOON)) as client:
            with pytest.raises(family.ReadTimeout):
                await client.get(f"http://{host}/")


@WIRES
async def test_a_body_that_nobody_takes_is_a_write_timeout(family: ModuleType, wire: str) -> None:
    """The server does not read, and the buffers are full."""
    with silent() as host:
        async with client_of(wire, family, timeout=family.Timeout(5, write=SOON)) as client:
            with pytest.raises(family.WriteTimeout):
                await client.post(f"http://{host}/", content=b"x" * 30_000_000)


@WIRES
async def test_a_long_upload_needs_no_long_read_timeout(family: ModuleType, wire: str) -> None:
    """The time for the answer starts when all has been sent."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1.2)
        await reader.readexactly(30_000_000)
        writer.write(OK)

    async with server(talk) as url, client_of(wire, family, url, timeout=family.Timeout(5, read=1)) as client:
        assert (await client.post("/", content=b"x" * 30_000_000)).text == "ok"


@WIRES
async def test_a_connection_that_does_not_get_free_is_a_pool_timeout(family: ModuleType, wire: str) -> None:
    """And it gets free in the end, for who waits longer."""
    async with Origin() as origin:
        origin.on("/slow").reply(Reply(text="slow", delay=4 * SOON))
        origin.on("/fine").reply(Reply(text="fine"))
        limits = family.Limits(max_connections=1)
        async with client_of(wire, family, origin.url, limits=limits) as client, anyio.create_task_group() as group:
            group.start_soon(client.get, "/slow")
            await origin.until(lambda: origin.in_flight == 1)
            with pytest.raises(family.PoolTimeout):
                await client.get("/fine", timeout=family.Timeout(5, pool=SOON))
            assert (await client.get("/fine")).text == "fine"
        assert origin.connections == 1


@WIRES
async def test_a_reader_may_take_its_time(family: ModuleType, wire: str) -> None:
    """The timeout is about the server's silence while somebody waits for it, not about the reader's own work."""
    go_on = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_bytes(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        await go_on.wait()
        writer.write(b"two")

    timeout = family.Timeout(5, read=SOON)
    async with (
        server(talk) as url,
        client_of(wire, family, url, timeout=timeout) as client,
        client.stream("GET", "/") as response,
    ):
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"one"
        await asyncio.sleep(3 * SOON)
        go_on.set()
        assert await anext(pieces) == b"two"


@WIRES
async def test_a_silence_in_the_body_is_a_read_timeout(family: ModuleType, wire: str) -> None:
    """After a piece was read, and after a pause of the reader."""
    async with Origin() as origin, client_of(wire, family, origin.url, timeout=SOON) as client:
        origin.on("/a").reply(Reply(text="0123456789", fault="stall_in_body", fault_at=4))
        async with client.stream("GET", "/a") as response:
            pieces = response.aiter_raw()
            assert await anext(pieces) == b"0123"
            with pytest.raises(family.ReadTimeout), anyio.fail_after(5):
                await anext(pieces)


@WIRES
async def test_a_drip_within_the_timeout_is_none(family: ModuleType, wire: str) -> None:
    """Each byte starts the time anew, in the headers and in the body."""
    async with Origin() as origin, client_of(wire, family, origin.url, timeout=2 * SOON) as client:
        origin.on("/a").reply(Reply(text="slow", header_delay=SOON / 2, chunk_delay=SOON, headers={"A": "1", "B": "2"}))
        assert (await client.get("/a")).text == "slow"


@WIRES
async def test_a_request_without_timeouts_waits(family: ModuleType, wire: str) -> None:
    """`None` is no limit, and neither are timeouts that a request of one's own does not have."""
    async with Origin() as origin, client_of(wire, family, origin.url, timeout=None) as client:
        origin.on("/a").reply(Reply(text="slow", delay=SOON))
        assert (await client.get("/a")).text == "slow"
        bare = family.Request("GET", f"{origin.url}/a")
        assert (await client.send(bare)).text == "slow"
