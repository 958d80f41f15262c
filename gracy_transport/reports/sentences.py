"""The report in the log: a sentence for the busiest endpoint and one for the total, all figures attached."""

from __future__ import annotations

import logging
from typing import Final

from ..logevents import LOGGER_NAME
from ..metrics import COLUMNS, GracyReport, ReportRow, plain

__all__ = ["log_report"]

_TEXT: Final = {column.name: column.text for column in COLUMNS}
_BESIDES: Final = ("aborts", "retries", "throttles", "slot_waits", "replays", "refused", "cancelled")
_logger = logging.getLogger(LOGGER_NAME)


def log_report(report: GracyReport) -> None:
    """Writes a report to the logger `gracy_transport`: the busiest endpoint and the total at INFO, the others at DEBUG.

    A summary stays short that way, however many endpoints there are. Each record carries all figures of its row,
    percentiles too, as a mapping in its attribute `gracy`.
    """
    if not _logger.isEnabledFor(logging.INFO):
        return
    for row, level in zip(report.rows, [logging.INFO, *[logging.DEBUG] * len(report.rows)], strict=False):
        if _logger.isEnabledFor(level):
            _log(level, f"Gracy tracked that '{plain(row.url)}' was hit {_TEXT['attempts'](row)} time(s)", row)
    total = report.total
    requests = "request" if total.attempts == 1 else "requests"
    _log(logging.INFO, f"Gracy tracked a total of {_TEXT['attempts'](total)} {requests}", total)


def _log(level: int, opening: str, row: ReportRow) -> None:
    text = {name: write(row) for name, write in _TEXT.items()}
    rates = (
        f" with a success rate of {text['success_rate']}, avg latency of {text['avg_latency']}s, "
        f"and a rate of {text['requests_per_second']} reqs/s"
    )
    besides = [f"{name.replace('_', ' ')}: {text[name]}" for name in _BESIDES if getattr(row, name)]
    _logger.log(
        level,
        "%s%s.%s",
        opening,
        rates if row.attempts else "",
        f" {', '.join(besides).capitalize()}." if besides else "",
        extra={"gracy": row.as_dict()},
    )
