"""The public face: what is promised is there, and nothing else is."""

from __future__ import annotations

import types

import gracy_transport
from gracy_transport import exceptions, testing

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
    """`__all__` is sorted by kind and equals what the module shows."""
    shown = {
        name
        for name, value in vars(gracy_transport).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name != "annotations"
    }
    assert shown == set(gracy_transport.__all__)


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
