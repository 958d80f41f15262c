"""README, "Logging": log events, and each placeholder for each event it is said to support."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import anyio
import pytest

from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulThrottle,
    GracyConfig,
    GracyReplay,
    LogEvent,
    LogLevel,
    ThrottleRule,
)
from gracy_transport.exceptions import GracyException
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import BASE, PIKACHU, OnWire, api_with, lines, wire_of

pytestmark = pytest.mark.anyio

verbose_log = LogEvent(LogLevel.CRITICAL)
custom_warn_log = LogEvent(LogLevel.WARNING, custom_message="{METHOD} {URL} is quite slow and flaky")
custom_error_log = LogEvent(LogLevel.INFO, custom_message="{URL} returned a bad status code {STATUS}, but that's fine")


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    """Lets the events be heard, which are at level INFO unless they say more."""
    caplog.set_level("INFO", "gracy_transport")


async def test_the_example(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """A level alone has a message of its own, the others say what they were told to."""
    settings = {"log_request": custom_warn_log, "log_response": verbose_log, "log_errors": custom_error_log}
    async with api_with(family, wire_of(404), **settings) as api:
        with pytest.raises(GracyException):
            await api.get_pokemon()
    assert lines(caplog) == [
        ("WARNING", f"GET {PIKACHU} is quite slow and flaky"),
        ("CRITICAL", f"GET {PIKACHU} gave 404 in 0.000s"),
        ("INFO", f"{PIKACHU} returned a bad status code 404, but that's fine"),
    ]


def logging_as(event: str, log: LogEvent) -> dict[str, Any]:
    """Returns the settings of an API in which every event happens, and one is logged."""
    group, _, field = event.rpartition(".")

    def given(name: str) -> dict[str, Any]:
        return {field: log} if group == name else {}

    # A limit of one in flight is reached only where the throttle lets two requests through at once.
    rate = 1 if group == "throttling" else 10
    return {
        "log_errors": None,
        **given(""),
        "retry": GracefulRetry(delay=2, max_attempts=1, **given("retry")),
        "throttling": GracefulThrottle(ThrottleRule(".*", rate, 90), **given("throttling")),
        "concurrent_requests": ConcurrentRequestLimit(1, **given("concurrent_requests")),
    }


EVENTS = [
    "log_request",
    "log_response",
    "log_errors",
    "retry.log_before",
    "retry.log_after",
    "retry.log_exhausted",
    "throttling.log_limit_reached",
    "throttling.log_wait_over",
    "concurrent_requests.log_limit_reached",
    "concurrent_requests.log_limit_freed",
]
AFTER_REQUEST = ["log_response", "log_errors", "retry.log_before", "retry.log_after", "retry.log_exhausted"]
RETRY = ["retry.log_before", "retry.log_after", "retry.log_exhausted"]
THROTTLE = ["throttling.log_limit_reached", "throttling.log_wait_over"]

ALWAYS = {
    "{URL}": PIKACHU,
    "{UURL}": f"{BASE}/pokemon/{{NAME}}",
    "{ENDPOINT}": "/pokemon/pikachu",
    "{UENDPOINT}": "/pokemon/{NAME}",
    "{METHOD}": "GET",
}


async def said(family: ModuleType, caplog: pytest.LogCaptureFixture, event: str, message: Any) -> str:
    """Returns what the first line of an event says, in an API of which two calls fail, after 0.25 s each."""
    wire = wire_of(ScriptedResponse(status=404, delay=0.25))
    async with api_with(family, wire, **logging_as(event, LogEvent(LogLevel.INFO, message))) as api:

        async def ask() -> None:
            with pytest.raises(GracyException):
                await api.get_pokemon()

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
    (_, text), *_ = lines(caplog)
    return text


@pytest.mark.parametrize("event", EVENTS)
async def test_what_all_events_support(family: ModuleType, caplog: pytest.LogCaptureFixture, event: str) -> None:
    """URL, endpoint, both unformatted, and the method."""
    assert await said(family, caplog, event, " ".join(ALWAYS)) == " ".join(ALWAYS.values())


@pytest.mark.parametrize("event", AFTER_REQUEST)
async def test_what_events_after_a_request_support(
    family: ModuleType, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    """The status, the seconds it took, and whether it was replayed."""
    text = await said(family, caplog, event, "{STATUS}|{ELAPSED}|{REPLAY}|{IS_REPLAY}")
    status, elapsed, *replayed = text.split("|")
    assert (status, replayed) == ("404", ["", "FALSE"])
    assert float(elapsed) >= 0.25


@pytest.mark.parametrize("event", ["log_response", "log_errors"])
async def test_a_replay_is_named(
    family: ModuleType, caplog: pytest.LogCaptureFixture, event: str, tmp_path: Path
) -> None:
    """`REPLAYED` and `TRUE`."""
    settings: dict[str, Any] = {"log_errors": None, event: LogEvent(LogLevel.INFO, "{STATUS} {REPLAY} {IS_REPLAY}")}

    class API(OnWire):
        class Config(OnWire.Config):
            SETTINGS = GracyConfig(**settings)

    modes: tuple[Literal["record", "replay"], ...] = ("record", "replay")
    for mode in modes:
        replay = GracyReplay(mode, SQLiteReplayStorage("poke.sqlite3", dir=tmp_path))
        async with API(family, wire_of(404), replay) as api:
            with pytest.raises(GracyException):
                await api.get_pokemon()
    assert [text for _, text in lines(caplog)] == ["404  FALSE", "404 REPLAYED TRUE"]


@pytest.mark.parametrize("event", RETRY)
async def test_what_retry_events_support(family: ModuleType, caplog: pytest.LogCaptureFixture, event: str) -> None:
    """The delay, the cause, and the number of the retry of how many."""
    text = await said(family, caplog, event, "{RETRY_DELAY} {RETRY_CAUSE} {CUR_ATTEMPT}/{MAX_ATTEMPT}")
    assert text == "2.0 [Bad Status Code: 404] 1/1"


async def test_the_causes_of_a_retry(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """A status, or the name of what went wrong on the way; and the retries are counted from one."""
    event = LogEvent(LogLevel.INFO, "{CUR_ATTEMPT}: {RETRY_CAUSE}")
    retry = GracefulRetry(delay=1, max_attempts=3, log_before=event)
    async with api_with(family, wire_of(404, family.ConnectTimeout, family.ReadError, 200), retry=retry) as api:
        await api.get_pokemon()
    assert [text for _, text in lines(caplog)] == [
        "1: [Bad Status Code: 404]",
        "2: [Request Error: ConnectTimeout]",
        "3: [Request Error: ReadError]",
    ]


@pytest.mark.parametrize("event", THROTTLE)
async def test_what_throttle_events_support(family: ModuleType, caplog: pytest.LogCaptureFixture, event: str) -> None:
    """The limit, the wait, and the range it is for."""
    text = await said(family, caplog, event, "{THROTTLE_LIMIT} {THROTTLE_TIME} {THROTTLE_TIME_RANGE}")
    limit, wait, *time_range = text.split(" ")
    assert (limit, time_range) == ("1", ["90", "seconds"])
    assert 0 < float(wait) <= 90


async def test_a_plain_log_event_is_enough(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """`LogEvent()`, as the README sets them up."""
    async with api_with(
        family, wire_of(), log_request=LogEvent(), log_response=LogEvent(), log_errors=LogEvent()
    ) as api:
        await api.get_pokemon()
    assert lines(caplog) == [("INFO", f"GET {PIKACHU} started"), ("INFO", f"GET {PIKACHU} gave 200 in 0.000s")]


def customized(r: Any) -> str:
    """Is the lambda of the README."""
    return (
        f"Request failed with {{STATUS}} and it was {'redirected' if r.is_redirect else 'NOT redirected'}" if r else ""
    )


async def test_a_lambda_with_a_response(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Placeholders still work in what it returns."""
    for status in (404, 302):
        async with api_with(family, wire_of(status), log_errors=LogEvent(LogLevel.ERROR, customized)) as api:
            with pytest.raises(GracyException):
                await api.get_pokemon()
    assert lines(caplog) == [
        ("ERROR", "Request failed with 404 and it was NOT redirected"),
        ("ERROR", "Request failed with 302 and it was redirected"),
    ]


async def test_a_lambda_without_a_response(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Before a request there is none, and there is none of a request that failed."""
    event = LogEvent(LogLevel.ERROR, lambda r: "{URL}" if r is None else "{STATUS}")
    async with api_with(family, wire_of(family.ConnectError), log_request=event, log_errors=event) as api:
        with pytest.raises(GracyException):
            await api.get_pokemon()
    assert lines(caplog) == [("ERROR", PIKACHU), ("ERROR", PIKACHU)]


async def test_a_lambda_may_show_what_has_braces(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Headers print as a dictionary; nothing of that is taken for a placeholder."""
    event = LogEvent(LogLevel.INFO, lambda r: f"{{STATUS}} {dict(r.headers)} 100% {{nothing}} {{0}} %s")
    async with api_with(family, wire_of(ScriptedResponse(headers={"x": "{URL}"})), log_response=event) as api:
        await api.get_pokemon()
    [(_, text)] = lines(caplog)
    assert text.startswith("200 {'content-length': '0', 'x': ")
    assert text.endswith("} 100% {nothing} {0} %s")


@pytest.mark.parametrize("name", ["{NAME}", "100%", "%s", "%(x)s", "{", "}{", "{0}", "{URL}"])
async def test_braces_and_percent_signs_in_a_url(
    family: ModuleType, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """They neither break a line nor are taken for placeholders."""
    event = LogEvent(LogLevel.INFO, "{ENDPOINT} {URL}")
    wire = wire_of()
    async with api_with(family, wire, log_request=event) as api:
        await api.get_pokemon(name)
    assert lines(caplog) == [("INFO", f"/pokemon/{name} {wire.sent[0].url}")]
    assert "{" not in wire.sent[0].url
