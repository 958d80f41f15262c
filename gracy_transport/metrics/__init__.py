"""Metrics: what happened to the requests of a stack, counted in fixed memory.

`sketch.py` holds latencies, `rows.py` the counters by endpoint, `report.py` the values that are given out,
`ring.py` the last attempts one by one, `columns.py` how figures are written, and `transport.py` is the layer that
counts.
"""

from __future__ import annotations

from .columns import COLUMNS, Column, plain
from .report import OTHER, TOTAL, GracyReport, ReportRow
from .reporting import Reporting
from .ring import MOST_MOMENTS, TimedAttempt, TimedWait, Timeline
from .rows import MOST_ROWS, MetricsRegistry
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
