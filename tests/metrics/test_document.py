"""Tests of reports that travel as JSON and add up: those of processes make the one of all."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport import GracyReport
from gracy_transport.metrics import ACCURACY, Latencies, LatencySketch, MetricsRegistry, ReportRow
from gracy_transport.metrics.sketch import SHORTEST
from gracy_transport.testing import FakeClock

ROOT = Path(__file__).parents[2]


class Fact(NamedTuple):
    """An attempt, what was waited for before it, and the process that made it."""

    process: int
    url: str
    status: int | None
    at: float
    took: float
    is_replayed: bool
    waited: float


facts = st.lists(
    st.builds(
        Fact,
        st.integers(0, 3),
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from([100, 200, 301, 404, 503, None]),
        st.floats(0, 1000),
        st.floats(SHORTEST, 100),
        st.booleans(),
        st.floats(0, 10),
    ),
    max_size=40,
)


def report_of(counted: list[Fact], since: float = 0) -> GracyReport:
    """Returns the report of a process whose clock began at an instant of its own."""
    registry = MetricsRegistry(FakeClock(start=-since, wall=0))
    for fact in counted:
        row = registry.row(fact.url, has_template=True)
        began = fact.at - since
        row.calls += 1
        row.retries += fact.status == 503
        row.throttles += 1
        row.throttle_seconds += fact.waited
        row.slot_waits += fact.waited > 5
        row.remember_wait((began - fact.waited, fact.waited, int(fact.waited > 5), row.number))
        row.count_attempt(
            fact.status, began, began + fact.took, is_success=fact.status == 200, is_replayed=fact.is_replayed
        )
    return registry.report()


def by_process(counted: list[Fact]) -> list[GracyReport]:
    """Returns the reports of the processes, each as it comes out of its JSON."""
    reports = [report_of([fact for fact in counted if fact.process == each], since=each * 100) for each in range(4)]
    return [GracyReport.from_json(report.to_json(timeline=True)) for report in reports]


def assert_alike(one: ReportRow, other: ReportRow) -> None:
    """Raises when two rows differ in more than the last digits of a sum of seconds."""
    for name in (each.name for each in fields(ReportRow) if each.name != "latencies"):
        value = getattr(other, name)
        assert getattr(one, name) == (pytest.approx(value) if isinstance(value, float) else value), name
    assert (one.latencies.count, one.latencies.buckets) == (other.latencies.count, other.latencies.buckets)
    assert one.latencies.total == pytest.approx(other.latencies.total)
    assert one.latencies.longest == pytest.approx(other.latencies.longest)


@given(facts)
def test_a_report_comes_back_from_its_json(counted: list[Fact]) -> None:
    """The same value; its timeline only where it was asked for."""
    report = report_of(counted, since=7)
    assert GracyReport.from_json(report.to_json()) == replace(report, timeline=GracyReport().timeline)
    whole = GracyReport.from_json(report.to_json(timeline=True).encode())
    assert whole.rows == report.rows
    assert sorted(whole.timeline.attempts) == sorted(report.timeline.attempts)
    assert sorted(whole.timeline.waits) == sorted(report.timeline.waits)


@given(facts)
def test_the_reports_of_processes_add_up_to_the_one_of_all(counted: list[Fact]) -> None:
    """In every count of every row; percentiles are within 2 % of those of all attempts together."""
    merged, whole = GracyReport.merge(by_process(counted)), report_of([*counted])
    assert {row.url for row in merged.rows} == {row.url for row in whole.rows}
    expected = {row.url: row for row in whole.rows}
    for row in merged.rows:
        exact = expected[row.url]
        # The clock of each process rounds a latency its own way, which may be at the border of two buckets.
        buckets = replace(row.latencies, buckets=exact.latencies.buckets)
        assert_alike(replace(row, latencies=buckets), exact)
        took = sorted(fact.took for fact in counted if fact.url == row.url)
        for share in (0.5, 0.95, 0.99):
            true = took[max(1, math.ceil(share * len(took))) - 1]
            assert row.latencies.quantile(share) == pytest.approx(true, rel=ACCURACY + 1e-6, abs=1e-9)
    assert len(merged.timeline.attempts) == len(merged.timeline.waits) == len(counted)


@given(facts, st.permutations(range(4)))
def test_it_does_not_matter_who_comes_first(counted: list[Fact], order: list[int]) -> None:
    """Not to the last bit, the timeline included."""
    reports = by_process(counted)
    assert GracyReport.merge(reports[place] for place in order) == GracyReport.merge(reports)


@given(facts)
def test_it_does_not_matter_what_was_merged_before(counted: list[Fact]) -> None:
    """Reports of machines may be made of those of processes."""
    a, b, c, d = by_process(counted)
    stepwise = GracyReport.merge([GracyReport.merge([a, b]), GracyReport.merge([GracyReport.merge([c]), d])])
    at_once = GracyReport.merge([a, b, c, d])
    assert [row.url for row in stepwise.rows] == [row.url for row in at_once.rows]
    for one, other in zip(stepwise.rows, at_once.rows, strict=True):
        assert_alike(one, other)
    assert stepwise.timeline == at_once.timeline
    assert GracyReport.merge([stepwise, GracyReport()]) == stepwise


def test_nothing_merges_to_an_empty_report() -> None:
    """Which has its JSON, too."""
    assert GracyReport.merge([]) == GracyReport()
    assert GracyReport().to_json() == '{"gracy_report":1,"accuracy":0.02,"rows":[]}'
    assert GracyReport.from_json(GracyReport().to_json(timeline=True)) == GracyReport()


def test_the_document_is_as_it_is_described() -> None:
    """Counters that are zero are left out, and an instant of zero is not."""
    report = report_of([Fact(0, "a", 200, 0, 0.25, is_replayed=False, waited=0)])
    assert json.loads(report.to_json(timeline=True)) == {
        "gracy_report": 1,
        "accuracy": 0.02,
        "rows": [
            {
                "url": "a",
                "calls": 1,
                "attempts": 1,
                "successes": 1,
                "responses_2xx": 1,
                "throttles": 1,
                "first_at": 0,
                "last_at": 0,
                "latencies": {"total": 0.25, "longest": 0.25, "buckets": [[311, 1]]},
            }
        ],
        "timeline": {"urls": ["a"], "attempts": [[0, 0.25, 200, 0]], "waits": [[0, 0, 0, 0]]},
    }


def test_names_of_a_later_version_are_ignored() -> None:
    """It may know more of each row and still be of the same format."""
    text = '{"gracy_report":1,"accuracy":0.02,"colour":1,"rows":[{"url":"a","calls":2,"first_at":1,"colour":1}]}'
    assert GracyReport.from_json(text) == GracyReport((ReportRow(url="a", calls=2, first_at=1),))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "this is no report"),
        ("[]", "this is no report"),
        ("{}", "this is no report"),
        (b"\xff", "this is no report"),
        ("[" * 100_000, "this is no report"),
        ('{"gracy_report":0,"accuracy":0.02,"rows":[]}', "of version 0 and this gracy_transport reads version 1"),
        ('{"gracy_report":2,"accuracy":0.02,"rows":[]}', "of version 2 and this gracy_transport reads version 1"),
        ('{"gracy_report":1,"accuracy":0.01,"rows":[]}', "an accuracy of 0.01 do not add up with those of 0.02"),
        ('{"gracy_report":1,"accuracy":0.02}', "this report is broken"),
        ('{"gracy_report":1,"accuracy":0.02,"rows":[{}]}', "this report is broken"),
        ('{"gracy_report":1,"accuracy":0.02,"rows":[{"url":1}]}', "1 is no text"),
        ('{"gracy_report":1,"accuracy":0.02,"rows":[{"url":"a","calls":1.5}]}', "1.5 is no count"),
        ('{"gracy_report":1,"accuracy":0.02,"rows":[{"url":"a","calls":-1}]}', "-1 is no count"),
        ('{"gracy_report":1,"accuracy":0.02,"rows":[{"url":"a","calls":true}]}', "True is no count"),
        ('{"gracy_report":1,"accuracy":0.02,"rows":[{"url":"a","first_at":"x"}]}', "'x' is no number"),
        ('{"gracy_report":1,"accuracy":0.02,"rows":[{"url":"a","latencies":{}}]}', "this report is broken"),
        (
            '{"gracy_report":1,"accuracy":0.02,"rows":[],"timeline":{"urls":[],"attempts":[[0,0,200,0]],"waits":[]}}',
            "no URL of the number 0",
        ),
        (
            '{"gracy_report":1,"accuracy":0.02,"rows":[],"timeline":{"urls":["a"],"attempts":[],"waits":[[0,0,2,0]]}}',
            "neither for a permit nor for a slot",
        ),
    ],
)
def test_what_is_no_report_of_ours_is_refused(text: str | bytes, why: str) -> None:
    """Rather than counted as something else."""
    with pytest.raises(ValueError, match=why):
        GracyReport.from_json(text)


def test_latencies_of_another_accuracy_are_refused_in_pickles_too() -> None:
    """Their buckets stand for other latencies."""
    sketch = LatencySketch()
    sketch.record(1)
    row = ReportRow(url="a", attempts=1, latencies=replace(sketch.snapshot(), accuracy=0.01))
    foreign = pickle.loads(pickle.dumps(GracyReport((row,))))
    with pytest.raises(ValueError, match="run the same version of gracy_transport wherever reports are made"):
        GracyReport.merge([GracyReport(), foreign])
    assert Latencies.merged([]) == Latencies()


def test_reports_of_real_processes_are_merged() -> None:
    """Each counts a stack of its own and prints its JSON."""
    program = """
import asyncio, sys
import httpx
from gracy_transport import GracyConfig, GracyTransport, call_options
from gracy_transport.testing import ScriptedWire

async def main(count):
    stack = GracyTransport(ScriptedWire(*[200] * count), GracyConfig())
    async with httpx.AsyncClient(transport=stack) as client:
        for place in range(count):
            await client.get(f"https://api.test/{place}", extensions=call_options(template="/{PLACE}"))
    print(stack.get_report().to_json())

asyncio.run(main(int(sys.argv[1])))
"""
    texts = [
        subprocess.run([sys.executable, "-c", program, str(count)], capture_output=True, check=True, cwd=ROOT).stdout
        for count in (1, 2, 3)
    ]
    (row,) = GracyReport.merge(map(GracyReport.from_json, texts)).rows
    assert (row.url, row.calls, row.attempts, row.responses_2xx) == ("https://api.test/{PLACE}", 6, 6, 6)
    assert row.latencies.count == 6
