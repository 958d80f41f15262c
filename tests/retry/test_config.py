"""What may be said of retries, and what is refused with the field's name."""

from __future__ import annotations

import asyncio
import math
import pickle
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from gracy_transport.logevents import LogEvent, LogLevel
from gracy_transport.retry import GracefulRetry, OverrideRetryOn


def test_the_example_of_the_readme_is_a_config() -> None:
    """Every field that existing code gives is taken under its name."""
    config = GracefulRetry(
        delay=1,
        max_attempts=3,
        delay_modifier=1.5,
        retry_on=None,
        log_before=None,
        log_after=LogEvent(LogLevel.WARNING),
        log_exhausted=LogEvent(LogLevel.CRITICAL),
        behavior="break",
        overrides={HTTPStatus.BAD_REQUEST: OverrideRetryOn(delay=0), 500: OverrideRetryOn(10)},
    )
    assert (config.delay, config.max_attempts, config.delay_modifier) == (1.0, 3, 1.5)
    assert config.overrides[400].delay == 0
    assert config.overrides[500].delay == 10


def test_the_defaults_are_three_retries_a_second_apart() -> None:
    """Nothing has to be given."""
    config = GracefulRetry()
    assert (config.delay, config.max_attempts, config.delay_modifier, config.retry_on) == (1.0, 3, 1.0, None)
    assert (config.jitter, config.max_delay, config.methods, config.behavior) == (
        False,
        60.0,
        "idempotent",
        "break",
    )
    assert (config.respect_retry_after, config.max_retry_after, config.buffer_body) == (True, 60.0, False)
    assert config.overrides == {}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (None, None),
        (503, {503}),
        (HTTPStatus.BAD_REQUEST, {400}),
        (Exception, {Exception}),
        ({Exception, HTTPStatus.NOT_FOUND}, {Exception, 404}),
        ([500, 502, 500], {500, 502}),
        ((httpx.ConnectError,), {httpx.ConnectError}),
        (iter([429]), {429}),
        ([], set()),
    ],
)
def test_what_is_retried_is_one_thing_or_a_collection(given: Any, stored: set[Any] | None) -> None:
    """Whatever the form, it is stored as a frozen set."""
    kept = GracefulRetry(retry_on=given).retry_on
    assert kept == stored
    assert kept is None or isinstance(kept, frozenset)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("idempotent", "idempotent"),
        ("any", "any"),
        ({"post"}, {"POST"}),
        (["GET", "Patch"], {"GET", "PATCH"}),
        ((), set()),
    ],
)
def test_methods_are_a_policy_or_names(given: Any, stored: Any) -> None:
    """Names are compared in upper case, as httpx writes them."""
    assert GracefulRetry(methods=given).methods == stored


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("delay", -1, "greater than or equal to 0"),
        ("delay", math.inf, "finite"),
        ("delay", math.nan, "finite"),
        ("delay", "soon", "number"),
        ("max_attempts", -1, "greater than or equal to 0"),
        ("max_attempts", 1.5, "integer"),
        ("delay_modifier", -2, "greater than or equal to 0"),
        ("retry_on", 99, "99 is neither a status code"),
        ("retry_on", {200, 600}, "600 is neither a status code"),
        ("retry_on", "503", "'503' is neither a status code"),
        ("retry_on", True, "True is neither a status code"),
        ("retry_on", [[503]], "[503] is neither a status code"),
        ("retry_on", KeyboardInterrupt, "KeyboardInterrupt is not an Exception"),
        ("retry_on", asyncio.CancelledError, "cancellation are never retried"),
        ("log_before", LogLevel.INFO, "LogEvent"),
        ("behavior", "explode", "'break' or 'pass'"),
        ("overrides", {700: OverrideRetryOn(1)}, "700 is neither a status code"),
        ("overrides", {500: 3}, "OverrideRetryOn"),
        ("overrides", 3, "should be a valid"),
        ("max_delay", -1, "greater than or equal to 0"),
        ("methods", "POST", "give {'POST'}"),
        ("methods", 5, "5 is neither 'idempotent', 'any' nor a collection"),
        ("methods", {"idempotent", "POST"}, "'idempotent' in the collection is not the name of a method"),
        ("methods", [""], "'' in the collection"),
        ("methods", [5], "5 in the collection"),
        ("max_retry_after", -1, "greater than or equal to 0"),
        ("attempts", 5, "Extra inputs"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_field(field: str, value: object, hint: str) -> None:
    """Nothing wrong gets past construction."""
    given: dict[str, Any] = {field: value}
    with pytest.raises(ValidationError) as caught:
        GracefulRetry(**given)
    assert all(error["loc"][0] == field for error in caught.value.errors())
    assert hint in str(caught.value)


def test_an_override_is_given_by_position_or_by_name() -> None:
    """Both forms of the README work, and a negative delay does not."""
    assert OverrideRetryOn(2) == OverrideRetryOn(delay=2)
    with pytest.raises(ValidationError, match="delay"):
        OverrideRetryOn(-1)


def test_equal_configs_are_equal_hashable_and_survive_pickle() -> None:
    """A config is a value: it can be shared, compared, and kept in a set."""
    one = GracefulRetry(retry_on={500, ValueError}, overrides={500: OverrideRetryOn(0)}, methods={"GET"})
    two = GracefulRetry(retry_on=[ValueError, 500], overrides={500: OverrideRetryOn(delay=0)}, methods=["get"])
    assert one == two
    assert hash(one) == hash(two)
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(ValidationError, match="frozen"):
        setattr(one, "delay", 3)  # noqa: B010 - type checkers know that it is frozen


@pytest.mark.parametrize(
    ("given", "longest"),
    [
        ({}, 60),
        ({"delay": 120}, 120),
        ({"overrides": {500: OverrideRetryOn(90)}}, 90),
        ({"delay": 120, "max_delay": 30}, 30),
        ({"max_delay": 5, "overrides": {500: OverrideRetryOn(90)}}, 5),
    ],
)
def test_the_cap_leaves_a_given_delay_whole_unless_it_is_given_itself(given: dict[str, Any], longest: float) -> None:
    """A delay of two minutes is two minutes, though delays grow to one minute only."""
    assert GracefulRetry(**given).max_delay == longest


def test_all_forms_of_the_readme_pass_a_type_checker() -> None:
    """What users write is accepted statically: this file is checked by mypy and pyright."""
    by_status: dict[HTTPStatus, OverrideRetryOn] = {HTTPStatus.BAD_GATEWAY: OverrideRetryOn(1)}
    by_class: dict[type[Exception], OverrideRetryOn] = {TimeoutError: OverrideRetryOn(1)}
    GracefulRetry(retry_on=HTTPStatus.BAD_REQUEST, overrides=by_status)
    GracefulRetry(retry_on={HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}, overrides=by_class)
    GracefulRetry(retry_on={Exception, HTTPStatus.NOT_FOUND}, methods={"POST"})
    GracefulRetry(retry_on=[500, TimeoutError], overrides={500: OverrideRetryOn(0), TimeoutError: OverrideRetryOn(1)})
