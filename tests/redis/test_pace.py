"""How fast permits are used, and how long they may lie."""

from __future__ import annotations

import pytest

from gracy_transport.redis.pace import Pace, lying


def used(pace: Pace, count: int) -> None:
    """Uses so many."""
    for _ in range(count):
        pace.note()


def test_the_pace_is_that_of_the_last_stretch() -> None:
    """Ten in a tenth of a second are a hundred in a second, until a slower stretch is over."""
    pace = Pace()
    assert pace.per_second(5.0) == 0.0
    used(pace, 10)
    assert pace.per_second(5.1) == pytest.approx(100.0)
    used(pace, 1)
    assert pace.per_second(5.12) == pytest.approx(100.0)
    assert pace.per_second(5.2) == pytest.approx(10.0)


def test_a_burst_counts_before_its_stretch_is_over() -> None:
    """By what it makes of that stretch at least."""
    pace = Pace()
    pace.per_second(5.0)
    used(pace, 10)
    assert pace.per_second(5.001) == pytest.approx(200.0)


def test_what_was_used_long_ago_is_no_pace() -> None:
    """Ten in ten seconds are one in a second."""
    pace = Pace()
    pace.per_second(5.0)
    used(pace, 10)
    assert pace.per_second(15.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("period", "round_trip", "seconds", "longest"),
    [
        (1.0, 0.001, 0.0, 0.04),
        (0.1, 0.001, 0.0, 0.012),
        (60.0, 0.001, 0.0, 1.0),
        (1.0, 0.05, 0.0, 0.11),
        (1.0, 0.001, 0.1, 0.1),
        (1.0, 0.001, 0.01, 0.04),
        (1.0, 0.001, 99.0, 0.25),
        (60.0, 0.001, 99.0, 1.0),
    ],
)
def test_a_permit_lies_for_a_part_of_its_period(
    period: float, round_trip: float, seconds: float, longest: float
) -> None:
    """Longer where the way is long, and where so little of the limit lies there that it may."""
    assert lying(period, round_trip, seconds) == pytest.approx(longest)
