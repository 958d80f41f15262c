"""What a report is: plain values, counted up to one instant, that add up over stacks and processes.

A row counts attempts, because that is what a server saw. Every attempt is in exactly one of the status
classes or an abort (but for an answer of 1xx, which has no class), and either a success or a failure. Kept apart is
what says nothing about the server: requests that the stack itself refused, and those whose caller gave up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from math import fsum
from typing import Any, Final

from .columns import COLUMNS, plain
from .ring import Timeline
from .rows import OTHER
from .sketch import Latencies

__all__ = ["COUNTED", "SECONDS", "TOTAL", "GracyReport", "ReportRow"]

TOTAL: Final = "TOTAL"
"""What stands in the place of the URL in the row that sums up a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """What happened at one endpoint.

    Attributes:
        url: the unformatted URL, such as `https://pokeapi.co/api/v2/pokemon/{NAME}`; without a template,
            origin and path.
        calls: requests as the user asked for them, each counted once, however many attempts and hops it took.
        attempts: requests that were answered, or that failed to be.
        successes: attempts whose response was accepted; a redirect is one.
        failures: all other attempts.
        responses_2xx, responses_3xx, responses_4xx, responses_5xx: attempts by the class of their status.
        aborts: attempts that got no response, or whose body broke. One that the caller leaves early is none.
        retries: attempts that were to be followed by another: a retry is counted as its wait begins.
        replays: attempts that were answered from a recording.
        throttles, throttle_seconds: waits for a permit, and how long they were together.
        slot_waits, slot_seconds: waits for a slot, and how long they were together. One for both, a permit and a slot,
            counts for what it waited for first.
        unshared: attempts that were let through while a limit of many processes was kept by this one alone, since its
            server was away.
        refused: requests that the stack itself turned down; no failure of the server's, and no attempt.
        cancelled: requests whose caller gave up before they ended; no attempt either.
        first_at, last_at: when the first and the last attempt began, in seconds since 1970 UTC, or `None`.
        latencies: seconds from dispatch to the end of the body, of all attempts, aborts and replays included.
    """

    url: str
    calls: int = 0
    attempts: int = 0
    successes: int = 0
    failures: int = 0
    responses_2xx: int = 0
    responses_3xx: int = 0
    responses_4xx: int = 0
    responses_5xx: int = 0
    aborts: int = 0
    retries: int = 0
    replays: int = 0
    throttles: int = 0
    throttle_seconds: float = 0.0
    slot_waits: int = 0
    slot_seconds: float = 0.0
    unshared: int = 0
    refused: int = 0
    cancelled: int = 0
    first_at: float | None = None
    last_at: float | None = None
    latencies: Latencies = field(default=Latencies(), repr=False)

    @property
    def success_rate(self) -> float:
        """Successes in percent of the attempts; 0 when there are none."""
        return 100 * self.successes / self.attempts if self.attempts else 0.0

    @property
    def fail_rate(self) -> float:
        """Failures in percent of the attempts; 0 when there are none."""
        return 100 * self.failures / self.attempts if self.attempts else 0.0

    @property
    def avg_latency(self) -> float:
        """The average latency in seconds."""
        return self.latencies.mean

    @property
    def max_latency(self) -> float:
        """The longest latency in seconds."""
        return self.latencies.longest

    @property
    def p50(self) -> float:
        """The latency in seconds that half of the attempts stayed at or below, within 2 %."""
        return self.latencies.quantile(0.50)

    @property
    def p95(self) -> float:
        """The latency in seconds that 95 % of the attempts stayed at or below, within 2 %."""
        return self.latencies.quantile(0.95)

    @property
    def p99(self) -> float:
        """The latency in seconds that 99 % of the attempts stayed at or below, within 2 %."""
        return self.latencies.quantile(0.99)

    @property
    def requests_per_second(self) -> float:
        """Attempts over the time from the first to one second after the last.

        With that second a single request makes 1.0, and a limit per second that held never reads as broken.
        """
        if self.first_at is None or self.last_at is None:
            return 0.0
        return self.attempts / (self.last_at - self.first_at + 1)

    def as_dict(self) -> dict[str, Any]:
        """Returns all figures, counted and derived, ready for JSON."""
        counted = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "latencies"}
        return {**counted, **{name: getattr(self, name) for name in _DERIVED}}

    @classmethod
    def merged(cls, url: str, rows: Iterable[ReportRow]) -> ReportRow:
        """Returns the row that one report would have had for everything these rows counted."""
        parts = tuple(rows)
        sums: dict[str, Any] = {name: sum([getattr(part, name) for part in parts]) for name in COUNTED}
        sums |= {name: fsum([getattr(part, name) for part in parts]) for name in SECONDS}
        return cls(
            url=url,
            first_at=min((part.first_at for part in parts if part.first_at is not None), default=None),
            last_at=max((part.last_at for part in parts if part.last_at is not None), default=None),
            latencies=Latencies.merged(part.latencies for part in parts),
            **sums,
        )


SECONDS: Final = ("throttle_seconds", "slot_seconds")
"""The sums of seconds of a row."""
COUNTED: Final = tuple(
    each.name for each in fields(ReportRow) if each.name not in {"url", "first_at", "last_at", "latencies", *SECONDS}
)
"""The counters of a row."""
_DERIVED: Final = (
    "success_rate",
    "fail_rate",
    "avg_latency",
    "max_latency",
    "p50",
    "p95",
    "p99",
    "requests_per_second",
)


@dataclass(frozen=True, slots=True, repr=False)
class GracyReport:
    """What happened so far, by endpoint. A value: it does not change, and it holds numbers only.

    `print(report)` lists every figure; a notebook shows a table. Whoever collects metrics asks for a report now and
    then: counts only grow, so a counter of Prometheus is a line of

    ```python
    for row in stack.get_report().rows:
        yield f'api_attempts_total{{endpoint="{row.url}"}} {row.attempts}'
    ```

    Attributes:
        rows: one for each endpoint, the busiest first; `(other)` last, when there were too many.
        timeline: the last 5,000 attempts and the last 5,000 waits, one by one. `pandas.DataFrame(timeline.attempts)`
            and the like make a table of it.
    """

    rows: tuple[ReportRow, ...] = ()
    timeline: Timeline = field(default=Timeline())

    @property
    def total(self) -> ReportRow:
        """The sum of all rows. Rates and latencies are those of all attempts, not averages of averages."""
        return ReportRow.merged(TOTAL, self.rows)

    @classmethod
    def of(cls, rows: Iterable[ReportRow], timeline: Timeline = Timeline()) -> GracyReport:  # noqa: B008 - a value
        """Returns a report of these rows, in the order in which they are best read."""
        return cls(tuple(sorted(rows, key=lambda row: (row.url == OTHER, -row.attempts))), timeline)

    @classmethod
    def merge(cls, reports: Iterable[GracyReport]) -> GracyReport:
        """Returns the report that one stack would have given for everything these had counted.

        Those of other processes merge as well: they come as JSON (`to_json`, `from_json`) or as pickles. In which order
        they are given does not matter, nor whether some were merged before; sums of seconds may differ in their last
        digit then. Percentiles are as exact as those of one report, within 2 %. Rows that are equally busy are in the
        order of their URLs.

        Raises:
            ValueError: for a report whose latencies were counted with another accuracy.
        """
        merged = tuple(reports)
        parts: dict[str, list[ReportRow]] = {}
        for report in merged:
            for row in report.rows:
                parts.setdefault(row.url, []).append(row)
        rows = (ReportRow.merged(url, same) for url, same in sorted(parts.items()))
        return cls.of(rows, Timeline.merged(report.timeline for report in merged))

    def to_json(self, *, timeline: bool = False) -> str:
        """Returns the report as one line of JSON, from which `from_json` makes it again, percentiles and all.

        It takes about a kilobyte for each busy endpoint, and seven at most.

        Args:
            timeline: whether the last 5,000 attempts and waits go along, up to 500 KB of them. Not unless asked for:
                only a figure is drawn from them.
        """
        from .document import to_json

        return to_json(self, with_timeline=timeline)

    @classmethod
    def from_json(cls, text: str | bytes) -> GracyReport:
        """Returns the report that `to_json` wrote, here or in another process.

        Raises:
            ValueError: when the text is no report, one of another version, or one counted with another accuracy.
        """
        from .document import from_json

        return from_json(text)

    def as_dict(self) -> dict[str, Any]:
        """Returns all figures, ready for JSON: `rows`, a list, and `total`. The timeline is left out.

        It is for those who read the figures; reports to be merged travel as `to_json`.
        """
        return {"rows": [row.as_dict() for row in self.rows], "total": self.total.as_dict()}

    def __repr__(self) -> str:
        total = sum(row.attempts for row in self.rows)
        return f"<GracyReport {len(self.rows)} rows, {total:,} attempts>"

    def __str__(self) -> str:
        entries = [f"{number}. {plain(row.url)}\n{_listed(row)}" for number, row in enumerate(self.rows, 1)]
        return "\n\n\n".join([*entries, f"{TOTAL}\n{_listed(self.total)}"])

    def _repr_html_(self) -> str:
        from ..reports.notebook import render_html

        return render_html(self)


def _listed(row: ReportRow) -> str:
    return "\n".join(f"{column.title:>18}: {column.text(row)}{column.unit}" for column in COLUMNS)
