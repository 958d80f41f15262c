"""The two HTTP packages an object can come from, `httpx` and `httpx2`, and the only place that knows both.

Their transport interfaces are the same, their classes are not: a stream, a response or an error that reaches a client
must be of that client's package. A family is found by the object itself, and httpx2 is imported only when an object of
it passes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import httpx

from .exceptions import CompositionError, GracyException, GracyRequestFailed
from .portable import plain_facts, rebuild

if TYPE_CHECKING:
    import httpx2
    from httpx import URL, AsyncByteStream, Request, Response

    class TransportBase(httpx.AsyncBaseTransport, httpx2.AsyncBaseTransport):
        """What type checkers see: a transport of ours fits the clients of both families."""

        async def handle_async_request(self, request: Any) -> Any:
            """Answers a request."""
else:
    TransportBase = httpx.AsyncBaseTransport

__all__ = [
    "URL",
    "AnyRequest",
    "AnyResponse",
    "AsyncByteStream",
    "AsyncTransport",
    "Family",
    "Request",
    "Response",
    "TransportBase",
    "error_for",
    "family_of",
    "is_error_like",
    "is_httpx_wire",
    "is_never_sent",
    "is_timeout",
    "package_of",
    "refuse_foreign_wire",
]

AnyRequest: TypeAlias = Any
"""A request of either family, where users pass theirs in or override a method."""

AnyResponse: TypeAlias = Any
"""A response of either family, where users pass theirs in or override a method."""

Error = TypeVar("Error", bound=GracyException)

_PACKAGES = ("httpx", "httpx2")


class AsyncTransport(Protocol):
    """What a layer can wrap: anything that answers requests and can be closed."""

    async def handle_async_request(self, request: Any, /) -> Any:
        """Answers a request of the family the transport was made for."""
        ...

    async def aclose(self) -> None:
        """Gives up what the transport holds."""
        ...


class Family:
    """One of the two packages, with the classes the library needs from it."""

    def __init__(self, module: ModuleType) -> None:
        self.name = module.__name__
        self.module = module
        self.Request: type[Request] = module.Request
        self.Response: type[Response] = module.Response
        self.AsyncByteStream: type[AsyncByteStream] = module.AsyncByteStream
        self.ByteStream: Callable[[bytes], AsyncByteStream] = module.ByteStream
        # What a client puts around a body, where it is known.
        self.BoundAsyncStream: type | None = getattr(sys.modules.get(f"{self.name}._client"), "BoundAsyncStream", None)
        self.never_sent: tuple[type[Exception], ...] = (
            module.ConnectError,
            module.ConnectTimeout,
            module.PoolTimeout,
            module.ProxyError,  # the proxy gave no way through
            module.UnsupportedProtocol,
        )
        self._mixed: dict[type[GracyException], type[GracyException]] = {}

    def mixed(self, kind: type[Error]) -> type[Error]:
        """Returns the class of `kind` that is also an error of this family, made on first use."""
        base = kind.httpx_base
        if base is None:
            return kind
        made = self._mixed.get(kind)
        if made is None:
            body = {
                "__module__": kind.__module__,
                "__qualname__": kind.__qualname__,
                "__doc__": kind.__doc__,
                "__reduce__": _reduce_mixed,
                "httpx_base": None,
                "mixed_from": (kind, self.name),
            }
            # Of two threads that come here together, both get the class of the first.
            made = self._mixed.setdefault(kind, type(kind.__name__, (kind, getattr(self.module, base)), body))
        return made  # type: ignore[return-value]

    def __repr__(self) -> str:
        """Names the package."""
        return f"<Family {self.name}>"


def _reduce_mixed(self: GracyException) -> tuple[Any, ...]:
    kind, family = self.mixed_from  # type: ignore[attr-defined]
    return (rebuild_mixed, (kind, family, self.args, plain_facts(self)))


def rebuild_mixed(kind: type[GracyException], family: str, args: tuple[Any, ...], facts: dict[str, Any]) -> Any:
    """Makes an error of a family again from its pickle."""
    return rebuild(_family(family).mixed(kind), args, facts)


_families: dict[str, Family] = {}
_by_type: dict[type, Family] = {}


def _family(name: str) -> Family:
    # Of two threads that come here together, both get the family of the first, whose classes then are those of both.
    return _families.get(name) or _families.setdefault(name, Family(import_module(name)))


def package_of(kind: type) -> str | None:
    """Returns the name of the package that a class or one of its bases belongs to, or `None` for neither."""
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        if root in _PACKAGES:
            return root
    return None


def family_of(thing: object) -> Family:
    """Returns the family of a request, a response or an error.

    Raises:
        CompositionError: when the object is of neither package.
    """
    kind = type(thing)
    try:
        return _by_type[kind]
    except KeyError:
        name = package_of(kind)
    if name is None:
        raise CompositionError(
            f"{kind.__module__}.{kind.__qualname__} is neither an object of httpx nor of httpx2; "
            "send requests through an httpx.AsyncClient or an httpx2.AsyncClient"
        )
    found = _by_type[kind] = _family(name)
    return found


def error_for(request: Request, kind: type[Error], message: str, **facts: Any) -> Error:
    """Returns an error of ours that is also an error of the request's family."""
    return family_of(request).mixed(kind)(message, request=request, **facts)


def is_error_like(error: BaseException, kind: type[BaseException]) -> bool:
    """Tells whether an error is of that class, or of the class of the same name in the other family.

    `GracyRequestFailed` is what the facade makes of any error a request can end with, so it matches all of those.
    """
    if isinstance(error, kind):
        return True
    if issubclass(kind, GracyRequestFailed):
        return _is_request_error(error)
    name = package_of(kind)
    if name is None or kind.__module__.partition(".")[0] not in _PACKAGES:
        return False
    other = next(package for package in _PACKAGES if package != name)
    twin = getattr(sys.modules.get(other), kind.__name__, None)
    return twin is not None and isinstance(error, twin)


def _is_request_error(error: BaseException) -> bool:
    # A package that another thread is just importing has no such class yet, and nobody has an error of it.
    kinds = (getattr(sys.modules.get(name), "RequestError", ()) for name in _PACKAGES)
    return any(isinstance(error, kind) for kind in kinds)


def is_never_sent(error: BaseException) -> bool:
    """Tells whether an error means that not one byte of the request can have reached the server."""
    return any(isinstance(error, family.never_sent) for family in tuple(_families.values()))


def is_timeout(error: BaseException) -> bool:
    """Tells whether an error is a timeout of one of the packages, and none of ours."""
    if isinstance(error, GracyException):
        return False
    return any(isinstance(error, family.module.TimeoutException) for family in tuple(_families.values()))


def wire_package(transport: object) -> str | None:
    """Returns the package a wire was made for, or `None` when it fits both or cannot be told.

    A class that derives only from the abstract base of a package delegates and so fits both.
    """
    for base in type(transport).__mro__:
        root = base.__module__.partition(".")[0]
        if root in _PACKAGES and base.__name__ not in {"AsyncBaseTransport", "BaseTransport"}:
            return root
    return None


def is_httpx_wire(transport: object) -> bool:
    """Tells whether a transport is the one of a package that talks to the network, and not derived from it."""
    kind = type(transport)
    return package_of(kind) is not None and kind is family_of(transport).module.AsyncHTTPTransport


def refuse_foreign_wire(request: Request, wire: object) -> None:
    """Raises when a request of one family is about to reach a transport of the other.

    Raises:
        CompositionError: naming both packages and the transport.
    """
    package, client = wire_package(wire), family_of(request).name
    if package is not None and package != client:
        raise CompositionError(
            f"a request of {client} reached {type(wire).__name__} of {package}: "
            f"give the {client}.AsyncClient a transport of {client}, such as {client}.AsyncHTTPTransport()"
        )
