"""What is sent over the wire of aiohttp is, byte by byte, what is sent over that of httpx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """Yields a body bit by bit."""
    for part in parts:
        await anyio.lowlevel.checkpoint()
        yield part


REQUESTS: dict[str, dict[str, Any]] = {
    "GET": {},
    "HEAD": {"method": "HEAD"},
    "DELETE": {"method": "DELETE"},
    "OPTIONS": {"method": "OPTIONS"},
    "a method of one's own": {"method": "PURGE"},
    "POST without a body": {"method": "POST"},
    "JSON": {"method": "POST", "json": {"a": 1}},
    "a form": {"method": "PUT", "data": {"a": "1 2"}},
    "bytes": {"method": "PATCH", "content": b"abc"},
    "GET with a body": {"content": b"abc"},
    "headers in their spelling": {"headers": [("x-LOWER-Upper", "1"), ("accept", "text/plain")]},
    "a header twice": {"headers": [("X-A", "1"), ("X-B", "2"), ("X-A", "3")]},
    "a header in UTF-8": {"headers": [("X-A", "grün".encode())]},
    "an empty header": {"headers": [("X-A", "")]},
    "a host of one's own": {"headers": {"Host": "elsewhere.test"}},
    "a cookie": {"headers": {"Cookie": 'a=1; b="2"'}},
    "an agent": {"headers": {"User-Agent": "me"}},
    "a coding": {"method": "POST", "headers": {"Content-Encoding": "gzip"}, "content": b"abc"},
    "an expectation": {"method": "POST", "headers": {"Expect": "100-continue"}, "content": b"abc"},
    "a closing": {"headers": {"Connection": "close"}},
    "a target of one's own": {"method": "OPTIONS", "extensions": {"target": b"*"}},
    "credentials": {"auth": ("user", "secret")},
}
TARGETS = [
    *("/", "", "/a%2fb", "/a%2Fb", "/%7e~", "/a+b%20c", "/a;b=1,c", "//a//b/", "/a/../b", "/?", "/p?", "/p?a=1&b=&c"),
    *("/p?q=%C3%BC+%26&x=a;b", "/p?q=http://x/?y", "/grün?ü=ß", "/p?a=1&a=2", "/p#fragment", "/p?[]{}|^`", "/%zz%"),
]


async def sent(wire: str, family: ModuleType, path: str, request: dict[str, Any]) -> bytes:
    """Returns what a server gets."""
    options = {"method": "GET", **request}
    async with noting() as (url, seen), client_of(wire, family, url) as client:
        assert (await client.request(url=path, **options)).status_code == 200
    [whole] = seen
    return whole.replace(url.removeprefix("http://").encode(), b"HOST")


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_is_the_same_byte_by_byte(family: ModuleType, name: str) -> None:
    """Nothing is added, left out, respelt or put elsewhere."""
    assert await sent("aiohttp", family, "/a", REQUESTS[name]) == await sent("httpx", family, "/a", REQUESTS[name])


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_is_the_same_byte_by_byte(family: ModuleType, target: str) -> None:
    """Nothing is quoted, unquoted or tidied up again."""
    assert await sent("aiohttp", family, target, {}) == await sent("httpx", family, target, {})


async def test_a_streamed_body_goes_in_the_same_chunks(family: ModuleType) -> None:
    """A piece is a chunk, an empty one is none."""
    bodies = [
        await sent(wire, family, "/a", {"method": "POST", "content": pieces(b"abc", b"", b"defg")})
        for wire in ("httpx", "aiohttp")
    ]
    assert bodies[0] == bodies[1]
    assert bodies[0].endswith(b"\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")


async def test_a_streamed_body_of_known_length_goes_without_chunks(family: ModuleType) -> None:
    """The user says how long it is."""
    request = {"method": "POST", "headers": {"Content-Length": "7"}}
    bodies = [
        await sent(wire, family, "/a", {**request, "content": pieces(b"abc", b"defg")}) for wire in ("httpx", "aiohttp")
    ]
    assert bodies[0] == bodies[1]
    assert bodies[0].endswith(b"\r\n\r\nabcdefg")


@WIRES
async def test_credentials_in_a_url_are_sent_once(family: ModuleType, wire: str) -> None:
    """The client makes a header of them; they are no business of the wire."""
    async with noting() as (url, seen), client_of(wire, family) as client:
        await client.get(url.replace("http://", "http://user:secret@"))
    assert seen[0].count(b"Authorization: Basic dXNlcjpzZWNyZXQ=") == 1
    assert b"@" not in seen[0]


@WIRES
async def test_a_long_body_arrives_whole(family: ModuleType, wire: str) -> None:
    """Three megabytes, which is more than any buffer holds, of bytes and of a stream."""
    whole = bytes(range(256)) * 12_000
    async with Origin() as origin, client_of(wire, family, origin.url) as client:
        origin.on("/a").reply(Reply(201))
        await client.post("/a", content=whole)
        await client.post("/a", content=pieces(whole[:1_000_000], whole[1_000_000:]))
        assert [visit.body == whole for visit in origin.visits] == [True, True]


@WIRES
async def test_a_body_is_asked_for_bit_by_bit(family: ModuleType, wire: str) -> None:
    """The next piece is made when the one before has been sent, and the server has it by then."""
    arrived = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"one\r\n")
        arrived.set()
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(OK)

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await arrived.wait()
        yield b"two"

    async with server(talk) as url, client_of(wire, family, url) as client:
        with anyio.fail_after(5):
            assert (await client.post("/a", content=body())).text == "ok"


@WIRES
async def test_an_error_of_the_body_comes_out_as_it_is(family: ModuleType, wire: str) -> None:
    """It is the caller's own, and the connection is not used again, since half a request is on it."""

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError("of the user's own")

    async with Origin() as origin, client_of(wire, family, origin.url) as client:
        origin.on("*").reply(Reply(text="fine"))
        with pytest.raises(LookupError, match="of the user's own"):
            await client.post("/a", content=body())
        assert (await client.get("/b")).text == "fine"
        assert origin.connections == 2


@WIRES
@pytest.mark.parametrize(("length", "parts"), [("4", (b"abc",)), ("4", (b"abc", b"de")), ("2", (b"abc",))])
async def test_a_body_that_is_not_as_long_as_announced_is_refused(
    family: ModuleType, wire: str, length: str, parts: tuple[bytes, ...]
) -> None:
    """Else the server would wait for the rest, or take the surplus for another request."""
    async with Origin() as origin, client_of(wire, family, origin.url) as client:
        origin.on("*").reply(Reply(text="fine"))
        with pytest.raises(Exception, match="Content-Length") as caught:  # httpx lets that of h11 through
            await client.post("/a", headers={"Content-Length": length}, content=pieces(*parts))
        assert type(caught.value).__name__ == "LocalProtocolError"
        assert wire == "httpx" or isinstance(caught.value, family.LocalProtocolError)
        assert (await client.get("/b")).text == "fine"


@WIRES
@pytest.mark.parametrize("name", ["X-A", "X\nB: 1"])
async def test_a_header_cannot_bring_another_one_along(family: ModuleType, wire: str, name: str) -> None:
    """A line feed in a value is refused before anything is sent."""
    async with noting() as (url, seen), client_of(wire, family, url) as client:
        with pytest.raises(family.LocalProtocolError):
            await client.get("/a", headers={name: "1\r\nX-Evil: 2"})
    assert seen == []


@WIRES
@pytest.mark.parametrize("name", ["X-Evil:Y", " X", "X ", "X Y", "", "(x)"])
async def test_what_is_no_name_of_a_header_is_refused(family: ModuleType, wire: str, name: str) -> None:
    """With a colon it would be another header, with a blank before it a part of the one above."""
    async with noting() as (url, seen), client_of(wire, family, url) as client:
        with pytest.raises(family.LocalProtocolError):
            await client.get("/a", headers={"X-A": "1", name: "2"})
    assert seen == []


@WIRES
@pytest.mark.parametrize("target", [b"/a b", b"/a HTTP/1.1\r\nX-Evil: 1", b"/\xfc", b""])
async def test_a_target_that_cannot_stand_in_a_line_is_refused(family: ModuleType, wire: str, target: bytes) -> None:
    """Without a word of it, since a secret may be in it."""
    async with noting() as (url, seen), client_of(wire, family, url) as client:
        with pytest.raises(family.LocalProtocolError, match=r"(?i)target") as caught:
            await client.get("/", extensions={"target": target})
        assert "Evil" not in str(caught.value)
    assert seen == []


async def test_a_header_that_is_not_utf8_is_refused_by_name(family: ModuleType) -> None:
    """What writes is made for text, and would send something else."""
    async with noting() as (url, seen), client_of("aiohttp", family, url) as client:
        with pytest.raises(family.LocalProtocolError, match=r"header b'X-A' is not UTF-8") as caught:
            await client.get("/a", headers=[(b"X-A", b"secret \xfc")])
        assert "secret" not in str(caught.value)
    assert seen == []


@WIRES
@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/hosts", "/relative"])
async def test_a_url_that_is_not_http_is_refused(family: ModuleType, wire: str, url: str) -> None:
    """As a protocol that is not supported."""
    async with client_of(wire, family) as client:
        with pytest.raises(family.UnsupportedProtocol):
            await client.get(url)


@WIRES
async def test_the_request_of_the_caller_stays_as_it_is(family: ModuleType, wire: str) -> None:
    """It may be sent again, and its headers are looked at afterwards."""
    async with noting() as (url, _), client_of(wire, family, url) as client:
        request = client.build_request("POST", "/a", content=pieces(b"abc"))
        before = (request.headers.raw, str(request.url), dict(request.extensions))
        await client.send(request)
        assert (request.headers.raw, str(request.url), dict(request.extensions)) == before


@WIRES
async def test_no_request_is_sent_twice_unasked(family: ModuleType, wire: str) -> None:
    """A server hangs up on a connection that is used again: who retries, and what, the retry layer decides."""
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await request_bytes(reader))
        writer.write(OK)
        heads.append(await request_bytes(reader))

    async with server(talk) as url, client_of(wire, family, url) as client:
        await client.get("/first")
        with pytest.raises(family.RemoteProtocolError):
            await client.get("/second")
    assert len(heads) == 2
