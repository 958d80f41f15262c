"""What everything with a report offers: the report as a value, and the ways to show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from ..reports import PrintedKind, ReportKind
    from ..reports.plotly import Figure
    from .report import GracyReport
    from .rows import MetricsRegistry

__all__ = ["Reporting"]


class Reporting:
    """Reports what a registry has counted; which one, a class says by `_metrics_registry`."""

    if TYPE_CHECKING:  # no ABC: its metaclass would not go with one that a user gives an API

        @property
        def _metrics_registry(self) -> MetricsRegistry: ...

    def get_report(self) -> GracyReport:
        """Returns what happened so far, by endpoint; reading it changes nothing."""
        return self._metrics_registry.report()

    @overload
    def report_status(self, kind: PrintedKind = "rich") -> None: ...
    @overload
    def report_status(self, kind: Literal["plotly"]) -> Figure: ...
    def report_status(self, kind: ReportKind = "rich") -> Figure | None:
        """Shows the report: "rich" prints a table, "list" every figure, "logger" writes a summary to the log.

        "plotly" returns a figure of plotly, the last 5,000 attempts over time; the others return nothing.

        Raises:
            ImportError: for "plotly" when plotly is not installed, naming what to install.
            ValueError: for another kind, naming these.
        """
        from ..reports import report_status

        return report_status(self.get_report(), kind)
