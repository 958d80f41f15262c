"""Reaching a server of Redis or Valkey by its URL, from any thread.

It is the blocking client of the `redis` package that asks, in a worker thread: it serves any event loop, trio's too,
while its asyncio client is bound to one loop of asyncio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, TypeVar

from ..exceptions import UnreadableRecording
from .urls import check_url, client_of, package, shown

__all__ = ["Server"]

T = TypeVar("T")


class Server:
    """The server behind a URL. Usable from any thread of one process; it connects when it is asked.

    Args:
        url: as `client_of` takes it.
        timeout: seconds after which a server that does not answer counts as gone. It is tried twice.

    Raises:
        ImportError: when the `redis` package is missing, naming what to install.
        ValueError: when the URL is none of these; the message does not quote it.
    """

    def __init__(self, url: str, timeout: float) -> None:
        check_url(url)
        self.name = shown(url)
        self._url = url
        self._timeout = timeout
        self._lock = Lock()
        self._client: Any = None
        self._redis = package()

    def ask(self, question: Callable[[Any], T]) -> T:
        """Returns what a function gets from the client.

        Raises:
            UnreadableRecording: when the server cannot be reached, or refuses.
        """
        failures = self._redis.exceptions
        try:
            return question(self._connected())
        except (failures.ConnectionError, failures.TimeoutError, failures.RedisClusterException) as error:
            raise UnreadableRecording(
                f"{self.name} cannot be reached ({_said(error)}): see that it runs, and that host, port, user and "
                "password in its URL are right"
            ) from error
        except failures.RedisError as error:
            raise UnreadableRecording(
                f"{self.name} refuses ({_said(error)}): see what its user may do, and give another namespace if "
                "something else is kept in this one"
            ) from error

    def let_go(self) -> None:
        """Closes the connections that nobody uses just now; they are opened again when they are needed."""
        with self._lock:
            client = self._client
        for pool in () if client is None else _pools_of(client):
            pool.disconnect(inuse_connections=False)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = client_of(self._redis, self._url, self._options())
            return self._client

    def _options(self) -> dict[str, Any]:
        retry = self._redis.retry.Retry(self._redis.backoff.NoBackoff(), 1)
        return {"socket_timeout": self._timeout, "socket_connect_timeout": self._timeout, "retry": retry}


def _pools_of(client: Any) -> Iterator[Any]:
    """Yields the pools of connections that a client has, those to sentinels and to the nodes of a cluster too."""
    if hasattr(client, "get_nodes"):
        clients = [node.redis_connection for node in client.get_nodes()]
    else:
        manager = getattr(client.connection_pool, "sentinel_manager", None)
        clients = [client, *(manager.sentinels if manager is not None else ())]
    yield from (each.connection_pool for each in clients if each is not None)  # of a node that was asked


def _said(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
