"""The URLs of servers of Redis or Valkey, and the clients they mean: of one server, of Sentinels, of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Final

__all__ = ["check_url", "client_of", "package", "shown"]

_WRITTEN: Final = "redis://user:password@host:6379/0"
_SENTINEL_PORT: Final = 26379
_SERVICE: Final = "mymaster"  # as the examples of all documentation call it


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


def check_url(url: object) -> None:
    """Raises `ValueError` when a URL is none of a server; the message does not quote it."""
    if not isinstance(url, str):
        raise _not_understood()
    redis = package()
    _options_in(redis, url)
    if "+" in url.partition("://")[0]:
        return  # what their clients take is known when they are made
    try:
        redis.ConnectionPool.from_url(url).make_connection()
    except TypeError:
        raise ValueError(
            "this URL of a server has an option that connections of its kind have not: see redis.Redis.from_url, and "
            "give options of TLS with rediss://"
        ) from None


def client_of(package: Any, url: str, options: Mapping[str, Any]) -> Any:
    """Returns the client that a URL means.

    Args:
        package: where its classes are: `redis`, or `redis.asyncio`.
        url: `redis://`, `rediss://` (TLS) or `unix://`, as `redis.Redis.from_url` takes it. With `+cluster` after the
            scheme it names a node of a cluster; `redis+sentinel://host:26379,host:26379/service/0` names sentinels,
            who are asked for the primary of a service. Options of the query are those of `from_url`.
        options: for the constructor.
    """
    scheme, _plus, kind = url.partition("://")[0].partition("+")
    if not kind:
        return package.Redis.from_url(url, **options)
    if kind == "cluster":
        return package.RedisCluster.from_url(f"{scheme}://{url.partition('://')[2]}", **options)
    given = {**options, **_options_in(import_module("redis"), url)}
    hosts, service = given.pop("hosts"), given.pop("service")
    login = {name: given.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    theirs = {name: given[name] for name in given if name.startswith(("socket_", "ssl", "retry"))}
    return package.Sentinel(hosts, sentinel_kwargs=theirs | login, **given).master_for(service)


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
