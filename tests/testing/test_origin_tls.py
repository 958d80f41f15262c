"""The origin over TLS: all that it does in the clear, and what a client makes of its certificate."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from gracy_transport.testing.origin import Origin, Reply, origin_process
from tests.certificates import of_client, of_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def secured(family: ModuleType, *, trusts: bool = True, **options: Any) -> AsyncGenerator[tuple[Origin, Any]]:
    """Gives an origin that speaks TLS, and a client that verifies it."""
    async with (
        Origin(tls=of_server("http/1.1"), **options) as origin,
        family.AsyncClient(base_url=origin.url, verify=of_client(trusts=trusts), trust_env=False) as client,
    ):
        yield origin, client


async def test_a_client_that_trusts_the_authority_is_answered(family: ModuleType) -> None:
    """On one connection, and the visit knows by which URL it was asked."""
    async with secured(family) as (origin, client):
        origin.on("/hello").reply(Reply(text="hello"))
        assert [(await client.get("/hello")).text for _ in range(3)] == ["hello"] * 3
        assert origin.url.startswith("https://127.0.0.1:")
        assert origin.visits[0].url == f"{origin.url}/hello"
        assert (origin.connections, origin.count) == (1, 3)


async def test_a_client_that_does_not_trust_it_sends_nothing(family: ModuleType) -> None:
    """The server sees a connection, and never a request."""
    async with secured(family, trusts=False) as (origin, client):
        with pytest.raises(family.ConnectError):
            await client.get("/")
        await origin.until(lambda: origin.open_connections == 0)
        assert (origin.connections, origin.count) == (1, 0)


async def test_large_bodies_come_whole_both_ways(family: ModuleType) -> None:
    """Longer than a record of TLS and than what a socket takes at once."""
    body = bytes(range(256)) * 20_000
    async with secured(family) as (origin, client):
        origin.on("POST", "/echo").handle(lambda visit: Reply(content=visit.body))
        assert (await client.post("/echo", content=body)).content == body


async def test_a_refused_client_gets_to_read_why(family: ModuleType) -> None:
    """It is still sending when the answer comes."""
    async with secured(family, max_body=1_000) as (_, client):
        assert (await client.post("/", content=b"x" * 300_000)).status_code == 413


async def test_a_reset_says_no_goodbye_and_a_hang_up_does(family: ModuleType) -> None:
    """A client can tell them apart as it can in the clear."""
    async with secured(family) as (origin, client):
        origin.on("/reset").reply(Reply(fault="reset"))
        origin.on("/hangup").reply(Reply(fault="hangup"))
        with pytest.raises(family.ReadError):
            await client.get("/reset")
        with pytest.raises(family.RemoteProtocolError):
            await client.get("/hangup")


async def test_an_answer_without_a_length_ends_with_a_goodbye() -> None:
    """Which shows a client that insists on it that nothing was cut off."""
    async with Origin(tls=of_server("http/1.1")) as origin:
        origin.on("/").reply(Reply(raw=b"HTTP/1.1 200 OK\r\n\r\nto the end"))
        async with await anyio.connect_tcp(
            "127.0.0.1", origin.port, ssl_context=of_client(), tls_standard_compatible=True
        ) as stream:
            await stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            got = b""
            with pytest.raises(anyio.EndOfStream):
                while True:
                    got += await stream.receive()
        assert got.endswith(b"to the end")


@pytest.mark.parametrize("reply", [Reply(delay=60), Reply(fault="stall")], ids=["a delay", "a stall"])
async def test_a_client_that_leaves_is_noticed_at_once(family: ModuleType, reply: Reply) -> None:
    """While the origin sleeps, and while it says nothing."""
    async with secured(family) as (origin, client):
        origin.on("/").reply(reply)
        with pytest.raises(family.ReadTimeout):
            await client.get("/", timeout=family.Timeout(5, read=0.05))
        await origin.until(lambda: origin.open_connections == 0)


async def test_what_is_sent_during_a_delay_is_read_after_it() -> None:
    """A client may begin with its next request before it has the answer to this one."""
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    async with Origin(tls=of_server("http/1.1")) as origin:
        origin.on("/").reply(Reply(text="one", delay=0.05), Reply(text="two"))
        async with await anyio.connect_tcp("127.0.0.1", origin.port, ssl_context=of_client()) as stream:
            await stream.send(request)
            await origin.until(lambda: origin.in_flight == 1)
            await stream.send(request)
            got = b""
            while not got.endswith(b"two"):
                got += await stream.receive()
            assert b"one" in got


@pytest.mark.parametrize("speech", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""])
async def test_a_client_that_speaks_no_tls_is_left_alone(speech: bytes) -> None:
    """It gets an alert or nothing, and no answer."""
    async with Origin(tls=of_server("http/1.1")) as origin:
        async with await anyio.connect_tcp("127.0.0.1", origin.port) as stream:
            await (stream.send(speech) if speech else stream.send_eof())
            await origin.until(lambda: origin.open_connections == 0 and origin.connections == 1)
        assert origin.count == 0


def make_secured() -> Origin:
    """Returns the origin that another process serves."""
    return Origin(tls=of_server("http/1.1"))


def test_another_process_may_serve_it() -> None:
    """And tells what it saw."""
    with origin_process(make_secured) as origin:
        assert origin.url.startswith("https://")
        assert origin.summary()["visits"] == 0


def test_the_context_stays_as_it_was() -> None:
    """It belongs to the test: several origins may share it."""
    context = of_server("http/1.1")
    before = context.get_ca_certs(), context.verify_mode
    Origin(tls=context)
    assert (context.get_ca_certs(), context.verify_mode) == before == ([], ssl.CERT_NONE)
