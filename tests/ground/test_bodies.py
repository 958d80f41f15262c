"""Tests of bodies: their end, holding them in memory, sending them again, letting them go."""

from __future__ import annotations

import gc
import gzip
import logging
import tracemalloc
import weakref
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport.bodies import (
    BODY_CAP,
    buffer,
    discard,
    readable,
    tee_request,
    tee_response,
)
from gracy_transport.call import Call
from gracy_transport.exceptions import BodyTooLarge
from gracy_transport.layer import Layer
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.watching import on_end

pytestmark = pytest.mark.anyio

URL = "https://api.test/upload"
CHUNKS = ScriptedResponse(chunks=[b"one", b"two", b"three"])


class Watching(Layer):
    """A layer that notes how each body ended, and how often."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.ends: list[str | None] = []

    async def handle(self, request: Any, call: Call) -> Any:
        response = await self.inner.handle_async_request(request)
        on_end(request, response, self.note, None)
        return response

    def note(self, _: None, error: BaseException | None) -> None:
        self.ends.append(None if error is None else type(error).__name__)


def watched_client(family: ModuleType, *steps: Any, clock: Any = None) -> tuple[Any, Watching, ScriptedWire]:
    wire = ScriptedWire(*steps, clock=clock) if clock else ScriptedWire(*steps)
    layer = Watching(wire)
    return family.AsyncClient(transport=layer), layer, wire


def request_of(family: ModuleType, method: str = "POST", **fields: Any) -> Any:
    return family.Request(method, URL, **fields)


async def response_of(family: ModuleType, step: ScriptedResponse | int = CHUNKS) -> tuple[Any, Any, ScriptedWire]:
    """Gives a request, its response as a transport sees it, and the wire that it came from."""
    wire, request = ScriptedWire(step), request_of(family)
    return request, await wire.handle_async_request(request), wire


# ---------------------------------------------------------------- the end of a body


async def test_a_body_ends_at_its_end(family: ModuleType) -> None:
    """Once, and closing it afterwards does not end it again."""
    client, layer, wire = watched_client(family, CHUNKS)
    response = await client.get(URL)
    assert response.content == b"onetwothree"
    await response.aclose()
    assert layer.ends == [None]
    assert wire.open_bodies == 0


async def test_the_end_of_a_stream_comes_with_its_last_chunk(family: ModuleType) -> None:
    """Not before, and not only when the response is closed."""
    client, layer, _ = watched_client(family, CHUNKS)
    async with client.stream("GET", URL) as response:
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"one"
        assert layer.ends == []
        assert [chunk async for chunk in chunks] == [b"two", b"three"]
        assert layer.ends == [None]


async def test_a_body_that_breaks_ends_with_the_error(family: ModuleType) -> None:
    """The error reaches the reader as it is."""
    client, layer, wire = watched_client(family, ScriptedResponse(chunks=[b"one", family.ReadError("reset")]))
    with pytest.raises(family.ReadError, match="reset"):
        await client.get(URL)
    assert layer.ends == ["ReadError"]
    assert wire.open_bodies == 0


async def test_a_body_ends_when_it_is_closed_unread(family: ModuleType) -> None:
    """Its source is closed with it."""
    client, layer, wire = watched_client(family, CHUNKS)
    async with client.stream("GET", URL):
        assert layer.ends == []
    assert layer.ends == [None]
    assert wire.open_bodies == 0


async def test_a_body_that_is_left_early_ends_with_closing(family: ModuleType) -> None:
    """`break` alone is not the end; closing is, and it closes the half-read generator below too."""
    wire = ScriptedWire(CHUNKS)
    layer = Watching(wire)
    response = await layer.handle_async_request(request_of(family))
    async for chunk in response.stream:
        assert chunk == b"one"
        break
    assert layer.ends == []
    await response.aclose()
    assert layer.ends == [None]
    assert wire.open_bodies == 0


async def test_a_body_ends_when_its_reader_is_cancelled(family: ModuleType, clock: FakeClock) -> None:
    """At that moment, and once."""
    hangs = ScriptedResponse(chunks=[b"one"], chunk_delay=10.0)
    client, layer, wire = watched_client(family, hangs, clock=clock)
    with clock.timeout(1.0) as scope:
        await client.get(URL)
    assert scope.cancelled_caught
    assert len(layer.ends) == 1
    assert "Cancelled" in str(layer.ends[0])
    assert wire.open_bodies == 0


async def test_a_body_that_is_dropped_unread_ends_with_a_warning(family: ModuleType) -> None:
    """The warning names the request without its query, and says what to do."""
    layer = Watching(ScriptedWire(CHUNKS))
    response = await layer.handle_async_request(family.Request("GET", f"{URL}?token=hunter2"))
    with pytest.warns(ResourceWarning, match=r"GET /upload was dropped unread: read it, or close") as warned:
        del response
    assert layer.ends == [None]
    assert "hunter2" not in str(warned[0].message)


async def test_a_body_that_is_over_is_dropped_silently(family: ModuleType) -> None:
    """Warnings are errors here: there is none."""
    client, layer, _ = watched_client(family, CHUNKS)
    response = await client.get(URL)
    del response
    gc.collect()
    assert layer.ends == [None]


async def test_a_body_can_be_closed_while_another_task_reads_it(family: ModuleType, clock: FakeClock) -> None:
    """A watchdog closes a response that hangs: it is closed, and nobody is told that a generator is running already."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"late"], chunk_delay=60.0), clock=clock)
    request = family.Request("GET", "https://api.test/")
    response = await wire.handle_async_request(request)
    ended: list[BaseException | None] = []
    on_end(request, response, lambda _, error: ended.append(error), None)
    async with anyio.create_task_group() as group:
        group.start_soon(response.aread)
        await clock.sleep(1.0)
        await response.aclose()
        assert ended == [None]
        assert wire.open_bodies == 0
        group.cancel_scope.cancel()


async def test_a_stream_that_was_read_has_no_more_to_give(family: ModuleType) -> None:
    """Asked once more after its end, it says so again."""
    request = family.Request("GET", "https://api.test/")
    response = await ScriptedWire(ScriptedResponse(chunks=[b"a"])).handle_async_request(request)
    on_end(request, response, lambda _, _error: None, None)
    chunks = aiter(response.stream)
    assert [chunk async for chunk in chunks] == [b"a"]
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)
    await response.aclose()


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_where_no_body_comes_the_end_is_at_once(family: ModuleType, method: str, status: int) -> None:
    """A slot need not wait for the reader of nothing."""
    layer = Watching(ScriptedWire(status))
    response = await layer.handle_async_request(family.Request(method, URL))
    assert layer.ends == [None]
    await response.aclose()
    assert layer.ends == [None]


async def test_a_response_that_was_read_already_has_ended(family: ModuleType) -> None:
    """As those of a mock transport are."""
    client, layer, _ = watched_client(family, lambda request: family.Response(200, json={"a": 1}))
    assert (await client.get(URL)).json() == {"a": 1}
    assert layer.ends == [None]


async def test_two_watchers_share_one_wrapper(family: ModuleType) -> None:
    """Both hear of the end, and the second adds nothing to the stream."""
    request, response, _ = await response_of(family)
    ends: list[str] = []
    on_end(request, response, lambda which, _: ends.append(which), "first")
    stream = response.stream
    on_end(request, response, lambda which, _: ends.append(which), "second")
    assert response.stream is stream
    await response.aclose()
    assert ends == ["first", "second"]


async def test_a_watcher_that_comes_after_the_end_watches_the_closing(family: ModuleType) -> None:
    """Read to its end, the body of an open response is over when that is closed."""
    request, response, _ = await response_of(family)
    ends: list[str] = []
    on_end(request, response, lambda which, _: ends.append(which), "first")
    assert [chunk async for chunk in response.stream] == [b"one", b"two", b"three"]
    on_end(request, response, lambda which, _: ends.append(which), "second")
    assert ends == ["first"]
    await response.aclose()
    assert ends == ["first", "second"]


async def test_the_source_is_closed_even_when_an_iteration_fails_to(family: ModuleType) -> None:
    """The end comes all the same."""
    closed: list[str] = []

    class Stubborn:
        def __aiter__(self) -> Stubborn:
            return self

        async def __anext__(self) -> bytes:
            return b"x"

        async def aclose(self) -> None:
            closed.append("iteration")
            raise OSError("stubborn")

    class Source(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __aiter__(self) -> Stubborn:
            return Stubborn()

        async def aclose(self) -> None:
            closed.append("source")

    response = family.Response(200, stream=Source())
    on_end(request_of(family), response, lambda what, _: closed.append(what), "over")
    await anext(aiter(response.stream))
    with pytest.raises(OSError, match="stubborn"):
        await response.aclose()
    assert closed == ["iteration", "source", "over"]


async def test_a_watched_stream_is_one_of_the_clients_family(family: ModuleType) -> None:
    """Any other ends in a bare AssertionError in the client."""
    request, response, _ = await response_of(family)
    on_end(request, response, lambda _, _error: None, None)
    assert isinstance(response.stream, family.AsyncByteStream)
    await response.aclose()


# ---------------------------------------------------------------- in memory


async def test_a_buffered_body_is_given_out_again(family: ModuleType) -> None:
    """The source is closed, the response is as open and unread as before."""
    request, response, wire = await response_of(family)
    assert await buffer(request, response) == b"onetwothree"
    assert wire.open_bodies == 0
    assert not response.is_closed
    assert await response.aread() == b"onetwothree"


async def test_a_client_treats_a_buffered_response_as_any_other(family: ModuleType) -> None:
    """Elapsed, raw bytes and decoding included."""

    class Buffering(Layer):
        async def handle(self, request: Any, call: Call) -> Any:
            response = await self.inner.handle_async_request(request)
            await buffer(request, response)
            return response

    packed = gzip.compress(b"hello")
    step = ScriptedResponse(headers={"content-encoding": "gzip"}, content=packed)
    client = family.AsyncClient(transport=Buffering(ScriptedWire(step)))
    response = await client.get(URL)
    assert response.text == "hello"
    assert response.elapsed.total_seconds() >= 0
    async with client.stream("GET", URL) as response:
        assert b"".join([chunk async for chunk in response.aiter_raw()]) == packed


@pytest.mark.parametrize("cap", [10, 5, 0])
async def test_a_body_over_the_cap_is_refused_and_closed(family: ModuleType, cap: int) -> None:
    """The error is one of the client's family and says what to do."""
    request, response, wire = await response_of(family)
    with pytest.raises(BodyTooLarge, match=rf"POST /upload: the body is larger than {cap} bytes.*stream it") as caught:
        await buffer(request, response, cap)
    assert isinstance(caught.value, family.TransportError)
    assert response.is_closed
    assert wire.open_bodies == 0


async def test_a_body_of_just_the_cap_is_held(family: ModuleType) -> None:
    """The cap is the most that fits."""
    request, response, _ = await response_of(family)
    assert len(await buffer(request, response, 11)) == 11
    assert BODY_CAP == 10 * 1024 * 1024


async def test_a_body_that_breaks_while_it_is_buffered_is_closed(family: ModuleType) -> None:
    """Its error is raised as it is."""
    step = ScriptedResponse(chunks=[b"one", family.ReadError("reset")])
    request, response, wire = await response_of(family, step)
    with pytest.raises(family.ReadError, match="reset"):
        await buffer(request, response)
    assert response.is_closed
    assert wire.open_bodies == 0


async def test_a_cancelled_buffering_leaves_nothing_open(family: ModuleType, clock: FakeClock) -> None:
    """The connection is free for others."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"one"], chunk_delay=10.0), clock=clock)
    request = request_of(family)
    response = await wire.handle_async_request(request)
    with clock.timeout(1.0) as scope:
        await buffer(request, response)
    assert scope.cancelled_caught
    assert wire.open_bodies == 0


async def test_a_readable_copy_is_read_and_has_its_request(family: ModuleType) -> None:
    """The response itself stays as it was, for the client."""
    step = ScriptedResponse(status=404, json={"a": 1}, headers={"x-id": "7"})
    request, response, _ = await response_of(family, step)
    response.extensions["http_version"] = b"HTTP/2"
    view = await readable(request, response)
    assert view is not response
    assert type(view) is family.Response
    assert (view.status_code, view.json(), view.headers["x-id"]) == (404, {"a": 1}, "7")
    assert view.request is request
    assert view.http_version == "HTTP/2"
    assert not response.is_closed
    assert await response.aread() == view.content


async def test_a_response_that_was_read_already_is_its_own_view(family: ModuleType) -> None:
    """There is nothing to copy."""
    request, response = request_of(family), family.Response(200, json={"a": 1})
    assert await readable(request, response) is response
    assert response.request is request


async def test_a_body_that_cannot_be_decoded_is_not_left_half_read(family: ModuleType) -> None:
    """The source is closed, and the client gets the same bytes to fail on."""
    step = ScriptedResponse(headers={"content-encoding": "gzip"}, content=b"not gzip")
    request, response, wire = await response_of(family, step)
    with pytest.raises(family.DecodingError):
        await readable(request, response)
    assert wire.open_bodies == 0
    assert [chunk async for chunk in response.aiter_raw()] == [b"not gzip"]


@pytest.mark.parametrize("size", [10_000, 10_001])
async def test_the_cap_holds_for_what_a_body_decodes_to(family: ModuleType, size: int) -> None:
    """A kilobyte of gzip may come to a megabyte; too large a body is closed and unread."""
    step = ScriptedResponse(headers={"content-encoding": "gzip"}, content=gzip.compress(bytes(size)))
    request, response, wire = await response_of(family, step)
    if size <= 10_000:
        assert (await readable(request, response, 10_000)).content == bytes(size)
        assert not response.is_closed
    else:
        with pytest.raises(BodyTooLarge, match="decodes to more than 10000 bytes"):
            await readable(request, response, 10_000)
        assert response.is_closed
        assert not hasattr(response, "_content")
    assert wire.open_bodies == 0


async def test_a_gzip_bomb_is_not_blown_up(family: ModuleType) -> None:
    """Decoding stops soon after the cap, long before 256 MiB are there."""
    bomb = gzip.compress(bytes(2**28), compresslevel=1)
    request, response, _ = await response_of(
        family, ScriptedResponse(headers={"content-encoding": "gzip"}, content=bomb)
    )
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            await readable(request, response)
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_a_readable_copy_is_as_if_it_had_been_read(family: ModuleType, encoding: str | None) -> None:
    """Closed, consumed, and with the number of bytes that came over the wire."""
    raw = b"abc" * 30_000 if encoding is None else gzip.compress(b"abc" * 30_000)
    headers = {} if encoding is None else {"content-encoding": encoding}
    request, response, _ = await response_of(family, ScriptedResponse(headers=headers, content=raw))
    view = await readable(request, response)
    assert (view.is_closed, view.is_stream_consumed, view.num_bytes_downloaded) == (True, True, len(raw))
    assert [*view.iter_bytes()] == [b"abc" * 30_000]
    assert await view.aread() == view.content
    await view.aclose()


async def test_what_is_done_to_a_readable_copy_does_not_reach_the_client(family: ModuleType) -> None:
    """Validators may change what they look at: headers and extensions of the copy are its own."""
    request, response, _ = await response_of(family, ScriptedResponse(headers={"x-id": "7"}, content=b"abc"))
    view = await readable(request, response)
    view.headers["x-id"] = "8"
    view.extensions["seen"] = True
    assert response.headers["x-id"] == "7"
    assert "seen" not in response.extensions


async def test_discarding_closes(family: ModuleType) -> None:
    """Unread, and twice without harm."""
    _, response, wire = await response_of(family)
    await discard(response)
    await discard(response)
    assert wire.open_bodies == 0


async def test_an_error_in_discarding_is_only_logged(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """A retry must not fail because the answer it throws away does."""

    class Broken(family.AsyncByteStream):  # type: ignore[name-defined,misc]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b""

        async def aclose(self) -> None:
            raise OSError("broken")

    caplog.set_level(logging.DEBUG, "gracy_transport")
    await discard(family.Response(200, stream=Broken()))
    assert "closing a discarded response failed" in caplog.text


# ---------------------------------------------------------------- wrapping


class Counting:
    """Counts the bytes of a body that passes."""

    def __init__(self, source: Any, counts: list[int]) -> None:
        self.source, self.counts = source, counts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.source:
            self.counts.append(len(chunk))
            yield chunk

    async def aclose(self) -> None:
        await self.source.aclose()


async def test_bodies_can_be_wrapped_on_their_way(family: ModuleType) -> None:
    """Each wrapper is a stream of the client's family; the caller's request is not changed."""
    out, back, wire = list[int](), list[int](), ScriptedWire(CHUNKS)

    class Wrapping(Layer):
        async def handle(self, request: Any, call: Call) -> Any:
            sent, stream = tee_request(request, Counting, out)
            assert isinstance(stream, family.AsyncByteStream)
            assert sent.stream is stream
            response = await self.inner.handle_async_request(sent)
            assert isinstance(tee_response(request, response, Counting, back), family.AsyncByteStream)
            return response

    client = family.AsyncClient(transport=Wrapping(wire))
    request = client.build_request("POST", URL, content=b"hello")
    stream = request.stream
    response = await client.send(request)
    assert request.stream is stream
    assert (out, back) == ([5], [3, 3, 5])
    assert (wire.sent[0].content, response.content) == (b"hello", b"onetwothree")
    assert wire.open_bodies == 0


async def test_a_watched_response_is_freed_by_its_last_reference(family: ModuleType) -> None:
    """The wrapper of its body does not refer back to it."""
    gc.collect()
    gc.disable()
    try:
        layer = Watching(ScriptedWire(CHUNKS))
        response = await layer.handle_async_request(request_of(family))
        await response.aread()
        watched = weakref.ref(response)
        del response
        assert watched() is None
    finally:
        gc.enable()


async def test_many_readers_at_once_each_end_once(family: ModuleType, clock: FakeClock) -> None:
    """Whoever reads, closes or is cancelled: as many ends as bodies."""
    slow = ScriptedResponse(chunks=[b"x"] * 5, chunk_delay=1.0)
    client, layer, wire = watched_client(family, slow, clock=clock)

    async def read(number: int) -> None:
        with clock.timeout(0.5 + number % 7):
            await client.get(URL)

    async with anyio.create_task_group() as tasks:
        for number in range(70):
            tasks.start_soon(read, number)
    assert len(layer.ends) == 70
    assert wire.in_flight == 0


async def test_leaving_a_body_half_way_ends_the_generators_below_it(family: ModuleType) -> None:
    """A stream of httpcore is a generator over another: closing the outer one alone would leave the inner to the gc."""
    ended: list[str] = []

    async def inner() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await anyio.sleep_forever()
        finally:
            ended.append("inner")

    class Nested(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for chunk in inner():
                    yield chunk
            finally:
                ended.append("outer")

    request = family.Request("GET", "https://api.test")
    response = family.Response(200, stream=Nested())
    on_end(request, response, lambda _, _error: None, None)
    chunks = aiter(response.stream)
    assert await anext(chunks) == b"first"
    await response.aclose()
    assert ended == ["inner", "outer"]


async def test_leaving_a_body_that_never_waits_comes_to_an_end(family: ModuleType) -> None:
    """Nothing can cancel it, so only so much of it is looked at."""
    given: list[bytes] = []

    class Endless(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                given.append(b"more")
                yield b"more"

    request = family.Request("GET", "https://api.test")
    response = family.Response(200, stream=Endless())
    on_end(request, response, lambda _, _error: None, None)
    assert await anext(aiter(response.stream)) == b"more"
    await response.aclose()
    assert len(given) < 100
