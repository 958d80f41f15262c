"""How the figures of a report are called and written, and in which order, in all its renderings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .report import ReportRow

__all__ = ["COLUMNS", "Column", "plain"]


class Column(NamedTuple):
    """One figure of a row.

    Attributes:
        name: the attribute of `ReportRow` it is read from.
        title: what it is called; no longer than 18 characters, which is what a list has room for.
        brief: what it is called where there is little room.
        write: how a number becomes text.
        unit: what stands behind the text in a list.
        is_trouble: whether anything but zero should catch the eye.
    """

    name: str
    title: str
    brief: str
    write: Callable[[float], str]
    unit: str = ""
    is_trouble: bool = False

    def value(self, row: ReportRow) -> float:
        """Returns the figure of a row."""
        figure: float = getattr(row, self.name)
        return figure

    def text(self, row: ReportRow) -> str:
        """Returns the figure of a row as it is shown."""
        return self.write(self.value(row))


def plain(url: str) -> str:
    """Returns a URL as it can be shown: control characters and others that are invisible become escapes."""
    if url.isprintable():
        return url
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in url)


def count(value: float) -> str:
    """Writes a whole number, its thousands apart: `12,345`."""
    return f"{value:,}"


def percent(value: float) -> str:
    """Writes a percentage: `99.17%`. What is not quite all is never rounded up to 100.00%."""
    return "99.99%" if 99.99 < value < 100 else f"{value:.2f}%"


def seconds(value: float) -> str:
    """Writes seconds with two digits, `0.39`; below a hundredth, where two would say nothing, with four."""
    return f"{value:.4f}" if 0 < value < 0.01 else f"{value:,.2f}"


def rate(value: float) -> str:
    """Writes a rate with one digit: `2.4`; two where one would say nothing: `0.03`."""
    return f"{value:.2f}" if 0 < value < 0.1 else f"{value:,.1f}"


COLUMNS: Final = (
    Column("attempts", "Total Reqs (#)", "Reqs", count),
    Column("success_rate", "Success (%)", "Success", percent),
    Column("fail_rate", "Fail (%)", "Fail", percent, is_trouble=True),
    Column("avg_latency", "Avg Latency (s)", "Avg (s)", seconds),
    Column("max_latency", "Max Latency (s)", "Max (s)", seconds),
    Column("p50", "p50 (s)", "p50 (s)", seconds),
    Column("p95", "p95 (s)", "p95 (s)", seconds),
    Column("p99", "p99 (s)", "p99 (s)", seconds),
    Column("responses_2xx", "2xx Resps", "2xx", count),
    Column("responses_3xx", "3xx Resps", "3xx", count),
    Column("responses_4xx", "4xx Resps", "4xx", count, is_trouble=True),
    Column("responses_5xx", "5xx Resps", "5xx", count, is_trouble=True),
    Column("aborts", "Aborts", "Aborts", count, is_trouble=True),
    Column("retries", "Retries", "Retries", count),
    Column("throttles", "Throttles", "Throttles", count),
    Column("throttle_seconds", "Throttled (s)", "Throttled", seconds),
    Column("slot_waits", "Slot Waits", "Slot waits", count),
    Column("slot_seconds", "Slot Waits (s)", "Slots (s)", seconds),
    Column("replays", "Replays", "Replays", count),
    Column("unshared", "Unshared", "Unshared", count, is_trouble=True),
    Column("refused", "Refused", "Refused", count, is_trouble=True),
    Column("cancelled", "Cancelled", "Cancelled", count),
    Column("calls", "Calls (#)", "Calls", count),
    Column("requests_per_second", "Avg Reqs/sec", "Reqs/sec", rate, unit=" reqs/s"),
)
"""Every figure of a row. Those that the original library has come in its order, and its rate comes last."""
