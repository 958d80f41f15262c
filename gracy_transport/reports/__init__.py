"""Reports for people: a table in the terminal, a list of every figure, a few sentences in the log, a figure.

What is counted, and the values a report is made of, are in `metrics`; here they are only shown. Rich is
imported when a table is asked for, plotly when a figure is, and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args, overload

from ..metrics import GracyReport, ReportRow
from .listing import print_list
from .plotly import draw
from .sentences import log_report
from .table import print_table, render_rich

if TYPE_CHECKING:
    from .plotly import Figure
__all__ = [
    "GracyReport",
    "PrintedKind",
    "ReportKind",
    "ReportRow",
    "draw",
    "log_report",
    "print_list",
    "print_table",
    "render_rich",
    "report_status",
]

PrintedKind: TypeAlias = Literal["rich", "list", "logger"]
"""How a report can be written out."""

ReportKind: TypeAlias = Literal["rich", "list", "logger", "plotly"]
"""How a report can be shown."""

_SHOWN: Final[dict[ReportKind, Callable[[GracyReport], Figure | None]]] = {
    "rich": print_table,
    "list": print_list,
    "logger": log_report,
    "plotly": draw,
}


@overload
def report_status(report: GracyReport, kind: PrintedKind = "rich") -> None: ...
@overload
def report_status(report: GracyReport, kind: Literal["plotly"]) -> Figure: ...
def report_status(report: GracyReport, kind: ReportKind = "rich") -> Figure | None:
    """Shows a report: "rich" prints a table, "list" every figure, "logger" writes a summary to the log.

    "plotly" returns a figure of plotly, the last 5,000 attempts over time; the others return nothing.

    Raises:
        ImportError: for "plotly" when plotly is not installed, naming what to install.
        ValueError: for another kind, naming these.
    """
    show = _SHOWN.get(kind)
    if show is None:
        known = ", ".join(f'"{name}"' for name in get_args(ReportKind))
        raise ValueError(f"there is no report of the kind {kind!r}: give one of {known}")
    return show(report)
