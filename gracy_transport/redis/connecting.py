"""Reaching a server of Redis or Valkey by its URL, from any thread.

It is the blocking client of the `redis` package that asks, in a worker thread: it serves any event loop, trio's too,
while its asyncio client is bound to one loop of asyncio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..exceptions import UnreadableRecording

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Server", "package", "shown"]

T = TypeVar("T")

_WRITTEN: Final = "redis://user:password@host:6379/0"
_SENTINEL_PORT: Final = 26379
_SERVICE: Final = "mymaster"  # as the examples of all documentation call it


class Server:
    """The server behind a URL. Usable from any thread of one process; it connects when it is asked.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, as `redis.Redis.from_url` takes it. With `+cluster` after the
            scheme it names a node of a cluster; `redis+sentinel://host:26379,host:26379/service/0` names sentinels,
            who are asked for the master of a service. Options of the query are those of `from_url`.
        timeout: seconds after which a server that does not answer counts as gone. It is tried twice.

    Raises:
        ImportError: when the `redis` package is missing, naming what to install.
        ValueError: when the URL is none of these; the message does not quote it.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self.name = shown(url)
        self._url = url
        self._timeout = timeout
        self._lock = Lock()
        self._client: Any = None
        self._redis = package()
        _options_in(self._redis, url)

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
                self._client = _client_of(self._redis, self._url, self._timeout)
            return self._client


def package() -> ModuleType:
    """Returns the `redis` package.

    Raises:
        ImportError: when it is missing, naming what to install.
    """
    try:
        redis = import_module("redis")
        import_module("redis.sentinel")
    except ImportError as error:
        raise ImportError(
            'what is shared on Redis needs the redis package: run pip install "gracy-transport[redis]"', name=error.name
        ) from error
    return redis


def shown(url: str) -> str:
    """Returns a URL without user, password and options, of which any may be secret."""
    scheme, _slashes, rest = url.partition("://")
    address, _mark, options = rest.partition("?")
    # An "@" that late may end a password with a question mark in it.
    return f"{scheme}://{'…' if '@' in options else address.rpartition('@')[2]}"


def _client_of(redis: Any, url: str, timeout: float) -> Any:
    scheme, _plus, kind = url.partition("://")[0].partition("+")
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 1)
    options = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry}
    if not kind:
        return redis.Redis.from_url(url, **options)
    if kind == "cluster":
        return redis.RedisCluster.from_url(f"{scheme}://{url.partition('://')[2]}", **options)
    given = options | _options_in(redis, url)
    hosts, service = given.pop("hosts"), given.pop("service")
    login = {name: given.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    theirs = {name: given[name] for name in given if name.startswith(("socket_", "ssl", "retry"))}
    return redis.sentinel.Sentinel(hosts, sentinel_kwargs=theirs | login, **given).master_for(service)


def _options_in(redis: Any, url: str) -> dict[str, Any]:
    """Returns what a URL says, as the constructor of a client takes it; of sentinels also `hosts` and `service`."""
    written, _slashes, rest = url.partition("://")
    scheme, _plus, kind = written.partition("+")
    if kind and (kind not in {"cluster", "sentinel"} or scheme not in {"redis", "rediss"}):
        raise _not_understood()
    try:
        if kind != "sentinel":
            found: dict[str, Any] = redis.connection.parse_url(f"{scheme}://{rest}")
            return found
        address, mark, query = rest.partition("?")
        user, at, place = address.rpartition("@")
        hosts, _slash, path = place.partition("/")
        service, _slash, database = path.partition("/")
        found = redis.connection.parse_url(f"{scheme}://{user}{at}sentinel/{database}{mark}{query}")
        found["hosts"] = [(name, int(port or _SENTINEL_PORT)) for name, port in map(_split_port, hosts.split(","))]
    except ValueError:
        raise _not_understood() from None
    if not all(name for name, _port in found["hosts"]):
        raise _not_understood()
    found["service"], found["ssl"] = service or _SERVICE, scheme == "rediss"
    return {name: value for name, value in found.items() if name not in {"host", "port", "connection_class"}}


def _split_port(host: str) -> tuple[str, str]:
    """Returns name and port of a host; an address of IPv6 stands in brackets."""
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port:
        name, port = host, ""
    return name.strip("[]"), port


def _not_understood() -> ValueError:
    # No cause and no quote: what is wrong may be a part of the password.
    return ValueError(
        f"this URL of a server cannot be read: write {_WRITTEN}, rediss:// for TLS, unix:///path, redis+cluster://, or "
        "redis+sentinel://host:26379,host:26379/service/0, with %-escapes for what is special in a password"
    )


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
