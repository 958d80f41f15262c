"""The command `drift`: asks a live server with credentials from the environment, and ends with a status."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gracy_transport.__main__ import main
from gracy_transport.drift.command import Wrong, header_in, parameter_in
from gracy_transport.formats import write_har
from gracy_transport.replay.recording import RecordedRequest, RecordedResponse, Recording
from gracy_transport.testing.origin import Origin, OriginProcess, Reply, Visit, origin_process
from tests.conversion.support import answered, old_file, row
from tests.formats.support import AT

SECRET = "SECRET-0123456789"


def live() -> Origin:
    """Makes an API that wants a token, and that has changed."""
    origin = Origin()

    def item(visit: Visit) -> Reply:
        known = visit.headers.get("authorization") == f"Bearer {SECRET}" or visit.query.get("api_key") == SECRET
        return Reply(json={"id": "1"}) if known else Reply(401)

    origin.on("GET", "/item").handle(item)
    origin.on("GET", "/same").reply(Reply(json={"id": 2}))
    origin.on("GET", "/busy").reply(Reply(429), Reply(json={"id": 2}))
    return origin


@pytest.fixture(scope="module")
def server() -> Iterator[OriginProcess]:
    with origin_process("tests.drift.test_command:live") as started:
        yield started


def recorded(directory: Path, server: OriginProcess, *targets: str) -> Path:
    path = directory / "x.har"
    answer = RecordedResponse(200, (("Content-Type", "application/json"),), b'{"id":1}')
    hidden = (("authorization", "[redacted]"),)
    write_har(path, [Recording(RecordedRequest("GET", f"{server.url}{each}", hidden), AT, answer) for each in targets])
    return path


def run(*words: object) -> int:
    return main(["drift", "--rate", "1000", *map(str, words)])


def test_what_changed_is_printed(
    server: OriginProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the token from the environment, which is not."""
    monkeypatch.setenv("TOKEN", SECRET)
    path = recorded(tmp_path, server, "/item", "/same")
    assert run(path, "--header", "Authorization: Bearer env:TOKEN") == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"GET {server.url}/item", "  json id: number → text", "1 of 2 changed"]
    assert run(path) == 1
    assert "  status: 200 → 401" in capsys.readouterr().out


def test_a_parameter_comes_from_the_environment_too(
    server: OriginProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In place of one that was redacted."""
    monkeypatch.setenv("KEY", SECRET)
    path = recorded(tmp_path, server, "/item?api_key=[redacted]")
    assert run(path) == 2
    assert "api_key in its URL was redacted" in capsys.readouterr().out
    assert run(path, "--param", "api_key=env:KEY") == 1
    said = capsys.readouterr().out
    assert "json id: number → text" in said and SECRET not in said


@pytest.mark.parametrize("target", ["/same", "/busy"])
def test_what_is_the_same_ends_with_0(target: str, server: OriginProcess, tmp_path: Path) -> None:
    """Also when it is busy at first, and in any kind of recordings."""
    path = recorded(tmp_path, server, target)
    for name in ("x.har", "y.sqlite3", "y.jsonl", "y"):
        if name != "x.har":
            assert main(["convert-recordings", str(path), str(tmp_path / name)]) == 0
        assert run(tmp_path / name) == 0


def test_another_system_can_be_asked(server: OriginProcess, tmp_path: Path) -> None:
    """By its URL."""
    path = recorded(tmp_path, server, "/same")
    text = path.read_text("utf-8").replace(server.url, "https://api.test")
    path.write_text(text, "utf-8")
    assert run(path, "--base-url", server.url, "--method", "GET") == 0


def test_what_cannot_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With status 2, and what to do."""
    old = old_file(tmp_path, [row(answered(lambda _: pytest.importorskip("httpx").Response(200)))])
    (tmp_path / "x.txt").write_text("text", "utf-8")
    (tmp_path / "x.har").write_text("{", "utf-8")
    for path, said in (
        (old, "convert it first"),
        (tmp_path / "x.txt", "is nothing that recordings are read from"),
        (tmp_path / "x.har", "is no HAR"),
        (tmp_path / "missing", "cannot be read (No such file or directory)"),
    ):
        assert run(path) == 2
        said_now = capsys.readouterr().err
        assert said_now.startswith("nothing was asked: ") and said in said_now


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--header", f"Authorization: Bearer {SECRET}"], "a secret in Authorization would be seen by others"),
        (["--header", "X-Note: Bearer aB3dE6gH9jK2mN5pQ8sT"], "a secret in X-Note would be seen by others"),
        (["--header", "Authorization: Bearer env:NOT_SET"], "the environment variable NOT_SET is not set"),
        (["--header", SECRET], "that is no header: give NAME: VALUE"),
        (["--param", f"api_key={SECRET}"], "a secret in api_key would be seen by others"),
        (["--param", SECRET], "that is no parameter: give NAME=VALUE"),
        (["--header", "X-Nàme: x"], "no header can have that name"),
        (["--header", "X-Note: env:WRAPPED"], "a header cannot hold what X-Note is to be"),
        (["--header", "X-Note: ë"], "a header cannot hold what X-Note is to be"),
        (["--base-url", f"https://me:{SECRET}@api.test"], "that is no base URL"),
        (["--base-url", "https://"], "that is no base URL"),
        (["--base-url", "https://api.test:99999"], "that is no base URL"),
        (["--base-url", "https://[::1"], "that is no base URL"),
        (["--rate", "0"], "'0' is not between 0.01 and 1000 requests per second"),
        (["--rate", "x"], "'x' is not between"),
    ],
)
def test_what_cannot_be_given_is_refused_and_no_secret_is_repeated(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others see the command line of a process."""
    monkeypatch.setenv("WRAPPED", f"{SECRET}\n{SECRET}")
    with pytest.raises(SystemExit) as ended:
        run(tmp_path / "x.har", *words)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert said in err and SECRET not in err


def test_what_is_no_secret_may_be_given(tmp_path: Path) -> None:
    """As it is."""
    assert header_in("Accept: text/plain; q=1", {}) == ("Accept", "text/plain; q=1")
    assert parameter_in("page=1", {}) == ("page", "1")
    assert header_in("Authorization: Basic env:PAIR", {"PAIR": "bWU6\n"}) == ("Authorization", "Basic bWU6")
    with pytest.raises(Wrong):
        header_in("Cookie: a=b", {})


def test_in_a_terminal_it_is_a_table(
    server: OriginProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drawn by rich."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run(recorded(tmp_path, server, "/item", "/same")) == 1
    said = capsys.readouterr().out
    assert "Drift" in said and "1 of 2 changed" in said
