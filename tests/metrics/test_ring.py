"""Tests of the ring: which attempts and waits it remembers, as what, and how long."""

from __future__ import annotations

import gc
import pickle
from types import ModuleType

import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.metrics import MOST_MOMENTS, GracyReport, MetricsRegistry, TimedAttempt, TimedWait
from gracy_transport.metrics.ring import Ring, Timeline
from gracy_transport.testing import FakeClock, ScriptedWire

pytestmark = pytest.mark.anyio
A, B = "https://api.test/a", "https://api.test/b"


def registry(start: float = 0.0, wall: float = 1000.0) -> MetricsRegistry:
    """Returns a registry whose clock says `start` when the world says `wall`."""
    return MetricsRegistry(FakeClock(start=start, wall=wall))


def count(where: MetricsRegistry, url: str, status: int | None, at: float, took: float = 0.5) -> None:
    """Counts one attempt."""
    where.row(url, has_template=True).count_attempt(status, at, at + took, is_success=True, is_replayed=False)


def test_attempts_are_remembered_as_they_end() -> None:
    """When they began, in seconds since 1970, how long they took, and how they ended: an abort has the status 0."""
    where = registry(start=50, wall=1050)
    count(where, A, 200, 50.0)
    count(where, B, None, 49.0, took=10.0)
    count(where, A, 503, 60.0)
    assert where.report().timeline.attempts == [
        TimedAttempt(1050.0, 0.5, 200, A),
        TimedAttempt(1049.0, 10.0, 0, B),
        TimedAttempt(1060.0, 0.5, 503, A),
    ]


def test_only_the_last_five_thousand_are_remembered() -> None:
    """Memory is fixed, however long a process runs."""
    where = registry()
    for number in range(MOST_MOMENTS + 10):
        count(where, A, 200, float(number))
        row = where.row(A, has_template=True)
        row.remember_wait((float(number), 0.1, 0, row.number))
    timeline = where.report().timeline
    assert (len(timeline.attempts), len(timeline.waits)) == (5000, 5000)
    assert (timeline.attempts[0].at, timeline.attempts[-1].at) == (1010.0, 1000.0 + MOST_MOMENTS + 9)
    assert where.report().rows[0].attempts == MOST_MOMENTS + 10


def test_a_timeline_is_a_value() -> None:
    """What is counted later does not change it; it compares and pickles."""
    where = registry()
    count(where, A, 200, 1.0)
    before = where.report()
    assert before == where.report()
    assert hash(before) == hash(where.report())
    count(where, A, 200, 2.0)
    assert len(before.timeline.attempts) == 1
    assert before != where.report()
    assert pickle.loads(pickle.dumps(before)).timeline.attempts == before.timeline.attempts


def test_a_timeline_is_made_of_numbers() -> None:
    """Neither requests nor responses are kept alive; the URLs are those of the rows."""
    where = registry()
    count(where, A, 200, 1.0)
    timeline = where.report().timeline
    assert {type(number) for moment in timeline.attempted for number in moment} == {int, float}
    assert timeline.urls == ((0, A),)


def test_attempts_of_the_rows_that_share_one_are_remembered_as_its() -> None:
    """There may be more URLs than rows."""
    where = registry()
    for number in range(1001):
        count(where, f"https://api.test/{number}", 200, float(number))
    assert [attempt.url for attempt in where.report().timeline.attempts[-2:]] == ["https://api.test/999", "(other)"]


def test_an_attempt_under_way_at_a_reset_is_remembered_in_the_new_report() -> None:
    """And an old row that somebody still holds fills nothing new."""
    where = registry()
    old = where.row(A, has_template=True)
    where.reset()
    old.count_attempt(200, 1.0, 2.0, is_success=True, is_replayed=False)
    assert where.report() == GracyReport(timeline=Timeline(since_1970=1000.0))
    count(where, B, 200, 3.0)
    assert [attempt.url for attempt in where.report().timeline.attempts] == [B]


def test_merged_timelines_are_in_the_order_in_which_attempts_ended() -> None:
    """Each process counts from an instant of its own."""
    here, there = registry(start=0, wall=1000), registry(start=500, wall=1000)
    count(here, A, 200, 0.0)
    count(here, B, 200, 4.0)
    count(there, B, None, 500.0, took=2.0)
    merged = Timeline.merged([here.report().timeline, there.report().timeline])
    assert merged.attempts == [
        TimedAttempt(1000.0, 0.5, 200, A),
        TimedAttempt(1000.0, 2.0, 0, B),
        TimedAttempt(1004.0, 0.5, 200, B),
    ]
    assert dict(merged.urls) == {0: A, 1: B}


def test_a_merged_timeline_has_the_same_bound() -> None:
    """The last ones of all."""
    where = registry()
    for number in range(MOST_MOMENTS):
        count(where, A, 200, float(number))
    part = where.report().timeline
    merged = Timeline.merged([part, part])
    assert len(merged.attempts) == MOST_MOMENTS
    assert merged.attempts[-1] == part.attempts[-1]


def test_merged_waits_are_the_last_ones_in_order() -> None:
    """As many as one report would have kept, by when they ended."""
    long, short = (0.0, 9.0, 0, 0), (1.0, 2.0, 1, 0)
    many = Timeline(((0, A),), 0.0, (), (long,) * MOST_MOMENTS)
    merged = Timeline.merged([many, Timeline(((0, A),), 0.0, (), (short,))])
    assert merged.waited == (long,) * MOST_MOMENTS
    assert Timeline.merged([Timeline(((0, A),), 0.0, (), (long, short))]).waited == (short, long)


def test_repr_says_how_much_is_remembered() -> None:
    """Not what: that may be long."""
    where = registry()
    count(where, A, 200, 1.0)
    assert repr(where.report().timeline) == "<Timeline 1 attempt, 0 waits>"


async def test_a_stack_remembers_attempts_and_waits(family: ModuleType, clock: FakeClock) -> None:
    """Every attempt of a call, and what it waited for a permit."""
    wire = ScriptedWire(503, 200, clock=clock)
    config = GracyConfig(retry=GracefulRetry(delay=0), throttling=ThrottleRule(r".*", 1, per_time=3))
    stack = GracyTransport(wire, config, clock=clock)
    start = clock.wall()
    async with family.AsyncClient(transport=stack) as client:
        await client.get(A)
    timeline = stack.get_report().timeline
    assert [(attempt.at - start, attempt.status, attempt.url) for attempt in timeline.attempts] == [
        (0, 503, A),
        (3, 200, A),
    ]
    assert timeline.waits == [TimedWait(start, 3, "permit", A)]


class Dropped:
    """Something that counts when the garbage collector comes by it."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._itself = self

    def __del__(self) -> None:
        self._ring.remember_attempt((1.0, 1.0, 200, 0))


def test_what_is_counted_while_it_is_read_does_no_harm() -> None:
    """A destructor may run wherever Python makes an object: one collection comes at each of the first places."""
    ring, usual = Ring(), gc.get_threshold()
    ring.remember_attempt((0.0, 1.0, 200, 0))
    try:
        for place in range(1, 13):
            gc.collect()
            gc.disable()
            Dropped(ring)
            gc.set_threshold(place, *usual[1:])
            gc.enable()
            assert ring.moments()[0]
    finally:
        gc.set_threshold(*usual)
        gc.enable()
