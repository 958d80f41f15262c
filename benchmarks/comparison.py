"""How the figures of two commits compare: pure arithmetic.

Each commit was asked several times, by turns. A figure differs from turn to turn, because no machine is quiet. Only a
change that is greater than that is called one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from .figures import Figure, in_words


@dataclass(frozen=True)
class Change:
    """What became of one figure from one commit to another.

    Attributes:
        name: of the figure. `unit`: its unit.
        before, after: its medians over the turns.
        ratio: how many times as much it is now: the median over the turns, each taken by itself, because the machine
            is not the same in all of them. `None` where a number is nought or below, and a ratio says nothing.
        change: the ratio less 1, or where there is none, the difference.
        noise: by how much that differed between the turns.
        is_more_better: whether a higher number is the better one.
    """

    name: str
    unit: str
    before: float
    after: float
    ratio: float | None
    change: float
    noise: float
    is_more_better: bool

    @property
    def verdict(self) -> str:
        """Returns "worse" or "better", or nothing when the change is within the noise."""
        if abs(self.change) <= self.noise:
            return ""
        return "better" if (self.change > 0) == self.is_more_better else "worse"


def compare(before: Sequence[Iterable[Figure]], after: Sequence[Iterable[Figure]]) -> list[Change]:
    """Returns the changes of all figures that both commits gave in each turn; each sequence is one commit's turns.

    Raises:
        ValueError: when there are fewer than two turns, which say nothing of the noise, or not as many of both.
    """
    if len(before) != len(after) or len(before) < 2:
        raise ValueError(f"{len(before)} and {len(after)} turns cannot be compared: take as many of both, two at least")
    olds, news = [_by_name(turn) for turn in before], [_by_name(turn) for turn in after]
    return [
        _change(figure, [turn[name].value for turn in olds], [turn[name].value for turn in news])
        for name, figure in news[0].items()
        if all(name in turn for turn in (*olds, *news))
    ]


def _by_name(figures: Iterable[Figure]) -> Mapping[str, Figure]:
    return {figure.name: figure for figure in figures}


def _change(figure: Figure, olds: Sequence[float], news: Sequence[float]) -> Change:
    pairs = list(zip(olds, news, strict=True))
    has_ratio = min(*olds, *news) > 0
    changes = [new / old - 1 if has_ratio else new - old for old, new in pairs]
    change = median(changes)
    return Change(
        name=figure.name,
        unit=figure.unit,
        before=median(olds),
        after=median(news),
        ratio=1 + change if has_ratio else None,
        change=change,
        noise=max(changes) - min(changes),
        is_more_better=figure.is_more_better,
    )


_COLOURS = {"worse": "[red]worse[/]", "better": "[green]better[/]", "": ""}


def table_of_changes(title: str, rev: str, changes: Iterable[Change]) -> Table:
    """Returns the changes of one question as a table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for heading in (rev, "now", "ratio", "noise"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for change in changes:
        ratio = "" if change.ratio is None else f"{change.ratio:.3f}"
        noise = in_words(change.noise, change.unit) if change.ratio is None else f"{100 * change.noise:.1f} %"
        values = in_words(change.before, change.unit), in_words(change.after, change.unit)
        table.add_row(change.name, *values, ratio, f"± {noise}", _COLOURS[change.verdict])
    return table
