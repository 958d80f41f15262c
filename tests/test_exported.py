"""The public face: what is promised is there, and nothing else is."""

from __future__ import annotations

import ast
import subprocess
import sys
import types
from pathlib import Path

import pytest

import gracy_transport
from gracy_transport import exceptions, facade, metrics, redis, replay, testing
from gracy_transport.replays import storages

PINNED = [
    "Gracy",
    "GracyApi",
    "GracyAPI",
    "GracyNamespace",
    "GracyConfig",
    "graceful",
    "graceful_generator",
    "parsed_response",
    "generated_parsed_response",
    "BaseEndpoint",
    "GracefulRetry",
    "OverrideRetryOn",
    "GracefulRetryState",
    "GracefulValidator",
    "GracefulThrottle",
    "ThrottleRule",
    "ConcurrentRequestLimit",
    "LogEvent",
    "LogLevel",
    "GracyRequestContext",
    "GracyReplay",
    "GracyReplayStorage",
    "ReplayLogEvent",
    "GracyPaginator",
    "GracyOffsetPaginator",
    "GracyCursorPaginator",
    "GracyLinkPaginator",
    "GracyReport",
    "DEFAULT_CONFIG",
    "GracyTransport",
    "attach",
    "ThrottleTransport",
    "ConcurrencyLimitTransport",
    "RetryBudget",
    "RetryTransport",
    "DeadlineTransport",
    "ValidationTransport",
    "LoggingTransport",
    "ReplayTransport",
    "MetricsTransport",
    "call_options",
]


def test_every_public_name_is_exported_and_no_other() -> None:
    """What `dir` shows, what `import *` brings and what type checkers see is one and the same."""
    starred: dict[str, object] = {}
    exec("from gracy_transport import *", starred)
    del starred["__builtins__"]
    shown = {name for name in dir(gracy_transport) if not name.startswith("_")} - {"events", "exceptions"}
    assert set(starred) == shown == set(gracy_transport.__all__)


@pytest.mark.parametrize(
    "package",
    [gracy_transport, facade, metrics, redis, replay, storages, testing],
    ids=lambda package: package.__name__,
)
def test_names_that_are_loaded_late_come_from_where_type_checkers_look(package: types.ModuleType) -> None:
    """Each stands twice, in an import that only type checkers read and in the table, with the same module."""
    assert package.__file__ is not None
    tree = ast.parse(Path(package.__file__).read_text("utf-8"))
    seen: dict[str, str] = {}
    table: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            seen |= {alias.name: f".{node.module or alias.name}" for alias in node.names}
        elif isinstance(node, ast.Dict):
            table = ast.literal_eval(node)
    seen.pop("loaded_late", None)
    assert table == seen
    assert set(package.__all__) == set(table) - {"events", "exceptions", "__version__"}
    assert set(table) <= set(dir(package))
    assert all(getattr(package, name) is not None for name in table)


def test_a_name_that_is_not_there_is_said_to_be_missing() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'gracy_transport' has no attribute 'Grazy'"):
        gracy_transport.Grazy  # type: ignore[attr-defined]  # noqa: B018 - it is not there


def test_the_errors_and_the_events_need_no_import_of_their_own() -> None:
    """`import gracy_transport` is enough to write `except gracy_transport.exceptions.BadResponse`."""
    code = "import gracy_transport as g; g.exceptions.BadResponse, g.events.CallStarted"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pinned_names_are_there() -> None:
    """The names that existing code imports."""
    assert set(PINNED) <= set(gracy_transport.__all__)


def test_exceptions_of_the_original_are_there() -> None:
    """So that `except` clauses keep working after one import is renamed."""
    names = [
        "GracyException",
        "GracyRequestFailed",
        "GracyParseFailed",
        "BadResponse",
        "UnexpectedResponse",
        "NonOkResponse",
        "GracyUserDefinedException",
        "GracyReplayRequestNotFound",
    ]
    assert set(names) <= set(exceptions.__all__)


def test_the_storage_is_where_the_original_has_it() -> None:
    """The import path of the README's replay example."""
    from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage

    assert issubclass(SQLiteReplayStorage, gracy_transport.GracyReplayStorage)


def test_the_testing_kit_is_public() -> None:
    """What users' tests import."""
    assert {"FakeClock", "ScriptedWire", "capture_events"} <= set(testing.__all__)
    from gracy_transport.testing.origin import Origin

    assert Origin.__doc__


def test_the_version_is_that_of_the_distribution() -> None:
    """One source of truth."""
    from importlib.metadata import version

    assert gracy_transport.__version__ == version("gracy-transport")
