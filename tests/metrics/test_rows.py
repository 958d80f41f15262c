"""Tests of the counters: what counts as what, how many rows there can be, and threads."""

from __future__ import annotations

import gc
from threading import Thread

import pytest

from gracy_transport.exceptions import BodyTooLarge
from gracy_transport.metrics import MOST_ROWS, OTHER, Latencies, LatencySketch, MetricsRegistry, ReportRow
from gracy_transport.testing import FakeClock


def counted(registry: MetricsRegistry, url: str, status: int | None = 200, *, at: float = 0.0) -> None:
    """Counts one attempt of half a second."""
    with registry.lock:
        row = registry.row(url, has_template=False)
        row.count_attempt(status, at, at + 0.5, is_success=status == 200, is_replayed=False)


def only_row(registry: MetricsRegistry) -> ReportRow:
    """Returns the one row there is."""
    (row,) = registry.report().rows
    return row


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (100, (0, 0, 0, 0, 0)),
        (200, (1, 0, 0, 0, 0)),
        (299, (1, 0, 0, 0, 0)),
        (304, (0, 1, 0, 0, 0)),
        (404, (0, 0, 1, 0, 0)),
        (503, (0, 0, 0, 1, 0)),
        (999, (0, 0, 0, 0, 0)),
        (None, (0, 0, 0, 0, 1)),
    ],
)
def test_an_attempt_counts_in_the_class_of_its_status(status: int | None, expected: tuple[int, ...]) -> None:
    """Without a response it is an abort; a code outside of all classes counts as an attempt only."""
    registry = MetricsRegistry()
    counted(registry, "/", status)
    row = only_row(registry)
    classes = (row.responses_2xx, row.responses_3xx, row.responses_4xx, row.responses_5xx, row.aborts)
    assert classes == expected
    assert row.attempts == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError(), (1, 1, 0, 0)),
        (BodyTooLarge(), (0, 0, 1, 0)),
        (KeyboardInterrupt(), (0, 0, 0, 1)),
    ],
)
def test_an_error_counts_as_a_failure_a_refusal_or_a_cancellation(
    error: BaseException, expected: tuple[int, ...]
) -> None:
    """Only the first says something about the server."""
    registry = MetricsRegistry()
    registry.row("/", has_template=False).count_error(error, None, 0, 1, is_replayed=False)
    row = only_row(registry)
    assert (row.attempts, row.failures, row.refused, row.cancelled) == expected


def test_the_first_and_last_attempt_are_known_in_whichever_order_they_end() -> None:
    """They end in another order than they began."""
    clock = FakeClock(start=100, wall=1_000_000)
    registry = MetricsRegistry(clock)
    for at in (103.0, 101.0, 105.0, 104.0):
        counted(registry, "/", at=at)
    row = only_row(registry)
    assert (row.first_at, row.last_at) == (1_000_001, 1_000_005)


def test_there_are_at_most_a_thousand_rows_of_urls_and_one_for_the_others() -> None:
    """The label of a row is chosen by whoever makes URLs, so its number is bounded."""
    registry = MetricsRegistry()
    for number in range(MOST_ROWS + 500):
        counted(registry, f"https://api.test/{number}")
    report = registry.report()
    assert len(report.rows) == MOST_ROWS + 1
    assert (report.rows[-1].url, report.rows[-1].attempts) == (OTHER, 500)
    assert report.total.attempts == MOST_ROWS + 500


def test_urls_without_a_template_do_not_use_up_the_rows_of_templates() -> None:
    """And the templates are bounded as well."""
    registry = MetricsRegistry()
    for number in range(MOST_ROWS + 1):
        registry.row(f"https://api.test/{number}", has_template=False)
    for number in range(MOST_ROWS + 1):
        registry.row(f"https://api.test/{{ID}}/{number}", has_template=True)
    urls = [row.url for row in registry.report().rows]
    assert len(urls) == 2 * MOST_ROWS + 1
    assert sum("{ID}" in url for url in urls) == MOST_ROWS


def test_after_a_reset_counting_begins_anew() -> None:
    """Rows, and room for rows."""
    registry = MetricsRegistry()
    for number in range(MOST_ROWS + 1):
        counted(registry, str(number))
    registry.reset()
    assert registry.report().rows == ()
    assert registry.report().timeline.attempts == []
    counted(registry, "new")
    assert only_row(registry).attempts == 1
    assert [attempt.url for attempt in registry.report().timeline.attempts] == ["new"]


def test_threads_lose_no_count() -> None:
    """Ten of them count on the same row while the report is read."""
    registry = MetricsRegistry()

    def count() -> None:
        for _ in range(500):
            counted(registry, "/")

    threads = [Thread(target=count) for _ in range(10)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for row in registry.report().rows:
            assert row.attempts == row.successes == row.latencies.count
    assert only_row(registry).attempts == 5000


def test_a_destructor_may_count_while_its_thread_counts() -> None:
    """A body that is dropped unread counts when the garbage collector comes by, whoever holds the lock."""
    registry = MetricsRegistry()

    class Dropped:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            counted(registry, "dropped")

    Dropped()
    with registry.lock:
        gc.collect()
    assert only_row(registry).url == "dropped"


def test_a_row_adds_up_though_a_destructor_counts_while_it_is_read() -> None:
    """It may come wherever something is called."""

    class Disturbed(LatencySketch):
        """A body that is dropped counts just when the latencies were read."""

        def snapshot(self) -> Latencies:
            seen = super().snapshot()
            if self.count == 1:
                counted(registry, "/")
            return seen

    registry = MetricsRegistry()
    registry.row("/", has_template=False).latencies = Disturbed()
    counted(registry, "/")
    row = only_row(registry)
    assert row.attempts == row.successes == row.responses_2xx == row.latencies.count == 2
    assert row.failures == 0


@pytest.mark.parametrize(
    ("urls", "text"),
    [([], "0 rows, 0 attempts"), (["a"], "1 row, 1 attempt"), (["a", "b", "b"], "2 rows, 3 attempts")],
)
def test_repr_says_how_much_has_been_counted(urls: list[str], text: str) -> None:
    """In the singular, too."""
    registry = MetricsRegistry()
    for url in urls:
        counted(registry, url)
    assert repr(registry) == f"<MetricsRegistry {text}>"
