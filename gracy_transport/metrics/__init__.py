"""Metrics: what happened to the requests of a stack, counted in fixed memory.

`sketch` holds latencies, `rows` the counters by endpoint, `report` the values that are given out, `document` a report
as JSON, `ring` the last attempts one by one, `columns` how figures are written, `reporting` what everything with a
report offers, and `transport` is the layer that counts. A stack counts from its first request on; the rest is loaded
when somebody wants to see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .columns import COLUMNS, Column, plain
    from .report import TOTAL, GracyReport, ReportRow
    from .reporting import Reporting
    from .ring import MOST_MOMENTS, TimedAttempt, TimedWait, Timeline
    from .rows import MOST_ROWS, OTHER, MetricsRegistry
    from .sketch import ACCURACY, Latencies, LatencySketch
    from .transport import MetricsTransport

__all__ = [
    "ACCURACY",
    "COLUMNS",
    "MOST_MOMENTS",
    "MOST_ROWS",
    "OTHER",
    "TOTAL",
    "Column",
    "GracyReport",
    "Latencies",
    "LatencySketch",
    "MetricsRegistry",
    "MetricsTransport",
    "ReportRow",
    "Reporting",
    "TimedAttempt",
    "TimedWait",
    "Timeline",
    "plain",
]

if not TYPE_CHECKING:
    from ..late import loaded_late

    __getattr__, __dir__ = loaded_late(
        __name__,
        {
            "ACCURACY": ".sketch",
            "COLUMNS": ".columns",
            "MOST_MOMENTS": ".ring",
            "MOST_ROWS": ".rows",
            "OTHER": ".rows",
            "TOTAL": ".report",
            "Column": ".columns",
            "GracyReport": ".report",
            "Latencies": ".sketch",
            "LatencySketch": ".sketch",
            "MetricsRegistry": ".rows",
            "MetricsTransport": ".transport",
            "ReportRow": ".report",
            "Reporting": ".reporting",
            "TimedAttempt": ".ring",
            "TimedWait": ".ring",
            "Timeline": ".ring",
            "plain": ".columns",
        },
    )
