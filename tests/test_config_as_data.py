"""Configs as data: in the settings of a program, which are read from JSON and the environment, and shown as such."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulThrottle,
    GracyConfig,
    LogEvent,
    LogLevel,
    OverrideRetryOn,
    RetryBudget,
    ThrottleRule,
)
from gracy_transport.testing import Fault

PLAIN = GracyConfig(
    log_errors=LogEvent(LogLevel.ERROR, "{URL} failed"),
    log_request=None,
    retry=GracefulRetry(
        delay=2,
        retry_on={429, 503},
        overrides={503: OverrideRetryOn(delay=0)},
        methods={"POST"},
        budget=RetryBudget(0.5),
    ),
    allowed_status_code={404},
    throttling=GracefulThrottle([ThrottleRule(r"https://api\.", 5, timedelta(minutes=1))], follow_server=True),
    concurrent_requests=ConcurrentRequestLimit(5, uurl_pattern=r".*/files", blocking_args=["NAME"]),
    deadline=30,
    redact=r"/bot([^/]+)",
)
"""All that can be said without code."""


def parse(response: Any) -> Any:
    return response.json()


CODED = PLAIN.merged(
    GracyConfig(
        parser={"default": parse, 404: None},
        retry=GracefulRetry(retry_on={429, httpx.ReadTimeout}, overrides={httpx.ReadTimeout: OverrideRetryOn(delay=1)}),
    )
)


class Settings(BaseModel):
    """What a program is told."""

    name: str = "pokedex"
    gracy: GracyConfig = GracyConfig(deadline=5)


@dataclass
class Kept:
    """The same without pydantic."""

    gracy: GracyConfig = CODED
    retry: GracefulRetry = field(default_factory=GracefulRetry)


def test_a_config_is_shown_as_what_was_given() -> None:
    """Printed, too, alone and in settings."""
    assert str(GracyConfig(deadline=5)) == "GracyConfig(deadline=5.0)"
    assert str(Settings()) == "name='pokedex' gracy=GracyConfig(deadline=5.0)"


def test_a_config_is_dumped_as_what_was_given() -> None:
    """What is absent is not there; `None` is something given."""
    config = GracyConfig(retry=None, deadline=3, allowed_status_code=404)
    assert config.model_dump() == {"retry": None, "deadline": 3.0, "allowed_status_code": frozenset({404})}
    assert json.loads(config.model_dump_json()) == {"retry": None, "deadline": 3.0, "allowed_status_code": [404]}
    assert GracyConfig().model_dump() == {}
    assert config.model_dump(exclude={"deadline"}, exclude_none=True) == {"allowed_status_code": frozenset({404})}


@pytest.mark.parametrize("config", [PLAIN, CODED, GracyConfig()])
def test_what_was_dumped_is_read_as_the_same(config: GracyConfig) -> None:
    """Alone and in the settings of a program."""
    assert GracyConfig.model_validate(config.model_dump()) == config
    settings = Settings(gracy=config)
    assert Settings.model_validate(settings.model_dump()) == settings
    assert settings.model_copy(deep=True) == settings


def test_what_needs_no_code_goes_through_json() -> None:
    """With patterns, durations and overrides."""
    settings = Settings(gracy=PLAIN)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    "pattern",
    [re.compile("/BOT (.+)", re.IGNORECASE | re.VERBOSE), re.compile("(?i)/bot(.+)"), re.compile("/x.y", re.DOTALL)],
)
def test_the_flags_of_a_pattern_go_through_json(pattern: re.Pattern[str]) -> None:
    """Without them a secret would be shown that was hidden before, and a rule would not match."""
    limit = ConcurrentRequestLimit(5, uurl_pattern=pattern)
    config = GracyConfig(redact=pattern, throttling=ThrottleRule(pattern, 1), concurrent_requests=limit)
    written = config.model_dump_json()
    read = GracyConfig.model_validate_json(written)
    patterns = [read.redact[0], read.throttling.rules[0].url_pattern, read.concurrent_requests[0].uurl_pattern]  # type: ignore[index, union-attr]
    for each in patterns:
        assert (each.flags, each.search("/bot12") is None) == (pattern.flags, pattern.search("/bot12") is None)
    assert read.model_dump_json() == written


def test_parsers_that_need_no_code_go_through_json() -> None:
    """The keys of JSON are text."""
    config = GracyConfig(parser={404: None, "default": None})
    assert GracyConfig.model_validate_json(config.model_dump_json()) == config


def test_settings_are_read_from_nested_data() -> None:
    """As a file of settings or the environment gives them."""
    read = Settings.model_validate_json(
        '{"gracy": {"retry": {"delay": 2, "retry_on": [503], "budget": true}, "concurrent_requests": 4,'
        ' "throttling": [{"url_pattern": ".*", "max_requests": 5}]}}'
    )
    retry = GracefulRetry(delay=2, retry_on={503}, budget=True)
    assert read.gracy == GracyConfig(retry=retry, concurrent_requests=4, throttling=ThrottleRule(".*", 5))


def test_configs_live_in_dataclasses() -> None:
    """Also copied all the way down."""
    assert asdict(Kept()) == {"gracy": CODED, "retry": GracefulRetry()}


def test_other_values_are_dumped_alike() -> None:
    """Those of the testing kit, too."""
    fault = Fault(status=503, headers={"Retry-After": "1"})
    assert Fault.model_validate(fault.model_dump()) == fault
    assert Fault.model_validate_json(fault.model_dump_json()) == fault
