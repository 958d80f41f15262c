"""What a benchmark found out, as a value, as rows of a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.bar import Bar
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One number, and whether it is good enough.

    Attributes:
        name: what it is the number of; no other figure of the question has the same.
        value: the number: of rounds, the median.
        unit: such as "×" or "µs".
        best: the same from the least disturbed rounds; `None` where there are no rounds.
        at_most, at_least: the goal, if there is one.
        note: what a reader should know about it.
        curve: the curve it is a point of, as its title, and `x` where on it; a point is drawn and plotted.
    """

    name: str
    value: float
    unit: str
    best: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""
    curve: str = ""
    x: float = 0

    @property
    def is_missed(self) -> bool:
        """Whether there is a goal and the number is on the wrong side of it."""
        over = self.at_most is not None and self.value > self.at_most
        return over or (self.at_least is not None and self.value < self.at_least)

    @property
    def goal(self) -> str:
        """The goal as text."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}".rstrip()
        return "" if self.at_least is None else f"≥ {self.at_least:g} {self.unit}".rstrip()

    @property
    def verdict(self) -> str:
        """Says in one word how it went."""
        return "" if not self.goal else "[red]missed[/]" if self.is_missed else "[green]met[/]"

    @property
    def is_more_better(self) -> bool:
        """Whether a higher number is the better one, as of a rate; of times, ratios and sizes the lower is."""
        return self.at_least is not None

    def as_json(self) -> dict[str, object]:
        """Returns the figure in plain types."""
        return {**asdict(self), "is_missed": self.is_missed}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Figure:
        """Returns the figure that `as_json` was asked of."""
        return cls(**{name: value for name, value in plain.items() if name != "is_missed"})


def table_of(title: str, figures: Iterable[Figure]) -> Table:
    """Returns the figures of one question as a table. Points of a curve have a bar, to the scale of their curve."""
    figures = list(figures)
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for heading in ("median", "best", "goal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    curve = ""
    for figure in figures:
        if figure.curve not in {"", curve}:
            table.add_section()
            table.add_row(f"[bold]{figure.curve}[/]")
        curve = figure.curve
        name = f"{figure.x:>12,g}" if curve else figure.name
        name += f"\n[dim]{figure.note}[/]" if figure.note else ""
        best = "" if figure.best is None else in_words(figure.best, figure.unit)
        last = _bar(figure, figures) if curve else figure.verdict
        table.add_row(name, in_words(figure.value, figure.unit), best, figure.goal, last)
    return table


def _bar(figure: Figure, figures: Iterable[Figure]) -> Bar:
    longest = max(other.value for other in figures if other.curve == figure.curve)
    return Bar(max(longest, 1e-9), 0, max(0.0, figure.value), width=10)


def in_words(value: float, unit: str) -> str:
    """Returns a number with its unit, in as many digits as mean anything."""
    return (f"{value:,.0f} {unit}" if abs(value) >= 1000 else f"{value:.2f} {unit}").rstrip()
