"""No network for a while: connections and look-ups that would leave this machine are refused."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

import pytest

from .patching import replaced

__all__ = ["NetworkGuard", "is_local"]

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_SENDING: Final = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}
"""The methods of sockets that name a host, and the place of the address among their arguments."""
_ASKING: Final = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")
"""The functions that look up a host, which is their first argument."""


class NetworkGuard:
    """Refuses connections, datagrams and look-ups that would leave this machine. Usable from any thread.

    A refusal is an outcome of pytest, no `Exception`: neither a retry nor an `except Exception` swallows it.

    Args:
        allow: hosts that may be reached all the same: names (`*` stands for anything), addresses, networks.
        advice: what to do about a refusal.

    Attributes:
        refused: what was refused so far, a text each.
    """

    def __init__(self, allow: Iterable[str] = (), advice: str = "") -> None:
        self.refused: list[str] = []
        self._allowed = [entry.lower() for entry in ([allow] if isinstance(allow, str) else allow)]
        self._advice = advice
        self._reached: set[str] = set()

    @contextmanager
    def on(self) -> Generator[NetworkGuard]:
        """Watches over the sockets of the process while the block runs."""
        with ExitStack() as stack:
            for name, place in _SENDING.items():
                if hasattr(socket.socket, name):
                    stack.enter_context(replaced(socket.socket, name, self._sending(place)))
            for name in _ASKING:
                stack.enter_context(replaced(socket, name, self._asking))
            stack.enter_context(replaced(socket, "getnameinfo", self._naming))
            yield self

    def may_reach(self, host: object) -> bool:
        """Tells whether a host is this machine, or one that is allowed."""
        name = _name_of(host)
        return is_local(name) or name in self._reached or any(_covers(entry, name) for entry in self._allowed)

    def refuse(self, what: str) -> None:
        """Notes and raises that something was not done, as an outcome of pytest."""
        __tracebackhide__ = True
        self.refused.append(what)
        raise pytest.fail.Exception(f"{what} was refused: {self._advice}")

    def _sending(self, place: int) -> Callable[[Any], Callable[..., Any]]:
        def wrap(original: Any) -> Callable[..., Any]:
            def send(sock: socket.socket, *args: Any) -> Any:
                __tracebackhide__ = True
                address = args[place] if place < len(args) else None
                if sock.family in {socket.AF_INET, socket.AF_INET6} and address and not self.may_reach(address[0]):
                    self.refuse(f"a connection to {_name_of(address[0])}, port {address[1]},")
                return original(sock, *args)

            return send

        return wrap

    def _asking(self, original: Any) -> Callable[..., Any]:
        def look_up(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            host = args[0] if args else kwargs.get("host")
            flags = args[5] if len(args) > 5 else kwargs.get("flags", 0)
            if _is_asked_of_nobody(original, host, flags):
                return original(*args, **kwargs)
            if not self.may_reach(host):
                self.refuse(f"a look-up of {_name_of(host)}")
            found = original(*args, **kwargs)
            self._reached.update(_addresses_in(found))
            return found

        return look_up

    def _naming(self, original: Any) -> Callable[..., Any]:
        def look_up(address: Any, flags: int) -> Any:
            __tracebackhide__ = True
            if not (flags & socket.NI_NUMERICHOST or self.may_reach(address[0])):
                self.refuse(f"a look-up of {_name_of(address[0])}")
            return original(address, flags)

        return look_up


def is_local(host: object) -> bool:
    """Tells whether a host is this machine, by its name or address."""
    name = _name_of(host)
    if name in {"", "localhost", "ip6-localhost", "ip6-loopback"} or name.endswith(".localhost"):
        return True
    address = _address_of(name)
    if address is None:
        return name == socket.gethostname().lower()
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _is_asked_of_nobody(look_up: Any, host: object, flags: int) -> bool:
    """Tells whether a look-up only reads an address: who serves needs it, and connecting to it is another question."""
    if look_up.__name__ == "gethostbyaddr":
        return False
    return bool(flags & socket.AI_NUMERICHOST) or _address_of(_name_of(host)) is not None


def _name_of(host: object) -> str:
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    return "" if host is None else str(host).rstrip(".").lower()


def _address_of(name: str) -> _Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None


def _covers(entry: str, name: str) -> bool:
    """Tells whether an entry of `allow` names a host."""
    address = _address_of(name)
    if address is None:
        return fnmatchcase(name, entry)
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return fnmatchcase(name, entry)


def _addresses_in(found: Any) -> set[str]:
    """Returns the addresses in the answer to a look-up, whichever function gave it."""
    if isinstance(found, str):
        return {found}
    return set(found[2]) if found[2:] and isinstance(found[0], str) else {_name_of(entry[4][0]) for entry in found}
