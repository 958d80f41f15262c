"""The program that reads an old file: what it says of each row, and what it may not do."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from gracy_transport.conversion import reader
from gracy_transport.conversion.child import reading
from gracy_transport.conversion.reader import confine, main
from tests.conversion.support import AT, TABLE, URL, answered, bare, old_file, row

ALL = -(2**63)


def said(path: Path, after: int = ALL) -> list[dict[str, Any]]:
    return list(reader.read(path, after))


def test_each_row_is_announced_and_then_read(tmp_path: Path) -> None:
    """So that it is known at which row a crash was."""
    path = old_file(tmp_path, [row(answered(httpx.Response(200))), bare(b"no pickle")])
    first, found, second, problem, end = said(path)
    assert first == {"row": 1, "method": "GET", "url": URL}
    assert (found["row"], found["at"], len(found["exchanges"])) == (1, AT, 1)
    assert second["row"] == problem["row"] == 2
    assert "its pickle" in problem["problem"]
    assert end == {"end": True}


def test_reading_goes_on_after_a_row(tmp_path: Path) -> None:
    """Where the process before came to its end."""
    path = old_file(tmp_path, [bare(b"a", f"{URL}{number}") for number in range(3)])
    assert [document["row"] for document in said(path, after=1) if "method" in document] == [2, 3]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ((URL, "GET", "text", b"", AT), "its columns are not those of a recording"),
        ((b"\xff", "GET", None, b"", AT), "its columns are not those of a recording"),
        ((URL, "GET", None, "text", AT), "its columns are not those of a recording"),
        ((URL, "GET", None, 7, AT), "its columns are not those of a recording"),
        ((URL, "GET", None, b"", b"\x00"), "its columns are not those of a recording"),
        ((URL, "GET", None, b"x" * 100_001, AT), "it holds 100001 bytes, and only 100,000 are looked at"),
        ((URL, "GET", b"x" * 100_001, b"", AT), "it holds 100001 bytes"),
    ],
)
def test_odd_columns_are_a_problem(
    values: tuple[Any, ...], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a large row is not even fetched."""
    monkeypatch.setattr(reader, "LARGEST", 100_000)
    assert problem in said(old_file(tmp_path, [values]))[1]["problem"]


def test_a_row_that_takes_too_much_memory_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of that row alone."""

    def greedy(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(reader, "unpickled", greedy)
    assert "takes more than 1,073,741,824 bytes of memory" in said(old_file(tmp_path, [bare(b"")]))[1]["problem"]


def test_the_file_is_not_changed(tmp_path: Path) -> None:
    """It is opened for reading only."""
    path = old_file(tmp_path, [row(answered(httpx.Response(200)))])
    before = path.read_bytes(), path.stat().st_mtime_ns
    said(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_ahead_log_is_read_and_nothing_made_beside_it(tmp_path: Path) -> None:
    """If somebody switched it on; where there is none just now, none is made."""
    path = old_file(tmp_path, [row(answered(httpx.Response(200)))])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert len(said(path)) == 3
    assert list(tmp_path.iterdir()) == [path]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE gracy_recordings SET url = 'https://other.test/'")
        connection.commit()
        assert said(path)[0]["url"] == "https://other.test/"


@pytest.mark.parametrize(
    ("content", "unfit"),
    [
        (b"no SQLite file, though long enough to be taken for one" * 20, "is no SQLite file"),
        (b"", "holds no recordings of the original gracy"),
    ],
)
def test_another_file_is_unfit(content: bytes, unfit: str, tmp_path: Path) -> None:
    """Whatever it is."""
    path = tmp_path / "other"
    path.write_bytes(content)
    (document,) = said(path)
    assert unfit in document["unfit"]


def test_a_table_without_the_columns_is_unfit(tmp_path: Path) -> None:
    """Though it has the name."""
    path = old_file(tmp_path, [bare(b"")], TABLE.replace("response", "answer"))
    (document,) = said(path)
    assert "no such column: response" in document["unfit"]


def test_a_damaged_file_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    """With what SQLite says about the rest."""
    path = old_file(tmp_path, [bare(b"x" * 3_000, f"{URL}{number}") for number in range(50)])
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(content)
    documents = said(path)
    assert "malformed" in documents[-1]["damaged"]
    assert len(documents) > 10


def test_the_program_writes_a_document_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To its standard output."""
    main([str(old_file(tmp_path, [row(answered(httpx.Response(200)))])), str(ALL)])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1] == {"end": True}


def test_the_process_is_confined() -> None:
    """In memory, in files, in core dumps; a limit that a platform has not is left."""
    limits: dict[int, tuple[int, int]] = {}

    def limit(kind: int, most: tuple[int, int]) -> None:
        if kind == 4:
            raise ValueError("current limit exceeds maximum limit")
        limits[kind] = most

    confine(SimpleNamespace(RLIMIT_AS=9, RLIMIT_CORE=4, setrlimit=limit))
    confine(None)
    assert limits == {9: (1024**3, 1024**3)}


CONFINED = """
import resource, sys
from gracy_transport.conversion.reader import confine
confine(resource)
for greedy in (lambda: bytearray(2 * 1024**3), lambda: open(sys.argv[1], "wb").write(b"x" * 2_000_000)):
    try:
        greedy()
    except (MemoryError, OSError) as error:
        print(type(error).__name__)
"""


def test_the_limits_hold(tmp_path: Path) -> None:
    """Where the platform has them."""
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("only Linux limits the memory of a process")
    command = [sys.executable, "-c", CONFINED, str(tmp_path / "file")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stdout.split() == ["MemoryError", "OSError"]


def test_the_program_needs_nothing_but_python(tmp_path: Path) -> None:
    """It runs isolated, without any package that is installed, and names no module of a recording."""
    path = old_file(tmp_path, [row(answered(httpx.Response(200)))])
    program, *arguments = reading(path, ALL)
    assert {"-I", "-S"} <= set(arguments)
    ended = subprocess.run([program, "-v", *arguments], capture_output=True, text=True, check=True)
    assert "import 'conversion.reader'" in ended.stderr
    assert "httpx" not in ended.stderr
    assert "import 'gracy_transport" not in ended.stderr


def test_a_file_that_is_in_use_is_no_other_kind_of_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with it is said as SQLite says it."""
    monkeypatch.setattr(reader, "BUSY", 0.0)
    path = old_file(tmp_path, [row(answered(httpx.Response(200)))])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert said(path) == [{"unfit": "cannot be read (database is locked)"}]


def test_a_recording_of_ours_is_unfit(tmp_path: Path) -> None:
    """There is nothing to convert in it."""
    path = old_file(tmp_path, [], TABLE)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE gracy_recordings RENAME TO recordings")
    assert "there is nothing to convert" in said(path)[0]["unfit"]
