"""The plan of the house, held by reading its source: which room may know which, and what happens in one place only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import gracy_transport

PACKAGE = Path(__file__).parent.parent / "gracy_transport"

FLOORS = {
    "cellar": (
        "late",
        "version",
        "plain",
        "values",
        "clock",
        "loops",
        "forks",
        "exceptions",
        "portable",
        "events",
        "options",
        "call",
        "matching",
        "retry_after",
        "glance",
        "structured",
        "hints",
        "attempts",
        "timeline",
        "link_header",
        "header_names",
        "secret_names",
        "redaction",
        "showing",
        "logevents",
        "http_logs",
    ),
    "ground": ("family", "bodies", "watching", "resending", "layer", "reading", "overtime", "admission", "wires"),
    "concerns": (
        "deadline",
        "throttle",
        "concurrency",
        "retry",
        "validation",
        "replay",
        "logs",
        "metrics",
        "hooks",
        "pauses",
    ),
    "assembly": ("config", "defaults", "order", "stack"),
    "roof": (
        "facade",
        "common_hooks",
        "paging",
        "redis",
        "reports",
        "replays",
        "testing",
        "demo",
        "formats",
        "conversion",
        "checking",
        "drift",
        "__main__",
        "__init__",
    ),
}
ORDER = list(FLOORS)
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

PURE = (
    "admission/gates.py",
    "admission/lanes.py",
    "admission/waiters.py",
    "admission/timers.py",
    "admission/keyed.py",
    "retry/backoff.py",
    "retry/budget.py",
    "retry/verdict.py",
    "retry_after.py",
    "structured.py",
    "hints.py",
    "attempts.py",
    "timeline.py",
    "plain.py",
    "link_header.py",
    "matching.py",
    "throttle/patterns.py",
    "redaction.py",
    "replay/document.py",
    "secret_names.py",
    "replay/key.py",
    "replay/nearest.py",
    "replay/unchanged.py",
    "replay/matching.py",
    "replay/placeholders.py",
    "replay/looks.py",
    "replay/rules.py",
    "replay/spans.py",
    "replay/xml.py",
    "metrics/sketch.py",
    "metrics/ring.py",
    "conversion/pickled.py",
    "conversion/exchanges.py",
    "formats/entries.py",
    "checking/shapes.py",
    "checking/walking.py",
    "drift/compare.py",
    "drift/shape.py",
)
"""Files of decisions: they neither wait, nor read a clock, nor touch the network."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yields each source file of the package by its path, parsed."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text("utf-8"))


def room_of(path: str) -> str:
    """Returns the room a file belongs to: its folder below the package, or its own name."""
    return path.partition("/")[0].removesuffix(".py")


def run_time_imports(tree: ast.AST, *, inside_functions: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yields the imports that are carried out: those for type checkers only are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                yield from run_time_imports(ast.Module([other], []), inside_functions=inside_functions)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from run_time_imports(node, inside_functions=inside_functions)


def rooms_imported(path: str, tree: ast.Module, *, inside_functions: bool = False) -> set[str]:
    """Returns the rooms of ours that a file imports."""
    package = ["gracy_transport", *path.split("/")[:-1]]
    rooms: set[str] = set()
    for node in run_time_imports(tree, inside_functions=inside_functions):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            dotted = [".".join([*base, name]) for name in names]
        elif isinstance(node, ast.ImportFrom):
            dotted = [node.module or ""]
        else:
            dotted = [alias.name for alias in node.names]
        rooms |= {name.split(".")[1] for name in dotted if name.startswith("gracy_transport.")}
    return rooms - {room_of(path)}


FILES = dict(sources())


def files_beside(path: str) -> set[str]:
    """Returns the names of the files in the folder of an `__init__.py`."""
    return {each.stem for each in (PACKAGE / path).parent.glob("*.py")} - {"__init__"}


def named_in(path: str) -> set[str]:
    """Returns what a file's docstring has in backticks, or at the beginning of a line that is set in."""
    return set(re.findall(r"(?:`|^ {4})(\w+)", ast.get_docstring(FILES[path]) or "", re.MULTILINE))


def offered_by(path: str) -> set[str] | None:
    """Returns what `__all__` of a file lists; `None` of a file without one, or of none."""
    for node in FILES[path].body if path in FILES else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return None


def taken_in(path: str) -> Iterator[tuple[str, str]]:
    """Yields what a file imports from other files of ours: the file, and the name."""
    folder = path.split("/")[:-1]
    for node in ast.walk(FILES[path]):
        if isinstance(node, ast.ImportFrom) and node.level:
            module = "/".join([*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")])
            yield from ((f"{module}.py", alias.name) for alias in node.names)


@pytest.mark.parametrize("path", FILES)
def test_what_another_file_takes_is_offered(path: str) -> None:
    """`__all__` says what a file is for; the rest of it may be changed without a look at others."""
    taken = [(home, name, offered_by(home)) for home, name in taken_in(path)]
    assert [(home, name) for home, name, offered in taken if offered is not None and name not in offered] == []


def test_every_room_has_a_floor() -> None:
    """Whoever adds a room says where it belongs."""
    assert {room_of(path) for path in FILES} <= set(FLOOR_OF)


@pytest.mark.parametrize("floor", FLOORS)
def test_who_contributes_finds_every_room_on_its_floor(floor: str) -> None:
    """In the table of CONTRIBUTING.md, and on no other floor of it."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| {floor} \|.*", text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) & FLOOR_OF.keys() == set(FLOORS[floor]) - {"__main__", "__init__"}


@pytest.mark.parametrize("path", FILES)
def test_imports_go_downwards(path: str) -> None:
    """A room knows the floors below; concerns never know each other."""
    mine = ORDER.index(FLOOR_OF[room_of(path)])
    for room in rooms_imported(path, FILES[path]):
        theirs = ORDER.index(FLOOR_OF[room])
        assert theirs <= mine, f"{path} imports {room}, which is on a floor above"
        assert theirs < mine or FLOOR_OF[room] != "concerns", f"{path} imports the concern {room}"


@pytest.mark.parametrize("path", FILES)
def test_only_rendering_is_loaded_late_from_above(path: str) -> None:
    """An import inside a function may reach up to the reports (and rich) alone, when something is to be shown."""
    mine = ORDER.index(FLOOR_OF[room_of(path)])
    late = rooms_imported(path, FILES[path], inside_functions=True) - rooms_imported(path, FILES[path])
    assert all(ORDER.index(FLOOR_OF[room]) <= mine or room == "reports" for room in late)


def files_imported(path: str, *, inside_functions: bool) -> set[str]:
    """Returns the files of ours that a file imports by their own names."""
    folder = path.split("/")[:-1]
    found = {
        "/".join([*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")])
        for node in run_time_imports(FILES[path], inside_functions=inside_functions)
        if isinstance(node, ast.ImportFrom) and node.level
    }
    return {f"{name}.py" for name in found} & FILES.keys()


def loaded_with(path: str) -> set[str]:
    """Returns the files that are loaded when a file is, at once or by others that are."""
    loaded: set[str] = set()
    coming = {path}
    while coming:
        loaded |= coming
        coming = {each for known in coming for each in files_imported(known, inside_functions=False)} - loaded
    return loaded


@pytest.mark.parametrize("room", [path for path in FILES if path.endswith("/__init__.py")])
def test_a_room_loads_no_file_at_once_that_others_reach_into(room: str) -> None:
    """A thread that loads the file, and another that loads the room, would wait for each other: an error in Python.

    The tools of the command line are loaded by one thread.
    """
    folder = room.removesuffix("__init__.py")
    tools = {"formats", "conversion", "checking", "drift", "demo", "__main__"}
    others = [path for path in FILES if not path.startswith(folder) and room_of(path) not in tools]
    reached = {file for path in others for file in files_imported(path, inside_functions=True)}
    assert {file for file in reached & loaded_with(room) if file.startswith(folder)} == set()


@pytest.mark.parametrize("path", PURE)
def test_pure_files_decide_and_do_nothing_else(path: str) -> None:
    """No await, no clock, no network, no log: what a decision needs to know it is told."""
    tree = FILES[path]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
    modules = {
        alias.name.partition(".")[0]
        for node in run_time_imports(tree, inside_functions=True)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not modules & {"anyio", "asyncio", "httpx", "httpx2", "logging", "sqlite3", "threading", "time", "trio"}


def attributes(tree: ast.AST, name: str) -> list[int]:
    """Returns the lines on which an attribute of that name is read or set."""
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == name]


@pytest.mark.parametrize(
    ("attribute", "home"),
    [
        ("stream", {"bodies.py", "watching.py", "resending.py", "reading.py", "wires/uploads.py"}),
        ("extensions", {"call.py"}),
    ],
)
def test_bodies_and_extensions_are_touched_in_one_place(attribute: str, home: set[str]) -> None:
    """`.stream` belongs to bodies.py, its neighbours and who sends it, `.extensions` to call.py; not so in the kit."""
    found = {
        f"{path}:{line}"
        for path, tree in FILES.items()
        if path not in home and room_of(path) not in {"testing", "demo"}
        for line in attributes(tree, attribute)
    }
    assert not found


@pytest.mark.parametrize("path", FILES)
def test_concerns_do_not_know_the_family_of_their_requests(path: str) -> None:
    """Only family.py, the facade's client, what reads from elsewhere, and the testing kit import one."""
    if room_of(path) in {"family", "facade", "testing", "demo", "formats", "conversion", "drift"}:
        return
    for node in ast.walk(FILES[path]):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        assert not {name.partition(".")[0] for name in names} & {"httpx", "httpx2"}, path


def test_all_that_is_logged_comes_from_one_logger() -> None:
    """Whoever sets its level, or gives it a handler, has set it for everything; only the filter reaches for others."""
    names = {
        ast.unparse(node.args[0])
        for path, tree in FILES.items()
        if path != "http_logs.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("getLogger")
    }
    assert names == {"LOGGER_NAME"}


@pytest.mark.parametrize("path", FILES)
def test_no_recording_or_config_is_ever_unpickled(path: str) -> None:
    """Nothing in the package loads a pickle."""
    names = {alias.name for node in ast.walk(FILES[path]) if isinstance(node, ast.Import) for alias in node.names}
    assert not names & {"pickle", "marshal", "shelve", "dill"}


MAPPED = [path for path in FILES if path.endswith("/__init__.py") and files_beside(path) & named_in(path)]
"""Rooms whose docstring says what their files are for; those of the others are for users alone."""


@pytest.mark.parametrize("path", [path for path in MAPPED if room_of(path) != "testing"])
def test_a_room_that_says_what_its_files_are_for_leaves_none_out(path: str) -> None:
    """Whoever adds one says there what it is about."""
    assert files_beside(path) <= named_in(path)


def test_whoever_mutates_a_file_says_what_survives() -> None:
    """In the table of CONTRIBUTING.md: files that are mutated stand there, and no others."""
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    told = re.findall(r"^\| `(\S+\.py)` \|", (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    assert [f"gracy_transport/{path}" for path in told] == settings["only_mutate"]


LONGEST_FILE, LONGEST_FUNCTION = 300, 40
"""Lines; of a function without its docstring, which nobody shall shorten for the sake of a count."""


@pytest.mark.parametrize("path", FILES)
def test_no_file_is_too_long(path: str) -> None:
    """What has grown over it holds an idea of its own, which wants a file."""
    assert len((PACKAGE / path).read_text("utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", FILES)
def test_no_function_is_too_long(path: str) -> None:
    """What has grown over it does two things."""
    functions = [node for node in ast.walk(FILES[path]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {each.name: size for each in functions if (size := length_of(each)) > LONGEST_FUNCTION} == {}


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Returns the lines of a function, its head among them and its decorators and docstring not."""
    first = function.body[0]
    docstring = first if ast.get_docstring(function) is not None else None
    explained = 0 if docstring is None else (docstring.end_lineno or 0) - docstring.lineno + 1
    return (function.end_lineno or 0) - function.lineno + 1 - explained


def loaded(*statements: str) -> set[str]:
    """Returns what a process of its own has loaded after these statements, one after the other, beyond `BARE`."""
    bare, ours = (
        subprocess.run(
            [sys.executable, "-c", "\n".join([*BARE, *more, "import sys", "print(*sys.modules)"])],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for more in ((), statements)
    )
    return set(ours) - set(bare)


BARE = ("import httpx, anyio, pydantic", "class Model(pydantic.BaseModel): field: int")
WEIGHTY = {
    *("asyncio", "concurrent.futures", "difflib", "email.parser", "importlib.metadata", "sqlite3", "subprocess"),
    *("aiohttp", "h11._connection", "httpx2", "hypothesis", "plotly", "pytest", "rich", "trio"),
}
"""What costs a program milliseconds: loaded by whoever uses it, when it is used."""

ABOVE = {f"gracy_transport.{room}" for room in FLOORS["roof"]} | {"gracy_transport.replay", "gracy_transport.defaults"}
"""Rooms that a stack without a replay has no use for."""


def test_importing_the_package_loads_nothing_but_itself() -> None:
    """A name costs when it is asked for."""
    assert loaded("import gracy_transport") == {"gracy_transport", "gracy_transport.late"}


def test_what_the_plugin_of_pytest_stands_in_loads_nothing_but_itself() -> None:
    """Every session of pytest loads it, wherever the package is installed."""
    ours = {name for name in loaded("import gracy_transport.testing") if name.startswith("gracy_transport")}
    assert ours == {"gracy_transport", "gracy_transport.late", "gracy_transport.testing"}


def test_a_stack_loads_nothing_of_weight() -> None:
    """httpx, anyio and pydantic are enough, and of ours the rooms it works with."""
    stack = loaded(
        "from gracy_transport import GracyTransport, GracyConfig, GracefulRetry, GracefulThrottle, ThrottleRule",
        "rule = ThrottleRule('.*', 2)",
        "stack = GracyTransport(httpx.MockTransport(print), GracyConfig(retry=GracefulRetry(), throttling=rule))",
    )
    assert "gracy_transport.retry.transport" in stack
    assert not stack & (WEIGHTY | ABOVE | {"gracy_transport.metrics.report"})


def test_no_public_name_loads_anything_of_weight() -> None:
    """Not even all of them together: no other family, no other backend, no database, nothing that shows a report."""
    everything = loaded(f"from gracy_transport import {', '.join(gracy_transport.__all__)}")
    assert "gracy_transport.facade.api" in everything
    assert not everything & (WEIGHTY - {"asyncio", "concurrent.futures", "subprocess"})
