"""The server's word on when to come back, as the policy takes it."""

from __future__ import annotations

import httpx
import pytest

from gracy_transport.call import Outcome
from gracy_transport.retry import GracefulRetry, OverrideRetryOn
from gracy_transport.retry.verdict import Facts, GiveUp, Retry, Verdict, judge

WALL = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT
GET = Facts(method="GET", headers={}, can_resend=True)


def asked(
    value: str | None,
    config: GracefulRetry | None = None,
    *,
    status: int = 429,
    name: str = "Retry-After",
    error: Exception | None = None,
    chance: float | None = None,
) -> Verdict:
    headers = {} if value is None else {name: value}
    outcome = Outcome(httpx.Response(status, headers=headers), error)
    wanted = GracefulRetry(delay=3) if config is None else config
    return judge(wanted, outcome, 1, GET, wall=WALL, chance=chance)


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        ("5", 5),
        ("1.5", 1.5),
        ("60", 60),
        ("0", 3),
        ("-5", 3),
        ("abc", 3),
        ("", 3),
        ("nan", 3),
        (None, 3),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Thursday, 01-Jan-26 00:00:30 GMT", 30),
        ("Thu Jan  1 00:00:30 2026", 30),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 3),
    ],
)
def test_a_hint_replaces_the_delay_and_junk_does_not(value: str | None, delay: float) -> None:
    """Seconds and dates count; zero, the past and what cannot be understood leave the schedule as it is."""
    made = asked(value)
    assert isinstance(made, Retry)
    assert made.delay == delay
    assert ("the server asks to wait" in made.reason) == (delay != 3)


@pytest.mark.parametrize("status", [413, 429, 500, 503])
def test_a_hint_counts_on_any_status_that_is_retried(status: int) -> None:
    """Not only 429 and 503 carry it."""
    made = asked("7", status=status)
    assert isinstance(made, Retry)
    assert made.delay == 7


def test_a_hint_counts_on_a_rejected_response_too() -> None:
    """The response behind the error of a validator is looked at."""
    made = asked("7", error=ValueError("turned down"))
    assert isinstance(made, Retry)
    assert made.delay == 7


def test_milliseconds_count() -> None:
    """The dialects that give them are understood."""
    made = asked("250", name="retry-after-ms")
    assert isinstance(made, Retry)
    assert made.delay == 0.25


@pytest.mark.parametrize("value", ["61", "1e9", "Fri, 01 Jan 2027 00:00:00 GMT"])
def test_a_hint_over_the_cap_ends_the_retries_at_once(value: str) -> None:
    """Waiting for an hour is for the caller to decide, who is told the figure."""
    made = asked(value)
    assert isinstance(made, GiveUp)
    assert made.hint is not None
    assert f"the server asks to wait {made.hint:.10g} s, which is more than max_retry_after=60" in made.reason
    assert "raise max_retry_after" in made.reason


def test_the_cap_can_be_raised() -> None:
    """Who wants to wait for an hour does."""
    made = asked("3600", GracefulRetry(max_retry_after=3600))
    assert isinstance(made, Retry)
    assert made.delay == 3600


def test_a_hint_goes_before_an_override() -> None:
    """The server knows better than the configuration."""
    made = asked("7", GracefulRetry(overrides={429: OverrideRetryOn(0)}))
    assert isinstance(made, Retry)
    assert made.delay == 7


@pytest.mark.parametrize("value", ["5", "3600"])
def test_a_hint_can_be_ignored(value: str) -> None:
    """Without `respect_retry_after` the schedule holds whatever the server asks."""
    made = asked(value, GracefulRetry(delay=3, respect_retry_after=False))
    assert made == Retry(3, "[Bad Status Code: 429]")


@pytest.mark.parametrize(("hint", "chance", "delay"), [("10", 0.5, 12.0), ("10", 0.0, 10.0), ("59", 1.0, 60.0)])
def test_jitter_is_added_to_a_hint_within_the_cap(hint: str, chance: float, delay: float) -> None:
    """Nobody comes back too early, and nobody waits for longer than the cap."""
    made = asked(hint, GracefulRetry(delay=4, jitter=True), chance=chance)
    assert isinstance(made, Retry)
    assert made.delay == delay


def test_a_used_up_number_of_retries_goes_before_a_long_hint() -> None:
    """There is no next attempt to wait for."""
    made = judge(
        GracefulRetry(max_attempts=0),
        Outcome(httpx.Response(429, headers={"retry-after": "9999"})),
        1,
        GET,
        wall=WALL,
        chance=None,
    )
    assert isinstance(made, GiveUp)
    assert made.hint is None
