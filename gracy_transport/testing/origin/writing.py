"""How a reply goes onto the wire, faults included.

The origin writes its answers by hand and not through h11, whose duty is to refuse what a faulty server does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from email.utils import formatdate
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from .reply import BODILESS, IN_BODY, MUTE, status_line

if TYPE_CHECKING:
    from .reply import Reply
    from .visit import Visit
    from .wire import Wire

GARBAGE = b"\x15\x03\x01\x00\x02\x02\x16 This is not HTTP.\r\n\r\n"
"""What the fault `garbage` sends: it begins like a TLS alert, as from a server that expected TLS."""
LAST_CHUNK = b"0\r\n\r\n"


class Ending(Enum):
    """What becomes of the connection after an answer."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    HOLD = auto()


_ENDINGS = {
    "stall": Ending.HOLD,
    "stall_in_body": Ending.HOLD,
    "reset": Ending.RESET,
    "reset_after_headers": Ending.RESET,
    "reset_in_body": Ending.RESET,
    "hangup": Ending.CLOSE,
    "garbage": Ending.CLOSE,
    "truncate": Ending.CLOSE,
    "overlong": Ending.CLOSE,
    "early_close": Ending.CLOSE,
}


async def write(wire: Wire, reply: Reply, visit: Visit, *, is_modern: bool, can_keep: bool) -> Ending:
    """Sends `reply` and returns what becomes of the connection.

    `is_modern` says that the client speaks HTTP/1.1 and understands chunks, `can_keep` that it may ask again
    on this connection. Raises `ClientLeftError` when the client leaves before the end.
    """
    for status in reply.interim:
        await wire.send(f"{status_line(status)}\r\n\r\n".encode())
    if reply.delay:
        await wire.pause(reply.delay)
    if reply.raw is not None:
        await wire.send(reply.raw)
        return Ending.CLOSE
    ending = _ending(reply, is_modern=is_modern, can_keep=can_keep)
    if reply.fault in MUTE:
        if reply.fault == "garbage":
            await wire.send(GARBAGE)
        return ending
    head = reply.head + _framing(reply, ending, is_modern=is_modern)
    visit.status = reply.status
    has_body = visit.method != "HEAD" and reply.status not in BODILESS and reply.fault != "reset_after_headers"
    if reply.body is not None and not (reply.header_delay or reply.chunk_delay or reply.fault in IN_BODY):
        await wire.send(head + reply.body if has_body else head)
        return ending
    await _send_head(wire, head, reply.header_delay)
    if has_body:
        await _send_body(wire, reply, is_chunked=reply.body is None and is_modern and not reply.is_framed)
    return ending


def _ending(reply: Reply, *, is_modern: bool, can_keep: bool) -> Ending:
    if reply.fault in _ENDINGS:
        return _ENDINGS[reply.fault]
    is_open_ended = reply.body is None and not is_modern
    return Ending.KEEP if can_keep and reply.can_keep and not is_open_ended else Ending.CLOSE


def _framing(reply: Reply, ending: Ending, *, is_modern: bool) -> bytes:
    """Returns the header lines that depend on the exchange, and the empty line."""
    lines: list[str] = []
    if "date" not in reply.names:
        lines.append(f"Date: {formatdate(usegmt=True)}")
    if not reply.is_framed and reply.status not in BODILESS:
        if reply.body is not None:
            announced = _fault_at(reply, reply.body) if reply.fault == "overlong" else len(reply.body)
            lines.append(f"Content-Length: {announced}")
        elif is_modern:
            lines.append("Transfer-Encoding: chunked")
    if ending is Ending.CLOSE and reply.fault is None and "connection" not in reply.names:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _fault_at(reply: Reply, body: bytes) -> int:
    return len(body) // 2 if reply.fault_at is None else reply.fault_at


async def _send_head(wire: Wire, head: bytes, delay: float) -> None:
    if not delay:
        await wire.send(head)
        return
    for number, line in enumerate(head.removesuffix(b"\r\n").splitlines(keepends=True)):
        if number:
            await wire.pause(delay)
        await wire.send(line)
    await wire.pause(delay)
    await wire.send(b"\r\n")


async def _send_body(wire: Wire, reply: Reply, *, is_chunked: bool) -> None:
    """Sends the body piece by piece, up to where the fault cuts it."""
    is_cut = reply.fault in IN_BODY and reply.fault != "overlong"
    left = _fault_at(reply, reply.body) if reply.body is not None else reply.fault_at
    is_first = True
    async with aclosing(_pieces(reply)) as pieces:
        async for piece in pieces:
            if not is_first:
                await wire.pause(reply.chunk_delay)
            is_first = False
            part = piece[:left] if is_cut else piece
            if part:
                await wire.send(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
            if is_cut and (left is None or (left := left - len(part)) <= 0):
                return
    if is_chunked and not is_cut:
        await wire.send(LAST_CHUNK)


async def _pieces(reply: Reply) -> AsyncGenerator[bytes, None]:
    """Yields the pieces of any body, and closes a generator that was not read to its end."""
    if reply.body is not None:
        size = 1 if reply.chunk_delay else len(reply.body) or 1
        for start in range(0, len(reply.body), size):
            yield reply.body[start : start + size]
        return
    source = reply.chunks() if callable(reply.chunks) else reply.chunks or ()
    if isinstance(source, AsyncGenerator):
        async with aclosing(cast("AsyncGenerator[bytes, None]", source)) as generator:
            async for piece in generator:
                yield piece
    elif isinstance(source, AsyncIterable):
        async for piece in source:
            yield piece
    else:
        for piece in source:
            yield piece
