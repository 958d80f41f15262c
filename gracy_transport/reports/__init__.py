"""Reports for people: a table in the terminal, a list of every figure, a few sentences in the log.

What is counted, and the values a report is made of, are in `metrics`; here they are only shown. Rich is
imported when a table is asked for, and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

from ..metrics import GracyReport, ReportRow
from .listing import print_list
from .sentences import log_report
from .table import print_table, render_rich

__all__ = [
    "GracyReport",
    "ReportKind",
    "ReportRow",
    "log_report",
    "print_list",
    "print_table",
    "render_rich",
    "report_status",
]

ReportKind: TypeAlias = Literal["rich", "list", "logger"]
"""How a report can be shown."""

_SHOWN: Final[dict[ReportKind, Callable[[GracyReport], None]]] = {
    "rich": print_table,
    "list": print_list,
    "logger": log_report,
}


def report_status(report: GracyReport, kind: ReportKind = "rich") -> None:
    """Shows a report: "rich" prints a table, "list" every figure, "logger" writes a summary to the log.

    Raises:
        ValueError: for another kind, naming these.
    """
    show = _SHOWN.get(kind)
    if show is None:
        known = ", ".join(f'"{name}"' for name in get_args(ReportKind))
        raise ValueError(f"there is no report of the kind {kind!r}: give one of {known}")
    show(report)
