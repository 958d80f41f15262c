"""Converting: what the original recorded replays here, and what could not be converted is named."""

from __future__ import annotations

import gzip
import pickle
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport import Gracy, GracyConfig, GracyReplay
from gracy_transport.__main__ import main
from gracy_transport.conversion import convert_recordings
from gracy_transport.conversion.child import reading
from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedWire
from tests.conversion.support import AT, URL, answered, bare, old_file, row
from tests.conversion.test_pickled import ATTACKS, MARKER
from tests.replay.support import client_of

TOKEN = "Bearer SECRET-0123456789"


def api(request: httpx.Request) -> httpx.Response:
    """Answers as an API does, in most ways in which one can."""
    match request.url.path:
        case "/v1/moved":
            return httpx.Response(301, headers={"location": "/v1/items/9"})
        case "/v1/gzip":
            packed = gzip.compress(b'{"is": "packed"}')
            return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(packed))
        case "/v1/image":
            return httpx.Response(200, headers={"content-type": "image/png"}, content=bytes(range(256)))
        case "/v1/text":
            return httpx.Response(200, headers={"content-type": "text/plain; charset=latin-1"}, content=b"caf\xe9")
        case "/v1/nothing":
            return httpx.Response(204)
        case "/v1/missing":
            return httpx.Response(404, json={"error": "no such item"})
    cookies = [("set-cookie", "session=SECRET-COOKIE-1; HttpOnly"), ("set-cookie", "theme=dark")]
    echo = {"path": request.url.path, "asked": request.content.decode(), "auth": request.headers.get("authorization")}
    return httpx.Response(200, headers=cookies, json=echo)


def recorded() -> list[tuple[Any, ...]]:
    """Returns the rows of a session with that API."""
    base = "https://api.test/v1"
    paths = ("items/1", "items/2?api_key=SECRET-KEY-12345", "moved", "gzip", "image", "text", "nothing", "missing")
    rows = [row(answered(api, url=f"{base}/{path}", headers={"authorization": TOKEN})) for path in paths]
    rows += [row(answered(api, "POST", f"{base}/items", json={"n": number, "m": 0})) for number in (1, 2)]
    rows.append(row(answered(api, "PUT", f"{base}/items/3", data={"name": "pikachu"})))
    return rows


def command(old: Path, new: Path, **options: Any) -> int:
    return convert_recordings(old, new, **options)


class Converted(Gracy[str]):
    """An API that replays what was converted, in a client of either family."""

    class Config:
        BASE_URL = "https://api.test/v1"
        SETTINGS = GracyConfig(allowed_status_code=404)

    def __init__(self, family: ModuleType, path: Path) -> None:
        self.family, self.wire = family, ScriptedWire(500)
        super().__init__(GracyReplay("replay", SQLiteReplayStorage(path.name, dir=path.parent)))

    def _create_client(self) -> Any:
        return self.family.AsyncClient(base_url="https://api.test/v1", transport=self.wire, follow_redirects=True)


@pytest.mark.anyio
async def test_what_was_converted_replays(
    family: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an API of ours, with another token, a key of its own, another order of the fields of a body."""
    old, new = old_file(tmp_path, recorded()), tmp_path / "new.sqlite3"
    assert main(["convert-recordings", str(old), str(new)]) == 0
    assert capsys.readouterr().out == f"11 of 11 recordings converted to {new}\n"
    async with Converted(family, new) as replayed:
        other = {"authorization": "Bearer another"}
        assert (await replayed.get("/items/1", headers=other)).json()["path"] == "/v1/items/1"
        assert (await replayed.get("/items/2", params={"api_key": "OTHER"})).status_code == 200
        assert (await replayed.get("/moved")).json()["path"] == "/v1/items/9"
        assert (await replayed.get("/items/9")).json()["path"] == "/v1/items/9"
        assert (await replayed.get("/gzip")).json() == {"is": "packed"}
        assert (await replayed.get("/image")).content == bytes(range(256))
        assert (await replayed.get("/text")).text == "café"
        assert (await replayed.get("/nothing")).status_code == 204
        assert (await replayed.get("/missing")).json() == {"error": "no such item"}
        assert (await replayed.post("/items", json={"m": 0, "n": 2})).json()["asked"] == '{"n":2,"m":0}'
        assert (await replayed.put("/items/3", data={"name": "pikachu"})).json()["asked"] == "name=pikachu"
        with pytest.raises(GracyReplayRequestNotFound):
            await replayed.get("/items/4")
        assert replayed.wire.sent == []


@pytest.mark.anyio
async def test_it_replays_in_a_plain_client_as_well(family: ModuleType, tmp_path: Path) -> None:
    """And answers that differ in nothing but a secret of the request come in the order in which they were recorded."""
    keys = [answered(httpx.Response(200, text=key), url=f"{URL}?api_key={key}") for key in ("first", "second")]
    new = tmp_path / "test.sqlite3"
    assert command(old_file(tmp_path, [row(response) for response in keys]), new) == 0
    async with client_of(family, "replay", tmp_path) as client:
        assert [(await client.get(f"{URL}?api_key=mine")).text for _ in range(3)] == ["first", "second", "second"]


def test_no_secret_is_taken_along(tmp_path: Path) -> None:
    """Neither those of the requests, nor those of the answers, nor their echoes."""
    old, new = old_file(tmp_path, recorded()), tmp_path / "new.sqlite3"
    assert command(old, new) == 0
    assert b"SECRET" in old.read_bytes()
    assert b"SECRET" not in new.read_bytes()


def test_a_recording_keeps_its_date(tmp_path: Path) -> None:
    """The original wrote local time."""
    new = tmp_path / "new.sqlite3"
    assert command(old_file(tmp_path, [row(answered(httpx.Response(200)))]), new) == 0
    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute("SELECT at FROM recordings").fetchall() == [(datetime.fromisoformat(AT).timestamp(),)]


def test_many_rows_are_converted(tmp_path: Path) -> None:
    """In several transactions."""
    response = answered(httpx.Response(200))
    rows = [(f"{URL}{number}", *row(response)[1:]) for number in range(250)]
    new = tmp_path / "new.sqlite3"
    assert command(old_file(tmp_path, rows), new) == 0
    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute("SELECT count(*) FROM recordings").fetchall() == [(250,)]


def test_attacks_are_named_and_the_rest_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of them runs; the status says that some rows were left."""
    marker = tmp_path / "it-ran"
    code = MARKER.format(str(marker))
    rows = [bare(make(code), f"{URL}?token=SECRET&n={number}") for number, (make, _) in enumerate(ATTACKS.values())]
    rows.insert(3, row(answered(httpx.Response(200))))
    new = tmp_path / "new.sqlite3"
    assert command(old_file(tmp_path, rows), new) == 1
    printed = capsys.readouterr()
    assert printed.out == f"1 of {len(rows)} recordings converted to {new}\n"
    lines = printed.err.splitlines()
    assert len(lines) == len(ATTACKS)
    assert lines[0] == (
        f"row 1, GET {URL}?token=[redacted]&n=0: cannot be converted, it names builtins.exec, which no recording does"
    )
    assert not marker.exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (("https://a:b/", "GET"), "it makes no recording (InvalidURL)"),
        (("https://a\x1b[31m.test/", "G\x07T"), "row 1, G%07T https://a%1B[31m.test/: cannot be converted"),
    ],
)
def test_odd_rows_are_named_without_harm(
    values: tuple[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a terminal would obey is escaped."""
    _, _, *rest = row(answered(httpx.Response(200)))
    assert command(old_file(tmp_path, [(*values, *rest)]), tmp_path / "new.sqlite3") == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("at", "status"), [("yesterday", 200), (AT, 7)])
def test_what_makes_no_recording_is_named(
    at: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A date that is none, a status that is none; and when there is nothing at all, no file is made."""
    response = answered(httpx.Response(200))
    response.status_code = status
    new = tmp_path / "new.sqlite3"
    assert command(old_file(tmp_path, [row(response, at=at)]), new) == 1
    printed = capsys.readouterr()
    assert "it makes no recording" in printed.err
    assert printed.out == "0 of 1 recordings converted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["old.sqlite3"]


def test_a_file_without_rows_is_converted(tmp_path: Path) -> None:
    """Into one without rows."""
    assert command(old_file(tmp_path, []), tmp_path / "new.sqlite3") == 0
    assert (tmp_path / "new.sqlite3").exists()


def test_the_old_file_is_left_alone(tmp_path: Path) -> None:
    """And nothing but the new one is left beside it."""
    old = old_file(tmp_path, recorded())
    before = old.read_bytes()
    old.chmod(0o400)
    assert command(old, tmp_path / "new.sqlite3") == 0
    assert old.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.sqlite3", "old.sqlite3"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("missing.sqlite3", "new.sqlite3", "missing.sqlite3 does not exist: give the file that was recorded"),
        (".", "new.sqlite3", "is nothing that recordings are read from: give a SQLite file, JSON lines"),
        ("old.sqlite3", "new.pickle", "what to make of"),
        ("old.sqlite3", "taken", "taken exists: give another name"),
        ("old.sqlite3", "old.sqlite3", "old.sqlite3 exists: give another name"),
        ("text", "new.sqlite3", "text is nothing that recordings are read from"),
        ("other.sqlite3", "new.sqlite3", "holds no recordings of the original gracy"),
        ("old.sqlite3", "taken/new.sqlite3", "taken/new.sqlite3 cannot be written"),
    ],
)
def test_a_wrong_usage_is_refused(
    old: str, new: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With status 2, and nothing is made."""
    old_file(tmp_path, [row(answered(httpx.Response(200)))])
    (tmp_path / "taken").touch()
    (tmp_path / "text").write_text("This is no database, and long enough to be seen as none. " * 10)
    with closing(sqlite3.connect(tmp_path / "other.sqlite3")) as connection:
        connection.execute("CREATE TABLE other (id)")
    before = sorted(tmp_path.iterdir())
    assert main(["convert-recordings", str(tmp_path / old), str(tmp_path / new)]) == 2
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_wrong_number_of_words_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the same status."""
    with pytest.raises(SystemExit) as ended:
        main(["convert-recordings", "old.sqlite3"])
    assert ended.value.code == 2
    assert "NEW" in capsys.readouterr().err


def test_the_help_says_that_nothing_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    """Since that is what pickles are known for."""
    with pytest.raises(SystemExit):
        main(["convert-recordings", "--help"])
    assert "never executes anything from the recording" in " ".join(capsys.readouterr().out.split())


TROUBLE = """

import os, sqlite3, sys, time

class Troubled(sqlite3.Connection):
    def execute(self, query, values=()):
        if "WHERE rowid = ?" in query and values[0] == 2:
            {trouble}
        return super().execute(query, values)

connect = sqlite3.connect
sqlite3.connect = lambda *args, **options: connect(*args, factory=Troubled, **options)
"""


@pytest.mark.parametrize(
    ("trouble", "patience", "said"),
    [
        ("os.abort()", 30.0, "crashed (exit status "),
        (
            "sys.stdout.write('half a line'); sys.stdout.flush(); os._exit(3)",
            30.0,
            "crashed (exit status 3)",
        ),
        ("time.sleep(600)", 1.5, "said nothing for 1.5 seconds and was stopped"),
    ],
)
def test_what_happens_to_the_process_is_the_trouble_of_one_row(
    trouble: str, patience: float, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows around it are converted by others."""

    def troubled(path: Path, after: int) -> Sequence[str]:
        program, *options, code, here, old, start = reading(path, after)
        return [program, *options, TROUBLE.format(trouble=trouble) + code, here, old, start]

    rows = [(f"{URL}/{number}", *row(answered(httpx.Response(200)))[1:]) for number in range(3)]
    new = tmp_path / "new.sqlite3"
    assert command(old_file(tmp_path, rows), new, patience=patience, command=troubled) == 1
    printed = capsys.readouterr()
    assert f"row 2, GET {URL}/1: cannot be converted, the process that reads it {said}" in printed.err
    assert printed.out == f"2 of 3 recordings converted to {new}\n"


def test_a_process_that_cannot_even_begin_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not started again and again."""

    def broken(path: Path, after: int) -> Sequence[str]:
        return [sys.executable, "-c", "import sys; sys.exit(5)"]

    old = old_file(tmp_path, [bare(pickle.dumps(1))])
    assert command(old, tmp_path / "new.sqlite3", command=broken) == 2
    assert "cannot be read: the process that reads it crashed (exit status 5)" in capsys.readouterr().err


def test_a_damaged_file_is_converted_as_far_as_it_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is missing is said."""
    response = answered(httpx.Response(200, content=b"x" * 3_000))
    path = old_file(tmp_path, [(f"{URL}{number}", *row(response)[1:]) for number in range(50)])
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(content)
    assert command(path, tmp_path / "new.sqlite3") == 1
    printed = capsys.readouterr()
    assert "and all after it: cannot be converted, the file is damaged (" in printed.err
    assert int(printed.out.split()[0]) > 5


def test_a_file_that_is_damaged_from_the_start_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of it can be read."""
    path = old_file(tmp_path, [row(answered(httpx.Response(200)))])
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)
    assert command(path, tmp_path / "new.sqlite3") == 2
    assert "old.sqlite3 is damaged (database disk image is malformed)" in capsys.readouterr().err
