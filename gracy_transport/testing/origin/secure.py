"""A wire that speaks TLS: what the origin writes is encrypted, resets and closes stay what they are."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, TypeVar

from .wire import READ_SIZE, ClientLeftError, Wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class SecureWire(Wire):
    """An accepted socket, and the server's side of TLS on it, which is done in memory."""

    scheme: ClassVar[str] = "https"
    __slots__ = ("_ahead", "_incoming", "_is_reset", "_outgoing", "_tls")

    def __init__(
        self, accepted: socket.socket, sleep: Callable[[float], Awaitable[object]], context: ssl.SSLContext
    ) -> None:
        """Takes over an accepted socket as `Wire` does; `context` has the certificate to show."""
        super().__init__(accepted, sleep)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._ahead = b""
        self._is_reset = False

    async def greet(self) -> None:
        """Shakes hands; raises `ClientLeftError` when that fails, as with a client that does not trust us."""
        await self._carry_out(self._tls.do_handshake)

    async def receive(self) -> bytes:
        """Returns the next bytes, decrypted; otherwise as a plain wire."""
        data, self._ahead = self._ahead, b""
        return data or await self._carry_out(self._read)

    def _read(self) -> bytes:
        try:
            return self._tls.read(READ_SIZE)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):  # with a goodbye or without
            return b""

    async def send(self, data: bytes) -> None:
        """Sends all of `data` encrypted; raises `ClientLeftError` when the client no longer takes it."""
        if data:
            await self._carry_out(lambda: self._tls.write(data))

    async def _carry_out(self, operation: Callable[[], T]) -> T:
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                await super().send(self._outgoing.read())
                encrypted = await super().receive()
                if encrypted:
                    self._incoming.write(encrypted)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError as error:
                with suppress(ClientLeftError):
                    await super().send(self._outgoing.read())  # the alert that says what was wrong
                raise ClientLeftError from error
            else:
                await super().send(self._outgoing.read())
                return result

    async def _is_leaving(self) -> bool:
        """As for a plain wire; what was sent has to be decrypted to see whether it is a goodbye, and is kept."""
        try:
            self._ahead = self._ahead or await self.receive()
        except ClientLeftError:
            return True
        return not self._ahead

    async def drain(self) -> None:
        """Announces the end, and goes on as a plain wire."""
        self._say_goodbye()
        await super().drain()

    def reset(self) -> None:
        """Makes the coming close a reset, without a goodbye."""
        super().reset()
        self._is_reset = True

    def close(self) -> None:
        """Says goodbye, if that is possible at once, and closes the socket."""
        if not self._is_reset:
            self._say_goodbye()
        super().close()

    def _say_goodbye(self) -> None:
        with suppress(OSError):  # an SSLError is one: the client need not answer
            self._tls.unwrap()
        with suppress(OSError):
            self._socket.send(self._outgoing.read())
