"""Checking recordings: what was planted is found in every kind of file, and what we recorded is clean."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracyReplay, ReplayTransport
from gracy_transport.__main__ import main
from gracy_transport.checking.walking import secrets_in, secrets_in_line
from gracy_transport.formats import read_har, write_har
from gracy_transport.replay.recording import RecordedRequest, RecordedResponse, Recording
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.conversion.support import answered, bare, old_file, row
from tests.fire.test_canaries import ANSWERED, COOKIES, FORM, HEADERS, JSON, QUERY, URL
from tests.formats.support import AT, chrome_entry, har_file, pairs

SHAPES = {
    "GitHub token": "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6",
    "GitLab token": "glpat-" + "aB3dE6gH9jK2mN5pQ8sT",
    "Slack token": "xoxb-" + "123456789012-aBcDeFgHiJ",
    "Slack webhook": "hooks.slack.com/services/" + "T0AAAAAAA/B0AAAAAAA/aB3dE6gH9jK2",
    "Stripe key": "sk_live_" + "aB3dE6gH9jK2mN5pQ8sT1vW4",
    "OpenAI key": "sk-proj-" + "aB3dE6gH9jK2mN5pQ8sT1vW4",
    "Anthropic key": "sk-ant-api03-" + "aB3dE6gH9jK2mN5pQ8sT1vW4",
    "AWS access key": "AKIA" + "IOSFODNN7ABCDEFG",
    "Google API key": "AIza" + "SyA-1234567890abcdefghijklmnopqrstu",
    "Google token": "ya29." + "aB3dE6gH9jK2mN5pQ8sT1vW4",
    "Hugging Face token": "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "JWT": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "bearer token": "Bearer " + "aB3dE6gH9jK2mN5pQ8sT",
    "basic credentials": "Basic " + base64.b64encode(b"somebody:a-password").decode(),
    "userinfo in a URL": "https://somebody:" + "a-pass-word@api.test/x",
}


NOTHING_IN_IT = '{"log": {"entries": []}}'


def check(*words: object) -> int:
    return main(["check-recordings", *map(str, words)])


def recording_with(text: str) -> Recording:
    """Returns a recording with a text where nothing else tells that it is a secret."""
    asked = RecordedRequest("GET", "https://api.test/x")
    return Recording(asked, AT, RecordedResponse(200, (("content-type", "text/plain"),), f"see {text} there".encode()))


@pytest.mark.parametrize("kind", SHAPES)
def test_every_shape_is_found_anywhere(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And no more of it is shown than four characters."""
    path = tmp_path / "x.har"
    write_har(path, [recording_with(SHAPES[kind])])
    assert check(path) == 1
    said = capsys.readouterr()
    assert f"{path}, entry 1: response.content.text: {kind} (" in said.out
    shown = said.out.rpartition("(")[2].partition("…")[0]
    assert len(shown) <= 4 and shown in SHAPES[kind]
    assert said.err == "1 secret found in 1 file\n"


@pytest.mark.parametrize("kind", SHAPES)
def test_every_shape_is_found_in_a_line_of_any_text(kind: str, tmp_path: Path) -> None:
    """Whatever stands around it."""
    path = tmp_path / "notes.txt"
    path.write_text(f"nothing here\nbut ({SHAPES[kind]}) here\n", "utf-8")
    assert check(path) == 1


def plant(directory: Path, name: str) -> Path:
    """Makes a file of a kind with a token in the text of an answer."""
    token, path = SHAPES["GitHub token"], directory / name
    if name == "old.sqlite3":
        return old_file(directory, [row(answered(lambda _: old_api_answer(token)))])
    if name.endswith(".yaml"):
        packed = base64.b64encode(gzip.compress(json.dumps({"a": [{"note": token}]}).encode())).decode()
        path.write_text(
            "interactions:\n- request: {method: GET, uri: 'https://api.test/x', body: null, headers: {}}\n"
            f"  response: {{status: {{code: 200}}, headers: {{}}, body: {{string: !!binary {packed}}}}}\nversion: 1\n",
            "utf-8",
        )
        return path
    write_har(directory / "source.har", [recording_with("nothing"), recording_with(token)])
    if name != "source.har":
        assert main(["convert-recordings", str(directory / "source.har"), str(path)]) == 0
        (directory / "source.har").unlink()
    return path


def old_api_answer(token: str) -> Any:
    import httpx

    return httpx.Response(200, json={"note": token})


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("old.sqlite3", "row 1, GET https://api.test/items/1: body.note"),
        ("new.sqlite3", "recording 2, GET https://api.test/x: response.body.text"),
        ("x.jsonl", "line 2: response.body.text"),
        ("source.har", "entry 2: response.content.text"),
        ("x.yaml", "interaction 1: response.body.string.a[0].note"),
    ],
)
def test_it_is_found_in_every_kind(name: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the line or the recording, and where in it."""
    path = plant(tmp_path, name)
    capsys.readouterr()
    assert check(path) == 1
    assert capsys.readouterr().out == f"{path}, {place}: GitHub token (ghp_…)\n"


def test_a_directory_stands_for_the_files_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text and recordings; neither what is neither of them, nor what belongs to git."""
    token = SHAPES["GitHub token"]
    for name in ("a/x.txt", "b.py", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(token, "utf-8")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\0" + token.encode())
    assert check(tmp_path) == 1
    said = capsys.readouterr()
    assert [line.partition(",")[0] for line in said.out.splitlines()] == [f"{tmp_path}/a/x.txt", f"{tmp_path}/b.py"]
    assert said.err == "2 secrets found in 2 files\n"


HAR_ENTRY = chrome_entry("https://api.test/me?api_key=k3y-of-somebody&n=1")
HAR_ENTRY["request"]["headers"] += pairs(
    authorization="Digest 8f14e45fceea", cookie="theme=dark; sid=8f14e45fceea167a5a36"
)
HAR_ENTRY["request"]["postData"] = {
    "mimeType": "application/x-www-form-urlencoded",
    "text": "a=b&client_secret=s3cr3t-one",
}
HAR_ENTRY["response"]["headers"] += pairs(set_cookie="session=8f14e45fceea167a; Path=/", x_api_key="8f14e45fceea")
HAR_ENTRY["response"]["content"]["text"] = json.dumps({"data": {"refresh_token": "8f14e45fceea167a"}, "token": "short"})


def test_values_under_the_names_of_secrets_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In parameters, headers, cookies, forms and fields, if they are long enough."""
    assert check(har_file(tmp_path, HAR_ENTRY)) == 1
    said = [line.partition("entry 1: ")[2] for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "request.url.api_key: value of api_key (k3y…)",
        "request.headers.authorization: value of authorization (8f1…)",
        "request.headers.cookie.sid: value of sid (8f14…)",
        "request.postData.text.client_secret: value of client_secret (s3…)",
        "response.headers.set-cookie.session: value of session (8f14…)",
        "response.headers.x-api-key: value of x-api-key (8f1…)",
        "response.content.text.data.refresh_token: value of refresh_token (8f14…)",
    ]


def test_what_was_converted_is_clean(tmp_path: Path) -> None:
    """All of that is redacted when it comes in."""
    write_har(tmp_path / "new.har", read_har(har_file(tmp_path, HAR_ENTRY)))
    assert check(tmp_path / "new.har") == 0


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["x.sqlite3", "x.jsonl"])
async def test_what_we_record_is_clean(
    name: str, family: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Secrets go in by every way, with the defaults."""
    lines = name.endswith(".jsonl")
    storage = JSONLinesReplayStorage(tmp_path / name) if lines else SQLiteReplayStorage(name, dir=tmp_path)
    wire = ScriptedWire(
        ScriptedResponse(json={"echo": JSON, "access_token": SHAPES["JWT"], "auth": HEADERS["token"]}, headers=ANSWERED)
    )
    transport = ReplayTransport(wire, GracyReplay("record", storage))
    authorized = HEADERS | {"Authorization": SHAPES["bearer token"], "X-Api-Key": SHAPES["GitHub token"]}
    async with family.AsyncClient(transport=transport, cookies=COOKIES) as client:
        await client.post(URL, params=QUERY, headers=authorized, json=JSON)
        await client.post(URL, params=QUERY, headers=HEADERS, data=FORM)
        await client.get("https://somebody:a-pass-word1@api.test/x", params=QUERY | {"api_key": SHAPES["Stripe key"]})
    assert len(list(storage.recordings())) == 3
    assert check(tmp_path / name) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "[issued-3f9a1c02d4-77e1]", "credential": "credential-1"}',
        '{"authorization": "Bearer [redacted]", "next_page_token": "aB3dE6gH9jK2mN5pQ8sT1"}',
        "https://[redacted]@api.test/x?api_key=[redacted]&token=%5Bredacted%5D",
        '{"token": "true", "password": "string", "country_code": "DE", "code": "not_found"}',
        '{"token": "DUMMY-TOKEN-123", "secret": "xxxxxxxxxxxxxxxx1", "api_key": "REDACTED-12345678"}',
        "Bearer tokens are secrets, and so is Basic authentication",
        "https://api.test/users/somebody@example.test?x=1",
        "commit 3f9a1c02d477e13f9a1c02d477e13f9a1c02d477",
        "a task-oriented-and-long-hyphenated-name",
    ],
)
def test_what_is_none_is_not_found(text: str) -> None:
    """Placeholders, prose, places in lists, and what people put instead."""
    assert [*secrets_in_line(text), *secrets_in({"body": {"text": text}})] == []


def test_false_alarms_can_be_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By what they are, or by where."""
    path = plant(tmp_path, "x.jsonl")
    assert check(path, "--allow", "ghp_aB3") == 0
    assert check(path, "--allow", r"x\.jsonl, line \d+: response\.body") == 0
    assert check(path, "--allow", "nothing of it", "--allow", "line 7") == 1
    with pytest.raises(SystemExit) as ended:
        check(path, "--allow", "(")
    assert ended.value.code == 2
    assert "'(' is no regular expression" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing", None, "cannot be read (No such file or directory)"),
        ("x.har", b"{", "x.har is no HAR"),
        ("x.yaml", b"a: [", "x.yaml cannot be read as YAML"),
        ("x.bin", b"\0\1", "x.bin is neither text nor a file of recordings"),
        ("x.sqlite3", b"SQLite format 3\0" + b"\xff" * 100, "x.sqlite3 "),
    ],
)
def test_what_cannot_be_looked_at_is_said(
    name: str, content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With status 2, since nobody knows what is in it."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert check(tmp_path / name) == 2
    assert said in capsys.readouterr().err


def test_the_rest_of_a_har_is_looked_at_too(tmp_path: Path) -> None:
    """A page has the URL for its title."""
    path = tmp_path / "x.har"
    log = {"entries": [], "pages": [{"title": f"https://api.test/?x={SHAPES['GitHub token']}"}]}
    path.write_text(json.dumps({"log": log}), "utf-8")
    assert check(path) == 1


def test_all_of_a_zipped_har_is_looked_at(tmp_path: Path) -> None:
    """The bodies that it keeps in files of their own, too."""
    token = SHAPES["GitHub token"]
    title = json.dumps({"log": {"entries": [], "pages": [{"title": token}]}})
    for place, (har, body) in enumerate([(NOTHING_IN_IT, "a"), (title, "a"), (NOTHING_IN_IT, f"a\n{token}")]):
        path = tmp_path / f"{place}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("har.har", har)
            archive.writestr("body.txt", body)
        assert check(path) == min(place, 1)


def test_names_of_places_are_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A token may be the name of a field, or a part of a URL."""
    token = SHAPES["GitHub token"]
    asked = RecordedRequest("GET", f"https://api.test/{token}")
    body = json.dumps({token: 1, "x": {token: {"note": token}}}).encode()
    write_har(tmp_path / "x.har", [Recording(asked, AT, RecordedResponse(200, (), body))])
    assert main(["convert-recordings", str(tmp_path / "x.har"), str(tmp_path / "x.sqlite3")]) == 0
    assert check(tmp_path / "x.sqlite3") == 1
    said = capsys.readouterr()
    assert "GET https://api.test/[…]: response.body.json.x.[…].note: GitHub token (ghp_…)" in said.out
    assert token not in said.out + said.err


@pytest.mark.parametrize("columns", ["40", "100", "101", "200"])
def test_the_help_tells_of_pre_commit(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be copied from a terminal of any width."""
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        main(["check-recordings", "--help"])
    said = capsys.readouterr().out
    yaml = pytest.importorskip("yaml", reason="no PyYAML")
    [hook] = yaml.safe_load(said[said.index("{repos") :])["repos"][0]["hooks"]
    assert (hook["id"], hook["entry"]) == ("check-recordings", "python -m gracy_transport check-recordings")
    assert hook["files"] == "recordings/|cassettes/|[.](jsonl|har|sqlite3)$"
    assert said.count("\n", 0, said.index("positional")) > 5


@pytest.mark.parametrize(
    "piece",
    ["-eyJ", "eyJaaaaaaaa.", "sk-", "ab1", "a" * 9, "<a", "&a", "a ", " ", "-----BEGIN A ", "a://", "a:", "a=", "{"],
)
def test_hostile_texts_take_no_longer_than_others(piece: str) -> None:
    """Some shapes would be searched for from each place to the end, which takes minutes."""
    text = f"x://{piece * (200_000 // len(piece))} :"
    began = time.perf_counter()
    found = [*secrets_in_line(text), *secrets_in({"a": text})]
    assert time.perf_counter() - began < 20
    assert all(secret.kind == "JWT" for secret in found)


def said_of(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Returns what is printed of the one secret in a file, without the name of the file."""
    assert check(path) == 1
    return capsys.readouterr().out.removeprefix(f"{path}, ").rstrip()


def test_what_is_assigned_in_any_text_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the name on the left, once."""
    path = tmp_path / "settings.toml"
    path.write_text('name = "x"\napi_key = "aB3dE6gH9jK2mN5pQ8sT1"\ntoken: str = make_a_token()\n', "utf-8")
    assert said_of(path, capsys) == "line 2: value of api_key (aB3d…)"


def test_events_and_lines_are_looked_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is JSON of its own."""
    body = b'data: {"n": 1}\n\ndata: {"refresh_token": "aB3dE6gH9jK2"}\n\n'
    write_har(
        tmp_path / "x.har",
        [Recording(RecordedRequest("GET", "https://api.test/x"), AT, RecordedResponse(200, (), body))],
    )
    assert said_of(tmp_path / "x.har", capsys).startswith("entry 1: response.content.text:3.refresh_token: value of")


@pytest.mark.parametrize("name", ["x.har", "x.jsonl"])
def test_base64_is_looked_into(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a HAR and in our own recordings."""
    body = b"\xff\xfe " + SHAPES["GitHub token"].encode()
    write_har(
        tmp_path / "a.har",
        [Recording(RecordedRequest("GET", "https://api.test/x"), AT, RecordedResponse(200, (), body))],
    )
    assert main(["convert-recordings", str(tmp_path / "a.har"), str(tmp_path / name)]) == 0
    capsys.readouterr()
    assert said_of(tmp_path / name, capsys).endswith(": GitHub token (ghp_…)")


def test_rows_that_cannot_be_read_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody knows what is in them."""
    assert check(old_file(tmp_path, [bare(b"no pickle")])) == 2
    assert "row 1, GET https://api.test/items/1: cannot be looked at, its pickle is broken" in capsys.readouterr().err


def test_a_broken_line_is_looked_at_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A merge that went wrong hides nothing."""
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"gracy":1}}\n<<<<<<< {SHAPES["GitHub token"]}\n', "utf-8")
    assert said_of(path, capsys) == "line 2: GitHub token (ghp_…)"


@pytest.mark.parametrize("written", [["-u"], []], ids=["at once", "at the end"])
def test_an_output_that_is_closed_is_no_fault_of_a_file(written: list[str], tmp_path: Path) -> None:
    """As `| head` closes it, after any line."""
    (tmp_path / "x.txt").write_text(SHAPES["GitHub token"], "utf-8")
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, *written, "-m", "gracy_transport", "check-recordings", str(tmp_path)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ended = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, env=env, check=False)
    os.close(writer)
    assert ended.returncode == 141
    assert ended.stderr in {"", "1 secret found in 1 file\n"}
