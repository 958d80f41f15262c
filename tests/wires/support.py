"""What the tests of wires share: a transport of each, and servers that note bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any, TypeAlias

import anyio
import pytest

from gracy_transport.wires.aiohttp import AiohttpTransport

WIRES = pytest.mark.parametrize("wire", ["httpx", "aiohttp"])
"""What both wires do: the one of aiohttp is held to what that of httpx does, by the same test."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def transport_of(wire: str, family: ModuleType, **options: Any) -> Any:
    """Returns the transport of that wire; nothing is verified unless `verify` says so."""
    like = family.AsyncHTTPTransport(**{"verify": False, **options})
    return AiohttpTransport(like) if wire == "aiohttp" else like


def client_of(wire: str, family: ModuleType, url: str = "", *, timeout: Any = 5, **options: Any) -> Any:
    """Returns a client on that wire; options are the transport's."""
    return family.AsyncClient(transport=transport_of(wire, family, **options), base_url=url, timeout=timeout)


@asynccontextmanager
async def server(talk: Talk) -> AsyncGenerator[str]:
    """Gives the URL of a server that talks to each connection like that, and closes it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await anyio.lowlevel.checkpoint()


async def request_bytes(reader: asyncio.StreamReader) -> bytes:
    """Returns the next request as it came, body included."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    if b"transfer-encoding: chunked" in lines:
        return head + await reader.readuntil(b"0\r\n\r\n")
    lengths = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
    return head + await reader.readexactly(lengths[0] if lengths else 0)


@asynccontextmanager
async def noting(answer: bytes = OK) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """Gives the URL of a server that answers always the same, and what it was sent."""
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            seen.append(await request_bytes(reader))
            writer.write(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if seen[-1].startswith(b"HEAD") else answer)
            await writer.drain()

    async with server(talk) as url:
        yield url, seen
