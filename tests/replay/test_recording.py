"""The recording as a value and as a document."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.exceptions import UnreadableRecording
from gracy_transport.replay import RecordedError, RecordedRequest, RecordedResponse, Recording
from gracy_transport.replay.recording import body_document, body_of
from gracy_transport.replay.redacting import Headers

AT = datetime(2026, 11, 22, 16, 30, 0, 123456, UTC)
HEADERS = (("content-type", "application/json"), ("x-name", "na\xefve"))

texts = st.text(st.characters(max_codepoint=255), max_size=20)
headers = st.lists(st.tuples(texts, texts), max_size=4).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
json_bodies = st.tuples(
    json_values, st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]), st.sampled_from(["", "\n"])
)
bodies = (
    st.binary(max_size=60)
    | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | json_bodies.map(
        lambda parts: (json.dumps(parts[0], ensure_ascii=parts[1], separators=parts[2]) + parts[3]).encode(
            "utf-8", "surrogatepass"
        )
    )
)
recordings = st.builds(
    Recording,
    st.builds(
        RecordedRequest,
        st.sampled_from(["GET", "POST"]),
        st.text(max_size=20),
        headers,
        bodies,
        st.sampled_from(["", "credential-1"]),
        st.sampled_from(["", "GET /"]),
    ),
    st.datetimes(timezones=st.just(UTC)),
    st.builds(
        RecordedResponse, st.integers(100, 599), headers, bodies, st.tuples(st.integers(0)), st.tuples(st.floats(0, 9))
    ),
)


@given(recordings)
def test_any_recording_comes_back_identical(recording: Recording) -> None:
    """Whatever the bytes of its bodies and headers."""
    try:
        line = recording.to_json()
        line.encode()
    except UnicodeEncodeError:  # a URL of lone surrogates, which no request has
        return
    assert "\n" not in line
    assert Recording.from_json(line) == recording
    assert Recording.from_document(recording.to_document()) == recording


@given(bodies)
def test_any_body_comes_back_identical(body: bytes) -> None:
    """Also through the text of the document."""
    text = json.dumps(body_document(body), ensure_ascii=False).encode()
    assert body_of(json.loads(text)) == body


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"id":1,"name":"\xc3\xa9"}', {"json": {"id": 1, "name": "\xe9"}}),
        (b'{"id": 1}', {"json": {"id": 1}, "style": "spaced"}),
        (b'{"name":"\\u00e9"}', {"json": {"name": "\xe9"}, "style": "compact-ascii"}),
        (b'{"name": "\\u00e9"}\n', {"json": {"name": "\xe9"}, "style": "spaced-ascii", "tail": "\n"}),
        (b"null", {"json": None}),
        (b'{"a":1,"a":2}', {"text": '{"a":1,"a":2}'}),
        (b'{"a":1.10}', {"text": '{"a":1.10}'}),
        (b"NaN", {"text": "NaN"}),
        (b'"\\ud800"', {"text": '"\\ud800"'}),
        (b"[" * 100_000, {"text": "[" * 100_000}),
        ("naïve\r\n".encode(), {"text": "na\xefve\r\n"}),
        (b"\xff\x00", {"base64": "/wA="}),
    ],
)
def test_a_body_is_as_readable_as_it_can_be(body: bytes, document: dict[str, Any]) -> None:
    """As JSON only where writing it again gives the very same bytes."""
    assert body_document(body) == document
    assert body_of(document) == body


def test_the_document_of_an_answer() -> None:
    """The names stand in a fixed order, and what is empty is left out."""
    recording = Recording(
        RecordedRequest("GET", "https://api.test/items?page=2"), AT, RecordedResponse(200, HEADERS, b'{"id":1}')
    )
    assert recording.to_json() == (
        '{"gracy":1,"recorded_at":"2026-11-22T16:30:00.123456+00:00",'
        '"request":{"method":"GET","url":"https://api.test/items?page=2"},'
        '"response":{"status":200,"headers":[["content-type","application/json"],["x-name","naïve"]],'
        '"body":{"json":{"id":1}}}}'
    )


@pytest.mark.parametrize(
    ("headers", "stored"),
    [
        ((("content-length", "8"),), {"sized": 0}),
        (
            (("Server", "s"), ("Content-Length", "8"), ("Age", "1")),
            {"headers": [["Server", "s"], ["Age", "1"]], "sized": 1},
        ),
        ((("server", "s"), ("content-length", "8")), {"headers": [["server", "s"]], "sized": 1}),
        ((("server", "s"), ("Content-Length", "8")), {"headers": [["server", "s"], ["Content-Length", "8"]]}),
        ((("content-length", "9"),), {"headers": [["content-length", "9"]]}),
        ((("content-length", "08"),), {"headers": [["content-length", "08"]]}),
        ((("content-length", "8"), ("content-length", "8")), {"headers": [["content-length", "8"]], "sized": 0}),
    ],
)
def test_the_length_of_a_body_is_left_out(headers: Headers, stored: dict[str, Any]) -> None:
    """Where it comes back just as it was: in its place, and written like the other names."""
    answer = RecordedResponse(200, headers, b'{"id":1}')
    assert answer.to_document() == {"status": 200, **stored, "body": {"json": {"id": 1}}}
    assert RecordedResponse.from_document(answer.to_document()) == answer


def test_the_length_of_a_body_that_was_edited_is_right() -> None:
    """Nobody has to count letters."""
    document = RecordedResponse(200, (("content-length", "8"),), b'{"id":1}').to_document()
    document["body"] = {"json": {"id": 1234}}
    assert RecordedResponse.from_document(document).headers == (("content-length", "11"),)


def test_the_document_of_an_error() -> None:
    """It stands in place of the response."""
    recording = Recording(RecordedRequest("GET", "https://api.test/"), AT, error=RecordedError("ReadTimeout", "late"))
    document = recording.to_document()
    assert document["error"] == {"kind": "ReadTimeout", "message": "late"}
    assert "response" not in document
    assert Recording.from_document(document) == recording
    assert not recording.is_good


def test_the_instant_is_written_in_utc() -> None:
    """Whatever the time zone it was noted in."""
    there = AT.astimezone(timezone(timedelta(hours=9)))
    recording = Recording(RecordedRequest("GET", "https://api.test/"), there, RecordedResponse(200))
    assert recording.to_document()["recorded_at"] == "2026-11-22T16:30:00.123456+00:00"


def test_unknown_names_are_ignored() -> None:
    """So that what is added later needs no new version."""
    recording = Recording(RecordedRequest("GET", "https://api.test/"), AT, RecordedResponse(200))
    document = recording.to_document()
    document["request"]["cookies"] = 2
    document["response"]["reason"] = "OK"
    document["note"] = "by hand"
    assert Recording.from_document(document) == recording


def test_a_newer_version_is_refused() -> None:
    """With both versions and what to do."""
    with pytest.raises(UnreadableRecording, match=r"version 2 and this gracy_transport reads up to 1: upgrade"):
        Recording.from_json('{"gracy": 2}')


@pytest.mark.parametrize("text", ["", "[1]", "3", '"gracy"', "{}", '{"gracy": "x"}', '{"gracy": null}'])
def test_what_is_no_recording_is_refused(text: str) -> None:
    """Whatever else it is."""
    with pytest.raises(UnreadableRecording, match="this is no recording"):
        Recording.from_json(text)


REQUEST = {"method": "GET", "url": "https://api.test/"}


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"request": REQUEST, "recorded_at": "yesterday"},
        {"request": REQUEST, "recorded_at": None},
        {"request": {"method": 1, "url": ""}},
        {"request": REQUEST, "response": {}},
        {"request": REQUEST, "response": {"status": "x"}},
        {"request": REQUEST, "response": []},
        {"request": REQUEST, "response": {"status": 200, "headers": [["one"]]}},
        {"request": REQUEST, "response": {"status": 200, "headers": [["a", 1]]}},
        {"request": REQUEST, "response": {"status": 200, "headers": [["a", "\u2013"]]}},
        {"request": REQUEST, "response": {"status": 200, "body": {}}},
        {"request": REQUEST, "response": {"status": 200, "body": {"text": 1}}},
        {"request": REQUEST, "response": {"status": 200, "body": {"base64": "!"}}},
        {"request": REQUEST, "response": {"status": 200, "body": {"json": 1, "style": "fancy"}}},
        {"request": REQUEST, "error": {}},
    ],
)
def test_a_broken_recording_is_refused(facts: dict[str, Any]) -> None:
    """With what is wrong and what to do."""
    document = {"gracy": 1, "recorded_at": "2026-11-22T16:30:00+00:00", **facts}
    with pytest.raises(UnreadableRecording, match=r"broken .*: record it again"):
        Recording.from_document(document)


@pytest.mark.parametrize(("status", "is_good"), [(200, True), (302, True), (304, True), (404, False), (500, False)])
def test_a_good_answer_is_one_below_400(status: int, is_good: bool) -> None:
    """Redirects are good: a replay has to follow them."""
    assert Recording(RecordedRequest("GET", ""), AT, RecordedResponse(status)).is_good is is_good


def test_a_media_type_may_be_absent() -> None:
    """It is empty then."""
    assert RecordedRequest("GET", "").media_type == ""
    assert RecordedRequest("GET", "", (("content-type", "text/plain"),)).media_type == "text/plain"
