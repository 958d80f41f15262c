"""One accepted socket: the only place of the origin that reads, writes, resets and closes."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import anyio
from anyio.lowlevel import checkpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

READ_SIZE = 65_536
"""Bytes asked of the socket at once."""
DRAIN_SECONDS = 1.0
"""How long a refused client may go on sending: a close with unread bytes would reset the answer away."""

# A linger time of zero turns the next close into a reset. Windows takes two shorts, the others two ints.
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class ClientLeftError(Exception):
    """The client closed or reset the connection."""


class Wire:
    """A non-blocking socket, driven by the readiness calls of anyio.

    A socket stream of anyio would always say goodbye first; here a reset can be a reset.
    """

    scheme: ClassVar[str] = "http"
    __slots__ = ("_sleep", "_socket")

    def __init__(self, accepted: socket.socket, sleep: Callable[[float], Awaitable[object]]) -> None:
        """Takes over an accepted socket; `sleep` is awaited with seconds for every scripted delay."""
        accepted.settimeout(0)
        with suppress(OSError):  # a client that has gone already
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = accepted
        self._sleep = sleep

    async def greet(self) -> None:
        """Does what comes before the first request: nothing, unless the wire is secure."""

    async def receive(self) -> bytes:
        """Returns the next bytes, or `b""` when the client closed; raises `ClientLeftError` after a reset."""
        while True:
            await anyio.wait_readable(self._socket)
            try:
                return self._socket.recv(READ_SIZE)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as error:
                raise ClientLeftError from error

    async def send(self, data: bytes) -> None:
        """Sends all of `data`; raises `ClientLeftError` when the client no longer takes it."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except (BlockingIOError, InterruptedError):
                await anyio.wait_writable(self._socket)
            except OSError as error:
                raise ClientLeftError from error

    async def pause(self, seconds: float) -> None:
        """Sleeps, at least for a turn of the loop; raises `ClientLeftError` as soon as the client leaves."""
        if seconds <= 0:
            await checkpoint()
            return
        has_left = False

        async def watch() -> None:
            nonlocal has_left
            has_left = await self._is_leaving()
            if has_left:
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await self._sleep(seconds)
            tasks.cancel_scope.cancel()
        if has_left:
            raise ClientLeftError

    async def _is_leaving(self) -> bool:
        """Waits for news of the client; False when it sent more bytes, which hide a later goodbye."""
        while True:
            await anyio.wait_readable(self._socket)
            try:
                return not self._socket.recv(1, socket.MSG_PEEK)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError:
                return True

    async def hold(self) -> None:
        """Says nothing until the client leaves."""
        while await self.receive():
            pass

    async def drain(self) -> None:
        """Announces the end, then reads what the client still sends, for a second at most."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise ClientLeftError from error
        with anyio.move_on_after(DRAIN_SECONDS):
            await self.hold()

    def reset(self) -> None:
        """Makes the coming close a reset."""
        with suppress(OSError):  # a client that has gone already
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def close(self) -> None:
        """Closes the socket; what was sent before is still delivered, unless `reset` was called."""
        self._socket.close()
