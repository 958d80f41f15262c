"""HAR: what was recorded comes back identical, and what browsers wrote is read with tolerance, without its secrets."""

from __future__ import annotations

import base64
import json
import logging
import zipfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.exceptions import GracyReplayRequestNotFound, UnreadableRecording
from gracy_transport.formats import read_har, write_har
from gracy_transport.replay.document import to_json
from gracy_transport.replay.recording import RecordedError, Recording
from gracy_transport.replays.storages.memory import MemoryReplayStorage
from tests.formats.support import AT, any_recordings, chrome_entry, har_file, pairs
from tests.replay.support import client_of


def one(path: Path) -> Recording:
    [recording] = read_har(path)
    return recording


def left_out(path: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Returns what is said of the entries of a HAR that make no recordings."""
    with caplog.at_level(logging.WARNING):
        assert read_har(path) == []
    return [record.getMessage().removeprefix(f"{path}, ") for record in caplog.records]


@given(st.lists(any_recordings, max_size=4))
def test_any_recordings_come_back_identical(recordings: list[Recording]) -> None:
    """In their order, to the byte."""
    with TemporaryDirectory() as directory:
        path = Path(directory, "x.har")
        write_har(path, recordings)
        assert read_har(path) == recordings


@given(any_recordings)
def test_what_is_written_is_a_har(recording: Recording) -> None:
    """With every field that HAR 1.2 wants."""
    with TemporaryDirectory() as directory:
        path = Path(directory, "x.har")
        write_har(path, [recording])
        log = json.loads(path.read_bytes())["log"]
    [entry] = log["entries"]
    assert log["version"] == "1.2" and set(log["creator"]) == {"name", "version"}
    assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry)
    common = {"httpVersion", "cookies", "headers", "headersSize", "bodySize"}
    assert common | {"method", "url", "queryString"} <= set(entry["request"])
    assert common | {"status", "statusText", "content", "redirectURL"} <= set(entry["response"])
    assert entry["time"] == sum(entry["timings"].values())
    assert all(
        name.startswith("_")
        for name in set(entry) - {"startedDateTime", "time", "request", "response"} - {"cache", "timings"}
    )


def test_chrome(tmp_path: Path) -> None:
    """Its pseudo headers and its taste go, its body is decoded already, its date is when the answer came."""
    recording = one(har_file(tmp_path, chrome_entry()))
    assert recording.recorded_at == AT
    assert recording.request.headers == (("accept", "*/*"),)
    assert recording.response is not None
    assert recording.response.headers == (
        ("content-type", "application/json"),
        ("date", "Sun, 22 Nov 2026 16:30:00 GMT"),
    )
    assert recording.response.body == b'{"id":1}'


@pytest.mark.anyio
async def test_it_replays(family: ModuleType, tmp_path: Path) -> None:
    """In a client of either family, a redirect and its target one after the other."""
    moved = chrome_entry(
        "https://api.test/old",
        status=302,
        headers=pairs(),
        redirectURL="https://api.test/items/1",
        content={"size": 0, "mimeType": "x-unknown"},
    )
    storage = MemoryReplayStorage(read_har(har_file(tmp_path, moved, chrome_entry())))
    async with client_of(family, "replay", storage) as client:
        response = await client.get("https://api.test/old", follow_redirects=True)
    assert (response.json(), len(response.history)) == ({"id": 1}, 1)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers", [{}, {"accept": "text/csv"}, {"accept": "application/json", "accept-language": "de"}]
)
async def test_it_replays_whatever_is_accepted(family: ModuleType, tmp_path: Path, headers: dict[str, str]) -> None:
    """What a page accepts, and the language of who sat before it, a program need not ask for."""
    storage = MemoryReplayStorage(read_har(har_file(tmp_path, chrome_entry())))
    async with client_of(family, "replay", storage) as client:
        assert (await client.get("https://api.test/items/1", headers=headers)).json() == {"id": 1}
        with pytest.raises(GracyReplayRequestNotFound):
            await client.get("https://api.test/items/1", headers={**headers, "range": "bytes=0-1"})


def test_secrets_stay_behind(tmp_path: Path) -> None:
    """In headers, cookies, the URL, the body and the answer; two users are told apart."""
    entries: list[Any] = []
    for user in ("SECRET-first-0123456789", "SECRET-other-0123456789"):
        entry = chrome_entry(
            f"https://api.test/me?api_key={user}",
            headers=pairs(content_type="application/json", set_cookie=f"sid={user}; Path=/\ntheme=dark"),
            content={"size": 1, "mimeType": "application/json", "text": json.dumps({"access_token": user, "n": 1})},
        )
        entry["request"]["headers"] += pairs(authorization=f"Bearer {user}", cookie=f"sid={user}")
        entry["request"]["cookies"] = [{"name": "sid", "value": user}]
        entry["request"]["postData"] = {"mimeType": "application/json", "text": json.dumps({"password": user})}
        entries.append(entry)
    recordings = read_har(har_file(tmp_path, *entries))
    assert [each.request.credential for each in recordings] == ["credential-1", "credential-2"]
    assert not any("SECRET" in to_json(each) for each in recordings)
    response = recordings[0].response
    assert response is not None
    assert [value.partition("=")[0] for name, value in response.headers if name == "set-cookie"] == ["sid", "theme"]


def test_firefox(tmp_path: Path) -> None:
    """It writes forms as parameters, text as it was decoded, and entries in any order."""
    form = chrome_entry("https://api.test/form", "POST")
    form["request"]["postData"] = {
        "mimeType": "application/x-www-form-urlencoded",
        "params": [{"name": "q", "value": "a b&c"}],
        "text": "",
    }
    late = chrome_entry(
        "https://api.test/form",
        headers=pairs(Content_Type="text/plain; charset=iso-8859-1"),
        content={"mimeType": "text/plain; charset=iso-8859-1", "size": 4, "text": "café"},
    )
    late["startedDateTime"] = "2026-11-22T18:30:00.000+01:00"
    first, last = read_har(har_file(tmp_path, late, form, creator="Firefox"))
    assert (first.request.method, first.request.body) == ("POST", b"q=a+b%26c")
    assert first.request.media_type == "application/x-www-form-urlencoded"
    assert last.response is not None
    assert last.response.body == b"caf\xe9"
    assert last.recorded_at.isoformat() == "2026-11-22T17:30:00.250000+00:00"


def test_playwright_keeps_bodies_beside(tmp_path: Path) -> None:
    """In files named by their hash, and only those beside the HAR are read."""
    (tmp_path / "3f9a.png").write_bytes(bytes(range(256)))
    entry = chrome_entry(content={"size": 256, "mimeType": "image/png", "_file": "3f9a.png"}, headers=[])
    entry["request"]["postData"] = {"mimeType": "application/octet-stream", "_file": "3f9a.png", "params": []}
    recording = one(har_file(tmp_path, entry, creator="Playwright"))
    assert recording.response is not None
    assert (recording.response.body, recording.request.body) == (bytes(range(256)), bytes(range(256)))
    assert recording.response.headers == (("content-type", "image/png"),)


def zipped(tmp_path: Path, **more: bytes) -> Path:
    """Returns an archive as Playwright writes it, of one HAR and the bodies it attaches, and of other files."""
    entry = chrome_entry(content={"size": 256, "mimeType": "image/png", "_file": "3f9a.png"}, headers=[])
    content = har_file(tmp_path, entry, creator="Playwright").read_bytes()
    path = tmp_path / "session.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in {"3f9a.png": bytes(range(256)), "har.har": content, **more}.items():
            archive.writestr(name, body)
    return path


def test_playwright_zips_it_all(tmp_path: Path) -> None:
    """The HAR and the bodies it attaches."""
    recording = one(zipped(tmp_path))
    assert recording.response is not None
    assert recording.response.body == bytes(range(256))


def test_a_zip_that_lacks_a_body_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Only what is in it is read, no file beside it."""
    (tmp_path / "beside.png").write_bytes(b"x")
    entry = chrome_entry(content={"size": 1, "mimeType": "image/png", "_file": "beside.png"})
    path = zipped(tmp_path, **{"har.har": har_file(tmp_path, entry).read_bytes()})
    assert read_har(path) == []
    assert "its body is in the file beside.png, which cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"other.har": b"{}"}, "holds 2 HARs: unpack it"),
        ({"har.har": b"{}"}, "is no HAR"),
        ({"har.har": b"\xff"}, "no HAR"),
    ],
)
def test_a_zip_that_is_not_one_har_is_refused(tmp_path: Path, more: dict[str, bytes], said: str) -> None:
    """In words."""
    with pytest.raises(UnreadableRecording, match=said):
        read_har(zipped(tmp_path, **more))


def test_a_broken_zip_is_read_or_refused(tmp_path: Path) -> None:
    """Wherever it is broken; there is no third way."""
    path = zipped(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with suppress(UnreadableRecording):
            read_har(path)


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "missing.bin", 7])
def test_bodies_elsewhere_are_not_read(name: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nor are those that are not there."""
    entry = chrome_entry(content={"size": 3, "mimeType": "text/plain", "_file": name})
    [said] = left_out(har_file(tmp_path, entry), caplog)
    assert said.startswith("entry 1, GET https://api.test/items/1: left out, its body is in ")


def test_bytes_are_base64(tmp_path: Path) -> None:
    """In answers of all programs, and in requests of some."""
    text = base64.b64encode(b"\x00\xff").decode()
    entry = chrome_entry(content={"size": 2, "mimeType": "image/png", "text": text, "encoding": "base64"})
    entry["request"]["postData"] = {"mimeType": "image/png", "text": text, "encoding": "base64"}
    recording = one(har_file(tmp_path, entry))
    assert recording.response is not None
    assert (recording.response.body, recording.request.body) == (b"\x00\xff", b"\x00\xff")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("net::ERR_CONNECTION_REFUSED", "ConnectError"),
        ("net::ERR_NAME_NOT_RESOLVED", "ConnectError"),
        ("net::ERR_CERT_DATE_INVALID", "ConnectError"),
        ("net::ERR_HTTP2_PROTOCOL_ERROR", "RemoteProtocolError"),
        ("net::ERR_CONNECTION_TIMED_OUT", "ConnectTimeout"),
        ("net::ERR_TIMED_OUT", "ReadTimeout"),
        ("net::ERR_CONNECTION_RESET", "ReadError"),
        ("net::ERR_EMPTY_RESPONSE", "RemoteProtocolError"),
        ("net::ERR_TUNNEL_CONNECTION_FAILED", "ProxyError"),
        ("NS_ERROR_UNKNOWN_HOST", "ConnectError"),
        ("NS_ERROR_NET_TIMEOUT", "ReadTimeout"),
        ("what nobody knows", "ReadError"),
    ],
)
@pytest.mark.parametrize(("field", "status"), [("_error", 0), ("_failureText", -1)])
def test_errors_are_those_of_httpx(said: str, kind: str, field: str, status: int, tmp_path: Path) -> None:
    """As Chrome and Playwright tell them."""
    answer: dict[str, Any] = {"status": status, field: said, "headers": [], "content": {"size": -1}}
    entry = chrome_entry("https://api.test/x", "GET", **answer)
    recording = one(har_file(tmp_path, entry))
    assert (recording.response, recording.error) == (None, RecordedError(kind, said))


def test_a_body_that_broke_stays_broken(tmp_path: Path) -> None:
    """Beside what came of it."""
    recording = one(har_file(tmp_path, chrome_entry(_error="net::ERR_CONTENT_LENGTH_MISMATCH")))
    assert recording.response is not None and recording.error is not None
    assert recording.error.kind == "RemoteProtocolError"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (chrome_entry("wss://api.test/live"), "it is a WebSocket, and only requests with an answer are recorded"),
        (chrome_entry(status=101), "it is a WebSocket"),
        (chrome_entry() | {"_webSocketMessages": []}, "it is a WebSocket"),
        (chrome_entry("data:text/plain,hi"), "it did not go over HTTP but is a data: URL"),
        (chrome_entry("blob:https://api.test/1"), "it did not go over HTTP but is a blob: URL"),
        (chrome_entry(status=0, content={}), "no answer came (status 0), and it does not say why"),
        (chrome_entry(status=0, _error="net::ERR_ABORTED"), "it was given up or blocked before its end (net::ERR_"),
        (chrome_entry(content={"size": 1234, "mimeType": "text/html"}), "its body of 1,234 bytes is not in the HAR"),
        (chrome_entry(status=7), "it makes no recording (ValueError)"),
        (chrome_entry(headers=7), "it makes no recording (TypeError)"),
        (chrome_entry(headers=[{"name": {}, "value": ""}]), "it has dict in place of text"),
        ({"request": {"method": "GET", "url": "https://api.test/items/1"}}, "it makes no recording (KeyError)"),
        (7, "it makes no recording (TypeError)"),
        (chrome_entry() | {"_gracy": {"version": 2}}, "this entry is of version 2"),
        (chrome_entry() | {"_gracy": {"version": 1}}, "this entry is broken"),
    ],
)
def test_what_cannot_be_replayed_is_told(
    entry: Any, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One by one, each with its place."""
    [line] = left_out(har_file(tmp_path, entry), caplog)
    assert line.startswith("entry 1") and said in line


def test_what_is_told_holds_no_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nor what a terminal would obey."""
    entry = chrome_entry("wss://me:SECRET@api.test/\x1b[31m?token=SECRET")
    [said] = left_out(har_file(tmp_path, entry), caplog)
    assert said.startswith("entry 1, GET wss://[redacted]@api.test/%1B[31m?token=[redacted]: left out, it is a")


@pytest.mark.parametrize(
    "answer",
    [{"status": 204}, {"status": 304}, {"status": 302}, {"status": 200, "content": {"size": 0}}],
)
def test_answers_without_a_body_are_whole(answer: dict[str, Any], tmp_path: Path) -> None:
    """Whatever size they claim to have."""
    answer = {"content": {"size": 20, "mimeType": "text/html"}} | answer
    entry = chrome_entry("https://api.test/x", "GET", **answer)
    recording = one(har_file(tmp_path, entry))
    assert recording.response is not None and recording.response.body == b""


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"log": {}}', b'{"log": {"entries": 1}}', b"\xff"])
def test_what_is_no_har_is_refused(content: bytes, tmp_path: Path) -> None:
    """By its name."""
    path = tmp_path / "x.har"
    path.write_bytes(content)
    with pytest.raises(UnreadableRecording, match=r"x\.har is no HAR"):
        read_har(path)


def test_a_missing_har_is_refused(tmp_path: Path) -> None:
    """With what the system says."""
    with pytest.raises(UnreadableRecording, match="No such file"):
        read_har(tmp_path / "x.har")
