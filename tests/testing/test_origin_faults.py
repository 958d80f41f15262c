"""What a client meets for each fault, and what a reply refuses to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from gracy_transport.testing.origin import Origin, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from types import ModuleType

    from gracy_transport.testing.origin import Fault

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("stall", "ReadTimeout"),
        ("hangup", "RemoteProtocolError"),
        ("reset", "ReadError"),
        ("garbage", "RemoteProtocolError"),
        ("reset_after_headers", "ReadError"),
        ("reset_in_body", "ReadError"),
        ("stall_in_body", "ReadTimeout"),
        ("truncate", "RemoteProtocolError"),
    ],
)
@pytest.mark.parametrize("body", [{"text": "0123456789"}, {"chunks": [b"01234", b"56789"]}], ids=["known", "chunks"])
async def test_a_fault_gives_its_error(family: ModuleType, fault: Fault, error: str, body: dict[str, Any]) -> None:
    """Each fault is an error of the client, after which the origin serves on and keeps its books."""
    async with (
        Origin() as origin,
        family.AsyncClient(base_url=origin.url, verify=False) as client,
    ):
        origin.on("/").reply(Reply(fault=fault, **body), Reply(text="fine"))
        patience = family.Timeout(5, read=0.005 if error == "ReadTimeout" else 5)
        with pytest.raises(getattr(family, error)):
            await client.get("/", timeout=patience)
        await origin.until(lambda: origin.count == 1 and origin.in_flight == 0)
        assert (await client.get("/")).text == "fine"
        has_status = fault not in {"stall", "hangup", "reset", "garbage"}
        assert [visit.status for visit in origin.visits] == [200 if has_status else None, 200]


@pytest.mark.parametrize(
    "body", [{"text": "0123456789"}, {"chunks": [b"012", b"34567", b"89"]}], ids=["known", "chunks"]
)
@pytest.mark.parametrize("fault", ["reset_in_body", "truncate"])
async def test_a_body_breaks_after_the_given_bytes(family: ModuleType, fault: Fault, body: dict[str, Any]) -> None:
    """The client has read `fault_at` bytes when the fault comes."""
    got = b""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(fault=fault, fault_at=7, **body))
        async with client.stream("GET", "/") as response:
            with pytest.raises(family.TransportError):
                async for piece in response.aiter_raw():
                    got += piece
    assert got == b"0123456"


async def test_a_bad_gzip_is_announced_and_is_none(family: ModuleType) -> None:
    """The header promises gzip, the bytes are the plain body, and the connection stays usable."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(text="plain", fault="bad_gzip"))
        for _ in range(2):
            # Read raw: the decoding error of the client leaves unfinished generators, of which trio warns.
            async with client.stream("GET", "/") as response:
                assert response.headers["content-encoding"] == "gzip"
                assert b"".join([piece async for piece in response.aiter_raw()]) == b"plain"
        assert origin.connections == 1


async def test_an_overlong_body_is_announced_too_short(family: ModuleType) -> None:
    """The client reads what was announced, and its connection is of no further use."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(text="0123456789", fault="overlong", fault_at=4))
        response = await client.get("/")
        assert (response.text, response.headers["content-length"]) == ("0123", "4")
        await client.get("/")
        assert origin.connections == 2


async def test_a_content_length_of_the_script_may_lie(family: ModuleType) -> None:
    """A header that was given is sent as it is; only an honest one keeps the connection."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        lie = Reply(text="0123", headers={"Content-Length": "9"})
        origin.on("/").reply(Reply(text="0123", headers={"content-length": "4"}), lie)
        assert (await client.get("/")).text == "0123"
        with pytest.raises(family.RemoteProtocolError):
            await client.get("/")
        assert origin.connections == 1


@pytest.mark.parametrize(
    "reply",
    [Reply(delay=60), Reply(header_delay=60), Reply(text="ab", chunk_delay=60)],
    ids=["delay", "headers", "body"],
)
async def test_a_client_that_leaves_ends_a_delay_and_a_drip(family: ModuleType, reply: Reply) -> None:
    """No task waits for a client that has gone."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(reply)
        with pytest.raises(family.ReadTimeout):
            await client.get("/", timeout=family.Timeout(5, read=0.005))
        await origin.until(lambda: origin.count == 1 and origin.open_connections == 0)
        assert origin.in_flight == 0


async def test_a_client_that_leaves_a_large_body_does_no_harm(family: ModuleType) -> None:
    """A broken pipe ends the answer quietly."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(content=b"x" * 20_000_000))
        async with client.stream("GET", "/") as response:
            assert response.headers["content-length"] == "20000000"
        await origin.until(lambda: origin.open_connections == 0)
        assert origin.visits[0].left is not None


async def test_a_stream_of_chunks_is_closed_when_the_client_leaves(family: ModuleType) -> None:
    """An async generator that was not read to its end is closed by the origin."""
    is_closed = anyio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"x" * 10_000
        finally:
            is_closed.set()

    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(chunks=endless))
        async with client.stream("GET", "/"):
            pass
        with anyio.fail_after(5):
            await is_closed.wait()
        await origin.until(lambda: origin.open_connections == 0)
        assert (origin.in_flight, origin.errors) == (0, [])


async def test_raw_bytes_are_sent_as_they_are(family: ModuleType) -> None:
    """They are the whole answer, whatever they say, and the connection closes after them."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(
            Reply(raw=b"HTTP/1.1 299 Odd\r\nX: 1\r\n\r\nto the end"), Reply(raw=b"HTTP/1.1 1 No\r\n\r\n")
        )
        response = await client.get("/")
        assert (response.status_code, response.reason_phrase, response.headers["x"]) == (299, "Odd", "1")
        assert response.text == "to the end"
        with pytest.raises(family.RemoteProtocolError):
            await client.get("/")
        assert [visit.status for visit in origin.visits] == [None, None]


async def test_interim_answers_come_first(family: ModuleType) -> None:
    """A client passes over them, whatever follows."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(text="ok", interim=[100, 103]), Reply(interim=[103], fault="hangup"))
        assert (await client.get("/")).text == "ok"
        with pytest.raises(family.RemoteProtocolError):
            await client.get("/")


async def test_an_early_close_is_not_announced(family: ModuleType) -> None:
    """The answer is whole and reads like any other; the next request needs another connection."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(text="ok", fault="early_close"), Reply(text="ok"))
        response = await client.get("/")
        assert (response.text, "connection" in response.headers) == ("ok", False)
        await origin.until(lambda: origin.open_connections == 0)
        assert (await client.get("/")).text == "ok"
        assert origin.connections == 2


@pytest.mark.parametrize("size", [1_000, 60_000])
async def test_headers_may_be_huge_and_repeated(family: ModuleType, size: int) -> None:
    """Pairs repeat a name, and a long value is sent whole."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Long", "y" * size)]))
        response = await client.get("/")
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert len(response.headers["x-long"]) == size


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({"status": 100}, "not a final HTTP status"),
        ({"text": "a", "json": None}, "text and json were given"),
        ({"status": 204, "text": "a"}, "a 204 reply has no body"),
        ({"fault": "boom"}, "fault='boom' is unknown"),
        ({"fault": "truncate"}, "there is none"),
        ({"fault": "overlong", "chunks": [b"a"]}, "needs a known length"),
        ({"delay": -1}, "cannot be negative"),
        ({"chunk_delay": float("nan")}, "cannot be negative, nor nan"),
        ({"raw": b"x", "text": "a"}, "leave body, headers and fault out"),
        ({"raw": b"x", "headers": {"a": "b"}}, "leave body, headers and fault out"),
        ({"interim": [101]}, "interim=101 announces no other answer"),
        ({"interim": [200]}, "interim=200 announces no other answer"),
        ({"headers": {"X": "a\r\nY: b"}}, "cannot be sent"),
        ({"headers": {"X Y": "a"}}, "cannot be sent"),
    ],
)
async def test_a_reply_that_contradicts_itself_is_refused(parts: dict[str, Any], complaint: str) -> None:
    """Mistakes show where the reply is made."""
    with pytest.raises(ValueError, match=complaint):
        Reply(**parts)


async def test_an_unknown_status_and_a_json_null_are_fine(family: ModuleType) -> None:
    """A status without a name has an empty phrase; None is a JSON value."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(299, json=None))
        response = await client.get("/")
        assert (response.status_code, response.reason_phrase, response.text) == (299, "", "null")
