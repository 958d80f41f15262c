"""Tests of the report as a value: derived figures, sums, order, and what cannot be done to it."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.metrics import (
    OTHER,
    TOTAL,
    GracyReport,
    Latencies,
    LatencySketch,
    MetricsRegistry,
    ReportRow,
)
from gracy_transport.reports.notebook import render_html
from gracy_transport.testing import FakeClock

POKEMON = "https://pokeapi.co/api/v2/pokemon/{NAME}"

attempts = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([200, 301, 404, 503, None]),
        st.floats(min_value=0, max_value=100),
        st.floats(min_value=0, max_value=100),
    ),
    max_size=30,
)


def latencies(*values: float) -> Latencies:
    """Returns these latencies as a row holds them."""
    sketch = LatencySketch()
    for value in values:
        sketch.record(value)
    return sketch.snapshot()


def report_of(facts: list[tuple[str, int | None, float, float]]) -> GracyReport:
    """Returns the report of a registry that counted these attempts."""
    registry = MetricsRegistry(FakeClock(start=0, wall=0))
    for url, status, at, took in facts:
        row = registry.row(url, has_template=True)
        row.count_attempt(status, at, at + took, is_success=status == 200, is_replayed=False)
    return registry.report()


def test_rates_are_percentages_of_the_attempts() -> None:
    """Three of four."""
    row = ReportRow(url=POKEMON, attempts=4, successes=3, failures=1)
    assert (row.success_rate, row.fail_rate) == (75.0, 25.0)


def test_a_row_without_attempts_has_figures_too() -> None:
    """Nothing is divided by zero."""
    row = ReportRow(url=POKEMON, refused=1)
    assert (row.success_rate, row.fail_rate, row.avg_latency, row.max_latency) == (0, 0, 0, 0)
    assert (row.p50, row.p95, row.p99, row.requests_per_second) == (0, 0, 0, 0)


def test_latencies_are_read_from_the_sketch() -> None:
    """Average and maximum exactly, percentiles within 2 %."""
    row = ReportRow(url=POKEMON, latencies=latencies(*(step / 100 for step in range(1, 101))))
    assert row.avg_latency == pytest.approx(0.505)
    assert row.max_latency == 1
    assert row.p50 == pytest.approx(0.50, rel=0.02)
    assert row.p95 == pytest.approx(0.95, rel=0.02)
    assert row.p99 == pytest.approx(0.99, rel=0.02)


@pytest.mark.parametrize(
    ("count", "first", "last", "rate"), [(1, 5.0, 5.0, 1.0), (100, 0.0, 9.0, 10.0), (100, 0.0, 9.9, 9.17)]
)
def test_the_rate_never_reads_as_more_than_a_limit_that_held(
    count: int, first: float, last: float, rate: float
) -> None:
    """One request makes 1.0; ten in each of ten seconds make 10.0, in bursts or evenly spread."""
    row = ReportRow(url=POKEMON, attempts=count, first_at=first, last_at=last)
    assert row.requests_per_second == pytest.approx(rate, abs=0.01)


def test_the_total_is_weighted_by_attempts() -> None:
    """It is no average of averages."""
    report = GracyReport.of(
        [
            ReportRow(url="a", attempts=99, successes=99, latencies=latencies(*[0.1] * 99)),
            ReportRow(url="b", attempts=1, failures=1, latencies=latencies(10.1)),
        ]
    )
    assert report.total.url == TOTAL
    assert report.total.success_rate == 99
    assert report.total.avg_latency == pytest.approx(0.2)
    assert report.total.max_latency == 10.1


def test_the_total_of_nothing_is_nothing() -> None:
    """An empty report can be shown."""
    assert GracyReport().total == ReportRow(url=TOTAL)


@given(attempts, attempts)
def test_merging_reports_is_the_report_of_everything(
    here: list[tuple[str, int | None, float, float]], there: list[tuple[str, int | None, float, float]]
) -> None:
    """Row by row, so the reports of processes add up."""
    merged = GracyReport.merge([report_of(here), report_of(there)]).as_dict()
    whole = report_of(here + there).as_dict()
    assert {row["url"] for row in merged["rows"]} == {row["url"] for row in whole["rows"]}
    assert sum(row["attempts"] for row in merged["rows"]) == merged["total"]["attempts"] == len(here + there)
    for name, figure in whole["total"].items():
        assert merged["total"][name] == (pytest.approx(figure) if isinstance(figure, float) else figure)


def test_merging_nothing_gives_an_empty_report() -> None:
    """There may have been no process."""
    assert GracyReport.merge([]) == GracyReport()


def test_the_busiest_row_comes_first_and_the_others_come_last() -> None:
    """Rows that are equally busy stay in the order in which they came."""
    rows = [ReportRow(url=url, attempts=count) for url, count in [(OTHER, 9), ("b", 1), ("a", 1), ("c", 2)]]
    assert [row.url for row in GracyReport.of(rows).rows] == ["c", "b", "a", OTHER]


def test_a_report_cannot_be_changed() -> None:
    """Neither it nor its rows."""
    report = report_of([(POKEMON, 200, 0, 1)])
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.rows = ()  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.rows[0].attempts = 2  # type: ignore[misc]


def test_a_report_pickles() -> None:
    """Those of other processes are merged here."""
    report = report_of([(POKEMON, 200, 0, 1), (POKEMON, None, 1, 3)])
    assert pickle.loads(pickle.dumps(report)) == report


def test_as_dict_is_ready_for_json() -> None:
    """All figures, counted and derived."""
    plain = json.loads(json.dumps(report_of([(POKEMON, 503, 0, 1)]).as_dict()))
    (row,) = plain["rows"]
    assert (row["url"], row["attempts"], row["responses_5xx"], row["fail_rate"]) == (POKEMON, 1, 1, 100)
    assert (row["p99"], row["requests_per_second"]) == (1, 1)
    assert plain["total"] == {**row, "url": TOTAL}


def test_repr_is_short() -> None:
    """A thousand rows are not for the eye."""
    assert repr(report_of([("a", 200, 0, 1), ("b", 200, 0, 1)])) == "<GracyReport 2 rows, 2 attempts>"


def test_text_lists_each_row_and_the_total() -> None:
    """Printing the report itself gives every figure."""
    text = str(report_of([(POKEMON, 200, 0, 0.39)]))
    assert text.startswith(f"1. {POKEMON}\n    Total Reqs (#): 1\n       Success (%): 100.00%\n")
    assert "\n\n\nTOTAL\n    Total Reqs (#): 1\n" in text
    assert text.endswith("\n      Avg Reqs/sec: 1.0 reqs/s")


def test_a_notebook_shows_a_table() -> None:
    """It asks for HTML."""
    report = report_of([(POKEMON, 200, 0, 1)])
    assert report._repr_html_() == render_html(report)


def test_merging_keeps_the_timeline() -> None:
    """So a figure of many processes can be drawn."""
    one, other = report_of([(POKEMON, 200, 0, 1)]), report_of([("b", None, 5, 1)])
    assert [attempt.url for attempt in GracyReport.merge([other, one]).timeline.attempts] == [POKEMON, "b"]
