"""Tests of sending a body again: what can be, what cannot, and a request that differs from the caller's."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.bodies import content_of, variant
from gracy_transport.resending import can_resend
from gracy_transport.testing import ScriptedWire

pytestmark = pytest.mark.anyio

URL = "https://api.test/upload"


def request_of(family: ModuleType, method: str = "POST", **fields: Any) -> Any:
    return family.Request(method, URL, **fields)


class Again:
    """An iterable that starts anew each time."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"


class Once:
    """An iterator, which is over when it is over."""

    def __init__(self) -> None:
        self.left = [b"one", b"two"]

    def __aiter__(self) -> Once:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


class AsyncFile(Again):
    """An open file of an asynchronous library: it stays where it was read to."""

    def __init__(self) -> None:
        self._file = io.BytesIO(b"onetwo")

    async def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


class AsyncFileOfHttpx(AsyncFile):
    """As httpx reads them."""

    async def aread(self, size: int = -1) -> bytes:
        return self._file.read(size)


class Pipe(io.RawIOBase):
    """A file that cannot be rewound."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        return b""


class Unseekable:
    """The least that counts as a file."""

    def read(self, size: int = -1) -> bytes:
        return b""


class StuckDuck(Unseekable):
    """A file that turns out to be a pipe when it is rewound, which httpx takes no notice of."""

    def seek(self, offset: int) -> int:
        raise io.UnsupportedOperation("seek")


class SeekableDuck(io.BytesIO):
    """A file that can be rewound and does not say so."""

    seekable = None  # type: ignore[assignment]


async def _generator() -> AsyncIterator[bytes]:
    yield b"one"


def stream_of(family: ModuleType) -> Any:
    """Gives a stream of a user's own, which may be good for one time only."""
    return type("Mine", (Again, family.AsyncByteStream), {})()


BODIES: list[tuple[str, Any, bool]] = [
    ("nothing", lambda _: {}, True),
    ("empty bytes", lambda _: {"content": b""}, True),
    ("bytes", lambda _: {"content": b"x"}, True),
    ("text", lambda _: {"content": "x"}, True),
    ("json", lambda _: {"json": {"a": 1}}, True),
    ("form", lambda _: {"data": {"a": "1"}}, True),
    ("multipart of bytes", lambda _: {"files": {"f": b"x"}}, True),
    ("multipart of text and form", lambda _: {"files": {"f": ("n", "x")}, "data": {"a": "1"}}, True),
    ("multipart of a buffer", lambda _: {"files": {"f": io.BytesIO(b"x")}}, True),
    ("multipart of a seekable duck", lambda _: {"files": {"f": SeekableDuck(b"x")}}, True),
    ("multipart of a pipe", lambda _: {"files": {"f": Pipe()}}, False),
    ("multipart of an unseekable file", lambda _: {"files": {"f": Unseekable()}}, False),
    ("multipart of a file that will not seek", lambda _: {"files": {"f": StuckDuck()}}, False),
    ("multipart of both", lambda _: {"files": {"f": b"x", "g": Pipe()}}, False),
    ("generator", lambda _: {"content": _generator()}, False),
    ("iterator", lambda _: {"content": Once()}, False),
    ("iterable", lambda _: {"content": Again()}, True),
    ("asynchronous file", lambda _: {"content": AsyncFile()}, False),
    ("asynchronous file with aread", lambda _: {"content": AsyncFileOfHttpx()}, False),
    ("stream of one's own", lambda family: {"stream": stream_of(family)}, False),
    ("stream of one's own as content", lambda family: {"content": stream_of(family)}, False),
    ("byte stream", lambda family: {"stream": family.ByteStream(b"x")}, True),
]


@pytest.mark.parametrize(("fields", "answer"), [body[1:] for body in BODIES], ids=[body[0] for body in BODIES])
async def test_what_can_be_sent_again_is_known_before(family: ModuleType, fields: Any, answer: bool) -> None:
    """Never a truncated body: what is not certain to start anew is not sent a second time."""
    request = request_of(family, **fields(family))
    assert can_resend(request) is answer
    if answer:
        assert [chunk async for chunk in request.stream] == [chunk async for chunk in request.stream]


async def test_a_file_that_was_closed_in_the_meantime_cannot_be_sent_again(family: ModuleType) -> None:
    """That is an answer, not an error in place of what went wrong with the request."""
    file = io.BytesIO(b"x")
    request = request_of(family, files={"f": file})
    assert can_resend(request)
    file.close()
    assert not can_resend(request)


async def test_asking_does_not_touch_the_body(family: ModuleType) -> None:
    """The generator still gives all it has."""
    request = request_of(family, content=_generator())
    assert not can_resend(request)
    assert [chunk async for chunk in request.stream] == [b"one"]


async def test_a_body_that_was_read_into_memory_can_be_sent_again(family: ModuleType) -> None:
    """As a hook or a signing auth flow may have done."""
    request = request_of(family, content=_generator())
    assert content_of(request) is None
    await request.aread()
    assert can_resend(request)
    assert content_of(request) == b"one"


async def test_a_variant_leaves_the_callers_request_untouched(family: ModuleType) -> None:
    """It shares the body and nothing that was replaced."""
    request = request_of(family, content=b"x", headers={"a": "1"}, extensions={"timeout": {"read": 5}})
    before = (
        request.url,
        list(request.headers.raw),
        dict(request.extensions),
        request.stream,
        request.content,
    )
    twin = variant(request, headers=family.Headers({"b": "2"}), extensions={}, url=family.URL("https://b.test"))
    assert type(twin) is family.Request
    assert (twin.headers["b"], twin.extensions, twin.url.host) == ("2", {}, "b.test")
    assert (twin.method, twin.content) == ("POST", b"x")
    assert twin.stream is request.stream
    assert before == (
        request.url,
        list(request.headers.raw),
        dict(request.extensions),
        request.stream,
        request.content,
    )


async def test_a_variant_is_sent_like_any_request(family: ModuleType) -> None:
    """The wire sees its headers and the caller's body."""
    wire = ScriptedWire()
    twin = variant(request_of(family, content=b"x"), headers=family.Headers({"b": "2"}))
    await (await wire.handle_async_request(twin)).aread()
    assert (wire.sent[0].headers["b"], wire.sent[0].content) == ("2", b"x")
