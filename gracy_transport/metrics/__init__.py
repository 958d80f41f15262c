"""Metrics: what happened to the requests of a stack, counted in fixed memory.

`sketch.py` holds latencies, `rows.py` the counters by endpoint, `report.py` the values that are given out,
`columns.py` how their figures are written, and `transport.py` is the layer that counts.
"""

from __future__ import annotations

from .columns import COLUMNS, Column
from .report import OTHER, TOTAL, GracyReport, ReportRow
from .rows import MOST_ROWS, MetricsRegistry
from .sketch import ACCURACY, Latencies, LatencySketch
from .transport import MetricsTransport

__all__ = [
    "ACCURACY",
    "COLUMNS",
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
]
