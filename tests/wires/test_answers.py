"""What comes over the wire of aiohttp is what comes over that of httpx."""

from __future__ import annotations

import asyncio
import gzip
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport.testing.origin import Origin, Reply
from tests.wires.support import OK, WIRES, client_of, noting, request_bytes, server

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Runs on asyncio, which is all that aiohttp knows."""
    return "asyncio"


def answer(*lines: str, body: bytes = b"") -> bytes:
    """Returns an answer of those lines."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


ANSWERS = {
    "plain": OK,
    "names in their spelling": answer("HTTP/1.1 200 OK", "x-LOWER-Upper: 1", "Content-Length: 0"),
    "a name twice": answer("HTTP/1.1 200 OK", "Set-Cookie: a=1", "X: 1", "Set-Cookie: b=2", "Content-Length: 0"),
    "Latin-1": answer("HTTP/1.1 200 OK", "X-A: grün", "Content-Length: 0"),
    "an empty value": answer("HTTP/1.1 200 OK", "X-A:", "X-B:   ", "Content-Length: 0"),
    "spaces around a value": answer("HTTP/1.1 200 OK", "X-A:  \t 1 2 \t", "Content-Length: 0"),
    "no reason": answer("HTTP/1.1 200 ", "Content-Length: 0"),
    "a reason of one's own": answer("HTTP/1.1 299 Fair  enough", "Content-Length: 0"),
    "HTTP/1.0": answer("HTTP/1.0 200 OK", body=b"to the end"),
    "chunks": answer("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
    "204": answer("HTTP/1.1 204 No Content"),
    "304": answer("HTTP/1.1 304 Not Modified", "Content-Length: 70", "ETag: x"),
    "a redirect": answer("HTTP/1.1 302 Found", "Location: /elsewhere", "Content-Length: 2", body=b"to"),
    "a long header": answer("HTTP/1.1 200 OK", f"X-A: {'y' * 30_000}", "Content-Length: 0"),
    "many headers": answer("HTTP/1.1 200 OK", *[f"X-{n}: {n}" for n in range(200)], "Content-Length: 0"),
    "a body in its coding": answer(
        "HTTP/1.1 200 OK", "Content-Encoding: gzip", f"Content-Length: {len(gzip.compress(b'abc', mtime=0))}"
    )
    + gzip.compress(b"abc", mtime=0),
}


async def got(wire: str, family: ModuleType, whole: bytes, method: str = "GET") -> tuple[Any, ...]:
    """Returns all that a client gets to know of an answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_bytes(reader)
        writer.write(whole)

    async with server(talk) as url, client_of(wire, family, url) as client:
        async with client.stream(method, "/a") as response:
            raw = b"".join([piece async for piece in response.aiter_raw()])
        extensions = {name: response.extensions.get(name) for name in ("http_version", "reason_phrase")}
        return response.status_code, response.headers.raw, raw, extensions, response.reason_phrase


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_the_same(family: ModuleType, name: str) -> None:
    """Status, reason, version, headers with their names, and raw bytes."""
    assert await got("aiohttp", family, ANSWERS[name]) == await got("httpx", family, ANSWERS[name])


async def test_an_answer_to_a_head_is_the_same(family: ModuleType) -> None:
    """It announces a body that does not come."""
    whole = answer("HTTP/1.1 200 OK", "Content-Length: 70", "Content-Encoding: gzip")
    assert await got("aiohttp", family, whole, "HEAD") == await got("httpx", family, whole, "HEAD")


@WIRES
@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("br", None), ("x", bytes)])
async def test_a_body_is_decoded_once(family: ModuleType, wire: str, coding: str, encode: Any) -> None:
    """By the client, who asked for the coding."""
    encode = encode or pytest.importorskip("brotli").compress
    async with Origin() as origin, client_of(wire, family, origin.url) as client:
        origin.on("/a").reply(Reply(content=encode(b"abc" * 99), headers={"Content-Encoding": coding}))
        response = await client.get("/a")
        assert (response.content, response.headers["content-encoding"]) == (b"abc" * 99, coding)


@WIRES
async def test_an_answer_comes_before_its_body(family: ModuleType, wire: str) -> None:
    """And each piece when it is there."""
    go_on = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_bytes(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for letter in (b"a", b"b"):
            await go_on.wait()
            go_on.clear()
            writer.write(b"1\r\n" + letter + b"\r\n")
        writer.write(b"0\r\n\r\n")

    async with server(talk) as url, client_of(wire, family, url) as client, client.stream("GET", "/a") as response:
        assert response.status_code == 200
        body = response.aiter_raw()
        with anyio.fail_after(5):
            go_on.set()
            assert await anext(body) == b"a"
            go_on.set()
            assert await anext(body) == b"b"
            assert [piece async for piece in body] == []


@WIRES
async def test_a_body_is_not_read_ahead_of_its_reader(family: ModuleType, wire: str) -> None:
    """The server notices that nobody takes it: memory does not grow with the body."""
    taken = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        await request_bytes(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            writer.write(b"x" * 100_000)
            await writer.drain()
            taken += 100_000

    async with server(talk) as url, client_of(wire, family, url) as client, client.stream("GET", "/a"):
        before = -1
        while taken > before:
            before = taken
            await asyncio.sleep(0.05)
        assert taken < 50_000_000


@WIRES
async def test_what_came_before_a_reset_is_given_out(family: ModuleType, wire: str) -> None:
    """Then comes the error."""
    async with Origin() as origin, client_of(wire, family, origin.url) as client:
        origin.on("/a").reply(Reply(text="0123456789", fault="reset_in_body", fault_at=7))
        got = b""
        with pytest.raises(family.ReadError):
            async with client.stream("GET", "/a") as response:
                async for piece in response.aiter_raw():
                    got += piece
                    await asyncio.sleep(0.01)
        assert got == b"0123456"


@WIRES
async def test_an_answer_before_the_end_of_the_upload_is_given_out(family: ModuleType, wire: str) -> None:
    """A server that does not want the rest says so and leaves; where that stops the upload, no error is made of it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer("HTTP/1.1 413 Too Large", "Content-Length: 4", "Connection: close", body=b"much"))
        await writer.drain()
        while await reader.read(65_536):
            pass

    async with server(talk) as url, client_of(wire, family, url) as client:
        with anyio.fail_after(5):
            response = await client.post("/a", content=b"x" * 3_000_000)
        assert (response.status_code, response.text) == (413, "much")


async def test_an_answer_is_over_when_its_upload_breaks(family: ModuleType) -> None:
    """On the wire of aiohttp both go on at once; the error of the user's own stream is what is told."""

    async def body() -> Any:
        yield b"one"
        await answered.wait()
        raise LookupError("of the user's own")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"one\r\n")
        writer.write(answer("HTTP/1.1 200 OK", "Content-Length: 10", body=b"half "))
        await reader.read()

    answered = asyncio.Event()
    async with (
        server(talk) as url,
        client_of("aiohttp", family, url) as client,
        client.stream("POST", "/a", content=body()) as response,
    ):
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"half "
        answered.set()
        with pytest.raises(LookupError), anyio.fail_after(5):
            await anext(pieces)


@WIRES
async def test_cookies_and_redirects_are_the_clients(family: ModuleType, wire: str) -> None:
    """A wire remembers nothing and goes nowhere by itself."""
    moved = answer("HTTP/1.1 302 Found", "Location: /elsewhere", "Set-Cookie: a=1", "Content-Length: 0")
    async with noting(moved) as (url, seen), client_of(wire, family, url) as client:
        wire_itself = client._transport
        for _ in range(2):
            request = family.Request("GET", f"{url}/a", extensions={"timeout": {}})
            assert (await wire_itself.handle_async_request(request)).status_code == 302
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


async def test_what_switched_protocols_is_not_asked_again(family: ModuleType) -> None:
    """Also where it forgot to say so in `Connection`, and stays open."""
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while not reader.at_eof():
            await request_bytes(reader)
            writer.write(answer("HTTP/1.1 101 Switching Protocols", "Upgrade: x"))

    async with server(talk) as url, client_of("aiohttp", family, url) as client:
        for _ in range(3):
            with pytest.raises(family.RemoteProtocolError):
                await client.get("/a")
    assert connections == 3


async def test_an_upgrade_is_refused(family: ModuleType) -> None:
    """There is no connection to hand over."""
    upgrade = answer("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade")
    async with noting(upgrade) as (url, _), client_of("aiohttp", family, url) as client:
        with pytest.raises(family.RemoteProtocolError, match='leave wire="aiohttp" out'):
            await client.get("/a", headers={"Upgrade": "websocket", "Connection": "upgrade"})
        with pytest.raises(family.UnsupportedProtocol, match="CONNECT"):
            await client.request("CONNECT", "/a")
