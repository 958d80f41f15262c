"""What a transport of httpx was made with, read from it, so that another wire can keep it.

httpx has no public way to read this: its transports, and those of httpx2, keep it in the pool of httpcore below them.
Another version of those may keep it elsewhere; then a stack is refused when it is made, and does not send anything
with settings that it guessed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any, NamedTuple, cast

from ..exceptions import CompositionError

__all__ = ["WireSettings", "settings_of"]


class WireSettings(NamedTuple):
    """The settings of a transport.

    Attributes:
        tls: verifies servers, and holds the client's certificate.
        most: connections at once, `None` for no limit.
        keeps: whether idle connections are kept at all.
        expiry: seconds after which an idle connection is closed, `None` for never.
        local_address: the address to connect from.
        uds: the path of a unix socket to connect to, whatever the host is.
        socket_options: arguments of `socket.setsockopt`.
        proxy: the URL of a proxy, without credentials.
        proxy_headers: what the proxy alone is told, its credentials included.
    """

    tls: SSLContext
    most: int | None
    keeps: bool
    expiry: float | None
    local_address: str | None
    uds: str | None
    socket_options: tuple[Any, ...]
    proxy: str | None
    proxy_headers: tuple[tuple[str, str], ...]


def settings_of(transport: Any) -> WireSettings:
    """Returns what an `AsyncHTTPTransport` was made with.

    Raises:
        CompositionError: when it has what only httpx can do, or when this version of it cannot be read.
    """
    try:
        kept = _kept_by(transport)
        proxy, headers = _proxy_of(kept)
        found = WireSettings(
            tls=kept["_ssl_context"],
            most=_limit(kept["_max_connections"]),
            keeps=kept["_max_keepalive_connections"] > 0 and kept["_keepalive_expiry"] != 0,
            expiry=kept["_keepalive_expiry"],
            local_address=kept["_local_address"],
            uds=kept["_uds"],
            socket_options=tuple(kept["_socket_options"]) if kept["_socket_options"] else (),
            proxy=proxy,
            proxy_headers=headers,
        )
        unkept = list(_unkept(kept))
    except (KeyError, AttributeError, TypeError) as error:
        raise CompositionError(
            f"the settings of {type(transport).__module__}.{type(transport).__name__} cannot be read ({error!r}): "
            'leave wire="aiohttp" out with this version of it'
        ) from error
    if unkept:
        what = ", ".join(unkept)
        raise CompositionError(
            f'wire="aiohttp" cannot keep what the client was made with: {what}; leave one of them out'
        )
    return found


def _kept_by(transport: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", vars(transport._pool))  # noqa: SLF001 - there is no other way, as said above


def _limit(number: int) -> int | None:
    return None if number == sys.maxsize else number


def _proxy_of(kept: dict[str, Any]) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    url = kept.get("_proxy_url")
    if url is None:
        return None, ()
    host = url.host.decode("ascii")
    netloc = f"[{host}]" if ":" in host else host
    port = "" if url.port is None else f":{url.port}"
    headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in kept["_proxy_headers"])
    return f"{url.scheme.decode('ascii')}://{netloc}{port}/", headers


def _unkept(kept: dict[str, Any]) -> Iterable[str]:
    """Yields the settings that aiohttp has no equal for, each with what to do instead."""
    if kept["_http2"] or not kept["_http1"]:
        yield "http2=True (aiohttp speaks HTTP/1.1 alone)"
    if kept["_retries"]:
        yield f"retries={kept['_retries']} (give GracefulRetry instead)"
    scheme = b"http" if kept.get("_proxy_url") is None else kept["_proxy_url"].scheme
    if scheme.startswith(b"socks"):
        yield "a SOCKS proxy (aiohttp knows proxies of http and https)"
    if kept.get("_proxy_ssl_context") is not None:
        yield "an ssl_context for the proxy alone (aiohttp has one for both)"
