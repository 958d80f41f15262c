"""The plugin of pytest: tests that replay what was recorded, need no network and no time, and see what happens.

It is there wherever this package is installed (`-p no:gracy_transport.testing.plugin` leaves it out).

```python
import httpx
import pytest

from gracy_transport import GracefulRetry, RetryTransport


@pytest.mark.anyio
@pytest.mark.recording
async def test_a_pokemon_is_found_in_the_end(fake_clock, events):
    stack = RetryTransport(httpx.AsyncHTTPTransport(), GracefulRetry(delay=60, max_attempts=3), clock=fake_clock)
    seen = events(stack)
    async with httpx.AsyncClient(transport=stack) as client:
        response = await client.get("https://pokeapi.co/api/v2/pokemon/ditto")
    assert response.json()["name"] == "ditto"
    assert [type(event).__name__ for event in seen].count("ResponseReplayed") == 2  # a 503 came first
    assert fake_clock.waits == [60]
```

# Recordings

The marker `recording`, or the fixture of that name, records what a test sends, or replays it. `--gracy-record` (or
`gracy_record` in the ini file) says which of the two:

| mode | what it does |
|---|---|
| `none` | replays, and this is the default: what is not recorded fails the test |
| `once` | records the tests that had no file when the session began, and replays the others |
| `new` | replays what there is, and records what is missing |
| `all` | records everything anew, and forgets what is not asked any more |

Each test has a file of its own, `recordings/MODULE/TEST[PARAMETERS].jsonl` beside the module: lines of JSON without
secrets, made for git. A character that is awkward in a file name becomes `_`, and then a hash tells names apart.
The file is written when the test has gone through, its fixtures too: a test that fails (unless that is expected), or is
skipped half-way, leaves it as it was, in every mode. What does not change leaves its line as it is. At its end a
session says in one line what became of the files, names answers that were not recorded since their bodies were not read
to their end, and with `all` files that no test uses any more.

`recording(file="shared.jsonl")` names the file, from the folder of the module. Tests may have one in common, when the
same request gets the same answer in all of them; nothing in it is ever forgotten. Of several markers (on the function,
the class, the module) each adds to the one further out. Beside `file` they take

- `hosts=["api.example.com", "*.example.org"]`: only their answers are recorded. All others go by.
- `local=True`: also what this machine answers is recorded. Unless it is set, what is asked of loopback addresses and
  unix sockets goes by, since a server of the test's own is there to be asked.
- whatever `GracyReplay` takes but its mode and storage: `match_on`, `redact`, `secret_names`, `exhausted`, ...

Recorded is what passes `httpx.AsyncHTTPTransport` and `httpx2.AsyncHTTPTransport`, the wires below any stack: also in
a client that somebody else's SDK makes for itself, while retries and throttling above are seen at work. That goes for
tests of any runner (anyio, pytest-asyncio, pytest-trio, `IsolatedAsyncioTestCase`), for their fixtures of function
scope, and for any number of workers of pytest-xdist. Not recorded are synchronous clients, what a fixture of a wider
scope sends before the first test, and what a mock answers above the wire. For a wire of another kind there is
`recording.transport(inner)`; further `recording.mode`, `.path` and `.storage`.

# No network

The marker `no_network(allow=[...])`, or the fixture, refuses connections, datagrams and look-ups for any host but this
machine: of asyncio, of trio, of threads and of plain sockets. `allow` takes names (`*.example.com`), addresses and
networks (`10.0.0.0/8`). A test that only replays is without network by itself; one that records has it.

A refusal, and a request that nothing is recorded for, end the test as `pytest.fail` does: this is no `Exception`, so
neither a retry nor an `except Exception` hides it, and a test that goes on all the same fails at its end. A test about
that clears `no_network.refused`. Not seen are sockets that are not Python's own: those of uvloop, of C extensions
(gRPC, database drivers), of other processes (a proxy on this machine), and on Windows what asyncio sends to an address
that nobody looked up.

# Further fixtures

`fake_clock` is a `FakeClock`; `events` a function that lists the events of a layer from its call to the end of the
test.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from .ledger import MODES, Ledger
from .wishes import allowed_by, wants_recording, wish_of

if TYPE_CHECKING:
    from ...events import Event
    from ...layer import Layer
    from ..clock import FakeClock
    from .network import NetworkGuard
    from .recorded import RecordedTest

_Said = TypeVar("_Said")

_LEDGER: Final = pytest.StashKey[Ledger]()
_RECORDED: Final = pytest.StashKey["RecordedTest"]()
_OUTCOME: Final = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--gracy-record`, and the ini value of the same meaning."""
    explained = "what is done with the requests of tests that have a recording: none records nothing, once what has "
    explained += "no file yet, new what is missing, all everything anew"
    parser.getgroup("gracy_transport").addoption("--gracy-record", choices=MODES, help=f"{explained} (default: none)")
    parser.addini("gracy_record", f"as --gracy-record: {explained}", default="none")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers and begins the books of the session.

    Raises:
        pytest.UsageError: when the ini value is none of the modes.
    """
    config.addinivalue_line(
        "markers",
        "recording(file=None, hosts=None, local=False, **options of GracyReplay): record what the test sends, or "
        "replay it, as --gracy-record says",
    )
    config.addinivalue_line("markers", "no_network(allow=()): refuse connections to other machines than this")
    mode = config.getoption("gracy_record") or config.getini("gracy_record")
    if mode not in MODES:
        raise pytest.UsageError(f"gracy_record is {mode!r}: set it to one of {', '.join(MODES)}")
    picks = any("::" in str(arg) for arg in config.args)
    is_whole = not (picks or config.getoption("lf", default=False) or config.getoption("collectonly", default=False))
    config.stash[_LEDGER] = Ledger(mode, is_whole=is_whole)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Notes which recordings there are tests for, those that will be deselected too."""
    _note([item])


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Notes those again: a `conftest.py` may have marked them since."""
    _note(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Notes the others again, likewise."""
    _note(session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes how a test ended, for what becomes of its recordings."""
    report = yield
    if report.when != "teardown":
        has_failed = report.when == "call" and item.stash.get(_OUTCOME, "") == "failed"  # as one of its subtests did
        outcome = "xfailed" if report.skipped and hasattr(report, "wasxfail") else report.outcome
        item.stash[_OUTCOME] = "failed" if has_failed else outcome
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Writes what was recorded when all of a test went through, its fixtures too."""
    is_whole = False
    try:
        result = yield
        is_whole = item.stash.get(_OUTCOME, "") in {"passed", "xfailed"}
    finally:
        recorded = item.stash.get(_RECORDED, None)
        if recorded is not None:
            del item.stash[_RECORDED]
            _settle(item, recorded, is_whole=is_whole)
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Lets a worker of pytest-xdist tell what became of recordings."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["gracy_transport"] = session.config.stash[_LEDGER].to_plain()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes in what a worker of pytest-xdist tells; one that crashed tells nothing."""
    told = getattr(node, "workeroutput", {}).get("gracy_transport")
    if told is not None:
        node.config.stash[_LEDGER].take_in(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says what was recorded."""
    for line in config.stash[_LEDGER].summary(config.rootpath):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _gracy_transport_marks(request: pytest.FixtureRequest) -> None:
    """Lets the markers do without a fixture being asked for."""
    if request.node.get_closest_marker("recording") is not None:
        request.getfixturevalue("_gracy_transport_recording")
    if request.node.get_closest_marker("no_network") is not None:
        request.getfixturevalue("_gracy_transport_guard")


@pytest.fixture
def recording(_gracy_transport_recording: RecordedTest) -> RecordedTest:
    """Gives the recording of the test: its `path`, `mode` and `storage`, and `transport(inner)` for other wires."""
    return _gracy_transport_recording


@pytest.fixture
def no_network(_gracy_transport_guard: NetworkGuard) -> NetworkGuard:
    """Refuses connections to other machines than this; `refused` lists them."""
    return _gracy_transport_guard


@pytest.fixture
def fake_clock() -> FakeClock:
    """Gives a `FakeClock`: a time that passes only when all tasks wait for it."""
    from ..clock import FakeClock

    return FakeClock()


@pytest.fixture
def events() -> Generator[Callable[[Layer], list[Event]]]:
    """Gives a function that returns a list of what happens in a layer from then on, as long as the test lasts."""
    from .. import capture_events

    with ExitStack() as stack:
        yield lambda layer: stack.enter_context(capture_events(layer))


@pytest.fixture
def _gracy_transport_recording(request: pytest.FixtureRequest) -> Generator[RecordedTest]:
    from ...exceptions import UnreadableRecording
    from .recorded import RecordedTest

    item, ledger = request.node, request.config.stash[_LEDGER]
    wish = _read(wish_of, item)
    mode = ledger.mode_for(wish)
    if mode == "replay":
        request.getfixturevalue("_gracy_transport_guard")
    try:
        recorded = RecordedTest(wish, mode, forgets=ledger.mode == "all", name=item.nodeid)
    except (TypeError, ValueError, UnreadableRecording) as wrong:
        pytest.fail(f"recording(...) of {item.nodeid}: {wrong}", pytrace=False)
    item.stash[_RECORDED] = recorded
    with recorded.on():
        yield recorded
    _refuse_to_go_on(item, recorded.missed)


@pytest.fixture
def _gracy_transport_guard(request: pytest.FixtureRequest) -> Generator[NetworkGuard]:
    from .network import NetworkGuard

    item, ledger = request.node, request.config.stash[_LEDGER]
    advice = "this test has no network: serve it from loopback, or allow the host with no_network(allow=[...])"
    allowed = _read(allowed_by, item)
    wants = wants_recording(item)
    if wants:
        advice += "; only what asynchronous clients of httpx and httpx2 ask is recorded and replayed"
    guard = NetworkGuard(allowed, advice)
    if wants and ledger.mode_for(_read(wish_of, item)) != "replay":
        yield guard  # a test that records needs the network
        return
    with guard.on():
        yield guard
    _refuse_to_go_on(item, guard.refused)


def _note(items: Sequence[pytest.Item]) -> None:
    for item in items:
        ledger = item.config.stash[_LEDGER]
        if ledger.mode != "none":
            ledger.collect(item)


def _read(read: Callable[[pytest.Item], _Said], item: pytest.Item) -> _Said:
    """Returns what the marks of a test say; a mark that says what cannot be ends it."""
    try:
        return read(item)
    except (TypeError, ValueError) as wrong:
        pytest.fail(f"{item.nodeid}: {wrong}", pytrace=False)


def _settle(item: pytest.Item, recorded: RecordedTest, *, is_whole: bool) -> None:
    try:
        fate = recorded.settle(is_whole=is_whole)
    except OSError as error:
        pytest.fail(f"what was recorded could not be written to {recorded.path}: {error}", pytrace=False)
    if fate is not None:
        item.config.stash[_LEDGER].note(recorded.path, fate)
    if is_whole:
        item.config.stash[_LEDGER].note_lost(item.nodeid, recorded.lost)


def _refuse_to_go_on(item: pytest.Item, refused: list[str]) -> None:
    """Fails a test that went through although something was refused, which its code must have hidden."""
    if refused and item.stash.get(_OUTCOME, "") == "passed":
        pytest.fail(f"the test went on although this was refused: {'; '.join(refused)}", pytrace=False)
