"""The report in the log: a sentence for each endpoint and one for the total, all figures attached."""

from __future__ import annotations

import logging
from typing import Final

from ..logevents import LOGGER_NAME
from ..metrics import COLUMNS, GracyReport, ReportRow

__all__ = ["log_report"]

_TEXT: Final = {column.name: column.text for column in COLUMNS}
_BESIDES: Final = ("aborts", "retries", "throttles", "slot_waits", "replays", "refused", "cancelled")
_logger = logging.getLogger(LOGGER_NAME)


def log_report(report: GracyReport) -> None:
    """Writes a report to the logger `gracy_transport` at INFO.

    Each record carries all figures of its row, percentiles too, as a mapping in its attribute `gracy`.
    """
    if not _logger.isEnabledFor(logging.INFO):
        return
    for row in report.rows:
        _log(f"Gracy tracked that '{row.url}' was hit {row.attempts} time(s)", row)
    total = report.total
    _log(f"Gracy tracked a total of {total.attempts} requests", total)


def _log(opening: str, row: ReportRow) -> None:
    text = {name: write(row) for name, write in _TEXT.items()}
    besides = [f"{name.replace('_', ' ')}: {text[name]}" for name in _BESIDES if getattr(row, name)]
    _logger.info(
        "%s with a success rate of %s, avg latency of %ss, and a rate of %s reqs/s.%s",
        opening,
        text["success_rate"],
        text["avg_latency"],
        text["requests_per_second"],
        f" {', '.join(besides).capitalize()}." if besides else "",
        extra={"gracy": row.as_dict()},
    )
