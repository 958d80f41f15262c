"""The listening socket, and the task that accepts from it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

BACKLOG = 1_024
"""Connections that may wait for the loop to accept them."""
FULL_SECONDS = 0.05
"""Pause before accepting again after the process ran out of file descriptors."""


def listen(host: str, port: int) -> socket.socket:
    """Returns a listening socket; raises `OSError` when the port is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.settimeout(0)
        if os.name == "posix":  # elsewhere this option would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


class Listening:
    """Accepts from one listening socket and runs a task for each connection."""

    def __init__(
        self, listener: socket.socket, converse: Callable[[socket.socket], Coroutine[object, None, None]]
    ) -> None:
        """Takes over `listener`; each accepted socket is handed to `converse`, which closes it."""
        self._listener = listener
        self._converse = converse
        self._scope = anyio.CancelScope()
        self._stopped = anyio.Event()

    async def run(self) -> None:
        """Accepts until `stop`, or until the task around is cancelled."""
        try:
            with self._listener, self._scope:
                async with anyio.create_task_group() as conversations:
                    while True:
                        accepted = await self._accept()
                        conversations.start_soon(self._converse, accepted)
        finally:
            self._stopped.set()

    async def stop(self) -> None:
        """Closes the listening socket and all connections, and waits until they are closed."""
        self._scope.cancel()
        await self._stopped.wait()

    async def _accept(self) -> socket.socket:
        while True:
            await anyio.wait_readable(self._listener)
            try:
                return self._listener.accept()[0]
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                continue
            except OSError:
                await anyio.sleep(FULL_SECONDS)
