"""The layer that records and replays."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, ThrottleRule, bodies
from gracy_transport.events import ResponseRecorded, ResponseReplayed
from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.logevents import LogLevel
from gracy_transport.replay import (
    GracyReplay,
    RecordedError,
    RecordedRequest,
    Recording,
    ReplayLogEvent,
    ReplayState,
    ReplayTransport,
)
from gracy_transport.replay.asked import Asked
from gracy_transport.replay.config import Mode
from gracy_transport.replay.placeholders import is_placeholder
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire, capture_events
from tests.replay.support import URL, client_of, storage_in
from tests.support import gather

pytestmark = pytest.mark.anyio


def numbered(*names: str) -> ScriptedWire:
    """Returns a wire whose answers have these bodies, in order."""
    return ScriptedWire(*(ScriptedResponse(content=name.encode()) for name in names))


def answered(**facts: Any) -> ScriptedWire:
    """Returns a wire that always gives the same answer."""
    return ScriptedWire(ScriptedResponse(**facts))


async def test_what_was_recorded_is_replayed(family: ModuleType, tmp_path: Path) -> None:
    """Status, headers and body, with no network at all."""
    wire = answered(status=201, json={"id": 1}, headers={"X-Name": "Value"})
    async with client_of(family, "record", tmp_path, wire) as client:
        live = await client.get(URL)
    untouched = ScriptedWire(500)
    async with client_of(family, "replay", tmp_path, untouched) as client:
        replayed = await client.get(URL)
    assert untouched.sent == []
    assert (replayed.status_code, replayed.json(), replayed.text) == (201, {"id": 1}, live.text)
    assert replayed.headers.raw == live.headers.raw
    assert replayed.elapsed >= timedelta(0)
    assert isinstance(replayed, family.Response)
    assert replayed.request.url == URL


async def test_a_replay_touches_no_socket(family: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the name of the host could not be resolved."""
    async with client_of(family, "record", tmp_path, ScriptedWire(204)) as client:
        await client.get("https://no-such-host.invalid/")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was used")

    async with client_of(family, "replay", tmp_path, family.AsyncHTTPTransport()) as client:
        monkeypatch.setattr("socket.socket.connect", refuse)
        monkeypatch.setattr("socket.getaddrinfo", refuse)
        assert (await client.get("https://no-such-host.invalid/")).status_code == 204


async def test_a_miss_says_what_to_do(family: ModuleType, tmp_path: Path) -> None:
    """It names the request and the nearest recording, without secrets, and is an error of the family."""
    async with client_of(family, "record", tmp_path, ScriptedWire(200)) as client:
        await client.get(f"{URL}?page=2")
        await client.post(URL, json={"a": 1})
    async with client_of(family, "replay", tmp_path) as client:
        with pytest.raises(family.TransportError) as raised:
            await client.get(f"{URL}?page=3&api_key=secret-1")
        assert isinstance(raised.value, GracyReplayRequestNotFound)
        assert str(raised.value) == (
            f"nothing is recorded for GET {URL}?page=3&api_key=[redacted]; "
            f'the nearest recording is of GET {URL}?page=2: parameter "page" is "3" and was recorded as "2", '
            'parameter "api_key" was not there when it was recorded; '
            'record it with GracyReplay("record", ...), or let mode "smart-replay" send what is missing'
        )
        with pytest.raises(GracyReplayRequestNotFound, match=r"; it is recorded, but \$\.a in its body is 2 and was"):
            await client.post(URL, json={"a": 2})
        with pytest.raises(GracyReplayRequestNotFound, match="for DELETE ftp://x/; record it"):
            await client.delete("ftp://x/")


async def test_a_miss_without_a_file(family: ModuleType, tmp_path: Path) -> None:
    """It says that the file does not exist, and makes none."""
    async with client_of(family, "replay", tmp_path / "none") as client:
        with pytest.raises(GracyReplayRequestNotFound, match=r"none.test\.sqlite3 does not exist"):
            await client.get(URL)
    assert list(tmp_path.iterdir()) == []


async def test_smart_replay_sends_only_what_is_missing(family: ModuleType, tmp_path: Path) -> None:
    """And records it, so that it is not missing any more, even at once."""
    wire = numbered("one", "two")
    async with client_of(family, "smart-replay", tmp_path, wire) as client:
        assert [(await client.get(URL)).text for _ in range(3)] == ["one", "one", "one"]
        assert (await client.get(f"{URL}?b")).text == "two"
    async with client_of(family, "smart-replay", tmp_path, wire) as client:
        assert (await client.get(URL)).text == "one"
    assert len(wire.sent) == 2


async def test_what_is_missing_twice_at_once_is_sent_twice(family: ModuleType, tmp_path: Path) -> None:
    """Both answers are recorded, in the order in which they were asked for."""
    clock = FakeClock()
    wire = ScriptedWire(ScriptedResponse(content=b"a", delay=2), ScriptedResponse(content=b"b", delay=1), clock=clock)
    async with client_of(family, "smart-replay", tmp_path, wire, options={"clock": clock}) as client:
        assert [each.text for each in await gather(client, [URL, URL])] == ["a", "b"]
    async with client_of(family, "smart-replay", tmp_path) as client:
        assert [(await client.get(URL)).text for _ in range(3)] == ["a", "b", "b"]


async def test_the_same_request_replays_its_answers_in_order(family: ModuleType, tmp_path: Path) -> None:
    """Afterwards the last one is repeated; a new transport begins anew."""
    async with client_of(family, "record", tmp_path, numbered("pending", "pending 2", "done")) as client:
        for _ in range(3):
            await client.get(URL)
    for _ in range(2):
        async with client_of(family, "replay", tmp_path) as client:
            texts = [(await client.get(URL)).text for _ in range(5)]
            assert texts == ["pending", "pending 2", "done", "done", "done"]


async def test_recording_again_replaces(family: ModuleType, tmp_path: Path) -> None:
    """What an earlier run recorded for a request goes when it is recorded again, and only that."""
    async with client_of(family, "record", tmp_path, numbered("a", "b", "c", "other")) as client:
        for _ in range(3):
            await client.get(URL)
        await client.get(f"{URL}/other")
    async with client_of(family, "record", tmp_path, numbered("new")) as client:
        await client.get(URL)
    async with client_of(family, "replay", tmp_path) as client:
        assert [(await client.get(URL)).text for _ in range(2)] == ["new", "new"]
        assert (await client.get(f"{URL}/other")).text == "other"


async def test_answers_keep_the_order_in_which_they_were_asked_for(family: ModuleType, tmp_path: Path) -> None:
    """Not the one in which they came."""
    clock = FakeClock()
    wire = ScriptedWire(ScriptedResponse(content=b"slow", delay=5), ScriptedResponse(content=b"fast"), clock=clock)
    async with client_of(family, "record", tmp_path, wire, options={"clock": clock}) as client:
        assert [each.text for each in await gather(client, [URL, URL])] == ["slow", "fast"]
    async with client_of(family, "replay", tmp_path) as client:
        assert [(await client.get(URL)).text for _ in range(3)] == ["slow", "fast", "fast"]


async def test_gathered_requests_each_get_their_own_answer(family: ModuleType, tmp_path: Path) -> None:
    """In any order."""
    urls = [f"https://api.test/{place}?n={place}" for place in range(50)]
    wire = ScriptedWire(lambda request: ScriptedResponse(content=str(request.url).encode()))
    async with client_of(family, "record", tmp_path, wire) as client:
        await gather(client, urls)
    async with client_of(family, "replay", tmp_path) as client:
        backwards = urls[::-1]
        assert [each.text for each in await gather(client, backwards, in_turn=False)] == backwards


async def test_a_redirect_is_recorded_under_what_was_asked(family: ModuleType, tmp_path: Path) -> None:
    """And followed again in the replay, also when bad responses are discarded."""
    wire = ScriptedWire(ScriptedResponse(status=302, headers={"location": "/new?token=secret-1"}), 200)
    async with client_of(family, "record", tmp_path, wire, discard_bad_responses=True) as client:
        await client.get("https://api.test/old", follow_redirects=True)
    async with client_of(family, "replay", tmp_path, discard_bad_responses=True) as client:
        response = await client.get("https://api.test/old", follow_redirects=True)
    assert response.url.path == "/new"
    assert [each.status_code for each in (*response.history, response)] == [302, 200]


async def test_bad_responses_can_be_discarded(family: ModuleType, tmp_path: Path) -> None:
    """They are neither recorded nor replayed."""
    async with client_of(family, "record", tmp_path, ScriptedWire(503, 404, 200)) as client:
        for _ in range(3):
            await client.get(URL)
        await client.get(f"{URL}/bad")
    async with client_of(family, "record", tmp_path, ScriptedWire(500), discard_bad_responses=True) as client:
        assert (await client.get(f"{URL}/worse")).status_code == 500
    async with client_of(family, "replay", tmp_path, discard_bad_responses=True) as client:
        assert [(await client.get(URL)).status_code for _ in range(2)] == [200, 200]
        with pytest.raises(GracyReplayRequestNotFound, match="worse; "):
            await client.get(f"{URL}/worse")
    async with client_of(family, "record", tmp_path, ScriptedWire(404)) as client:
        await client.get(URL)
    async with client_of(family, "replay", tmp_path, discard_bad_responses=True) as client:
        with pytest.raises(GracyReplayRequestNotFound, match="a bad response or too old, and those are discarded"):
            await client.get(URL)


async def test_old_recordings_can_be_discarded(family: ModuleType, tmp_path: Path) -> None:
    """Dates are compared with dates; smart-replay records what is too old anew."""
    clock = FakeClock()
    async with client_of(family, "record", tmp_path, numbered("old"), options={"clock": clock}) as client:
        await client.get(URL)
    at = datetime.fromtimestamp(clock.wall(), UTC)
    async with client_of(family, "replay", tmp_path, discard_replays_older_than=at) as client:
        assert (await client.get(URL)).text == "old"
    later = at + timedelta(microseconds=1)
    async with client_of(family, "replay", tmp_path, discard_replays_older_than=later) as client:
        with pytest.raises(
            GracyReplayRequestNotFound, match=r"recorded on 2026-01-01 00:00 UTC, before discard_replays"
        ):
            await client.get(URL)
    async with client_of(family, "smart-replay", tmp_path, numbered("new"), discard_replays_older_than=later) as client:
        assert [(await client.get(URL)).text for _ in range(2)] == ["new", "new"]


async def test_no_secret_reaches_the_file(family: ModuleType, tmp_path: Path) -> None:
    """Neither of the request nor of the answer; and another secret finds the recording."""
    facts = {"access_token": "secret-4", "nested": [{"password": "secret-5"}], "echo": "secret-2 secret-3"}
    wire = answered(json=facts, headers={"set-cookie": "sid=secret-6; Path=/", "x-token": "secret-7"})

    async def ask(client: Any, secret: str) -> Any:
        return await client.post(
            f"https://me:{secret}-2@api.test/login?api_key={secret}-3&a=1",
            json={"user": "me", "password": f"{secret}-8"},
            headers={"cookie": f"a={secret}-9", "x-api-key": f"{secret}-10"},
        )

    async with client_of(family, "record", tmp_path, wire) as client:
        assert (await ask(client, "secret")).json() == facts
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"secret" not in stored
    assert b"[redacted]@api.test/login?api_key=[redacted]&a=1" in stored
    async with client_of(family, "replay", tmp_path) as client:
        replayed = await ask(client, "other")
    assert is_placeholder(replayed.cookies["sid"])
    assert is_placeholder(replayed.json()["access_token"])


def brotli(content: bytes) -> bytes:
    """Compresses as servers like to, where that is installed."""
    compressed: bytes = pytest.importorskip("brotli").compress(content)
    return compressed


ENCODERS: dict[str, Any] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli,
    "gzip, br": lambda content: brotli(gzip.compress(content)),
    "identity": bytes,
    "unheard-of": bytes,
}


@pytest.mark.parametrize("encoding", ENCODERS)
@given(content=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=10)
async def test_any_body_is_replayed_identical(
    family: ModuleType, tmp_path: Path, encoding: str, content: bytes
) -> None:
    """Whatever its encoding, with its text and a length that is true of it."""
    raw = ENCODERS[encoding](content)
    headers = {"content-encoding": encoding, "content-type": "text/plain; charset=utf-8"}
    async with client_of(family, "record", tmp_path, answered(content=raw, headers=headers)) as client:
        live = await client.get(URL)
    async with client_of(family, "replay", tmp_path) as client:
        replayed = await client.get(URL)
    assert (replayed.content, replayed.text) == (content, live.text)
    assert int(replayed.headers["content-length"]) == len(content)


async def test_an_encoding_is_undone_for_readers_of_the_file(family: ModuleType, tmp_path: Path) -> None:
    """The raw bytes of a replay are the decoded ones, and the headers say so."""
    body = json.dumps({"name": "n" * 50}).encode()
    headers = {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    pieces = gzip.compress(body)
    wire = answered(chunks=[pieces[:10], pieces[10:]], headers=headers)
    async with client_of(family, "record", tmp_path, wire) as client:
        assert (await client.get(URL)).content == body
    assert body in (tmp_path / "test.sqlite3").read_bytes()
    async with client_of(family, "replay", tmp_path) as client, client.stream("GET", URL) as response:
        assert [chunk async for chunk in response.aiter_raw()] == [body]
        assert response.headers.multi_items() == [("content-type", "application/json")]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpx leaves a generator of its own
async def test_a_broken_encoding_stays_broken(family: ModuleType, tmp_path: Path) -> None:
    """The replay fails in the same way."""
    wire = answered(content=b"no gzip", headers={"content-encoding": "gzip"})
    async with client_of(family, "record", tmp_path, wire) as client:
        with pytest.raises(family.DecodingError):
            await client.get(URL)
        async with client.stream("GET", URL) as response:
            assert b"".join([chunk async for chunk in response.aiter_raw()]) == b"no gzip"
    async with client_of(family, "replay", tmp_path) as client:
        with pytest.raises(family.DecodingError):
            await client.get(URL)


async def test_a_body_that_would_decode_to_too_much_stays_encoded(
    family: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes can stand for gigabytes."""
    monkeypatch.setattr("gracy_transport.replay.coding.BODY_CAP", 50_000)
    raw = gzip.compress(bytes(200_000))
    headers = {"content-encoding": "gzip"}
    async with client_of(family, "record", tmp_path, answered(content=raw, headers=headers)) as client:
        await client.get(URL)
    async with client_of(family, "replay", tmp_path) as client:
        replayed = await client.get(URL)
    assert replayed.headers["content-encoding"] == "gzip"
    assert replayed.content == bytes(200_000)


async def test_an_answer_to_head_keeps_what_it_says(family: ModuleType, tmp_path: Path) -> None:
    """Of the body it would have."""
    wire = answered(headers={"content-length": "1234", "content-encoding": "gzip"}, chunks=[])
    async with client_of(family, "record", tmp_path, wire) as client:
        await client.head(URL)
    async with client_of(family, "replay", tmp_path) as client:
        replayed = await client.head(URL)
    assert dict(replayed.headers) == {"content-length": "1234", "content-encoding": "gzip"}


async def test_an_answer_that_was_read_already(family: ModuleType, tmp_path: Path) -> None:
    """As mock transports give it; it is recorded all the same, and the replay has an elapsed time."""
    raw = gzip.compress(b"content")

    def respond(_request: Any) -> Any:
        return family.Response(200, content=raw, headers={"content-encoding": "gzip", "x-empty": ""})

    async with client_of(family, "record", tmp_path, family.MockTransport(respond)) as client:
        assert (await client.get(URL)).content == b"content"
    async with client_of(family, "record", tmp_path, family.MockTransport(lambda _: family.Response(204))) as client:
        await client.get(f"{URL}/none")
    async with client_of(family, "replay", tmp_path) as client:
        replayed = await client.get(URL)
        assert (await client.get(f"{URL}/none")).status_code == 204
    assert replayed.content == b"content"
    assert dict(replayed.headers) == {"content-length": "7", "x-empty": ""}
    assert replayed.elapsed >= timedelta(0)


async def letters() -> AsyncIterator[bytes]:
    """A body that can be read only once."""
    yield b"ab"
    yield b"c"


@pytest.mark.parametrize(
    "body",
    [
        {"content": b"abc"},
        {"json": {"a": 1}},
        {"data": {"a": "1"}},
        {"files": {"file": ("name", b"abc", "text/plain")}, "data": {"a": "1"}},
        {"content": letters},
    ],
)
async def test_any_request_body_is_sent_recorded_and_replayed(
    family: ModuleType, tmp_path: Path, body: dict[str, Any]
) -> None:
    """Also one of a generator, and a multipart upload, whose boundary is another each time."""

    def given() -> dict[str, Any]:
        return {name: value() if callable(value) else value for name, value in body.items()}

    bare = ScriptedWire(200)
    async with family.AsyncClient(transport=bare) as client:
        await client.post(
            URL, **given(), headers={"content-type": "multipart/form-data; boundary=b"} if "files" in body else {}
        )
    wire = numbered("one", "two")
    async with client_of(family, "smart-replay", tmp_path, wire) as client:
        headers = {"content-type": "multipart/form-data; boundary=b"} if "files" in body else {}
        assert (await client.post(URL, **given(), headers=headers)).text == "one"
    assert wire.sent[0].content == bare.sent[0].content
    async with client_of(family, "record", tmp_path, wire) as client:
        assert (await client.post(URL, **given())).text == "two"
    async with client_of(family, "replay", tmp_path) as client:
        assert (await client.post(URL, **given())).text == "two"
    async with client_of(family, "smart-replay", tmp_path, ScriptedWire(500)) as client:
        assert (await client.post(URL, **given())).text == "two"


async def test_a_request_whose_body_was_not_all_sent_is_not_recorded(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server may answer before it has read everything; then nobody knows what was asked."""

    class Hasty(ScriptedWire):
        async def handle_async_request(self, request: Any) -> Any:
            return family.Response(413)

    with caplog.at_level(logging.WARNING, "gracy_transport"):
        async with client_of(family, "record", tmp_path, Hasty()) as client:
            assert (await client.post(URL, content=letters())).status_code == 413
    assert caplog.messages == [f"POST {URL} was not recorded: the body of the request was not read to its end"]


@pytest.mark.parametrize("mode", ["record", "replay", "smart-replay"])
async def test_a_request_whose_body_breaks(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: Mode
) -> None:
    """It fails with the error of its body."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise ValueError("broken")

    async with client_of(family, mode, tmp_path, ScriptedWire(200)) as client:
        with pytest.raises(ValueError, match="broken"):
            await client.post(URL, content=broken())
    assert caplog.messages == []
    assert list(tmp_path.iterdir()) == []


async def test_a_stream_is_recorded_while_it_passes(family: ModuleType, tmp_path: Path) -> None:
    """Piece by piece, at the pace of its reader."""
    clock = FakeClock()
    wire = ScriptedWire(ScriptedResponse(chunks=[b"data: 1\n\n", b"data: 2\n\n"], chunk_delay=10), clock=clock)
    async with (
        client_of(family, "record", tmp_path, wire, options={"clock": clock}) as client,
        client.stream("GET", URL) as response,
    ):
        seen = [(clock.now() - 1000, chunk) async for chunk in response.aiter_raw()]
        assert seen == [(10, b"data: 1\n\n"), (20, b"data: 2\n\n")]
    async with client_of(family, "replay", tmp_path) as client, client.stream("GET", URL) as response:
        assert [line async for line in response.aiter_lines()] == ["data: 1", "", "data: 2", ""]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpx leaves a generator of its own
async def test_a_body_that_was_abandoned_is_not_recorded(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither half of it nor nothing; the source is closed in either case."""
    wire = answered(chunks=[b"a", b"b"])
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        async with client_of(family, "record", tmp_path, wire) as client:
            async with client.stream("GET", URL) as response, aclosing(response.aiter_raw()) as chunks:
                async for _chunk in chunks:
                    break
            assert wire.open_bodies == 0
            async with client.stream("GET", URL):
                pass
            assert wire.open_bodies == 0
    assert caplog.messages == [f"GET {URL} was not recorded: its body was not read to its end"] * 2
    assert list(tmp_path.iterdir()) == []


async def test_an_error_answer_is_recorded_though_nobody_reads_it(family: ModuleType, tmp_path: Path) -> None:
    """A retry throws it away, and yet it belongs to the sequence; it can still be read as a stream."""
    wire = ScriptedWire(ScriptedResponse(status=503, chunks=[b"a", b"b"]), 200)
    async with client_of(family, "record", tmp_path, wire) as client:
        async with client.stream("GET", URL) as response:
            pass
        assert wire.open_bodies == 0
        await client.get(URL)
    wire = answered(status=500, chunks=[b"a", b"b"])
    async with client_of(family, "record", tmp_path, wire) as client, client.stream("GET", f"{URL}/x") as response:
        assert [chunk async for chunk in response.aiter_raw()] == [b"a", b"b"]
    async with client_of(family, "replay", tmp_path) as client:
        first = await client.get(URL)
        assert (first.status_code, first.text, (await client.get(URL)).status_code) == (503, "ab", 200)


async def test_an_error_answer_that_breaks_is_still_an_answer(family: ModuleType, tmp_path: Path) -> None:
    """As without recording: its status is known, and only who reads on meets the error; in a replay too."""
    wire = answered(status=503, chunks=[b"a", family.ReadError("broken")])
    async with client_of(family, "record", tmp_path, wire) as client:
        await read_until_it_breaks(family, client)
        assert wire.open_bodies == 0
    async with client_of(family, "replay", tmp_path) as client:
        await read_until_it_breaks(family, client)


async def read_until_it_breaks(family: ModuleType, client: Any) -> None:
    """Asks for an answer of one letter, of which no more comes."""
    async with client.stream("GET", URL) as response:
        assert response.status_code == 503
    read = []
    with pytest.raises(family.ReadError, match="broken"):
        async with client.stream("GET", URL) as response:
            async for chunk in response.aiter_raw():
                read.append(chunk)  # noqa: PERF401 - as above
    assert read == [b"a"]
    with pytest.raises(family.ReadError):
        await client.get(URL)


async def test_a_body_that_is_left_is_closed_once(family: ModuleType, tmp_path: Path, clock: FakeClock) -> None:
    """Also by a stack, whose layers wrap the body several times."""
    closed: list[str] = []

    class Endless(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"a"
            await clock.sleep(100)

        async def aclose(self) -> None:
            closed.append("once")

    config = GracyConfig(throttling=ThrottleRule(".*", 10), retry=GracefulRetry(delay=1, max_attempts=1))
    for disable_throttling in (False, True):
        replay = GracyReplay("record", storage_in(tmp_path), disable_throttling=disable_throttling)
        wire = ScriptedWire(lambda _request: family.Response(200, stream=Endless()))
        async with family.AsyncClient(transport=GracyTransport(wire, config, replay=replay, clock=clock)) as client:
            with clock.timeout(5):
                await client.get(URL)
        assert closed == ["once"]
        closed.clear()


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 302), ("GET", 304)])
async def test_an_answer_that_nobody_need_read_is_recorded(
    family: ModuleType, tmp_path: Path, method: str, status: int
) -> None:
    """One without a body, or a redirect that is not followed."""
    wire = answered(status=status, chunks=[], headers={"location": "/other"})
    async with client_of(family, "record", tmp_path, wire) as client, client.stream(method, URL):
        pass
    assert wire.open_bodies == 0
    async with client_of(family, "replay", tmp_path) as client:
        assert (await client.request(method, URL)).status_code == status


async def test_closing_while_another_task_reads(family: ModuleType, tmp_path: Path) -> None:
    """The source is closed, and that is no error, as without recording."""
    clock = FakeClock()

    class Watched(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        is_closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"a"
            await clock.sleep(10)

        async def aclose(self) -> None:
            self.is_closed = True

    body = Watched()
    wire = ScriptedWire(lambda _request: family.Response(200, stream=body))
    async with client_of(family, "record", tmp_path, wire) as client:
        response = await client.send(client.build_request("GET", URL), stream=True)

        async def read() -> None:
            async with aclosing(response.aiter_raw()) as chunks:
                async for _chunk in chunks:
                    pass

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            await response.aclose()
            assert body.is_closed
            group.cancel_scope.cancel()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_over_the_cap_is_not_recorded(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """The caller gets it all the same."""
    monkeypatch.setattr("gracy_transport.replay.tee.BodyCopy.CAP", 10)
    wire = answered(status=status, chunks=[b"1234567", b"890", b"1", b"234"])
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        async with client_of(family, "record", tmp_path, wire) as client:
            assert (await client.get(URL)).content == b"12345678901234"
    assert caplog.messages == [f"GET {URL} was not recorded: its body is larger than 10 bytes"]


async def test_a_request_over_the_cap_is_not_recorded(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent whole all the same, from memory or from a generator; a replay refuses it."""
    monkeypatch.setattr("gracy_transport.replay.tee.BodyCopy.CAP", 2)
    wire = ScriptedWire(200)
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        for mode in ("record", "smart-replay"):
            async with client_of(family, mode, tmp_path, wire) as client:
                await client.post(URL, content=b"abc")
                await client.post(URL, content=letters())
    assert [sent.content for sent in wire.sent] == [b"abc"] * 4
    why = f"POST {URL} is sent and not recorded: its body is larger than 2 bytes, and such requests are not recorded"
    assert caplog.messages == [
        why,
        f"POST {URL} was not recorded: the body of the request is larger than 2 bytes",
        why,
        why,
    ]
    async with client_of(family, "replay", tmp_path) as client:
        with pytest.raises(GracyReplayRequestNotFound, match="cannot be replayed: its body is larger than 2 bytes"):
            await client.post(URL, content=b"abc")


async def test_an_upgrade_passes(family: ModuleType, tmp_path: Path) -> None:
    """There is nothing in it to record."""
    async with client_of(family, "record", tmp_path, ScriptedWire(101)) as client:
        assert (await client.get(URL)).status_code == 101
    assert list(tmp_path.iterdir()) == []


async def test_a_recorded_error_is_raised_again(family: ModuleType, tmp_path: Path) -> None:
    """As one of the request's family; a name that is none of its errors is a plain one and runs nothing."""
    storage = storage_in(tmp_path)
    asked = Asked(family.Request("GET", URL), b"")
    for place, kind in enumerate(["ReadTimeout", "AsyncClient", "", "stream"]):
        recording = Recording(RecordedRequest("GET", URL), datetime.now(UTC), error=RecordedError(kind, "late"))
        await storage.save(asked, recording, place, is_first=not place)
    await storage.let_go()
    async with client_of(family, "replay", storage) as client:
        with pytest.raises(family.ReadTimeout, match="late") as raised:
            await client.get(URL)
        assert raised.value.request.url == URL
        for _ in range(3):
            with pytest.raises(family.TransportError, match="late"):
                await client.get(URL)


async def test_events_and_the_call_tell_of_it(family: ModuleType, tmp_path: Path) -> None:
    """`is_replayed` is what layers above ask."""
    for mode, kind, wire in (("record", ResponseRecorded, ScriptedWire(200)), ("replay", ResponseReplayed, None)):
        transport = ReplayTransport(
            ScriptedWire(500) if wire is None else wire,
            GracyReplay(mode, storage_in(tmp_path)),  # type: ignore[arg-type]
        )
        with capture_events(transport) as events:
            async with family.AsyncClient(transport=transport) as client:
                response = await client.get(URL)
        assert [type(event) for event in events].count(kind) == 1
        assert response.extensions["gracy"].is_replayed is (mode == "replay")


async def test_logging_every_so_often(family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the count, in a message of the user's own or the usual one."""
    with caplog.at_level(logging.INFO, "gracy_transport"):
        log_record = ReplayLogEvent(LogLevel.INFO, "{RECORDED_COUNT} so far", 2)
        async with client_of(family, "record", tmp_path, ScriptedWire(200), log_record=log_record) as client:
            for _ in range(5):
                await client.get(URL)
        log_replay = ReplayLogEvent(LogLevel.WARNING, frequency=3)
        async with client_of(family, "replay", tmp_path, log_replay=log_replay) as client:
            for _ in range(3):
                await client.get(URL)
    ours = [record.getMessage() for record in caplog.records if record.name == "gracy_transport"]
    assert ours == ["2 so far", "4 so far", f"3 responses replayed, the newest GET {URL}"]


async def test_layers_that_share_a_state_share_a_sequence(family: ModuleType, tmp_path: Path) -> None:
    """As the chains of one stack do."""
    async with client_of(family, "record", tmp_path, numbered("one", "two")) as client:
        await client.get(URL)
        await client.get(URL)
    state = ReplayState(GracyReplay("replay", storage_in(tmp_path)))
    texts = []
    for _ in range(2):
        async with family.AsyncClient(transport=ReplayTransport(ScriptedWire(), state)) as client:
            texts.append((await client.get(URL)).text)
    assert texts == ["one", "two"]


async def test_it_says_its_state(family: ModuleType, tmp_path: Path) -> None:
    """Mode and counts."""
    transport = ReplayTransport(ScriptedWire(200), GracyReplay("smart-replay", storage_in(tmp_path)))
    async with family.AsyncClient(transport=transport) as client:
        await client.get(URL)
        await client.get(URL)
    assert repr(transport) == "<ReplayTransport smart-replay, 1 recorded, 1 replayed>"


async def test_one_transport_serves_both_families(tmp_path: Path) -> None:
    """What one recorded the other replays, each with responses of its own."""
    httpx, httpx2 = pytest.importorskip("httpx"), pytest.importorskip("httpx2")
    async with client_of(httpx2, "record", tmp_path, answered(json={"é": 1})) as client:
        await client.post(URL, json={"b": 1, "a": 2})
    for family in (httpx, httpx2):
        async with client_of(family, "replay", tmp_path) as client:
            response = await client.post(URL, json={"a": 2, "b": 1})
            assert isinstance(response, family.Response)
            assert response.json() == {"é": 1}


async def test_cancelling_while_a_body_passes(family: ModuleType, tmp_path: Path) -> None:
    """It is closed and not recorded."""
    clock = FakeClock()
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"], chunk_delay=10), clock=clock)
    async with client_of(family, "record", tmp_path, wire, options={"clock": clock}) as client:
        with clock.timeout(15):
            await client.get(URL)
        assert wire.open_bodies == 0
        wire = ScriptedWire(ScriptedResponse(status=500, chunks=[b"a", b"b"], chunk_delay=10), clock=clock)
    async with client_of(family, "record", tmp_path, wire, options={"clock": clock}) as client:
        with clock.timeout(15):
            await client.get(URL)
        assert wire.open_bodies == 0
    await anyio.lowlevel.checkpoint()
    assert list(tmp_path.iterdir()) == []
    assert bodies.BODY_CAP == 10 * 1024 * 1024


async def test_what_was_not_recorded_is_counted(family: ModuleType, tmp_path: Path) -> None:
    """A body that was left, and a request that was given up; the transport says how many, its state which."""
    scope = anyio.CancelScope()

    def give_up(_request: Any) -> ScriptedResponse:
        scope.cancel()
        return ScriptedResponse(delay=1)

    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"]), give_up, clock=FakeClock())
    transport = ReplayTransport(wire, GracyReplay("record", storage_in(tmp_path)))
    async with family.AsyncClient(transport=transport) as client:
        async with client.stream("GET", f"{URL}?token=secret-1"):
            pass
        with scope:
            await client.get(f"{URL}/2")
        assert repr(transport).startswith("<ReplayTransport record, 0 recorded, 0 replayed, 2 not recorded")
    assert list(transport.replay.lost) == [
        f"GET {URL}?token=[redacted] was not recorded: its body was not read to its end",
        f"GET {URL}/2 was not recorded: it was given up before there was an answer",
    ]
