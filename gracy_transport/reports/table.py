"""The report as a table in the terminal, which finds a form for the width it has.

Figures stand two to a cell, one above the other, as their titles do. Where there is room the URL has a column
of its own; where there is not, it has a line of its own above its figures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from ..metrics import COLUMNS, TOTAL, Column, GracyReport, ReportRow, plain

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

__all__ = ["print_table", "render_rich"]

Pair: TypeAlias = tuple[Column, Column]
Block: TypeAlias = list[tuple[Pair, int]]
"""Pairs that stand side by side, each with the characters it takes."""

TITLE: Final = "Gracy Requests Summary Report"

WIDE: Final = 140
"""Characters from which on the URL has a column of its own: it then gets 25 of them at least."""

_EDGES: Final = 3  # the margins of the box, and the blank before the first column

_NAMED: Final = {column.name: column for column in COLUMNS}
_PAIRS: Final = tuple(
    (_NAMED[upper], _NAMED[lower])
    for upper, lower in (
        ("attempts", "calls"),
        ("success_rate", "fail_rate"),
        ("avg_latency", "max_latency"),
        ("p50", "p95"),
        ("p99", "requests_per_second"),
        ("responses_2xx", "responses_3xx"),
        ("responses_4xx", "responses_5xx"),
        ("aborts", "retries"),
        ("throttles", "replays"),
    )
)
_UNPAIRED: Final = tuple(column for column in COLUMNS if not any(column in pair for pair in _PAIRS))
_AFTER_A_BREAK_MARK: Final = re.compile(r"(?<=[^:/]/)|(?<=[?&])")
"""After a slash, but those of `https://`, which would then stand alone on a line."""


def print_table(report: GracyReport) -> None:
    """Prints a report as a table as wide as the terminal."""
    from rich.console import Console

    console = Console()
    console.print(render_rich(report, console.width))


def render_rich(report: GracyReport, width: int | None = None) -> Table:
    """Returns a report as a table of rich.

    Args:
        report: what to show.
        width: the characters there are; as many as the terminal has unless given.
    """
    from rich.console import Console

    width = Console().width if width is None else width
    rows = (*report.rows, report.total)
    return _wide(rows, width) if width >= WIDE else _narrow(rows, width)


def _wide(rows: Sequence[ReportRow], width: int) -> Table:
    """One line of cells for each endpoint, its figures beside its URL."""
    from rich.text import Text

    taken = sum(2 + max(_width(column, column.title, rows) for column in pair) for pair in _PAIRS)
    table = _empty_table(rows[-1])
    table.add_column("URL", vertical="middle")
    for upper, lower in _PAIRS:
        table.add_column(f"{upper.title}\n{lower.title}", justify="right", no_wrap=True)
    for row in rows:
        cells = (Text("\n").join((_figure(row, upper), _figure(row, lower))) for upper, lower in _PAIRS)
        table.add_row(_folded(row.url, width - _EDGES - taken), *cells, style=_style(row))
    return table


def _narrow(rows: Sequence[ReportRow], width: int) -> Table:
    """One cell for each endpoint: its URL, and below it the figures in as few lines as the width allows."""
    from rich.text import Text

    room = width - _EDGES
    blocks = _blocks(rows, room)
    table = _empty_table(rows[-1])
    table.add_column(_in_place(blocks, lambda column: Text(column.brief)), no_wrap=True)
    for row in rows:
        figures = _in_place(blocks, lambda column, row=row: _figure(row, column))  # type: ignore[misc]
        url = _folded(row.url, room)
        url.stylize("bold")
        table.add_row(Text("\n").join((url, figures)), style=_style(row))
    return table


def _empty_table(total: ReportRow) -> Table:
    """Returns a table with its title, and in its caption what has no column and did happen."""
    from rich import box
    from rich.table import Table

    rest = (f"{column.title}: {column.text(total)}" for column in _UNPAIRED if column.value(total))
    return Table(
        title=TITLE,
        caption=", ".join(rest) or None,
        box=box.HORIZONTALS,
        show_lines=True,
        header_style="bold",
        padding=(0, 0, 0, 1),
    )


def _blocks(rows: Sequence[ReportRow], room: int) -> list[Block]:
    """Returns the pairs with their widths, as many side by side as there is room for."""
    blocks: list[Block] = [[]]
    free = room
    for pair in _PAIRS:
        width = max(_width(column, column.brief, rows) for column in pair)
        if width > free and blocks[-1]:
            blocks.append([])
            free = room
        blocks[-1].append((pair, width))
        free -= width + 1
    return blocks


def _in_place(blocks: Sequence[Block], text_of: Callable[[Column], Text]) -> Text:
    """Returns the texts of all columns, each where its column stands, two lines for each block."""
    from rich.text import Text

    lines: list[Text] = []
    for block in blocks:
        for position in (0, 1):
            texts = [text_of(pair[position]) for pair, _width in block]
            for text, (_pair, width) in zip(texts, block, strict=True):
                text.pad_left(width - len(text))
            lines.append(Text(" ").join(texts))
    return Text("\n").join(lines)


def _width(column: Column, title: str, rows: Sequence[ReportRow]) -> int:
    return max(len(title), *(len(column.text(row)) for row in rows))


def _figure(row: ReportRow, column: Column) -> Text:
    from rich.text import Text

    if not column.value(row):
        return Text(column.text(row), style="dim")  # so that what did happen catches the eye
    return Text(column.text(row), style="red" if column.is_trouble else "")


def _folded(url: str, room: int) -> Text:
    """Returns a URL on as many lines as it needs, broken after slashes where possible.

    It is a Text and no string, because the brackets in a URL are no markup.
    """
    from rich.text import Text

    lines = [""]
    for part in _AFTER_A_BREAK_MARK.split(plain(url)):
        if lines[-1] and len(lines[-1]) + len(part) > room:
            lines.append("")
        lines[-1] += part
        while len(lines[-1]) > room:
            lines[-1:] = [lines[-1][:room], lines[-1][room:]]
    return Text("\n".join(lines), overflow="fold")


def _style(row: ReportRow) -> str:
    return "bold" if row.url == TOTAL else ""
