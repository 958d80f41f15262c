"""README, "Throttling": rules as they print, and requests that wait for them."""

from __future__ import annotations

from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulThrottle, GracyConfig, LogEvent, LogLevel, ThrottleRule
from tests.readme.support import BASE, PIKACHU, OnWire, PokeApiEndpoint, api_with, lines, times, wire_of

SIMPLE_RULE = ThrottleRule(url_pattern=r".*", max_requests=2)
COMPLEX_RULE = ThrottleRule(
    url_pattern=r".*\/pokemon\/.*",
    max_requests=10,
    per_time=timedelta(minutes=1, seconds=30),
)


def test_rules_print_as_the_readme_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """To the letter."""
    print(SIMPLE_RULE)
    print(COMPLEX_RULE)
    assert capsys.readouterr().out.splitlines() == [
        "2 requests per second for URLs matching re.compile('.*')",
        r"10 requests per 90 seconds for URLs matching re.compile('.*\\/pokemon\\/.*')",
    ]


@pytest.mark.parametrize(
    ("per_time", "words"),
    [
        (timedelta(seconds=1), "second"),
        (timedelta(milliseconds=500), "0.5 seconds"),
        (timedelta(milliseconds=1), "0.001 seconds"),
        (timedelta(microseconds=1), "0.000001 seconds"),
        (timedelta(days=365, microseconds=500_000), "31536000.5 seconds"),
        (timedelta(seconds=1, milliseconds=500), "1.5 seconds"),
        (timedelta(seconds=2), "2 seconds"),
        (timedelta(minutes=1), "60 seconds"),
        (timedelta(hours=1), "3600 seconds"),
        (timedelta(days=1), "86400 seconds"),
        (timedelta(days=30), "2592000 seconds"),
        (60, "60 seconds"),
    ],
)
def test_any_duration_prints(per_time: Any, words: str) -> None:
    """Whole seconds without a point, others with what they need."""
    assert str(ThrottleRule(".*", 2, per_time)).startswith(f"2 requests per {words} for URLs")
    assert str(ThrottleRule(".*", 2, per_time_range=per_time)) == str(ThrottleRule(".*", 2, per_time=per_time))


class PokeAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(
            throttling=GracefulThrottle(
                rules=ThrottleRule(r".*", 2),
                log_limit_reached=LogEvent(LogLevel.ERROR),
                log_wait_over=LogEvent(LogLevel.WARNING),
            ),
        )


@pytest.mark.anyio
async def test_the_example_logs_each_limit_reached_and_each_wait_over(
    family: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """Once for each request that had to wait."""
    wire = wire_of()
    async with PokeAPI(family, wire) as api:
        for _ in range(5):
            await api.get_pokemon()
    assert times(wire) == [0, 0, 1, 1, 2]
    limit = "the limit is 2 requests per second"
    reached = ("ERROR", f"{PIKACHU} has to wait 1.0s: {limit}")
    over = ("WARNING", f"{PIKACHU} waited 1.0s: {limit}")
    assert lines(caplog) == [reached, over, reached, over]


@pytest.mark.anyio
async def test_rules_are_per_endpoint_by_their_patterns(family: ModuleType) -> None:
    """A rule for pokemon does not delay a berry, and all rules that match hold."""
    wire = wire_of()
    rules = [ThrottleRule(r".*/pokemon/.*", 1, timedelta(seconds=5)), ThrottleRule(r".*", 3)]
    async with api_with(family, wire, throttling=GracefulThrottle(rules)) as api:
        await api.get_pokemon()
        for key in ("cheri", "chesto", "pecha"):
            await api.get(PokeApiEndpoint.BERRY_GET, {"KEY": key})
        await api.get_pokemon()
    assert times(wire, "/berry/") == [0, 0, 1]
    assert times(wire, "/pokemon/") == [0, 5]
    assert wire.sent[1].url == f"{BASE}/berry/cheri"


@pytest.mark.anyio
async def test_two_apis_have_budgets_of_their_own(family: ModuleType) -> None:
    """Though they are objects of one class."""
    wire = wire_of()
    async with PokeAPI(family, wire) as one, PokeAPI(family, wire) as other:
        for api in (one, other, one, other):
            await api.get_pokemon()
    assert times(wire) == [0, 0, 0, 0]
