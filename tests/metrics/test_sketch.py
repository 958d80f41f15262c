"""Tests of the latency sketch: how exact it is, what it costs, and that it merges without loss."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gracy_transport.metrics import ACCURACY, Latencies, LatencySketch
from gracy_transport.metrics.sketch import LONGEST, SHORTEST

seconds = st.floats(min_value=SHORTEST, max_value=LONGEST)
shares = st.floats(min_value=0, max_value=1)


def sketch_of(values: list[float]) -> Latencies:
    """Returns what a sketch knows that recorded these."""
    sketch = LatencySketch()
    for value in values:
        sketch.record(value)
    return sketch.snapshot()


@example([78264.0, 79830.0], 0.0)
@given(st.lists(seconds, min_size=1, max_size=200), shares)
def test_a_quantile_is_within_two_percent_of_the_true_one(values: list[float], share: float) -> None:
    """The true one is the value at that rank of the sorted list."""
    true = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert sketch_of(values).quantile(share) == pytest.approx(true, rel=ACCURACY + 1e-9)


@given(st.lists(seconds))
def test_count_sum_and_maximum_are_exact(values: list[float]) -> None:
    """They are counted beside the buckets, not taken from them."""
    latencies = sketch_of(values)
    assert latencies.count == len(values)
    assert latencies.total == pytest.approx(math.fsum(values), rel=1e-12)
    assert latencies.longest == max(values, default=0)
    assert latencies.mean == (pytest.approx(math.fsum(values) / len(values)) if values else 0)


@given(st.lists(st.lists(seconds, max_size=20), max_size=5))
def test_merging_is_the_same_as_having_recorded_everything_in_one(parts: list[list[float]]) -> None:
    """In whichever order, and to the last bucket; only a sum of floats depends on the order."""
    whole = sketch_of([value for part in parts for value in part])
    merged = Latencies.merged(sketch_of(part) for part in reversed(parts))
    assert (merged.count, merged.longest, merged.buckets) == (whole.count, whole.longest, whole.buckets)
    assert merged.total == pytest.approx(whole.total)


@given(st.lists(st.floats(min_value=0, allow_infinity=False, max_value=1e300)))
def test_nothing_that_is_recorded_makes_more_buckets_than_the_range_has(values: list[float]) -> None:
    """What lies outside is counted in the first or the last one."""
    buckets = [bucket for bucket, _count in sketch_of([0.0, *values]).buckets]
    assert buckets == sorted(buckets)
    assert min(buckets) == 1
    assert max(buckets) <= 630


def test_memory_is_bounded() -> None:
    """A hundred thousand different latencies over the whole range take 630 buckets."""
    growth = (LONGEST / SHORTEST) ** (1 / 100_000)
    sketch = sketch_of([SHORTEST / 2, *(SHORTEST * growth**step for step in range(100_000)), LONGEST * 10])
    assert len(sketch.buckets) == 630
    assert sketch.count == 100_002


def test_an_empty_sketch_has_no_latency() -> None:
    """It reads as zero."""
    assert (Latencies().quantile(0.5), Latencies().mean, Latencies().longest) == (0, 0, 0)


def test_a_single_latency_is_its_own_every_quantile() -> None:
    """The greatest is known exactly, so a report of one request does not contradict itself."""
    latencies = sketch_of([0.3914])
    assert {latencies.quantile(share) for share in (0, 0.5, 0.99, 1)} == {0.3914}


def test_no_quantile_is_above_the_maximum() -> None:
    """The middle of a bucket may lie above all that is in it."""
    latencies = sketch_of([0.0] * 9 + [1e-9])
    assert latencies.quantile(0.5) == 1e-9


@pytest.mark.parametrize("share", [-0.01, 1.01, 95])
def test_a_share_outside_of_0_to_1_is_an_error_that_says_what_to_write(share: float) -> None:
    """Somebody may take 95 for the 95th percentile."""
    with pytest.raises(ValueError, match=r"write 0\.95 for the 95th percentile"):
        Latencies().quantile(share)


def test_what_was_counted_with_another_accuracy_is_refused() -> None:
    """Its buckets stand for something else; the message names both, and says what to do."""
    said = r"of 0\.01 do not add up with those of 0\.02: run the same .* wherever reports are made and merged$"
    with pytest.raises(ValueError, match=said):
        Latencies.merged([Latencies(), Latencies(accuracy=0.01)])


def test_a_snapshot_does_not_change_with_its_sketch_and_pickles() -> None:
    """It may go to another process while the counting goes on."""
    sketch = LatencySketch()
    sketch.record(1)
    before = sketch.snapshot()
    sketch.record(2)
    assert pickle.loads(pickle.dumps(before)) == before == sketch_of([1])


def test_what_lies_outside_of_the_range_falls_to_its_side() -> None:
    """A call of ten days is in the last bucket and one of no time in the first, and the ends belong to both sides."""
    assert sketch_of([0.0, LONGEST * 10, LONGEST * 10]).quantile(0.5) == pytest.approx(LONGEST, rel=0.03)
    assert sketch_of([0.0, 0.0, LONGEST * 10]).quantile(0.5) == pytest.approx(SHORTEST, rel=0.03)
    assert sketch_of([SHORTEST, SHORTEST, 1.0]).quantile(0.5) == pytest.approx(SHORTEST, rel=0.03)
    assert sketch_of([1.0, LONGEST, LONGEST * 2]).quantile(0.5) == pytest.approx(LONGEST, rel=0.03)
