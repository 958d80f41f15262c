"""A hostile HTTP/2 server on a real loopback socket, spoken to with prior knowledge, or over TLS by ALPN."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
from anyio.abc import AnyByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSListener
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, RequestReceived
from h2.exceptions import ProtocolError

OK = [(":status", "200"), ("content-type", "text/plain")]


@dataclass
class Exchange:
    """One request, and the means to answer it well or badly."""

    socket: AnyByteStream
    h2: H2Connection
    stream: int

    async def send(self, *, raw: bytes = b"") -> None:
        """Sends what was prepared, and bytes that h2 would not."""
        await self.socket.send(self.h2.data_to_send() + raw)

    async def answer(self, body: bytes, headers: list[tuple[str, str]] = OK) -> None:
        """Answers as one should."""
        self.h2.send_headers(self.stream, headers)
        self.h2.send_data(self.stream, body, end_stream=True)
        await self.send()


Play = Callable[[Exchange], Awaitable[object]]


@dataclass
class H2Origin:
    """What plays for which path; a path without a play is answered with its name."""

    plays: dict[str, Play] = field(default_factory=dict[str, Play])
    url: str = ""
    count: int = 0
    connections: int = 0
    protocols: list[str | None] = field(default_factory=list[str | None])

    async def converse(self, socket: AnyByteStream) -> None:
        """Answers the requests of one connection until either side ends it."""
        self.connections += 1
        self.protocols.append(socket.extra(TLSAttribute.alpn_protocol, None))
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None, validate_outbound_headers=False))
        h2.initiate_connection()
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, ProtocolError):
            async with socket:
                await socket.send(h2.data_to_send())
                while True:
                    for event in h2.receive_data(await socket.receive()):
                        if isinstance(event, ConnectionTerminated):
                            return
                        if isinstance(event, RequestReceived):
                            await self._play(Exchange(socket, h2, event.stream_id or 0), event)
                    await socket.send(h2.data_to_send())

    async def _play(self, exchange: Exchange, event: RequestReceived) -> None:
        path = next(value for name, value in event.headers or () if name == b":path").decode()
        self.count += path == "/hostile"
        play = self.plays.get(path)
        await (exchange.answer(path[1:].encode()) if play is None else play(exchange))


@asynccontextmanager
async def h2_origin(play: Play, tls: ssl.SSLContext | None = None) -> AsyncGenerator[H2Origin]:
    """Serves an origin whose `/hostile` is answered by `play`, while the block runs."""
    origin = H2Origin({"/hostile": play})
    plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
    origin.url = f"{'https' if tls else 'http'}://127.0.0.1:{plain.extra(SocketAttribute.local_port)}"
    listener = TLSListener(plain, tls, standard_compatible=False) if tls else plain
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, origin.converse)
        yield origin
        group.cancel_scope.cancel()
