"""Connections of the wire of aiohttp are given back, whatever happens, used again, and closed with the transport."""

from __future__ import annotations

import asyncio
import gc
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import GracyConfig, GracyTransport
from gracy_transport.testing.cancelling import LATE, SCOPE, TASK, TWICE, cancel_at
from gracy_transport.testing.conformance import CHECKS, Check
from gracy_transport.testing.origin import Origin, Reply
from tests.certificates import of_client, of_server
from tests.wires.support import WIRES, client_of

pytestmark = pytest.mark.anyio

MANY = 40
"""More awaits than a request over a new connection takes."""


@pytest.fixture
def anyio_backend() -> str:
    """Runs on asyncio, which is all that aiohttp knows."""
    return "asyncio"


@pytest.mark.parametrize("check", CHECKS, ids=str)
async def test_a_stack_on_it_keeps_every_promise_of_transports(family: ModuleType, check: Check) -> None:
    """All of them; the one about connections has a real pool, which is exchanged for that of aiohttp."""
    await check(lambda inner: GracyTransport(inner, GracyConfig(wire="aiohttp", concurrent_requests=99)), family)


async def upload(client: Any) -> None:
    """Sends a body in two pieces."""

    async def body() -> Any:
        yield b"one"
        await asyncio.sleep(0)
        yield b"two"

    await client.post("/a", content=body())


async def download(client: Any) -> None:
    """Reads a body in many pieces."""
    async with client.stream("GET", "/long") as response:
        async for _ in response.aiter_raw():
            pass


@pytest.mark.parametrize("scene", [upload, download], ids=lambda scene: scene.__name__)
@pytest.mark.parametrize("way", [SCOPE, TASK, LATE, TWICE])
async def test_cancelled_at_any_await_it_gives_its_connection_back(family: ModuleType, way: str, scene: Any) -> None:
    """In a client with one connection, the next request gets through, and no task is left."""
    async with Origin() as origin:
        origin.on("*").reply(Reply(text="fine"))
        origin.on("/long").reply(Reply(chunks=[b"x" * 1_000] * 5, chunk_delay=0.001))
        struck = 0
        for at in range(1, MANY):
            limits = family.Limits(max_connections=1)
            client = client_of("aiohttp", family, origin.url, limits=limits)
            async with client:
                if not await cancel_at(scene(client), at, way):
                    break
                struck += 1
                assert (await client.get("/next", timeout=family.Timeout(5, pool=1))).text == "fine"
                assert "0 in use" in repr(client._transport)
        assert struck >= 3
        await origin.until(lambda: origin.open_connections == 0)


@WIRES
async def test_a_connection_is_used_again(family: ModuleType, wire: str) -> None:
    """One is enough for requests one after the other, with bodies and without."""
    async with Origin() as origin, client_of(wire, family, origin.url) as client:
        origin.on("*").reply(Reply(text="fine"))
        for method in ("GET", "POST", "HEAD", "DELETE"):
            await client.request(method, "/a", content=b"abc" if method == "POST" else None)
        assert origin.connections == 1


@WIRES
async def test_no_connection_is_kept_where_none_is_to_be(family: ModuleType, wire: str) -> None:
    """`max_keepalive_connections=0`."""
    limits = family.Limits(max_keepalive_connections=0)
    async with Origin() as origin, client_of(wire, family, origin.url, limits=limits) as client:
        origin.on("*").reply(Reply(text="fine"))
        for _ in range(3):
            await client.get("/a")
        assert origin.connections == 3


@WIRES
async def test_an_idle_connection_is_kept_for_a_while(family: ModuleType, wire: str) -> None:
    """`keepalive_expiry`."""
    limits = family.Limits(keepalive_expiry=0.05)
    async with Origin() as origin, client_of(wire, family, origin.url, limits=limits) as client:
        origin.on("*").reply(Reply(text="fine"))
        await client.get("/a")
        await asyncio.sleep(0.2)
        await client.get("/a")
        assert origin.connections == 2


@WIRES
async def test_there_are_no_more_connections_than_allowed(family: ModuleType, wire: str) -> None:
    """Whoever comes later waits, first come, first served."""
    limits = family.Limits(max_connections=3)
    async with Origin() as origin, client_of(wire, family, origin.url, limits=limits, timeout=30) as client:
        origin.on("*").reply(Reply(text="fine", delay=0.005))
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(client.get, f"/{number}")
        assert (origin.peak_connections, origin.count) == (3, 20)


async def test_a_connection_that_the_server_closed_while_idle_is_not_used(family: ModuleType) -> None:
    """It is seen before the next request is sent."""
    async with Origin() as origin, client_of("aiohttp", family, origin.url) as client:
        origin.on("*").reply(Reply(text="fine"))
        await client.get("/a")
        async with origin.down():
            await asyncio.sleep(0.01)
        assert (await client.get("/a")).text == "fine"


@pytest.mark.filterwarnings("ignore:Unclosed response:ResourceWarning")
async def test_a_response_that_is_dropped_unread_gives_its_connection_back(family: ModuleType) -> None:
    """Where httpx would lose it for good; aiohttp warns, and the next request gets through."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    limits = family.Limits(max_connections=1)
    async with Origin() as origin, client_of("aiohttp", family, origin.url, limits=limits) as client:
        origin.on("/long").reply(Reply(content=b"x" * 3_000_000))
        origin.on("/fine").reply(Reply(text="fine"))
        response = await client.send(client.build_request("GET", "/long"), stream=True)
        assert response.status_code == 200
        del response
        gc.collect()
        assert (await client.get("/fine", timeout=family.Timeout(5, pool=1))).text == "fine"


@WIRES
async def test_closing_closes_every_connection(family: ModuleType, wire: str) -> None:
    """Idle ones and those in use, in the clear and over TLS."""
    for tls, verify in ((None, False), (of_server("http/1.1"), of_client())):
        async with Origin(tls=tls) as origin:
            origin.on("*").reply(Reply(text="fine"))
            origin.on("/long").reply(Reply(content=b"x" * 3_000_000))
            async with client_of(wire, family, origin.url, verify=verify) as client:
                await client.get("/a")
                response = await client.send(client.build_request("GET", "/long"), stream=True)
                await response.aclose()
                assert origin.connections in {1, 2}
            await origin.until(lambda: origin.open_connections == 0)


async def test_who_waits_when_the_transport_is_closed_is_told(family: ModuleType) -> None:
    """Nothing of it was sent; what is on its way breaks."""
    limits = family.Limits(max_connections=1)
    async with Origin() as origin:
        origin.on("*").reply(Reply(fault="stall"))
        client = client_of("aiohttp", family, origin.url, limits=limits)
        errors: list[str] = []

        async def ask(path: str) -> None:
            try:
                await client.get(path)
            except family.TransportError as error:
                errors.append(type(error).__name__)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, "/a")
            await origin.until(lambda: origin.in_flight == 1)
            group.start_soon(ask, "/b")
            await asyncio.sleep(0.01)
            await client._transport.aclose()
        assert sorted(errors) == ["RemoteProtocolError", "TransportClosed"]
        assert [visit.path for visit in origin.visits] == ["/a"]
        await client.aclose()
