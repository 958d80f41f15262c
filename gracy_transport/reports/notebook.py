"""The report as a table in a notebook: plain HTML that takes its colours from the theme around it, and runs nothing."""

from __future__ import annotations

from html import escape
from typing import Final

from ..metrics import COLUMNS, Column, GracyReport, ReportRow, plain

__all__ = ["render_html"]

_SELDOM: Final = frozenset({"throttle_seconds", "slot_waits", "slot_seconds", "unshared", "refused", "cancelled"})
"""Figures that have a column only where there is something to tell."""

# Notebooks have themes of their own, light and dark: nothing here sets a background or a colour of text, but for the
# one red that can be read on both.
_NUMBER: Final = "text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums"
_URL: Final = "text-align: left; min-width: 16em; overflow-wrap: anywhere"
_ZERO: Final = "; opacity: 0.5"
_TROUBLE: Final = "; color: #e5484d; font-weight: bold"
_TOTAL: Final = "; border-top: 2px solid currentColor"


def render_html(report: GracyReport) -> str:
    """Returns a report as an HTML table, which scrolls sideways where it is too wide."""
    total = report.total
    columns = [column for column in COLUMNS if column.name not in _SELDOM or column.value(total)]
    titles = "".join(f'<th scope="col" style="text-align: right">{escape(column.title)}</th>' for column in columns)
    body = "".join(_row(row, columns) for row in report.rows)
    return (
        '<div style="overflow-x: auto"><table><caption>Gracy Requests Summary Report</caption>'
        f'<thead><tr><th scope="col" style="text-align: left">URL</th>{titles}</tr></thead>'
        f"<tbody>{body}</tbody><tfoot>{_row(total, columns, _TOTAL)}</tfoot></table></div>"
    )


def _row(row: ReportRow, columns: list[Column], style: str = "") -> str:
    figures = ((_NUMBER + _look(row, column) + style, escape(column.text(row))) for column in columns)
    cells = "".join(f'<td style="{look}">{figure}</td>' for look, figure in figures)
    return f'<tr><th scope="row" style="{_URL}{style}">{escape(plain(row.url))}</th>{cells}</tr>'


def _look(row: ReportRow, column: Column) -> str:
    if not column.value(row):
        return _ZERO
    return _TROUBLE if column.is_trouble else ""
