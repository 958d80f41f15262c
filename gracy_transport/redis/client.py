"""Clients of the `redis` package for the ways of running a server: one, with Sentinels, as a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

__all__ = ["MakeClient", "client_maker", "shown_url"]

MakeClient: TypeAlias = Callable[[], Any]
"""Makes a client of `redis.asyncio`. Called in the event loop that is to use it."""

SINGLE: Final = frozenset({"redis", "rediss", "unix"})
SENTINEL_PORT: Final = 26379


def client_maker(url: str, connect_timeout: float) -> MakeClient:
    """Returns what makes clients for a URL.

    Raises:
        ValueError: for a URL of another kind.
    """
    parts = urlsplit(url)
    kind, _plus, way = parts.scheme.partition("+")
    # A command that timed out may have been carried out: sending it again is for those who know what it does.
    options: dict[str, Any] = {
        "socket_connect_timeout": connect_timeout,
        "socket_timeout": None,  # whoever asks knows better how long to wait
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if kind in SINGLE and not way:
        return lambda: Redis.from_url(url, **options)
    rest = url.partition("://")[2]
    if kind in SINGLE and way == "cluster":
        # Once more, since keys move from node to node; a permit that is so lent twice goes back unused.
        options["retry"] = Retry(NoBackoff(), 1)
        return lambda: RedisCluster.from_url(f"{kind}://{rest}", **options)
    if kind in SINGLE and way == "sentinel":
        return _of_sentinels(parts.netloc, parts.path, {**options, "ssl": kind == "rediss"})
    msg = (
        f"{shown_url(url)!r} is no URL of a server: begin it with redis://, rediss://, unix://, redis+sentinel:// or "
        "redis+cluster://"
    )
    raise ValueError(msg)


def _of_sentinels(netloc: str, path: str, options: dict[str, Any]) -> MakeClient:
    """Returns what makes clients of the primary that Sentinels name: `user:password@host,host/name/database`."""
    login, _at, hosts = netloc.rpartition("@")
    user, _colon, password = login.partition(":")
    name, _slash, database = path.strip("/").partition("/")
    sentinels = [(host or "localhost", int(port or SENTINEL_PORT)) for host, _, port in map(_split, hosts.split(","))]
    options |= {"username": unquote(user) or None, "password": unquote(password) or None, "db": int(database or 0)}
    watched = {key: options[key] for key in ("socket_connect_timeout", "socket_timeout", "retry", "protocol")}
    make: Any = Sentinel  # without types of its own
    return lambda: make(sentinels, sentinel_kwargs=watched, **options).master_for(name or "mymaster")


def _split(host: str) -> tuple[str, str, str]:
    return host.partition(":") if host.count(":") <= 1 else host.rpartition(":")


def shown_url(url: str) -> str:
    """Returns a URL without what it is secret: user, password and query."""
    scheme, _, rest = url.partition("://")
    location, _, _query = rest.partition("?")
    return f"{scheme}://{location.rpartition('@')[2]}"
