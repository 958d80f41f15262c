"""Bodies that come piece by piece: live, recorded and replayed alike."""

from __future__ import annotations

import gc
import gzip
import zlib
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.replay import RecordedResponse
from gracy_transport.replay.memory import MemoryReplayStorage
from gracy_transport.replay.pieces import is_stream, pace_of, pieces_in
from gracy_transport.replay.tee import BodyCopy
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.replay.support import URL, Home, client_of, storage_in

pytestmark = pytest.mark.anyio

SSE = {"content-type": "text/event-stream; charset=utf-8"}
EVENTS = [b"data: one\n\nda", b"ta: two\n", b"\n", b"event: end\ndata: three\n\n"]


def answer_in(home: Path | Home) -> RecordedResponse:
    """Returns the one answer that is recorded."""
    (recording,) = storage_in(home).recordings()
    assert recording.response is not None
    return recording.response


async def lines_of(client: Any) -> list[str]:
    """Reads a stream line by line."""
    async with client.stream("GET", URL) as response:
        return [line async for line in response.aiter_lines()]


async def chunks_of(client: Any) -> list[bytes]:
    """Reads a stream piece by piece."""
    async with client.stream("GET", URL) as response:
        return [chunk async for chunk in response.aiter_bytes()]


async def test_events_come_in_the_same_lines_and_pieces(family: ModuleType, home: Home) -> None:
    """Live, while they are recorded, and replayed."""

    def wire() -> ScriptedWire:
        return ScriptedWire(ScriptedResponse(chunks=EVENTS, headers=SSE))

    async with family.AsyncClient(transport=wire()) as client:
        lines, chunks = await lines_of(client), await chunks_of(client)
    for mode in ("record", "replay"):
        silent = ScriptedWire(500)
        async with client_of(family, mode, home, wire() if mode == "record" else silent) as client:
            assert await lines_of(client) == lines
            assert await chunks_of(client) == chunks == EVENTS
        assert silent.sent == []


async def test_pauses_are_replayed_on_request(family: ModuleType, home: Home) -> None:
    """Those before each piece and that before the end, on the clock of the layer; else all comes at once."""

    async def slowly(request: Any) -> Any:
        await clock.sleep(1)
        return Paced(clock, family).response()

    async def times(mode: Any, wire: Any, **replay: Any) -> tuple[list[tuple[float, bytes]], float]:
        async with (
            client_of(family, mode, home, wire, options={"clock": clock}, **replay) as client,
            client.stream("GET", URL) as response,
        ):
            began = clock.now()
            seen = [(clock.now() - began, chunk) async for chunk in response.aiter_bytes()]
            return seen, clock.now() - began

    clock = FakeClock()
    live = await times("record", ScriptedWire(slowly), timing=True)
    assert live == ([(2.0, b"a"), (2.0, b"b"), (7.0, b"c")], 10.0)
    assert answer_in(home).manner_document() == {"chunks": [1, 1, 1], "delays": [2.0, 0.0, 5.0, 3.0]}
    for timing, expected in ((True, live), (False, ([(0.0, b"a"), (0.0, b"b"), (0.0, b"c")], 0.0))):
        assert await times("replay", None, timing=timing) == expected


class Paced:
    """A body of three letters with pauses of two, none and five seconds before them, and of three at the end."""

    def __init__(self, clock: FakeClock, family: ModuleType) -> None:
        self._clock, self._family = clock, family

    def response(self) -> Any:
        """Returns the answer that has it."""

        async def letters() -> Any:
            for pause, letter in ((2, b"a"), (0, b"b"), (5, b"c")):
                await self._clock.sleep(pause)
                yield letter
            await self._clock.sleep(3)

        return self._family.Response(200, content=letters())


async def test_a_timeout_in_a_stream_comes_as_late_as_it_did(family: ModuleType, home: Home) -> None:
    """The wait for it is replayed too."""
    clock = FakeClock()
    answer = ScriptedResponse(chunks=[b"a", family.ReadTimeout("silence")], chunk_delay=30, headers=SSE)
    for mode, wire in (("record", ScriptedWire(answer, clock=clock)), ("replay", None)):
        options = {"clock": clock}
        async with client_of(family, mode, home, wire, options=options, timing=True) as client:  # type: ignore[arg-type]
            began = clock.now()
            with pytest.raises(family.ReadTimeout, match="silence"):
                await client.get(URL)
            assert clock.now() - began == 60


@pytest.mark.parametrize(("media_type", "kept"), [("text/event-stream", (3, 2)), ("application/json", ())])
async def test_pieces_are_kept_only_where_they_are_meant(
    family: ModuleType, home: Home, media_type: str, kept: tuple[int, ...]
) -> None:
    """Elsewhere they are an accident of the network, and would make a difference each time."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"[1,", b"2]"], headers={"content-type": media_type}))
    async with client_of(family, "record", home, wire) as client:
        await client.get(URL)
    assert (answer_in(home).chunks, answer_in(home).delays) == (kept, ())


async def test_pieces_are_those_of_the_decoded_body(family: ModuleType, home: Home) -> None:
    """A server that compresses a stream flushes after each event."""
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS] + [packer.flush()]
    wire = ScriptedWire(ScriptedResponse(chunks=pieces, headers={**SSE, "content-encoding": "gzip"}))
    async with client_of(family, "record", home, wire) as client:
        live = await chunks_of(client)
    assert live == EVENTS
    assert answer_in(home).chunks == tuple(map(len, EVENTS))
    async with client_of(family, "replay", home) as client:
        assert await chunks_of(client) == live


async def test_a_stream_that_cannot_be_decoded_keeps_its_pieces(family: ModuleType, home: Home) -> None:
    """As they came over the wire."""
    whole = gzip.compress(b"data: one\n\n")
    broken = [b"no", b"gzip", whole[4:]]
    wire = ScriptedWire(ScriptedResponse(chunks=broken, headers={**SSE, "content-encoding": "gzip"}))
    async with client_of(family, "record", home, wire) as client, client.stream("GET", URL) as response:
        assert [chunk async for chunk in response.aiter_raw()] == broken
    async with client_of(family, "replay", home) as client, client.stream("GET", URL) as response:
        assert [chunk async for chunk in response.aiter_raw()] == broken


async def test_pieces_end_where_they_did_when_secrets_are_replaced(family: ModuleType, home: Home) -> None:
    """At the same line ends; an end in the middle of a line that moved is gone."""
    events = [
        b'data: {"n": 1}\n\nda',
        b'ta: {"access_token": "secret-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}\n\n',
        b'data: {"n"',
        b": 2}\n\n",
        b"data: end\n\n",
    ]
    wire = ScriptedWire(ScriptedResponse(chunks=events, headers=SSE))
    async with client_of(family, "record", home, wire) as client:
        assert await chunks_of(client) == events
    async with client_of(family, "replay", home) as client:
        replayed = await chunks_of(client)
    assert b"secret" not in b"".join(replayed)
    assert [replayed[0], *replayed[2:]] == [events[0], events[2] + events[3], events[4]]
    assert replayed[1].startswith(b'ta: {"access_token": "[')
    assert replayed[1].endswith(b'"}\n\n')


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpx leaves a generator of its own
async def test_a_stream_that_is_left_is_not_recorded(family: ModuleType, tmp_path: Path) -> None:
    """A replayed one may be left, too, and be asked for again."""
    wire = ScriptedWire(ScriptedResponse(chunks=EVENTS, headers=SSE))

    async def leave(client: Any) -> None:
        async with client.stream("GET", URL) as response, aclosing(response.aiter_bytes()) as chunks:
            async for _chunk in chunks:
                break

    async with client_of(family, "record", tmp_path, wire) as client:
        await leave(client)
    assert list(tmp_path.iterdir()) == []
    async with client_of(family, "record", tmp_path, wire) as client:
        await chunks_of(client)
    async with client_of(family, "replay", tmp_path) as client:
        await leave(client)
        assert await chunks_of(client) == EVENTS


async def test_cancelling_in_a_pause_leaves_nothing(family: ModuleType, tmp_path: Path) -> None:
    """While it is recorded; a replay that is cancelled in one can be had again."""
    clock = FakeClock()
    wire = ScriptedWire(ScriptedResponse(chunks=EVENTS, headers=SSE, chunk_delay=5), clock=clock)
    options = {"clock": clock}
    async with client_of(family, "record", tmp_path, wire, options=options, timing=True) as client:
        with clock.timeout(7):
            await chunks_of(client)
        assert wire.open_bodies == 0
    assert list(tmp_path.iterdir()) == []
    async with client_of(family, "record", tmp_path, wire, options=options, timing=True) as client:
        await chunks_of(client)
    async with client_of(family, "replay", tmp_path, options=options, timing=True) as client:
        with clock.timeout(7):
            await chunks_of(client)
        assert await chunks_of(client) == EVENTS


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("text/event-stream", True),
        ("Application/X-NDJSON; charset=utf-8", True),
        ("multipart/x-mixed-replace; boundary=b", True),
        ("application/json", False),
        ("", False),
    ],
)
def test_what_counts_as_a_stream(media_type: str, expected: bool) -> None:
    """By its media type."""
    assert is_stream(media_type) is expected


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], ((), ())),
        ([(2, 0.0), (0, 0.0)], ((), ())),
        ([(2, 0.0004), (0, 0.0004)], ((), ())),
        ([(2, 1.0), (0, 0.0)], ((), (1.0,))),
        ([(0, 1.0), (1, 0.25), (0, 0.5), (1, 0.0), (0, 0.0)], ((1, 1), (1.25, 0.5))),
        ([(1, 0.0), (1, 0.0), (0, 2.0)], ((1, 1), (0.0, 0.0, 2.0))),
    ],
)
def test_the_pace_says_no_more_than_there_is(
    pieces: list[tuple[int, float]], expected: tuple[tuple[int, ...], tuple[float, ...]]
) -> None:
    """Nothing of a body in one piece, no empty pieces, no pauses of less than a millisecond."""
    assert pace_of(pieces, b"ab", b"ab") == expected


@given(
    body=st.lists(st.sampled_from([b"a", b"secret", b"\n", b"data: "]), max_size=20).map(b"".join),
    cuts=st.lists(st.integers(0, 60)),
    put=st.sampled_from([b"", b"[redacted]", b"\n"]),
)
def test_pieces_always_make_up_the_body(body: bytes, cuts: list[int], put: bytes) -> None:
    """Whatever redaction did to it."""
    after = body.replace(b"secret", put)
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    sizes = [end - start for start, end in pairwise(places)]
    chunks, delays = pace_of([(size, 1.0) for size in sizes], body, after)
    assert not chunks or (sum(chunks) == len(after) and min(chunks) > 0)
    assert sum(delays) == len(sizes)
    pieces = list(pieces_in(RecordedResponse(200, body=after, chunks=chunks, delays=delays)))
    assert b"".join(piece for piece, _delay in pieces) == after
    assert sum(delay for _piece, delay in pieces) == len(sizes)


@pytest.mark.parametrize("chunks", [(), (1,), (2, 9), (-1, 2), (9, 1)])
def test_a_body_edited_by_hand_comes_whole(chunks: tuple[int, ...]) -> None:
    """Though its pieces have other sizes."""
    pieces = list(pieces_in(RecordedResponse(200, body=b"abc", chunks=chunks, delays=(1.0,))))
    assert b"".join(piece for piece, _delay in pieces) == b"abc"
    assert pieces[0][1] == 1.0


async def test_a_copy_is_let_go_of_as_soon_as_the_body_is_over(family: ModuleType) -> None:
    """Not when the garbage collector comes by: a client keeps the body of a response in a circle."""

    def copies() -> int:
        return sum(1 for each in gc.get_objects() if type(each) is BodyCopy)

    async with client_of(family, "record", MemoryReplayStorage(), ScriptedWire(200)) as client:
        gc.collect()
        gc.disable()
        try:
            before = copies()
            await client.get(URL)
            assert copies() == before
        finally:
            gc.enable()
