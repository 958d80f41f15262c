"""What a benchmark found out, as a value, as rows of a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One number, and whether it is good enough.

    Attributes:
        name: what it is the number of.
        value: the number: of rounds, the median.
        unit: such as "×" or "µs".
        best: the same from the least disturbed rounds; `None` where there are no rounds.
        at_most, at_least: the goal, if there is one.
        note: what a reader should know about it.
    """

    name: str
    value: float
    unit: str
    best: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def is_missed(self) -> bool:
        """Whether there is a goal and the number is on the wrong side of it."""
        over = self.at_most is not None and self.value > self.at_most
        return over or (self.at_least is not None and self.value < self.at_least)

    @property
    def goal(self) -> str:
        """The goal as text."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}"
        return "" if self.at_least is None else f"≥ {self.at_least:g} {self.unit}"

    @property
    def verdict(self) -> str:
        """Says in one word how it went."""
        return "" if not self.goal else "[red]missed[/]" if self.is_missed else "[green]met[/]"

    def as_json(self) -> dict[str, object]:
        """Returns the figure in plain types."""
        return {**asdict(self), "is_missed": self.is_missed}


def table_of(title: str, figures: Iterable[Figure]) -> Table:
    """Returns the figures of one question as a table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for heading in ("median", "best", "goal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for figure in figures:
        name = f"{figure.name}\n[dim]{figure.note}[/]" if figure.note else figure.name
        best = "" if figure.best is None else _text(figure.best, figure.unit)
        table.add_row(name, _text(figure.value, figure.unit), best, figure.goal, figure.verdict)
    return table


def _text(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if abs(value) >= 1000 else f"{value:.2f} {unit}"
