"""What went wrong below, in the words of the package that the request came from.

A client catches the errors of httpx or httpx2, and the layers go by them: a `ConnectError` was never sent and may be
tried again, a `ReadError` may have been applied. The texts are our own, because those of aiohttp quote whole URLs with
the secrets in their queries; for the same reason the error of aiohttp itself is not the cause, what is below it may be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import aiohttp

from ..exceptions import TransportClosed
from ..family import AnyRequest, error_for, family_of

__all__ = ["failure_of", "named"]


def named(request: AnyRequest, name: str, text: str) -> Exception:
    """Returns the error of that name, of the package of the request."""
    error: Exception = getattr(family_of(request).module, name)(text, request=request)
    return error


def failure_of(request: AnyRequest, error: Exception) -> Exception:
    """Returns the error to raise in place of one of aiohttp; one that is not aiohttp's is returned as it is."""
    if isinstance(error, RuntimeError) and str(error) == "Session is closed":
        return error_for(
            request, TransportClosed, "the transport was closed while this request waited: nothing was sent"
        )
    found = _name_of(error)
    if found is None:
        return error
    name, text = found
    failure = named(request, name, text)
    failure.__cause__ = error.__cause__ if isinstance(error.__cause__, OSError) else None
    failure.__suppress_context__ = True
    return failure


def _name_of(error: Exception) -> tuple[str, str] | None:
    for kind, name, text in _NAMES:
        if isinstance(error, kind):
            return name, text if isinstance(text, str) else text(error)
    return None


def _reason(error: Any) -> str:
    return f"the connection broke: {getattr(error, 'strerror', None) or 'it was closed'}"


def _outline(text: str) -> str:
    """Returns what a text says before it quotes what came, or what was to be sent."""
    return text.partition(":")[0]


_NAMES: Final[tuple[tuple[type[Exception], str, str | Callable[[Any], str]], ...]] = (
    (aiohttp.ConnectionTimeoutError, "ConnectTimeout", "no connection came about within the connect timeout"),
    (aiohttp.SocketTimeoutError, "ReadTimeout", "nothing came within the read timeout"),
    (aiohttp.ClientHttpProxyError, "ProxyError", lambda error: f"the proxy answered {error.status} {error.message}"),
    (aiohttp.ClientConnectorError, "ConnectError", lambda error: f"{error.os_error}"),
    (aiohttp.ServerDisconnectedError, "RemoteProtocolError", "the server closed the connection without an answer"),
    (
        aiohttp.ClientPayloadError,
        "RemoteProtocolError",
        "the body ended before it was complete, or is not framed as HTTP",
    ),
    (
        aiohttp.ClientResponseError,
        "RemoteProtocolError",
        lambda error: f"the server did not answer in HTTP: {_outline(error.message)}",
    ),
    (aiohttp.InvalidURL, "UnsupportedProtocol", "the URL has no host that could be asked"),
    (aiohttp.ClientConnectionResetError, "WriteError", "the connection was closed while the request was being sent"),
    (aiohttp.ClientConnectionError, "ReadError", _reason),
    (OSError, "ReadError", _reason),
    (ValueError, "LocalProtocolError", lambda error: f"the request cannot be sent: {_outline(str(error))}"),
)
"""The classes of errors, of which the first that fits counts, with their names in httpx and what is told of them."""
