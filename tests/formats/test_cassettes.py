"""Cassettes of vcrpy: what it records replays here, in every layout it ever wrote, and nothing in them is executed."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import vcr

from gracy_transport.exceptions import UnreadableRecording
from gracy_transport.formats import read_cassette
from gracy_transport.replay.document import to_json
from gracy_transport.replay.recording import Recording
from gracy_transport.replays.storages.memory import MemoryReplayStorage
from gracy_transport.testing.origin import Origin, Reply
from tests.replay.support import client_of

BINARY = bytes(range(256))


async def record(path: Path, serializer: str, *, with_bytes: bool) -> str:
    """Records a session with the real vcrpy, and returns the URL of the server."""
    async with Origin() as origin:
        origin.on("/json").reply(Reply(json={"id": 1}))
        origin.on("/again").reply(Reply(text="first"), Reply(text="last"))
        origin.on("/gzip").reply(
            Reply(text="is packed" * 9, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
            if not with_bytes
            else Reply(content=gzip.compress(b"is packed"), headers={"Content-Encoding": "gzip"})
        )
        origin.on("/bytes").reply(Reply(content=BINARY if with_bytes else b"text"))
        origin.on("/old").reply(Reply(302, headers={"Location": "/json"}))
        origin.on("POST", "/items").reply(Reply(201, json={"access_token": "SECRET-0123456789-abcdef"}))
        with vcr.VCR(serializer=serializer).use_cassette(str(path)):  # pyright: ignore[reportAttributeAccessIssue]
            async with httpx.AsyncClient(base_url=origin.url, headers={"Authorization": "Bearer SECRET-1"}) as client:
                await client.get("/json")
                await client.get("/again")
                await client.get("/again")
                if with_bytes:
                    await client.get("/gzip")
                await client.get("/bytes")
                await client.get("/old", follow_redirects=True)
                await client.post("/items?api_key=SECRET-2", json={"b": 1, "a": 2})
        return origin.url


@pytest.mark.parametrize(("serializer", "with_bytes"), [("yaml", True), ("yaml", False), ("json", False)])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # vcrpy knows no other
@pytest.mark.anyio
async def test_what_vcrpy_records_replays(
    serializer: str, with_bytes: bool, tmp_path: Path, family: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """With another token, another order of fields, redirects, compressed bodies, and several answers in order."""
    path = tmp_path / f"session.{serializer}"
    url = await record(path, serializer, with_bytes=with_bytes)
    assert "SECRET" in path.read_text("utf-8")
    recordings = read_cassette(path)
    assert not any("SECRET" in to_json(each) for each in recordings)
    async with client_of(family, "replay", MemoryReplayStorage(recordings)) as client:
        client.headers["Authorization"] = "Bearer another"
        assert (await client.get(f"{url}/json")).json() == {"id": 1}
        assert [(await client.get(f"{url}/again")).text for _ in range(2)] == ["first", "last"]
        if with_bytes:
            assert (await client.get(f"{url}/gzip")).text == "is packed"
        assert (await client.get(f"{url}/bytes")).content == (BINARY if with_bytes else b"text")
        assert (await client.get(f"{url}/old", follow_redirects=True)).json() == {"id": 1}
        made = await client.post(f"{url}/items?api_key=mine", json={"a": 2, "b": 1})
        assert (made.status_code, made.json()["access_token"][:8]) == (201, "[issued-")
    assert not caplog.records


REQUEST = "{method: GET, uri: 'https://api.test/x', body: null, headers: {}}"


def cassette(directory: Path, text: str | bytes, name: str = "x.yaml") -> Path:
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_one(directory: Path, response: str, request: str = REQUEST) -> Recording:
    text = f"version: 1\ninteractions:\n- request: {request}\n  response: {response}\n"
    [recording] = read_cassette(cassette(directory, text))
    return recording


def body_of(recording: Recording) -> bytes:
    assert recording.response is not None
    return recording.response.body


@pytest.mark.parametrize(
    ("response", "body"),
    [
        ("{status: {code: 200, message: OK}, headers: {}, body: {string: café}}", "café".encode()),
        ("{status: {code: 200, message: OK}, headers: {}, body: {string: !!binary AP8=}}", b"\x00\xff"),
        ("{status: {code: 200, message: OK}, headers: {}, body: {base64_string: AP8=}}", b"\x00\xff"),
        ("{status: {code: 200, message: OK}, headers: {}, body: {string: null}}", b""),
        ("{status: {code: 200, message: OK}, headers: {}, body: plain}", b"plain"),
        ("{status: {code: 200, message: OK}, headers: {}, body: {string: !!python/unicode 'old'}}", b"old"),
        ("{status: {code: 200, message: OK}, headers: {}, body: {string: !!python/str 'old'}}", b"old"),
        ("{status_code: 200, http_version: HTTP/1.1, headers: {}, content: of httpx}", b"of httpx"),
        ("{status_code: 200, headers: {Content-Encoding: [gzip]}, content: was decoded}", b"was decoded"),
        ("{status: {code: 200}, headers: {Content-Encoding: [gzip]}, body: {string: was decoded}}", b"was decoded"),
    ],
)
def test_every_layout_of_an_answer(response: str, body: bytes, tmp_path: Path) -> None:
    """Of all versions, and of all the clients that vcrpy listens to."""
    recording = read_one(tmp_path, response)
    assert recording.response is not None
    assert (recording.response.status, recording.response.body) == (200, body)
    assert not any(name.lower() == "content-encoding" for name, _value in recording.response.headers)


@pytest.mark.parametrize("encode", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_compressed_bodies_are_decoded(encode: Any, tmp_path: Path) -> None:
    """And lose the header that says so."""
    packed, name = base64.b64encode(encode(b"packed")).decode(), "gzip" if encode is gzip.compress else "deflate"
    headers = f"{{Content-Encoding: [{name}], Content-Length: ['99']}}"
    recording = read_one(
        tmp_path, f"{{status: {{code: 200}}, headers: {headers}, body: {{string: !!binary {packed}}}}}"
    )
    assert recording.response is not None
    assert (recording.response.body, recording.response.headers) == (b"packed", (("Content-Length", "6"),))


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ("a=1", b"a=1"),
        ("!!binary AP8=", b"\x00\xff"),
        ("!!python/unicode 'é'", "é".encode()),
        ("{string: text}", b"text"),
        ("{base64_string: AP8=}", b"\x00\xff"),
        ("[one, !!binary dHdv]", b"onetwo"),
        ("!!python/object/new:_io.BytesIO {state: !!python/tuple [!!binary dHdv, 0, null]}", b"two"),
        ("!!python/object/apply:builtins.iter {args: [[one, two]]}", b"onetwo"),
    ],
)
def test_every_layout_of_a_question(body: str, content: bytes, tmp_path: Path) -> None:
    """Text, bytes, pieces, and files that were read."""
    asked = f"{{method: POST, uri: 'https://api.test/x', body: {body}, headers: {{X-A: [b], X-C: d}}}}"
    recording = read_one(tmp_path, "{status: {code: 200}, headers: {}, body: {string: ''}}", asked)
    assert recording.request.body == content
    assert recording.request.headers == (("x-a", "b"), ("x-c", "d"))


def test_the_first_format(tmp_path: Path) -> None:
    """Before version 1 a cassette was a list, its requests objects and its headers lines."""
    text = """
- request: !!python/object:vcr.request.Request
    body: null
    headers: !!python/object/apply:__builtin__.frozenset
    - - !!python/tuple [Accept-Encoding, 'gzip']
      - !!python/tuple [X-A, b]
    host: api.test
    method: GET
    path: /x?y=1
    port: 8080
    protocol: http
  response:
    body: {string: !!python/unicode 'old'}
    headers: ["Content-Type: text/plain\\r\\n", "Date: Sun, 22 Nov 2015 16:30:00 GMT\\r\\n"]
    status: {code: 200, message: OK}
"""
    [recording] = read_cassette(cassette(tmp_path, text))
    assert (recording.request.url, recording.request.headers) == ("http://api.test:8080/x?y=1", (("x-a", "b"),))
    assert (body_of(recording), recording.recorded_at.year) == (b"old", 2015)


def test_the_first_format_in_json(tmp_path: Path) -> None:
    """Its headers were a mapping, its ports those of the scheme."""
    asked = {
        "protocol": "https",
        "host": "api.test",
        "port": 443,
        "path": "/x",
        "method": "GET",
        "headers": {"X-A": "b"},
    }
    answered = {"status": {"code": 200}, "headers": ["Content-Type: text/plain"], "body": {"string": "old"}}
    text = json.dumps([{"request": asked | {"body": None}, "response": answered}])
    [recording] = read_cassette(cassette(tmp_path, text, "x.json"))
    assert (recording.request.url, body_of(recording)) == ("https://api.test/x", b"old")


ATTACKS = [
    "!!python/object/apply:os.system ['touch {0}']",
    "!!python/object/new:subprocess.Popen [['touch', '{0}']]",
    '!!python/object/apply:builtins.eval [\'open("{0}", "w")\']',
    "!!python/name:os.system ''",
    "!!python/module:os ''",
    "!!python/object:pathlib.Path {{x: 1}}",
    "!mine {{x: 1}}",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    "place",
    [
        "{{status: {{code: 200}}, headers: {{}}, body: {0}}}",
        "{{status: {{code: 200}}, headers: {{}}, body: {{string: {0}}}}}",
        "{{status: {{code: 200}}, headers: {{X-A: {0}}}, body: null}}",
        "{{status: {{code: 200}}, headers: {0}, body: null}}",
        "{{status: {0}, headers: {{}}, body: null}}",
        "{0}",
    ],
)
def test_objects_are_refused_by_name(attack: str, place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of them runs, and the interactions around them are read."""
    marker = tmp_path / "it-ran"
    good = f"- request: {REQUEST}\n  response: {{status: {{code: 200}}, headers: {{}}, body: fine}}\n"
    bad = f"- request: {REQUEST}\n  response: {place.format(attack.format(marker))}\n"
    path = cassette(tmp_path, f"interactions:\n{good}{bad}")
    with caplog.at_level(logging.WARNING):
        assert [body_of(each) for each in read_cassette(path)] == [b"fine"]
    [said] = [record.getMessage() for record in caplog.records]
    name = attack.partition(" ")[0].replace("!!", "")
    assert said == (
        f"{path}, interaction 2, GET https://api.test/x: left out, it names {name}, which no cassette needs"
    )
    assert not marker.exists()


@pytest.mark.parametrize(
    ("interaction", "said"),
    [
        (f"- request: {REQUEST}", "it makes no recording (KeyError)"),
        ("- 7", "it has a text in place of fields"),
        ("- {request: text, response: {}}", "it has a text in place of fields"),
        (f"- {{request: {REQUEST}, response: {{status: {{code: 7}}, headers: {{}}}}}}", "no recording (ValueError)"),
        (f"- {{request: {REQUEST}, response: {{status: {{code: 200}}, headers: 7}}}}", "its headers are in a layout"),
        (
            f"- {{request: {REQUEST}, response: {{status: {{code: 200}}, headers: {{}}, body: {{x: 1}}}}}}",
            "its body is in",
        ),
    ],
)
def test_what_makes_no_recording_is_told(
    interaction: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One by one."""
    with caplog.at_level(logging.WARNING):
        assert read_cassette(cassette(tmp_path, f"interactions:\n{interaction}\n")) == []
    [line] = [record.getMessage() for record in caplog.records]
    assert said in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"just text", "is no cassette of vcrpy: it has no list of interactions"),
        (b"interactions: {}", "is no cassette of vcrpy"),
        (b"a: [", "cannot be read as YAML"),
        (b"a: *nothing", "cannot be read as YAML"),
        (b"[" * 50_000, "cannot be read as YAML"),
        (b"\xff\xfe\xfd", "cannot be read as YAML"),
        (b"? [a]\n: !!python/str [x]", "cannot be read as YAML"),
    ],
)
def test_what_is_no_cassette_is_refused(text: bytes, said: str, tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(UnreadableRecording, match=f"x.yaml {said}"):
        read_cassette(cassette(tmp_path, text))


def test_a_missing_cassette_is_refused(tmp_path: Path) -> None:
    """With what the system says."""
    with pytest.raises(UnreadableRecording, match="No such file"):
        read_cassette(tmp_path / "x.yaml")


def test_without_pyyaml_json_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And YAML says what to install."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert read_cassette(cassette(tmp_path, '{"interactions": [], "version": 1}', "x.json")) == []
    with pytest.raises(UnreadableRecording, match=r"install gracy-transport\[yaml\]"):
        read_cassette(cassette(tmp_path, "interactions: []"))
