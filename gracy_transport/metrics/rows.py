"""The counters behind a report: a row for each unformatted URL, bounded in number and memory."""

from __future__ import annotations

from itertools import count
from math import inf
from threading import RLock
from typing import TYPE_CHECKING, Final

from ..clock import SYSTEM_CLOCK, Clock
from ..exceptions import DeadlineExceeded, GracyException
from .ring import Ring, Timeline
from .sketch import LatencySketch

if TYPE_CHECKING:
    from .report import GracyReport, ReportRow

__all__ = ["MOST_ROWS", "OTHER", "MetricsRegistry", "Row"]

MOST_ROWS: Final = 1000
"""Rows of URLs without a template, and again as many of URLs with one: more endpoints than anybody reads
about, and few enough to fit into some megabytes."""

OTHER: Final = "(other)"
"""The row of all URLs that came when there were too many to have a row each."""


class Row:
    """Counts what happens at one endpoint. Hold the registry's lock while you change it.

    Args:
        number: what stands for it in the ring.
        ring: where its attempts and waits are remembered one by one.
    """

    __slots__ = (
        "calls",
        "cancelled",
        "first_at",
        "last_at",
        "latencies",
        "number",
        "refused",
        "remember_attempt",
        "remember_wait",
        "replays",
        "results",
        "retries",
        "slot_seconds",
        "slot_waits",
        "successes",
        "throttle_seconds",
        "throttles",
        "unshared",
    )

    def __init__(self, number: int, ring: Ring) -> None:
        self.number = number
        self.remember_attempt = ring.remember_attempt
        self.remember_wait = ring.remember_wait
        self.calls = 0
        self.successes = 0
        self.results = [0, 0, 0, 0, 0, 0]  # attempts: others, aborts, 2xx, 3xx, 4xx, 5xx
        self.retries = 0
        self.replays = 0
        self.throttles = 0
        self.throttle_seconds = 0.0
        self.slot_waits = 0
        self.slot_seconds = 0.0
        self.unshared = 0
        self.refused = 0
        self.cancelled = 0
        self.first_at = inf
        self.last_at = -inf
        self.latencies = LatencySketch()

    def count_attempt(
        self,
        status: int | None,
        began: float,
        ended: float,
        is_success: bool,  # noqa: FBT001 - for every request, and names would take a quarter more
        is_replayed: bool,  # noqa: FBT001 - likewise
    ) -> None:
        """Counts an attempt that has ended.

        Args:
            status: the status code of its response; `None` when it was aborted.
            began: when it was dispatched, in monotonic seconds.
            ended: when its body was over.
            is_success: whether its response was accepted.
            is_replayed: whether that came from a recording.
        """
        latency = ended - began
        self.latencies.record(latency)  # before the rest, by which `snapshot` knows whether it has all of an attempt
        if is_replayed:
            self.replays += 1
        # 1xx, and codes that do not exist, have no column: they only count in the attempts.
        self.results[1 if status is None else status // 100 if 200 <= status < 600 else 0] += 1
        if is_success:
            self.successes += 1
        if began < self.first_at:  # noqa: PLR1730 - min() takes three times as long
            self.first_at = began
        if began > self.last_at:  # noqa: PLR1730 - likewise
            self.last_at = began
        self.remember_attempt((began, latency, status or 0, self.number))

    def count_error(
        self, error: BaseException, status: int | None, began: float, ended: float, *, is_replayed: bool
    ) -> None:
        """Counts what ended with an error; `status` is that of a response which was judged and rejected.

        A deadline that passed while the server was at work is a failed attempt, and no refusal of ours.
        """
        was_tried = isinstance(error, DeadlineExceeded) and error.counts_as_attempt
        if isinstance(error, GracyException) and error.is_refusal and not was_tried:
            self.refused += 1
        elif isinstance(error, Exception):
            self.count_attempt(status, began, ended, is_success=False, is_replayed=is_replayed)
        else:
            self.cancelled += 1

    @property
    def attempts(self) -> int:
        """How many attempts there were."""
        return sum(self.results)

    def snapshot(self, url: str, since_1970: float) -> ReportRow:
        """Returns what is counted now, as a value; `since_1970` is added to monotonic instants."""
        from .report import ReportRow

        latencies = self.latencies.snapshot()
        others, aborts, ok, redirect, client, server = self.results
        attempts = others + aborts + ok + redirect + client + server
        if attempts > latencies.count:  # since a destructor has counted, as it may wherever something is called
            return self.snapshot(url, since_1970)
        return ReportRow(
            url=url,
            calls=self.calls,
            attempts=attempts,
            successes=self.successes,
            failures=attempts - self.successes,
            responses_2xx=ok,
            responses_3xx=redirect,
            responses_4xx=client,
            responses_5xx=server,
            aborts=aborts,
            retries=self.retries,
            replays=self.replays,
            throttles=self.throttles,
            throttle_seconds=self.throttle_seconds,
            slot_waits=self.slot_waits,
            slot_seconds=self.slot_seconds,
            unshared=self.unshared,
            refused=self.refused,
            cancelled=self.cancelled,
            first_at=self.first_at + since_1970 if attempts else None,
            last_at=self.last_at + since_1970 if attempts else None,
            latencies=latencies,
        )


class MetricsRegistry:
    """The rows of one stack or API object. Any number of layers, loops and threads may share one.

    Args:
        clock: what turns monotonic instants into dates; the one of the layers that record.

    Attributes:
        rows: by unformatted URL; `row` makes those that are missing.
        lock: hold it, shortly, while you change a row. A body that is dropped unread is counted by its
            destructor, which may run in the middle of anything, even in the thread that holds the lock: so a
            thread can take it twice.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        # Taken once: the two clocks drift apart, and a report that is read twice should be the same.
        self._since_1970 = clock.wall() - clock.now()
        self.lock = RLock()
        self.rows: dict[str, Row] = {}
        self._free = {True: MOST_ROWS, False: MOST_ROWS}
        self._ring = Ring()
        self._numbers = count()

    def row(self, url: str, *, has_template: bool) -> Row:
        """Returns the row of an unformatted URL, made on first use; `(other)` when there are too many.

        URLs without a template cannot use up the rows of those that have one.
        """
        row = self.rows.get(url)
        if row is not None:
            return row
        if self._free[has_template] <= 0:
            return self.rows.get(OTHER) or self.rows.setdefault(OTHER, self._new_row())
        self._free[has_template] -= 1
        return self.rows.setdefault(url, self._new_row())

    def _new_row(self) -> Row:
        return Row(next(self._numbers), self._ring)

    def report(self) -> GracyReport:
        """Returns what has been counted so far, as a value. Reading it changes nothing."""
        from .report import GracyReport  # here and above: many stacks are never asked for one

        with self.lock:
            moments = self._ring.moments()  # before the rows, so that the row of each moment is among them
            counted = self.rows.copy()
            rows = [row.snapshot(url, self._since_1970) for url, row in counted.items()]
        urls = tuple((row.number, url) for url, row in counted.items())
        return GracyReport.of(rows, Timeline(urls, self._since_1970, *moments))

    def reset(self) -> None:
        """Forgets everything. Attempts that are under way count when they end, in the new report."""
        with self.lock:
            self.rows = {}
            self._free = {True: MOST_ROWS, False: MOST_ROWS}
            self._ring = Ring()

    def __repr__(self) -> str:
        """Says how much has been counted: `<MetricsRegistry 3 rows, 120 attempts>`."""
        return f"<MetricsRegistry {self.state()}>"

    def state(self) -> str:
        """Says how much has been counted, in a few words."""
        with self.lock:
            rows = self.rows.copy().values()
            attempts = sum(row.attempts for row in rows)
        plural = "" if len(rows) == 1 else "s"
        return f"{len(rows)} row{plural}, {attempts:,} attempt{'' if attempts == 1 else 's'}"
