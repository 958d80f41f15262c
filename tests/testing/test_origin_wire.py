"""The rules of HTTP/1.1, spoken byte by byte over a plain socket."""

from __future__ import annotations

import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from gracy_transport.testing.origin import Origin, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import SocketStream

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def dialogue() -> AsyncGenerator[tuple[Origin, SocketStream]]:
    """Give an origin that echoes bodies, and a connection to it."""
    async with Origin(max_body=1_000) as origin:
        origin.on("/").handle(lambda visit: Reply(content=visit.body))
        origin.on("/chunks").reply(Reply(chunks=[b"ab", b"c"]))
        async with await anyio.connect_tcp("127.0.0.1", origin.port) as stream:
            yield origin, stream


async def until_eof(stream: SocketStream) -> bytes:
    """Read all that comes."""
    got = b""
    try:
        while True:
            got += await stream.receive()
    except anyio.EndOfStream:
        return got


async def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    """The body is sent only after the interim answer."""
    async with dialogue() as (_, stream):
        await stream.send(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await stream.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send(b"hi")
        assert (await stream.receive()).endswith(b"\r\n\r\nhi")


async def test_pipelined_requests_are_refused_politely() -> None:
    """The first is answered, and the close asks for the others on a new connection."""
    async with dialogue() as (origin, stream):
        await stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        answer = await until_eof(stream)
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        assert b"Connection: close" in answer
        assert origin.count == 1


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"])
async def test_a_client_that_asks_for_a_close_gets_it(head: bytes) -> None:
    """`Connection: close` and HTTP/1.0 end the connection after the answer."""
    async with dialogue() as (_, stream):
        await stream.send(head)
        assert b"Connection: close" in await until_eof(stream)


async def test_a_reply_may_close_the_connection() -> None:
    """The script's own `Connection: close` is honoured."""
    async with dialogue() as (origin, stream):
        origin.on("/").reply(Reply(headers={"Connection": "close"}))
        await stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await until_eof(stream)).count(b"Connection:") == 1


async def test_chunks_for_an_old_client_end_with_the_connection() -> None:
    """HTTP/1.0 knows no chunks."""
    async with dialogue() as (_, stream):
        await stream.send(b"GET /chunks HTTP/1.0\r\n\r\n")
        answer = await until_eof(stream)
        assert answer.endswith(b"\r\n\r\nabc")
        assert b"chunked" not in answer


async def test_bytes_that_are_not_http_get_a_400() -> None:
    """The error says what was wrong."""
    async with dialogue() as (_, stream):
        await stream.send(b"hello\r\n\r\n")
        answer = await until_eof(stream)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request")
        assert b'{"error":"' in answer


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://[::1", "/"),
        (b"http://[/a?b=1", "/a"),
        (b"//[?b=1", "//["),
        (b"*", "*"),
        (b"a:443", "a:443"),
    ],
)
async def test_a_target_that_is_no_url_does_no_harm(target: bytes, path: str) -> None:
    """It is a visit like others, whose path and query can be read."""
    async with dialogue() as (origin, stream):
        await stream.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await until_eof(stream)).startswith((b"HTTP/1.1 404", b"HTTP/1.1 200"))
        (visit,) = origin.visits
        assert visit.path == path
        assert visit.query == ({"b": "1"} if b"?" in target else {})


@pytest.mark.parametrize("half", [b"GET / HT", b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_client_that_leaves_in_mid_request_does_no_harm(half: bytes) -> None:
    """Half a head or half a body is no visit."""
    async with dialogue() as (origin, stream):
        await stream.send(half)
        await stream.aclose()
        await origin.until(lambda: origin.connections == 1 and origin.open_connections == 0)
        assert origin.count == 0


async def test_a_reset_of_the_client_does_no_harm() -> None:
    """A connection that the client resets just ends."""
    async with dialogue() as (origin, stream):
        await origin.until(lambda: origin.open_connections == 1)
        raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()
        await origin.until(lambda: origin.open_connections == 0)
        assert (origin.count, origin.errors) == (0, [])


async def test_more_bytes_do_not_cut_a_delay_short() -> None:
    """A client that sends its next request too early still gets the delayed answer."""
    async with dialogue() as (origin, stream):
        origin.on("/").reply(Reply(text="late", delay=0.01))
        await stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await origin.until(lambda: origin.in_flight == 1)
        await stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await stream.receive()).endswith(b"late")


async def test_a_body_stalls_after_the_given_bytes() -> None:
    """The origin holds the request until the client leaves."""
    async with dialogue() as (origin, stream):
        origin.on("/").reply(Reply(text="0123456789", fault="stall_in_body", fault_at=7))
        await stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        got = b""
        while not got.endswith(b"\r\n\r\n0123456"):
            got += await stream.receive()
        assert origin.in_flight == 1
        await stream.aclose()
        await origin.until(lambda: origin.open_connections == 0)
        assert origin.in_flight == 0
