"""The recording as a line of JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.exceptions import UnreadableRecording
from gracy_transport.replay import RecordedError, RecordedRequest, RecordedResponse, Recording
from gracy_transport.replay.document import content_fields, content_in, from_json, placed_in, to_json
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


@given(recordings, st.integers(0, 3))
def test_any_recording_comes_back_identical(recording: Recording, position: int) -> None:
    """Whatever the bytes of its bodies and headers, and read with little care or with more."""
    try:
        line = to_json(recording, position)
        line.encode()
    except UnicodeEncodeError:  # a URL of lone surrogates, which no request has
        return
    assert "\n" not in line
    assert from_json(line) == recording
    assert placed_in(line) == (recording, position)
    assert placed_in(f" {line}") == (recording, position)


JSON = [
    "{}",
    '{"id":1,"name":"\xe9"}',
    '{ "id" : 1.10 }',
    '{"a":1,"a":2}',
    '"\\ud800"',
    "null",
    '[1, {"]}": "}"}]',
    "1e3",
]


def read_body(text: str) -> bytes:
    """Returns the body that the document of a body stands for."""
    line = f'{{"body":{text}}}'
    return content_in(json.loads(line), line)[1]


@given(bodies)
def test_any_body_comes_back_identical(body: bytes) -> None:
    """Whatever it is."""
    for field in content_fields((), body):
        text = f"{{{field}}}"
        assert content_in(json.loads(text), text) == ((), body)


@pytest.mark.parametrize("body", JSON)
def test_json_stands_there_as_it_was_sent(body: str) -> None:
    """To the byte, so that it is read, compared and edited as what it is."""
    assert content_fields((), body.encode()) == [f'"body":{{"json":{body}}}']
    assert read_body(f'{{"json":{body}}}') == body.encode()


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"id": 1}\n', '{"tail":"\\n","json":{"id": 1}}'),
        (b'{\n "id": 1}', r'{"text":"{\n \"id\": 1}"}'),
        (b" 1", '{"text":" 1"}'),
        (b"1 2", '{"text":"1 2"}'),
        (b"NaN", '{"text":"NaN"}'),
        (b"[-Infinity]", '{"text":"[-Infinity]"}'),
        (b"[" * 100_000, '{"text":"' + "[" * 100_000 + '"}'),
        ("naïve\r\n".encode(), r'{"text":"naïve\r\n"}'),
        (b"\xff\x00", '{"base64":"/wA="}'),
    ],
)
def test_a_body_is_as_readable_as_it_can_be(body: bytes, document: str) -> None:
    """As text, where it is no JSON on one line."""
    assert content_fields((), body) == [f'"body":{document}']
    assert read_body(document) == body


def test_json_that_was_edited_has_the_layout_of_the_editor() -> None:
    """Blanks around it are none of its own, and what stands behind it may be anything."""
    asked = '{"gracy":1, "request": {"url": "u", "method": "PUT", "body" : { "json" : [1,  2] , "note":{"json":3}}},'
    line = asked + '"at":"2026-11-22T16:30:00Z","response":{"body": {"json": true }, "status":200, "more": []}}'
    found = from_json(line)
    assert (found.request.body, found.response) == (b"[1,  2]", RecordedResponse(200, (), b"true"))
    assert from_json(line.replace("true }", "0 }").replace("[1,  2] ", "false")).request.body == b"false"


@pytest.mark.parametrize(
    "end", [',"body":{"json":2}}}', ',"body":{"tail":"","json":2}}}', '},"response":{"body":{"json":2}}}']
)
def test_what_looks_like_most_lines_and_is_not(end: str) -> None:
    """Of two fields of one name the last counts, as everywhere in JSON."""
    begin = '{"gracy":1,"request":{"method":"GET","url":"u"},"at":"2026-11-22T16:30:00Z",'
    end = end.replace('"response":{', '"response":{"status":200,')
    found = from_json(f'{begin}"response":{{"status":200,"body":{{"json":1}}{end}')
    assert found.response == RecordedResponse(200, (), b"2")


def test_the_document_of_an_answer() -> None:
    """The names stand in a fixed order, and what is empty is left out."""
    recording = Recording(
        RecordedRequest("GET", "https://api.test/items?page=2"), AT, RecordedResponse(200, HEADERS, b'{"id":1}')
    )
    assert to_json(recording) == (
        '{"gracy":1,"request":{"method":"GET","url":"https://api.test/items?page=2"},'
        '"at":"2026-11-22T16:30:00.123456Z",'
        '"response":{"status":200,"headers":{"content-type":"application/json","x-name":"naïve"},'
        '"body":{"json":{"id":1}}}}'
    )


def line_of(response: RecordedResponse) -> str:
    """Returns the line of an answer, from its status on."""
    line = to_json(Recording(RecordedRequest("GET", "https://api.test/"), AT, response))
    assert from_json(line).response == placed_in(line)[0].response == response
    return line.partition('"response":{"status":200')[2].removesuffix("}}")


@pytest.mark.parametrize(
    ("headers", "stored"),
    [
        ((("a", "1"), ("b", "2")), '{"a":"1","b":"2"}'),
        ((("a", "1"), ("A", "2")), '{"a":"1","A":"2"}'),
        ((("a", "1"), ("b", ""), ("a", "1")), '[["a","1"],["b",""],["a","1"]]'),
        ((("a", 'say "}" '),), r'{"a":"say \"}\" "}'),
    ],
)
def test_headers_are_named(headers: Headers, stored: str) -> None:
    """Where a name comes twice they are pairs."""
    assert line_of(RecordedResponse(200, headers)) == f',"headers":{stored}'


@pytest.mark.parametrize(
    ("headers", "stored"),
    [
        ((("content-length", "8"),), '"sized":0'),
        (
            (("Server", "s"), ("Content-Length", "8"), ("Age", "1")),
            '"headers":{"Server":"s","Age":"1"},"sized":1',
        ),
        ((("server", "s"), ("content-length", "8")), '"headers":{"server":"s"},"sized":1'),
        ((("server", "s"), ("Content-Length", "8")), '"headers":{"server":"s","Content-Length":"8"}'),
        ((("content-length", "9"),), '"headers":{"content-length":"9"}'),
        ((("content-length", "08"),), '"headers":{"content-length":"08"}'),
        ((("content-length", "8"), ("content-length", "8")), '"headers":{"content-length":"8"},"sized":0'),
    ],
)
def test_the_length_of_a_body_is_left_out(headers: Headers, stored: str) -> None:
    """Where it comes back just as it was: in its place, and written like the other names."""
    assert line_of(RecordedResponse(200, headers, b'{"id":1}')) == f',{stored},"body":{{"json":{{"id":1}}}}'


def test_the_length_of_a_body_that_was_edited_is_right() -> None:
    """Nobody has to count letters."""
    answer = RecordedResponse(200, (("content-length", "8"),), b'{"id":1}')
    line = to_json(Recording(RecordedRequest("GET", "https://api.test/"), AT, answer)).replace(":1}}", ":1234}}")
    for found in (from_json(line), from_json(line.replace('"json"', '"json" '))):
        assert found.response == RecordedResponse(200, (("content-length", "11"),), b'{"id":1234}')


def test_the_document_of_an_error() -> None:
    """It stands in place of the response."""
    recording = Recording(RecordedRequest("GET", "https://api.test/"), AT, error=RecordedError("ReadTimeout", "late"))
    line = to_json(recording)
    assert line.endswith('Z","error":{"kind":"ReadTimeout","message":"late"}}')
    assert "response" not in line
    assert from_json(line) == recording
    assert not recording.is_good


def test_the_instant_is_written_in_utc() -> None:
    """Whatever the time zone it was noted in."""
    there = AT.astimezone(timezone(timedelta(hours=9)))
    recording = Recording(RecordedRequest("GET", "https://api.test/"), there, RecordedResponse(200))
    assert json.loads(to_json(recording))["at"] == "2026-11-22T16:30:00.123456Z"


def test_unknown_names_are_ignored() -> None:
    """So that what is added later needs no new version."""
    recording = Recording(RecordedRequest("GET", "https://api.test/"), AT, RecordedResponse(200))
    document = json.loads(to_json(recording))
    document["request"]["cookies"] = 2
    document["response"]["http_version"] = "2"
    document["note"] = "by hand"
    assert from_json(json.dumps(document)) == recording


def test_a_newer_version_is_refused() -> None:
    """With both versions and what to do."""
    with pytest.raises(UnreadableRecording, match=r"version 2 and this gracy_transport reads up to 1: upgrade"):
        from_json('{"gracy": 2}')


@pytest.mark.parametrize("text", ["", "[1]", "3", '"gracy"', "{}", '{"gracy": "x"}', '{"gracy": null}'])
def test_what_is_no_recording_is_refused(text: str) -> None:
    """Whatever else it is."""
    with pytest.raises(UnreadableRecording, match="this is no recording"):
        from_json(text)


REQUEST = {"method": "GET", "url": "https://api.test/"}


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"request": REQUEST, "at": "yesterday"},
        {"request": REQUEST, "at": None},
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
        {"request": REQUEST, "response": {"status": 200, "body": []}},
        {"request": REQUEST, "response": {"status": 200, "body": {"json": 1, "tail": 1}}},
        {"request": REQUEST, "error": {}},
    ],
)
def test_a_broken_recording_is_refused(facts: dict[str, Any]) -> None:
    """With what is wrong and what to do."""
    document = {"gracy": 1, "at": "2026-11-22T16:30:00+00:00", **facts}
    with pytest.raises(UnreadableRecording, match=r"broken .*: record it again"):
        from_json(json.dumps(document))


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_what_python_alone_takes_for_json_is_refused(name: str) -> None:
    """By its name: somebody has put it there."""
    document = {"gracy": 1, "at": "2026-11-22T16:30:00+00:00", "request": REQUEST}
    text = json.dumps(document | {"response": {"status": 200, "body": {"json": [float(name)]}}})
    with pytest.raises(UnreadableRecording, match=rf"broken .*{name} is no JSON.*: record it again"):
        from_json(text)


@pytest.mark.parametrize("headers", ['{"a":"b",}', '{"a":"\u2013"}'])
def test_headers_that_are_broken_are_refused_in_any_line(headers: str) -> None:
    """Also in one that looks like most."""
    begin = '{"gracy":1,"request":{"method":"GET","url":"u"},"at":"2026-11-22T16:30:00Z","response":{"status":200,'
    with pytest.raises(UnreadableRecording, match=r"record (it )?again"):
        from_json(f'{begin}"headers":{headers}}}}}')


def test_a_moment_is_read_in_any_time_zone() -> None:
    """Whoever wrote it by hand may have written the time on the wall."""
    begin = '{"gracy":1,"request":{"method":"GET","url":"u"},"at":"2026-11-22T17:30:00+01:00",'
    assert from_json(begin + '"response":{"status":204}}').recorded_at == datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
