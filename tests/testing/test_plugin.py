"""Recordings of tests: what the plugin records, when, and in which file."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc
from pathlib import Path

import pytest

from gracy_transport.testing import plugin
from gracy_transport.testing.plugin.wishes import file_name
from tests.testing.plugin_runs import Runs, serve

pytest_plugins = ["pytester"]

HEAD = """
    import os
    import unittest

    import httpx
    import httpx2
    import pytest

    API = os.environ["API"]
    pytestmark = [pytest.mark.anyio, pytest.mark.recording(local=True)]

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    async def ask(path, package=httpx):  # as an SDK does it, with a client of its own
        async with package.AsyncClient(verify=False) as client:
            return (await client.get(f"{API}/{path}")).json()["path"]
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    with serve() as api:
        yield Runs(pytester, monkeypatch, api)


def test_a_test_is_recorded_once_and_replayed_from_then_on(run: Runs) -> None:
    """Without a recording it fails and says what to do; with one it needs neither the API nor a place to write."""
    run.write(
        "test_api",
        HEAD,
        """
    @pytest.mark.parametrize("package", [httpx, httpx2], ids=["httpx", "httpx2"])
    async def test_items(package):
        assert [await ask("items", package), await ask("items/2", package)] == ["/items", "/items/2"]

    class TestClass:
        @pytest.mark.parametrize("path", ["a", "A", "x/y"])
        async def test_paths(self, path):
            assert await ask(path) == "/" + path
    """,
    )
    run.write(
        "test_case",
        HEAD,
        """
    pytestmark = pytest.mark.recording(local=True)

    class TestCase(unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self):
            assert await ask("set-up") == "/set-up"

        async def test_case(self):
            assert await ask("case", httpx2) == "/case"
    """,
    )
    result = run("-k", "test_items")
    result.assert_outcomes(failed=2, deselected=4)
    result.stdout.fnmatch_lines(
        [
            "E * nothing is recorded for GET http://127.0.0.1:*/items; *test_items?httpx?.jsonl does not exist; *",
            "E *; record it with `pytest --gracy-record=new 'test_api.py::test_items?httpx2?'`",
        ]
    )
    assert not run.files() and not run.asked()

    result = run("--gracy-record=once")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["recordings (--gracy-record=once): 6 new"])
    recorded = run.files()
    assert list(recorded) == [
        f"recordings/test_api/{file_name('TestClass.test_paths[A]')}",
        "recordings/test_api/TestClass.test_paths[a].jsonl",
        f"recordings/test_api/{file_name('TestClass.test_paths[x/y]')}",
        "recordings/test_api/test_items[httpx2].jsonl",
        "recordings/test_api/test_items[httpx].jsonl",
        "recordings/test_case/TestCase.test_case.jsonl",
    ]
    assert recorded["recordings/test_case/TestCase.test_case.jsonl"].count(b"\n") == 2
    assert len(run.asked()) == 9

    run.env.setenv("PYTHONDONTWRITEBYTECODE", "1")
    folder = run.pytester.path / "recordings"
    before = sorted(folder.rglob("*"))
    for path in [*before, folder]:
        path.chmod(0o500)
    result = run("-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)
    result.stdout.no_fnmatch_line("recordings*")
    run("--gracy-record=once", "-p", "no:cacheprovider").stdout.fnmatch_lines(["recordings * 6 replayed"])
    for path in [*before, folder]:
        path.chmod(0o700)
    assert run.files() == recorded and not run.asked()
    assert sorted(folder.rglob("*")) == before


def test_new_records_what_is_missing_and_all_forgets_what_is_not_asked_any_more(run: Runs) -> None:
    """A recording follows the test; what has not changed leaves the file as it is, to the byte."""
    run.write(
        "test_api",
        HEAD,
        """
    async def test_items():
        for name in os.environ["ASK"].split():
            assert await ask(name) == f"/{name}"
    """,
    )
    run.write("test_other", HEAD, "\n    async def test_other():\n        assert await ask('other') == '/other'\n")
    run.ini("gracy_record = once")
    run.env.setenv("ASK", "a b")
    run("test_api.py").assert_outcomes(passed=1)
    [file] = run.files()
    assert run.asked() == ["/a", "/b"]

    run.env.setenv("ASK", "a b c")
    run.api.edition = 2
    run("--gracy-record=new", "test_api.py").stdout.fnmatch_lines(["recordings (--gracy-record=new): 1 changed"])
    assert run.asked() == ["/c"]
    assert [line.count(b'"edition": 1') for line in run.files()[file].splitlines()] == [1, 1, 0]
    run("--gracy-record=new", "test_api.py").stdout.fnmatch_lines(["recordings * 1 unchanged"])

    run.env.setenv("ASK", "b c")
    run("--gracy-record=all").stdout.fnmatch_lines(["recordings (--gracy-record=all): 1 new, 1 changed"])
    assert run.asked() == ["/b", "/c", "/other"]
    recorded = run.files()
    assert [line.count(b'"edition": 2') for line in recorded[file].splitlines()] == [1, 1]
    run("--gracy-record=all").stdout.fnmatch_lines(["recordings (--gracy-record=all): 2 unchanged"])
    assert run.files() == recorded

    (run.pytester.path / "test_other.py").unlink()
    run.write(
        "test_api", HEAD, "\n    async def test_renamed():\n        await ask('b')\n    async def test_no(): pass\n"
    )
    unused = ["no test uses these * recordings/test_api/test_items.jsonl, recordings/test_other/test_other.jsonl"]
    run("--gracy-record=all", "-k", "renamed").stdout.fnmatch_lines(unused)
    assert len(run.files()) == 3
    run("--gracy-record=all", "test_api.py::test_no").stdout.no_fnmatch_line("no test uses*")


def test_a_test_that_does_not_go_through_leaves_its_file_as_it_was(run: Runs) -> None:
    """Whether it fails, stops half-way or fails in tearing down; one that is expected to fail is recorded."""
    run.write(
        "test_api",
        HEAD,
        """
    @pytest.fixture
    async def broken():
        yield
        await ask("late")
        assert "BREAK" not in os.environ

    async def test_fails():
        await ask("fails")
        assert "BREAK" not in os.environ

    async def test_skips():
        await ask("skips")
        if "BREAK" in os.environ:
            pytest.skip("half-way")

    async def test_tears_down(broken):
        await ask("tears-down")

    @pytest.mark.xfail(raises=KeyError)
    async def test_expected():
        await ask("expected")
        raise KeyError
    """,
    )
    run.env.setenv("BREAK", "1")
    result = run("--gracy-record=once")
    result.assert_outcomes(failed=1, skipped=1, passed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["recordings * 1 new, 3 left as they were because their tests failed"])
    assert list(run.files()) == ["recordings/test_api/test_expected.jsonl"]
    run.env.delenv("BREAK")
    run("--gracy-record=once").assert_outcomes(passed=3, xfailed=1)
    recorded = run.files()
    assert recorded["recordings/test_api/test_tears_down.jsonl"].count(b"\n") == 2
    run.api.edition = 2
    run.env.setenv("BREAK", "1")
    run("--gracy-record=all").stdout.fnmatch_lines(["recordings * 1 changed, 3 left as they were *"])
    assert [path for path, content in run.files().items() if content != recorded[path]] == [
        "recordings/test_api/test_expected.jsonl"
    ]


def test_what_a_conftest_marks_counts_as_marked(run: Runs) -> None:
    """Marks are known when all tests are collected: for a file in common, and for what no test uses any more."""
    run.pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                file = {"file": "shared.jsonl"} if "shared" in item.name else {}
                item.add_marker(pytest.mark.recording(local=True, **file))
        """
    )
    tests = [f"\nasync def test_{name}():\n    await ask('{name}')\n" for name in ("shared_1", "shared_2", "own")]
    run.write("test_api", HEAD.replace(", pytest.mark.recording(local=True)", ""), *tests)
    run("--gracy-record=once").assert_outcomes(passed=3)
    assert run.files()["shared.jsonl"].count(b"\n") == 2
    result = run("--gracy-record=all", "-k", "shared")
    result.assert_outcomes(passed=2, deselected=1)
    result.stdout.no_fnmatch_line("no test uses*")


def test_a_test_with_a_failed_part_leaves_its_file_as_it_was(run: Runs) -> None:
    """A subtest of unittest reports for itself."""
    run.write(
        "test_api",
        HEAD,
        """
    pytestmark = pytest.mark.recording(local=True)

    class TestCase(unittest.IsolatedAsyncioTestCase):
        async def test_parts(self):
            for number in range(3):
                with self.subTest(number):
                    await ask(f"{number}")
                    assert number != 1 or "BREAK" not in os.environ
    """,
    )
    run.env.setenv("BREAK", "1")
    assert run("--gracy-record=once").ret == 1
    assert not run.files()
    run.env.delenv("BREAK")
    run("--gracy-record=once").assert_outcomes(passed=1)
    assert len(run.files()) == 1


def test_a_test_that_sets_the_time_is_recorded_in_it(run: Runs) -> None:
    """Whatever the time, nothing of what it asks is taken for old."""
    run.write(
        "test_api",
        HEAD,
        """
    async def test_then(monkeypatch):
        from gracy_transport.clock import SystemClock

        monkeypatch.setattr(SystemClock, "wall", lambda self: float(os.environ["THEN"]))
        await ask(os.environ["ASK"])
    """,
    )
    for then, name in (("1e9", "a"), ("1e9", "a"), ("4e9", "b"), ("2e9", "c"), ("1e9", "c")):
        run.env.setenv("THEN", then)
        run.env.setenv("ASK", name)
        run("--gracy-record=all").assert_outcomes(passed=1)
        [content] = run.files().values()
        assert f"/{name}".encode() in content
    run().assert_outcomes(passed=1)


def test_a_test_that_asks_nothing_any_more_loses_its_file(run: Runs) -> None:
    """When everything is recorded anew."""
    run.write("test_api", HEAD, "\nasync def test_items():\n    if 'ASK' in os.environ:\n        await ask('items')\n")
    run.env.setenv("ASK", "1")
    run("--gracy-record=all").assert_outcomes(passed=1)
    assert len(run.files()) == 1
    run.env.delenv("ASK")
    run("--gracy-record=all").stdout.fnmatch_lines(["recordings (--gracy-record=all): 1 changed"])
    assert not run.files()


def test_an_answer_that_was_not_read_is_told(run: Runs) -> None:
    """It is not recorded, and the test would fail when it is replayed; also when workers tell."""
    run.write(
        "test_api",
        HEAD,
        """
    async def test_left():
        async with httpx.AsyncClient(verify=False) as client, client.stream("GET", f"{API}/left"):
            pass
    """,
    )
    told = ["test_api.py::test_left: GET http://*/left was not recorded: its body was not read to its end"]
    run("--gracy-record=once").stdout.fnmatch_lines(told)
    run("--gracy-record=once", "-n", "1", plugins=("anyio.pytest_plugin", "xdist")).stdout.fnmatch_lines(told)


def test_what_is_recorded_can_be_chosen(run: Runs) -> None:
    """A file in common, some hosts only, a wire of another kind, options of the replay: all by the nearest marker."""
    run.write(
        "test_api",
        HEAD,
        """
    class Wire(httpx.AsyncBaseTransport):  # knows another way to a wire of httpx
        def __init__(self):
            self.wire = httpx.AsyncHTTPTransport(verify=False)

        async def handle_async_request(self, request):
            return await self.wire.handle_async_request(request)

        async def aclose(self):
            await self.wire.aclose()

    @pytest.mark.recording(file="data/shared.jsonl", match_on=("path",))
    class TestShared:
        async def test_one(self, recording):
            assert recording.path.name == "shared.jsonl"
            assert await ask("one?n=1") in {"/one?n=1"}

        async def test_two(self, recording):
            assert await ask("one?n=2") == ("/one?n=2" if recording.mode == "record" else "/one?n=1")
            await ask("two")

    @pytest.mark.recording(hosts="*.0.0.*")
    async def test_hosts():
        await ask("hosts")

    @pytest.mark.recording(hosts=["api.test"])
    async def test_others():
        await ask("others")

    @pytest.mark.recording(local=False)
    async def test_local():
        await ask("local")

    async def test_another_wire(recording):
        async with httpx.AsyncClient(transport=recording.transport(Wire())) as client:
            assert [(await client.get(f"{API}/wire")).status_code for _ in range(2)] == [200, 200]
        assert [each.request.url for each in recording.storage.recordings()] == [f"{API}/wire"] * 2
    """,
    )
    run("--gracy-record=once", "-k", "not two").assert_outcomes(passed=5, deselected=1)
    assert set(run.files()) == {
        "data/shared.jsonl",
        "recordings/test_api/test_hosts.jsonl",
        "recordings/test_api/test_another_wire.jsonl",
    }
    assert sorted(run.asked()) == ["/hosts", "/local", "/one?n=1", "/others", "/wire", "/wire"]
    run("--gracy-record=new").assert_outcomes(passed=6)
    assert sorted(run.asked()) == ["/local", "/others", "/two"]
    run().assert_outcomes(passed=6)
    assert sorted(run.asked()) == ["/local", "/others"]
    run("--gracy-record=all", "-k", "two").stdout.fnmatch_lines(["recordings * 1 changed"])
    assert len(run.files()["data/shared.jsonl"].splitlines()) == 2


def test_a_marker_that_cannot_be_is_an_error_which_names_it(run: Runs) -> None:
    """Before anything is sent; and so is a mode that there is not."""
    run.write(
        "test_api",
        HEAD,
        """
    @pytest.mark.recording("x.jsonl")
    async def test_positional(): ...

    @pytest.mark.recording(file="x.json")
    async def test_ending(): ...

    @pytest.mark.recording(mode="record")
    async def test_mode(): ...

    @pytest.mark.recording(match="url")
    async def test_unknown(): ...

    @pytest.mark.recording(exhausted="never")
    async def test_value(): ...

    @pytest.mark.recording(file="broken.jsonl")
    async def test_conflict(): ...

    @pytest.mark.no_network("api.test")
    async def test_host(): ...

    @pytest.mark.no_network(allowed="api.test")
    async def test_allowed(): ...
    """,
    )
    run.pytester.path.joinpath("broken.jsonl").write_text("<<<<<<< HEAD\n", "utf-8")
    result = run("--gracy-record=new")
    result.assert_outcomes(errors=8)
    result.stdout.fnmatch_lines(
        [
            "*write recording(file='x.jsonl')",
            "*give it the ending .jsonl",
            "*--gracy-record and file= say it",
            "*unexpected keyword argument 'match'",
            "*exhausted*",
            "recording(...) of test_api.py::test_conflict: *broken.jsonl, line 1: git has left a merge conflict here*",
            "no_network('api.test') says nothing: write no_network(allow=[[]...[]])",
            "no_network(allowed) says nothing: write *",
        ]
    )
    run.ini("gracy_record = often")
    run().stderr.fnmatch_lines(["ERROR: gracy_record is 'often': set it to one of none, once, new, all"])


def test_the_example_of_the_docs_runs(run: Runs) -> None:
    """As it stands, with what it would have recorded."""
    [example] = re.findall(r"^```python\n(.*?)^```", getdoc(plugin) or "", re.MULTILINE | re.DOTALL)
    run.pytester.path.joinpath("test_docs.py").write_text(example, "utf-8")
    folder = run.pytester.mkdir("recordings") / "test_docs"
    folder.mkdir()
    asked = '{"gracy":1,"request":{"method":"GET","url":"https://pokeapi.co/api/v2/pokemon/ditto"},'
    answers = [
        asked + '"at":"2026-11-22T16:30:00Z","response":{"status":503}}',
        asked + '"position":1,"at":"2026-11-22T16:31:00Z","response":{"status":200,"body":{"json":{"name":"ditto"}}}}',
    ]
    for backend in ("asyncio", "trio"):
        name = f"test_a_pokemon_is_found_in_the_end[{backend}].jsonl"
        (folder / name).write_text("\n".join(answers), "utf-8")
    run().assert_outcomes(passed=2)


def test_a_file_that_cannot_be_written_is_an_error_of_its_test(run: Runs) -> None:
    """Else a recording would be missing without a word."""
    run.write("test_api", HEAD, "\nasync def test_item():\n    await ask('item')\n")
    run.pytester.path.joinpath("recordings").write_text("in the way", "utf-8")
    result = run("--gracy-record=once")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_item*", "what was recorded could not be written to *test_item.jsonl: *"]
    )


def test_the_plugin_loads_nothing_that_not_every_session_needs() -> None:
    """It is imported wherever the package is installed; what the fixtures need comes when they are asked for."""
    code = (
        "import pytest, gracy_transport.testing, sys; before = set(sys.modules); import gracy_transport.testing.plugin"
    )
    code += "; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    room = "gracy_transport.testing.plugin"
    assert loaded == [room, f"{room}.ledger", f"{room}.wishes"]


def test_file_names_are_safe_short_and_distinct() -> None:
    """What is cut off or replaced is told apart by a hash, and so are capital letters of parameters."""
    assert file_name("Test.test_x[httpx-1.5]") == "Test.test_x[httpx-1.5].jsonl"
    names = [file_name(f"test[{each}]") for each in ("a/b", "a:b", "a_b", "A_B", "é", "x" * 200, "x" * 201)]
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"[\w.\[\]-]{1,120}", name, re.ASCII) for name in names)


def test_the_plugin_is_found_by_pytest() -> None:
    """The project says where it is."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    [(name, module)] = project["entry-points"]["pytest11"].items()
    assert import_module(module) is plugin
    assert name == module  # else whoever names it, too, in `pytest_plugins` or by `-p`, gets an error of pytest's
