"""A slow network: a proxy that hands on what it is sent a while later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

__all__ = ["slow_network"]

CHUNK = 65_536


class Proxy:
    """Hands on bytes, each way so many seconds late. `port` is where it listens, once `is_ready`."""

    def __init__(self, host: str, port: int, delay: float) -> None:
        self._target = host, port
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self.port = 0
        self.is_ready = Event()

    def run(self) -> None:
        """Serves until it is stopped."""
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    def stop(self) -> None:
        """Ends it, from another thread."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.is_ready.set()
        await asyncio.Event().wait()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        ways = self._hand_on(reader, far_writer), self._hand_on(far_reader, writer)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*ways)

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                self._loop.call_later(self._delay, writer.write, chunk)
        self._loop.call_later(self._delay + 0.001, writer.close)


@contextmanager
def slow_network(host: str, port: int, delay: float) -> Iterator[str]:
    """Gives the URL of a server that is so many seconds away, each way."""
    proxy = Proxy(host, port, delay)
    thread = Thread(target=proxy.run, name="slow-network", daemon=True)
    thread.start()
    proxy.is_ready.wait()
    try:
        yield f"redis://127.0.0.1:{proxy.port}"
    finally:
        proxy.stop()
        thread.join()
