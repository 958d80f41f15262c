"""Proxies and TLS over the wire of aiohttp, as over that of httpx."""

from __future__ import annotations

import asyncio
import socket
import ssl
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.testing.origin import Origin, Reply
from tests.certificates import authority, of_client, of_server
from tests.wires.support import OK, WIRES, client_of, noting, request_bytes, server

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Runs on asyncio, which is all that aiohttp knows."""
    return "asyncio"


@asynccontextmanager
async def tunnelling(answer: bytes = b"HTTP/1.1 200 Connected\r\n\r\n") -> AsyncGenerator[tuple[str, list[bytes]]]:
    """Gives the URL of a proxy that passes bytes on to where a CONNECT names, and the heads it got."""
    heads: list[bytes] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        if b" 200 " in answer:
            host, port = heads[-1].split()[1].decode().rsplit(":", 1)
            there_reader, there_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    async with server(talk) as url:
        yield url, heads


async def forwarded(wire: str, family: ModuleType, **proxy: Any) -> bytes:
    """Returns what a proxy gets of a request in the clear."""
    async with noting() as (url, seen):
        options = family.Proxy(url, **proxy)
        async with client_of(wire, family, proxy=options) as client:
            target = "http://api.test:8080/a%2fb?x=%7e&y="
            assert (await client.post(target, headers={"X-A": "1"}, content=b"abc")).text == "ok"
    return seen[0]


@pytest.mark.parametrize(
    "proxy", [{}, {"auth": ("user", "secret")}, {"headers": {"X-Proxy": "1"}}], ids=["plain", "credentials", "headers"]
)
async def test_what_is_sent_to_a_proxy_is_the_same(family: ModuleType, proxy: dict[str, Any]) -> None:
    """The whole URL, what the proxy is told, and then the request; in whatever order the first two of headers are."""
    aiohttps, httpxs = [await forwarded(wire, family, **proxy) for wire in ("aiohttp", "httpx")]
    assert aiohttps.splitlines()[0] == httpxs.splitlines()[0]
    assert sorted(aiohttps.splitlines()) == sorted(httpxs.splitlines())


@WIRES
async def test_https_goes_through_a_tunnel(family: ModuleType, wire: str) -> None:
    """The proxy sees where to, its own credentials, and nothing of the request."""
    async with Origin(tls=of_server("http/1.1")) as origin, tunnelling() as (url, heads):
        origin.on("/a").reply(Reply(text="fine"))
        proxy = family.Proxy(url, auth=("user", "secret"), headers={"X-Proxy": "1"})
        async with client_of(wire, family, origin.url, proxy=proxy, verify=of_client()) as client:
            host = origin.url.removeprefix("https://").encode()
            for _ in range(2):
                response = await client.get("/a", headers={"Authorization": "Bearer mine", "User-Agent": "me"})
                assert response.text == "fine"
    [head] = heads
    assert head.startswith(b"CONNECT " + host + b" HTTP/1.1\r\n")
    assert head.count(b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=") == head.count(b"X-Proxy: 1") == 1
    assert b"Bearer" not in head
    assert b"aiohttp" not in head
    assert all("proxy" not in name for visit in origin.visits for name in visit.headers)


@WIRES
async def test_a_proxy_that_refuses_is_a_proxy_error(family: ModuleType, wire: str) -> None:
    """Nothing was sent to the server behind it."""
    refusal = b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"
    async with tunnelling(refusal) as (url, heads), client_of(wire, family, proxy=url) as client:
        with pytest.raises(family.ProxyError, match="407 Who are you"):
            await client.get("https://api.test/")
    assert len(heads) == 1


@WIRES
async def test_a_proxy_that_is_not_there_is_a_connect_error(family: ModuleType, wire: str) -> None:
    """As any server that is not."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with client_of(wire, family, proxy=url) as client:
            for target in ("http://api.test/", "https://api.test/"):
                with pytest.raises(family.ConnectError):
                    await client.get(target)


@WIRES
async def test_a_host_that_nobody_knows_is_a_connect_error(family: ModuleType, wire: str) -> None:
    """And so is a port at which nobody listens."""
    async with client_of(wire, family) as client:
        for url in ("http://nowhere.invalid/", "http://127.0.0.1:1/"):
            with pytest.raises(family.ConnectError):
                await client.get(url)


@WIRES
async def test_a_certificate_that_is_not_trusted_is_a_connect_error(family: ModuleType, wire: str) -> None:
    """Of an issuer that nobody knows, and for another host."""
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("elsewhere.test").configure_cert(stranger)
    for served, trusts in ((of_server("http/1.1"), False), (stranger, True)):
        async with Origin(tls=served) as origin:
            async with client_of(wire, family, origin.url, verify=of_client(trusts=trusts)) as client:
                with pytest.raises(family.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get("/a")
            assert origin.count == 0


@WIRES
async def test_the_name_that_is_asked_for_may_be_another(family: ModuleType, wire: str) -> None:
    """`sni_hostname` in the extensions of the request is what the certificate has to be for."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("elsewhere.test").configure_cert(served)
    async with Origin(tls=served) as origin, client_of(wire, family, origin.url, verify=of_client()) as client:
        origin.on("/a").reply(Reply(text="fine"))
        assert (await client.get("/a", extensions={"sni_hostname": "elsewhere.test"})).text == "fine"


@WIRES
async def test_a_server_that_asks_for_a_certificate_gets_it(family: ModuleType, wire: str) -> None:
    """The one that the context has."""
    mine = authority().issue_cert("client@example.test")
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(asking)
    asking.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(asking)
    context = of_client()
    mine.configure_cert(context)
    async with Origin(tls=asking) as origin, client_of(wire, family, origin.url, verify=context) as client:
        origin.on("/a").reply(Reply(text="fine"))
        assert (await client.get("/a")).text == "fine"


@WIRES
async def test_a_unix_socket_takes_the_place_of_the_host(family: ModuleType, wire: str, tmp_path: Path) -> None:
    """In the clear; over TLS aiohttp would send in the clear what should not be, and is refused."""
    path, heads = str(tmp_path / "s"), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await request_bytes(reader))
        writer.write(OK)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, path), client_of(wire, family, uds=path) as client:
        assert (await client.get("http://api.test/a")).text == "ok"
        if wire == "aiohttp":
            with pytest.raises(family.UnsupportedProtocol, match="TLS over a unix socket"):
                await client.get("https://api.test/a")
    assert len(heads) == 1
    assert b"Host: api.test\r\n" in heads[0]


@WIRES
async def test_the_address_and_the_options_of_a_socket_are_kept(family: ModuleType, wire: str) -> None:
    """`local_address` and `socket_options`."""
    peers: list[Any] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername")[0])
        await request_bytes(reader)
        writer.write(OK)

    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    addressed = {"local_address": "127.0.0.2", "socket_options": options}
    async with server(talk) as url, client_of(wire, family, url, **addressed) as client:
        assert (await client.get("/a")).text == "ok"
    assert peers == ["127.0.0.2"]


SECRET = "s3cr3t"
FAILURES: dict[str, dict[str, Any]] = {
    "stall": {"fault": "stall"},
    "hangup": {"fault": "hangup"},
    "reset": {"fault": "reset"},
    "garbage": {"fault": "garbage"},
    "reset in the body": {"text": "0123456789", "fault": "reset_in_body"},
    "truncated": {"text": "0123456789", "fault": "truncate"},
    "a long header": {"headers": {"X-A": "y" * 300_000}},
}


@pytest.mark.parametrize("name", FAILURES)
async def test_no_error_quotes_the_query(family: ModuleType, name: str) -> None:
    """Neither in its text, nor in what a traceback shows of its causes."""
    async with Origin() as origin, client_of("aiohttp", family, origin.url, timeout=0.2) as client:
        origin.on("/a").reply(Reply(**FAILURES[name]))
        with pytest.raises(family.TransportError) as caught:
            await client.post(f"/a?key={SECRET}", content=b"abc")
        assert SECRET not in "".join(traceback.format_exception(caught.value, limit=0))
        assert SECRET not in repr(caught.value)
        assert caught.value.request.url.query


async def test_a_connection_that_takes_too_long_does_not_quote_the_query(family: ModuleType) -> None:
    """Nor does a write that does, or a body that breaks off."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/a?key={SECRET}"
        async with client_of("aiohttp", family, timeout=0.1) as client:
            with pytest.raises(family.ConnectTimeout) as caught:
                await client.get(url)
            assert SECRET not in str(caught.value)
            with pytest.raises(family.WriteTimeout) as written:
                await client.post(url.replace("https", "http"), content=b"x" * 30_000_000)
            assert SECRET not in str(written.value)
