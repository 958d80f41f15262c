"""What the origin saw of one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from json import loads
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(slots=True, eq=False)
class Visit:
    """One request as it reached the origin, and what became of it.

    A request counts as a visit once it was read whole. Only `status` and `left` change afterwards.
    """

    method: str
    """The method, as it was sent."""
    target: str
    """The request target, as it was sent: path and query, or the whole URL when the origin is a proxy."""
    headers: Mapping[str, str]
    """The headers by their names in lower case; a repeated one is joined by a comma and a space."""
    body: bytes
    """The body, without its chunked framing."""
    arrived: float
    """When the first byte of the request was read, in seconds of the origin's clock.

    The default clock is `time.monotonic`, which all processes of one Linux machine share: there the stamps of
    an origin in another process compare with your own.
    """
    number: int = 0
    """The place of this visit among all visits of the origin, from 1."""
    connection: int = 0
    """The number of its TCP connection, from 1: equal numbers show a connection used again."""
    scheme: str = "http"
    """`https` when it came over TLS."""
    template: str | None = None
    """The template of the route that answers, such as `/pokemon/{NAME}`; None when nothing is scripted."""
    args: Mapping[str, str] = field(default_factory=dict[str, str])
    """The decoded arguments of the template, such as `{"NAME": "ditto"}`."""
    status: int | None = None
    """The status that was sent; None until then, and for good when a fault sent none."""
    left: float | None = None
    """When the answer was over, in seconds of the origin's clock: sent, broken off, or left by the client."""

    @property
    def path(self) -> str:
        """The path of the target, still percent-encoded."""
        return path_of(self.target)

    @property
    def query(self) -> dict[str, str]:
        """The decoded query; of a name that occurs twice, the last value."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def url(self) -> str:
        """The absolute URL, by the `Host` header."""
        host = self.headers.get("host", "")
        return f"{self.scheme}://{host}{self.target}" if self.target.startswith("/") else self.target

    @property
    def text(self) -> str:
        """The body as UTF-8 text; bytes that are not UTF-8 are replaced."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """Returns the body parsed as JSON; raises `ValueError` when it is not JSON."""
        return loads(self.body)


def path_of(target: str) -> str:
    """Returns the path of a request target of the form `/a?b` or `http://host/a?b`; `*` and `host:port` have none.

    It never raises: clients send what is no URL, too.
    """
    address = target.partition("?")[0]
    if address.startswith("/") or "://" not in address:
        return address
    return "/" + address.partition("://")[2].partition("/")[2]


def joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Returns a mapping of header lines whose names are in lower case already, repeated ones joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def decoded(args: Mapping[str, str]) -> dict[str, str]:
    """Returns the arguments of a template without their percent-encoding."""
    return {name: unquote(value) for name, value in args.items()}
