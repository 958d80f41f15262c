"""Whatever stands in a file, reading it makes recordings or says why not; and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.checking.walking import secrets_in
from gracy_transport.exceptions import UnreadableRecording
from gracy_transport.formats import read_cassette, read_har, write_har
from gracy_transport.formats.cassettes import found_in_cassette
from gracy_transport.formats.har import found_in_har
from gracy_transport.replay.recording import RecordedRequest, RecordedResponse, Recording
from tests.formats.support import AT, chrome_entry, har_file

ENTRY = chrome_entry()
ENTRY["request"]["postData"] = {"mimeType": "text/plain", "text": "a", "params": [{"name": "a", "value": "b"}]}
INTERACTION = {
    "request": {"method": "POST", "uri": "https://api.test/x", "body": "a", "headers": {"A": ["b"]}},
    "response": {"status": {"code": 200}, "headers": {"A": ["b"]}, "body": {"string": "c"}},
}

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["base64", "x:y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every place in a document, as what holds it and under which name."""
    for name, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, name
        if isinstance(each, dict | list):
            yield from places_in(each)


@st.composite
def broken(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """Draws a document with something else in one place."""
    made = deepcopy(document)
    holder, name = draw(st.sampled_from(list(places_in(made))))
    holder[name] = draw(any_json)
    return made


@given(broken(ENTRY))
def test_any_entry_of_a_har_is_read_or_told(entry: Any) -> None:
    """And can be written again when it is read."""
    with TemporaryDirectory() as directory:
        path = har_file(Path(directory), entry)
        [found] = found_in_har(path)
        assert bool(found.problem) != bool(found.recordings)
        write_har(path, found.recordings)
        assert read_har(path) == list(found.recordings)


@given(broken(INTERACTION))
def test_any_interaction_of_a_cassette_is_read_or_told(interaction: Any) -> None:
    """In whatever way it is broken."""
    with TemporaryDirectory() as directory:
        path = Path(directory, "x.json")
        path.write_text(json.dumps({"interactions": [interaction], "version": 1}), "utf-8")
        [found] = found_in_cassette(path)
        assert bool(found.problem) != bool(found.recordings)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """As HAR and as a cassette."""
    with TemporaryDirectory() as directory:
        path = Path(directory, "x.yaml")
        path.write_bytes(content)
        for read in (read_har, read_cassette):
            with suppress(UnreadableRecording):
                assert read(path) == []


@given(any_json)
def test_any_document_can_be_checked(document: Any) -> None:
    """Without an error."""
    assert all(secret.value for secret in secrets_in({"headers": document, "x": document}))


def test_a_har_of_ours_that_another_tool_wrote_again_is_read_like_any(tmp_path: Path) -> None:
    """Without our own fields, and without another redaction of what is redacted already."""
    request = RecordedRequest("GET", "https://api.test/x?token=[redacted]", (("authorization", "[redacted]"),))
    answer = RecordedResponse(
        200, (("content-type", "application/json"),), b'{"access_token":"[issued-3f9a1c02d4-77e1]"}'
    )
    path = tmp_path / "x.har"
    write_har(path, [Recording(request, AT, answer)])
    document = json.loads(path.read_bytes())
    del document["log"]["entries"][0]["_gracy"]
    path.write_text(json.dumps(document), "utf-8")
    [recording] = read_har(path)
    assert (recording.request.url, recording.response) == (request.url, answer)


@pytest.mark.parametrize("charset", ["rot13", "hex", "idna", "undefined", "utf-16", "nothing", "ascii"])
def test_any_charset_is_taken(charset: str, tmp_path: Path) -> None:
    """One that is none, or cannot say the text, is UTF-8."""
    text = "é" * 70
    content = {"mimeType": f"text/plain; charset={charset}", "size": 70, "text": text}
    headers = [{"name": "content-type", "value": content["mimeType"]}]
    [recording] = read_har(har_file(tmp_path, chrome_entry(headers=headers, content=content)))
    assert recording.response is not None
    assert recording.response.body == text.encode("utf-16" if charset == "utf-16" else "utf-8")
