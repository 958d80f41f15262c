"""Figures of benchmarks, and what they were asked for."""

from __future__ import annotations

import pytest

from benchmarks.figures import Figure, table_of


@pytest.mark.parametrize(
    ("figure", "goal", "is_missed"),
    [
        (Figure("a", 1.2, "×", at_most=1.12), "≤ 1.12 ×", True),
        (Figure("a", 1.12, "×", at_most=1.12), "≤ 1.12 ×", False),
        (Figure("a", 99.4, "%", at_least=99.5), "≥ 99.5 %", True),
        (Figure("a", 0, "", at_most=0), "≤ 0", False),
        (Figure("a", 7, "µs"), "", False),
    ],
)
def test_a_goal_is_met_or_missed(figure: Figure, goal: str, *, is_missed: bool) -> None:
    """The goal itself is good enough; what has no goal misses none."""
    assert (figure.goal, figure.is_missed) == (goal, is_missed)


def test_a_figure_survives_json() -> None:
    """What another process found out is the same here."""
    figure = Figure("10 rules", 1.5, "µs", 1.25, at_most=2.0, note="of some", curve="rules", x=10)
    assert Figure.from_json(figure.as_json()) == figure


def test_a_curve_has_one_row_a_point_and_one_for_its_title() -> None:
    """Points stand under the title of their curve."""
    points = [Figure(f"{x} rules", x, "µs", curve="rules", x=x) for x in (1, 10)]
    assert table_of("cost", [*points, Figure("growth", 10, "×")]).row_count == 4


def test_a_curve_of_noughts_is_drawn() -> None:
    """There is nothing to scale by."""
    assert table_of("cost", [Figure("1 rules", 0, "µs", curve="rules", x=1)]).row_count == 2
