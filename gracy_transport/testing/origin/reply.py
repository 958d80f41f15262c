"""What the origin answers: a frozen value, checked when it is made and rendered once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from functools import cached_property
from http import HTTPStatus
from json import dumps
from typing import Literal, TypeAlias, TypeGuard, cast, get_args

Pieces: TypeAlias = Iterable[bytes] | AsyncIterable[bytes]
"""The pieces of a streamed body."""

Fault: TypeAlias = Literal[
    "stall",
    "hangup",
    "reset",
    "garbage",
    "reset_after_headers",
    "reset_in_body",
    "stall_in_body",
    "truncate",
    "overlong",
    "bad_gzip",
    "early_close",
]
"""The ways in which a reply can go wrong on the wire; the docstring of `Reply` explains each."""

FAULTS: frozenset[str] = frozenset(get_args(Fault))
MUTE: frozenset[str | None] = frozenset({"stall", "hangup", "reset", "garbage"})
"""Faults that send no status line."""
IN_BODY: frozenset[str | None] = frozenset({"reset_in_body", "stall_in_body", "truncate", "overlong"})
"""Faults that need a body to break."""
BODILESS: frozenset[int] = frozenset({204, 304})

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[^\r\n\0\u0100-\U0010ffff]*")


class _Absent(Enum):
    ABSENT = "absent"


ABSENT = _Absent.ABSENT
"""No JSON body was given; `None` would be the JSON value `null`."""


@dataclass(frozen=True)
class Reply:
    r"""One answer of an origin: a status, headers, at most one body, delays and at most one fault.

    A body is `json`, `text`, `content`, or `chunks` (streamed with chunked transfer coding). A header
    `Content-Length` that you give is sent as it is; when it lies, the connection closes after the body.

    | `fault` | what the client gets |
    |---|---|
    | `"stall"` | nothing; the connection is held until the client leaves |
    | `"hangup"` | nothing; the connection closes cleanly |
    | `"reset"` | nothing; the connection is reset |
    | `"garbage"` | bytes that are not HTTP, then a clean close |
    | `"reset_after_headers"` | status and headers, then a reset |
    | `"reset_in_body"` | `fault_at` bytes of the body, then a reset |
    | `"stall_in_body"` | `fault_at` bytes of the body, then silence until the client leaves |
    | `"truncate"` | `fault_at` bytes of the body, fewer than announced, then a clean close |
    | `"overlong"` | the whole body, though only `fault_at` bytes were announced, then a clean close |
    | `"bad_gzip"` | a whole body that is announced as gzip and is not |
    | `"early_close"` | a whole answer on a connection that may be used again, and is closed all the same |

    `raw` replaces all of it with bytes of your own, for status lines and headers that no reply here would make.

    A reset is a TCP RST (`SO_LINGER` 0). On Linux the client can still read what was sent before it; other
    systems may drop that.

    Raises `ValueError` when the parts contradict each other, and `TypeError` when `json` cannot be encoded.
    """

    status: int = 200
    """The status, from 200 to 999."""
    _: KW_ONLY
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    """More headers; pairs may repeat a name. Stored as a tuple of pairs."""
    json: object = ABSENT
    """A body that is encoded as JSON when the reply is made."""
    text: str | None = None
    """A body that is encoded as UTF-8."""
    content: bytes | None = None
    """A body of bytes."""
    chunks: Pieces | Callable[[], Pieces] | None = None
    """A streamed body. An iterator can be sent once: give a list, or a function that returns an iterator, to
    a reply that repeats."""
    raw: bytes | None = None
    """Bytes that are sent as they are in place of a status line, headers and body; then the connection closes."""
    interim: Iterable[int] = ()
    """Interim statuses (100, 102 to 199) that are sent before all else, `delay` included. Stored as a tuple."""
    delay: float = 0.0
    """Seconds before the status line."""
    header_delay: float = 0.0
    """Seconds before each header line: a drip that no read timeout notices."""
    chunk_delay: float = 0.0
    """Seconds before each chunk after the first; a body that is not `chunks` drips byte by byte."""
    fault: Fault | None = None
    """How the reply goes wrong."""
    fault_at: int | None = None
    """Bytes of the body before the fault. Default: half of a known body, the first of the `chunks`."""

    def __post_init__(self) -> None:
        """Normalises the headers and refuses what cannot be sent."""
        given = self.headers.items() if _is_mapping(self.headers) else self.headers
        object.__setattr__(self, "headers", tuple(given))
        object.__setattr__(self, "interim", tuple(self.interim))
        for complaint in self._complaints():
            raise ValueError(complaint)
        _ = self.head, self.body

    def _complaints(self) -> Iterable[str]:
        bodies = [name for name in ("text", "content", "chunks") if getattr(self, name) is not None]
        if self.json is not ABSENT:
            bodies.append("json")
        yield from self._status_complaints()
        if len(bodies) > 1:
            yield f"a reply has one body, but {' and '.join(bodies)} were given: keep one of them"
        if bodies and self.status in BODILESS:
            yield f"a {self.status} reply has no body: leave the body out, or choose another status"
        if self.raw is not None and (bodies or self.pairs or self.fault):
            yield "raw bytes are the whole answer: leave body, headers and fault out"
        if self.fault is not None and self.fault not in FAULTS:
            yield f"fault={self.fault!r} is unknown: choose one of {', '.join(sorted(FAULTS))}"
        if self.fault in IN_BODY and not self.body and self.chunks is None:
            yield f"fault={self.fault!r} breaks a body, but there is none: give json, text, content or chunks"
        if self.fault == "overlong" and self.chunks is not None:
            yield "fault='overlong' needs a known length: give json, text or content instead of chunks"
        if not all(each >= 0 for each in (self.delay, self.header_delay, self.chunk_delay, self.fault_at or 0)):
            yield "delay, header_delay, chunk_delay and fault_at cannot be negative, nor nan"

    def _status_complaints(self) -> Iterable[str]:
        if not 200 <= self.status <= 999:
            yield f"status={self.status!r} is not a final HTTP status: give 200 to 999"
        for status in self.interim:
            if not 100 <= status <= 199 or status == 101:
                yield f"interim={status!r} announces no other answer: give 100, or 102 to 199"

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The headers that were given, as pairs."""
        return cast("tuple[tuple[str, str], ...]", self.headers)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the headers that were given, in lower case."""
        return frozenset(name.lower() for name, _ in self.pairs)

    @cached_property
    def is_framed(self) -> bool:
        """Whether the headers that were given say where the body ends."""
        return not self.names.isdisjoint({"content-length", "transfer-encoding"})

    @cached_property
    def can_keep(self) -> bool:
        """Whether the headers that were given let the connection be used again; they do not when they lie."""
        given = {name.lower(): value for name, value in self.pairs}
        is_honest = not self.is_framed or (self.body is not None and given.get("content-length") == str(len(self.body)))
        return is_honest and "close" not in given.get("connection", "").lower()

    @cached_property
    def body(self) -> bytes | None:
        """The bytes of the body; None when it is streamed."""
        if self.chunks is not None:
            return None
        if self.json is not ABSENT:
            return dumps(self.json, ensure_ascii=False, separators=(",", ":")).encode()
        return self.text.encode() if self.text is not None else self.content or b""

    @cached_property
    def head(self) -> bytes:
        """The status line and the headers that do not depend on the request.

        Raises:
            ValueError: naming a header that cannot be sent.
        """
        lines = [status_line(self.status)]
        for name, value in self.pairs:
            if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
                raise ValueError(f"header {name!r} cannot be sent: give a token as its name, and Latin-1 in one line")
            lines.append(f"{name}: {value}")
        kind = self._content_type()
        if kind and "content-type" not in self.names:
            lines.append(f"Content-Type: {kind}")
        if self.fault == "bad_gzip":
            lines.append("Content-Encoding: gzip")
        return "\r\n".join([*lines, ""]).encode("latin-1")

    def _content_type(self) -> str | None:
        if self.json is not ABSENT:
            return "application/json"
        return "text/plain; charset=utf-8" if self.text is not None else None


def status_line(status: int) -> str:
    """Returns the first line of an answer, with the phrase of a status that has one."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}"


def _is_mapping(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> TypeGuard[Mapping[str, str]]:
    return isinstance(headers, Mapping)
