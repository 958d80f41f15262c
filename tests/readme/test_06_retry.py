"""README, "Retry": the example, and every row of the table."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracefulValidator, GracyConfig, LogEvent, LogLevel, OverrideRetryOn
from gracy_transport.exceptions import GracyParseFailed, GracyRequestFailed, NonOkResponse
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import PIKACHU, OnWire, api_with, lines, waits, wire_of

pytestmark = pytest.mark.anyio


class PokeAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(
            retry=GracefulRetry(
                delay=1,
                max_attempts=3,
                delay_modifier=1.5,
                retry_on=None,
                log_before=None,
                log_after=LogEvent(LogLevel.WARNING),
                log_exhausted=LogEvent(LogLevel.CRITICAL),
                behavior="break",
            ),
            log_errors=None,
        )


async def test_the_example(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Three more requests, each later than the one before, and then the caller hears of it."""
    wire = wire_of(404, 503, 500, 502)
    async with PokeAPI(family, wire) as api:
        with pytest.raises(NonOkResponse, match="502"):
            await api.get_pokemon()
    assert waits(wire) == [1, 1.5, 2.25]
    assert lines(caplog) == [
        ("WARNING", f"GET {PIKACHU}: retry 1 of 3 gave NonOkResponse"),
        ("WARNING", f"GET {PIKACHU}: retry 2 of 3 gave NonOkResponse"),
        ("WARNING", f"GET {PIKACHU}: retry 3 of 3 gave NonOkResponse"),
        ("CRITICAL", f"GET {PIKACHU}: max_attempts=3 is used up: [Bad Status Code: 502]"),
    ]


def test_the_first_fields_may_be_given_by_position() -> None:
    """As in the original, up to the last that it has; one more is too many."""
    event, overrides = LogEvent(), {500: OverrideRetryOn(0)}
    given = GracefulRetry(2, 5, 1.5, {500}, event, event, event, "pass", overrides, jitter=True)
    assert given == GracefulRetry(
        delay=2,
        max_attempts=5,
        delay_modifier=1.5,
        retry_on={500},
        log_before=event,
        log_after=event,
        log_exhausted=event,
        behavior="pass",
        overrides=overrides,
        jitter=True,
    )
    with pytest.raises(TypeError, match="at most 9"):
        GracefulRetry(2, 5, 1.5, {500}, event, event, event, "pass", overrides, True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="delay"):
        GracefulRetry(2, delay=2)  # type: ignore[misc]  # pyright: ignore[reportCallIssue]


async def retried(family: ModuleType, *steps: Any, settings: dict[str, Any] | None = None, **retry: Any) -> list[float]:
    """Returns the waits between the requests of one call, whatever came of it."""
    wire = wire_of(*steps)
    config = GracefulRetry(**{"delay": 1, "max_attempts": 2, **retry})
    async with api_with(family, wire, retry=config, **(settings or {})) as api:
        with suppress(NonOkResponse, GracyRequestFailed, ValueError):
            await api.get_pokemon()
    return waits(wire)


@pytest.mark.parametrize("delay", [2, 1.5, 0])
async def test_delay(family: ModuleType, delay: float) -> None:
    """Seconds between retries."""
    assert await retried(family, 500, delay=delay) == [delay, delay]


@pytest.mark.parametrize("attempts", [10, 1, 0])
async def test_max_attempts(family: ModuleType, attempts: int) -> None:
    """10 means one regular request and ten retries; none is a number as well."""
    assert len(await retried(family, 500, max_attempts=attempts)) == attempts


@pytest.mark.parametrize(("modifier", "expected"), [(1, [3, 3, 3]), (2, [3, 6, 12]), (0.5, [3, 1.5, 0.75])])
async def test_delay_modifier(family: ModuleType, modifier: float, expected: list[float]) -> None:
    """1 changes nothing, 2 doubles the delay with every retry."""
    assert await retried(family, 500, delay=3, max_attempts=3, delay_modifier=modifier) == expected


RETRY_ON: list[tuple[Any, Any, bool]] = [
    (HTTPStatus.BAD_REQUEST, 400, True),
    (HTTPStatus.BAD_REQUEST, 403, False),
    ({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}, 403, True),
    ({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}, 500, False),
    (HTTPStatus.BAD_REQUEST, "ConnectTimeout", False),
    (Exception, "ConnectTimeout", True),
    (Exception, 500, True),
    ({Exception, HTTPStatus.NOT_FOUND}, 404, True),
    ({Exception, HTTPStatus.NOT_FOUND}, "ReadError", True),
    ({ValueError, HTTPStatus.NOT_FOUND}, "ReadError", False),
    (GracyRequestFailed, "ReadError", True),
    (NonOkResponse, 418, True),
    (None, 404, True),
    (None, 500, True),
    (None, 302, True),
    (None, 401, True),
    (None, 299, False),
    (None, "ReadTimeout", True),
]


@pytest.mark.parametrize(("retry_on", "step", "is_retried"), RETRY_ON, ids=str)
async def test_retry_on(family: ModuleType, retry_on: Any, step: Any, is_retried: bool) -> None:
    """A status, an exception class, several of either; `None` is every status but a success and every exception."""
    failure = getattr(family, step) if isinstance(step, str) else step
    assert len(await retried(family, failure, 200, retry_on=retry_on)) == is_retried


async def test_retry_on_none_retries_what_is_allowed_as_well(family: ModuleType) -> None:
    """And when the retries are used up, the allowed response is the result."""
    wire = wire_of(404)
    retry = GracefulRetry(delay=1, max_attempts=2, retry_on=None)
    async with api_with(family, wire, retry=retry, allowed_status_code=404, parser={404: None}) as api:
        assert await api.get_pokemon() is None
    assert waits(wire) == [1, 1]


async def test_retry_on_none_retries_what_a_validator_raises(family: ModuleType) -> None:
    """It is an exception like any."""

    class Picky(GracefulValidator):
        def check(self, response: Any) -> None:
            raise ValueError("no")

    assert await retried(family, 200, settings={"validators": Picky()}) == [1, 1]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (
            "log_before",
            ["retry 1 of 2 in 1.0 s: [Bad Status Code: 500]", "retry 2 of 2 in 1.0 s: [Bad Status Code: 500]"],
        ),
        ("log_after", ["retry 1 of 2 gave NonOkResponse", "retry 2 of 2 gave NonOkResponse"]),
        ("log_exhausted", ["max_attempts=2 is used up: [Bad Status Code: 500]"]),
    ],
)
async def test_logs(family: ModuleType, caplog: pytest.LogCaptureFixture, field: str, expected: list[str]) -> None:
    """Each at the level given; `None`, as the others are, does not log."""
    await retried(family, 500, settings={"log_errors": None}, **{field: LogEvent(LogLevel.WARNING)})
    assert lines(caplog) == [("WARNING", f"GET {PIKACHU}: {line}") for line in expected]


async def test_no_log_after_unless_it_was_retried(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """A request that succeeds at once says nothing."""
    event = LogEvent(LogLevel.WARNING)
    await retried(family, 200, log_before=event, log_after=event, log_exhausted=event)
    assert lines(caplog) == []


async def test_behavior_break_raises(family: ModuleType) -> None:
    """It is the default."""
    for options in ({}, {"behavior": "break"}):
        retry = GracefulRetry(delay=1, max_attempts=1, **options)  # type: ignore[arg-type]
        async with api_with(family, wire_of(500), retry=retry) as api:
            with pytest.raises(NonOkResponse):
                await api.get_pokemon()


@pytest.mark.parametrize("parser", [None, {"default": lambda r: r.json()}])
async def test_behavior_pass_accepts_any_retry_failure(family: ModuleType, parser: Any) -> None:
    """A bad status is a response like any, also for a parser that can make nothing of it."""
    wire = wire_of(ScriptedResponse(status=500, content=b"<html>"))
    retry = GracefulRetry(delay=1, max_attempts=1, behavior="pass")
    async with api_with(family, wire, retry=retry, parser=parser) as api:
        response = await api.get_pokemon()
    assert (response.status_code, response.text) == (500, "<html>")
    assert len(wire.sent) == 2


async def test_behavior_pass_accepts_what_a_validator_did_not(family: ModuleType) -> None:
    """The response goes to its parser."""

    class Picky(GracefulValidator):
        def check(self, response: Any) -> None:
            raise ValueError("no")

    wire = wire_of(ScriptedResponse(json={"name": "pikachu"}))
    retry = GracefulRetry(delay=1, max_attempts=1, behavior="pass")
    async with api_with(family, wire, retry=retry, validators=Picky(), parser={"default": lambda r: r.json()}) as api:
        assert await api.get_pokemon() == {"name": "pikachu"}


async def test_behavior_pass_has_nothing_to_accept_without_a_response(family: ModuleType) -> None:
    """The error of the connection reaches the caller, whatever came before it."""
    wire = wire_of(404, family.ConnectError, family.ConnectError)
    retry = GracefulRetry(delay=1, max_attempts=2, behavior="pass")
    async with api_with(family, wire, retry=retry) as api:
        with pytest.raises(GracyRequestFailed) as raised:
            await api.get_pokemon()
    assert isinstance(raised.value.__cause__, family.ConnectError)


async def test_behavior_pass_does_not_hide_a_broken_parser(family: ModuleType) -> None:
    """A success that cannot be parsed is no retry failure."""
    retry = GracefulRetry(delay=1, max_attempts=1, behavior="pass")
    async with api_with(family, wire_of(200), retry=retry, parser={"default": lambda r: r.json()}) as api:
        with pytest.raises(GracyParseFailed):
            await api.get_pokemon()


async def test_overrides(family: ModuleType) -> None:
    """Another delay for the status of the last response."""
    overrides = {
        HTTPStatus.BAD_REQUEST: OverrideRetryOn(delay=0),
        HTTPStatus.INTERNAL_SERVER_ERROR: OverrideRetryOn(delay=10),
    }
    assert await retried(family, 500, 400, 418, 200, max_attempts=5, overrides=overrides) == [10, 0, 1]
    assert OverrideRetryOn(3) == OverrideRetryOn(delay=3)
