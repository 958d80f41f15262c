"""Bodies that break off: retried where they are read within the attempt, never once the caller has a part."""

from __future__ import annotations

import gzip
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.bodies import BODY_CAP
from gracy_transport.call import CallOptions
from gracy_transport.exceptions import BodyTooLarge
from gracy_transport.retry import GracefulRetry
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.retry.support import URL, call_of, retrying

pytestmark = pytest.mark.anyio

BUFFERED = GracefulRetry(buffer_body=True)
WHOLE = ScriptedResponse(chunks=[b"0123456789"] * 10)


def broken(family: ModuleType, **options: Any) -> ScriptedResponse:
    """Returns an answer whose body breaks after 10 of its 100 bytes."""
    return ScriptedResponse(chunks=[b"0123456789", family.ReadError("reset")], **options)


async def test_a_body_that_breaks_is_retried_with_buffer_body(family: ModuleType, clock: FakeClock) -> None:
    """The second attempt gives all hundred bytes."""
    wire = ScriptedWire(broken(family), WHOLE, clock=clock)
    async with retrying(family, wire, clock, BUFFERED) as client:
        response = await client.get(URL)
    assert response.content == b"0123456789" * 10
    assert [attempt.error for attempt in call_of(response).attempts] == ["ReadError", None]
    assert (len(wire.sent), wire.open_bodies) == (2, 0)


async def test_a_stream_that_the_caller_reads_is_never_begun_again(family: ModuleType, clock: FakeClock) -> None:
    """Without buffering, the error comes after the bytes that were there, and there is one send."""
    wire = ScriptedWire(broken(family), WHOLE, clock=clock)
    got = []
    async with retrying(family, wire, clock) as client:
        with pytest.raises(family.ReadError):
            async with client.stream("GET", URL) as response:
                async for chunk in response.aiter_raw():
                    got.append(chunk)  # noqa: PERF401 - what came before the error counts
    assert (got, len(wire.sent)) == ([b"0123456789"], 1)


async def test_a_body_is_not_touched_unless_asked(family: ModuleType, clock: FakeClock) -> None:
    """A streamed response reaches the caller before its first byte was read."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"], chunk_delay=5), clock=clock)
    async with retrying(family, wire, clock) as client, client.stream("GET", URL) as response:
        assert (clock.now(), wire.open_bodies) == (1000, 1)
        assert await response.aread() == b"ab"


async def test_a_call_that_reads_its_body_is_buffered_by_itself(family: ModuleType, clock: FakeClock) -> None:
    """The facade says so for its verbs, and there is no cap, since the caller holds all of it anyway."""
    large = ScriptedResponse(chunks=[b"x" * BODY_CAP, b"y"])
    wire = ScriptedWire(broken(family), large, clock=clock)
    async with retrying(family, wire, clock) as client:
        response = await client.get(URL, extensions={"gracy": CallOptions(reads_body=True)})
    assert len(response.content) == BODY_CAP + 1


@pytest.mark.parametrize("reads_body", [True, False])
async def test_a_body_that_cannot_be_decoded_is_retried_where_the_call_reads_it(
    family: ModuleType, clock: FakeClock, reads_body: bool
) -> None:
    """The caller would fail on it, when it is too late for another attempt."""
    garbled = ScriptedResponse(headers={"content-encoding": "gzip"}, content=b"no gzip at all")
    wire = ScriptedWire(garbled, WHOLE, clock=clock)
    async with retrying(family, wire, clock) as client:
        request = client.build_request("GET", URL, extensions={"gracy": CallOptions(reads_body=reads_body)})
        response = await client.send(request, stream=True)
        assert [attempt.error for attempt in call_of(response).attempts] == [*["DecodingError"] * reads_body, None]
        await response.aclose()
    assert (len(wire.sent), wire.open_bodies) == (1 + reads_body, 0)


async def test_a_body_that_keeps_breaking_ends_with_its_error(family: ModuleType, clock: FakeClock) -> None:
    """The number of retries holds for it as for any failure."""
    wire = ScriptedWire(broken(family), clock=clock)
    async with retrying(family, wire, clock, BUFFERED) as client:
        with pytest.raises(family.ReadError):
            await client.get(URL)
    assert (len(wire.sent), wire.open_bodies) == (4, 0)


async def test_a_post_whose_answer_breaks_is_not_repeated(family: ModuleType, clock: FakeClock) -> None:
    """It was carried out."""
    wire = ScriptedWire(broken(family), WHOLE, clock=clock)
    async with retrying(family, wire, clock, BUFFERED) as client:
        with pytest.raises(family.ReadError):
            await client.post(URL)
    assert len(wire.sent) == 1


async def test_the_body_of_a_failure_is_not_waited_for(family: ModuleType, clock: FakeClock) -> None:
    """A 503 that drips is dropped at its headers, and the last one is the caller's, unread."""
    dripping = ScriptedResponse(status=503, chunks=[b"x"] * 10, chunk_delay=100)
    wire = ScriptedWire(dripping, clock=clock)
    async with retrying(family, wire, clock, BUFFERED) as client, client.stream("GET", URL) as response:
        assert (response.status_code, clock.now()) == (503, 1003)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", ScriptedResponse(headers={"content-length": "100"}, chunks=[])),
        ("CONNECT", ScriptedResponse(chunks=[b"x"], chunk_delay=100)),
        ("GET", ScriptedResponse(status=101, chunks=[b"x"], chunk_delay=100)),
        (
            "GET",
            ScriptedResponse(headers={"Content-Type": "Text/Event-Stream"}, chunks=[b"x"], chunk_delay=100),
        ),
        (
            "GET",
            ScriptedResponse(headers={"content-length": str(BODY_CAP + 1)}, chunks=[b"x"], chunk_delay=100),
        ),
        (
            "GET",
            ScriptedResponse(headers={"content-length": "9" * 5000}, chunks=[b"x"], chunk_delay=100),
        ),
    ],
    ids=["head", "connect", "upgrade", "events", "large", "absurd"],
)
async def test_what_has_no_end_or_is_too_large_is_left_alone(
    family: ModuleType, clock: FakeClock, method: str, answer: ScriptedResponse
) -> None:
    """It reaches the caller at its headers, its body untouched."""
    wire = ScriptedWire(answer, clock=clock)
    async with retrying(family, wire, clock, BUFFERED) as client, client.stream(method, URL):
        assert (clock.now(), wire.open_bodies) == (1000, 1)


async def test_a_body_that_turns_out_too_large_is_a_named_error(family: ModuleType, clock: FakeClock) -> None:
    """It is our own refusal, so it is not retried, and says what to do."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"x" * BODY_CAP, b"y"]), clock=clock)
    async with retrying(family, wire, clock, BUFFERED) as client:
        with pytest.raises(BodyTooLarge, match="without validators, recording and buffer_body"):
            await client.get(URL)
    assert (len(wire.sent), wire.open_bodies) == (1, 0)


async def test_a_buffered_body_decodes_as_ever(family: ModuleType, clock: FakeClock) -> None:
    """Compression, and the client's own timing, go on working."""
    answer = ScriptedResponse(headers={"content-encoding": "gzip"}, content=gzip.compress(b"hello"))
    async with retrying(family, ScriptedWire(answer, clock=clock), clock, BUFFERED) as client:
        response = await client.get(URL)
    assert response.text == "hello"
    assert response.elapsed.total_seconds() >= 0


async def test_a_buffered_response_can_still_be_streamed(family: ModuleType, clock: FakeClock) -> None:
    """The caller sees the whole body in one piece."""
    async with (
        retrying(family, ScriptedWire(WHOLE, clock=clock), clock, BUFFERED) as client,
        client.stream("GET", URL) as response,
    ):
        assert [chunk async for chunk in response.aiter_raw()] == [b"0123456789" * 10]
