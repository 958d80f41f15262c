"""How the figures of two commits compare."""

from __future__ import annotations

import pytest

from benchmarks.comparison import compare
from benchmarks.figures import Figure


def turns(*values: float, **goal: float) -> list[list[Figure]]:
    return [[Figure("a request", value, "µs", **goal)] for value in values]  # type: ignore[arg-type]


def test_what_is_slower_in_every_turn_is_worse() -> None:
    """The ratio is that of the turns, and a change beyond the noise has a verdict."""
    (change,) = compare(turns(100, 200, 400), turns(120, 244, 480))
    assert change.ratio == pytest.approx(1.2)
    assert change.noise == pytest.approx(0.02)
    assert (change.before, change.after, change.verdict) == (200, 244, "worse")


def test_what_is_faster_in_every_turn_is_better() -> None:
    """As above, the other way round."""
    (change,) = compare(turns(100, 100), turns(80, 81))
    assert change.verdict == "better"


def test_a_machine_that_is_slow_for_a_while_is_no_change() -> None:
    """Both were asked in each turn, so what slowed a whole turn down cancels out."""
    (change,) = compare(turns(100, 500, 100), turns(101, 499, 100))
    assert change.verdict == ""


def test_a_change_within_the_noise_is_none() -> None:
    """Turns that differ by more than the change say nothing."""
    (change,) = compare(turns(100, 100, 100), turns(90, 105, 120))
    assert change.ratio == pytest.approx(1.05)
    assert change.noise == pytest.approx(0.3)
    assert change.verdict == ""


def test_where_more_is_better_less_is_worse() -> None:
    """A figure with a lower bound is a rate or the like."""
    (change,) = compare(turns(99, 99, at_least=95), turns(90, 90, at_least=95))
    assert change.verdict == "worse"


def test_what_was_nought_is_compared_by_difference() -> None:
    """A ratio to nought says nothing."""
    (change,) = compare(turns(0, 0), turns(3, 4))
    assert (change.ratio, change.change, change.noise, change.verdict) == (None, 3.5, 1, "worse")


def test_what_stays_as_it_is_has_no_verdict() -> None:
    """Equal figures without any noise are equal."""
    (change,) = compare(turns(5, 5), turns(5, 5))
    assert (change.ratio, change.verdict) == (1.0, "")


def test_what_only_one_commit_can_tell_is_left_out() -> None:
    """A figure is compared when both gave it in every turn."""
    new = [[Figure("a request", 5, "µs"), Figure("a page", 7, "µs")]] * 2
    assert [change.name for change in compare(turns(5, 5), new)] == ["a request"]


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 3)])
def test_turns_that_say_nothing_of_the_noise_are_refused(before: int, after: int) -> None:
    """One turn has no spread, and turns without a partner were not taken side by side."""
    with pytest.raises(ValueError, match=f"{before} and {after} turns"):
        compare(turns(*[5.0] * before), turns(*[5.0] * after))
