"""What is heard and booked."""

from __future__ import annotations

import anyio
import httpx
import pytest

from gracy_transport.call import Call, CallOptions
from gracy_transport.demo.board import MOST_HAPPENINGS, Board, outcome_of
from gracy_transport.events import (
    CallEnded,
    CallStarted,
    ConcurrencyLimitFreed,
    RequestDispatched,
    RetryScheduled,
    ThrottleWaitOver,
)
from gracy_transport.metrics import GracyReport, ReportRow
from gracy_transport.testing import FakeClock

ELEMENT = "/elements/{SYMBOL}"


@pytest.fixture
def board(clock: FakeClock) -> Board:
    """A board for two endpoints, in virtual time."""
    return Board({ELEMENT: 3, "/feed": 1}, clock.now)


def a_call(path: str = "/elements/Au", template: str | None = ELEMENT) -> Call:
    return Call(httpx.Request("GET", f"http://api.test{path}?lang=en"), CallOptions(template=template), 0.0)


def retried(status: int | None, error: str | None, delay: float = 0.5) -> RetryScheduled:
    return RetryScheduled(a_call(), 0.0, 1, delay, "", status, error, 0.1)


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (200, None, "answered"),
        (404, None, "answered"),
        (429, None, "429"),
        (500, None, "5xx"),
        (503, None, "5xx"),
        (None, "ReadTimeout", "silent"),
        (None, "ConnectTimeout", "silent"),
        (None, "ReadError", "broken off"),
        (None, "RemoteProtocolError", "broken off"),
    ],
)
def test_every_end_of_an_attempt_has_a_name(status: int | None, error: str | None, outcome: str) -> None:
    """A 404 is an answer too."""
    assert outcome_of(status, error) == outcome


def test_dispatches_are_kept_by_endpoint_and_for_the_judgement(board: Board) -> None:
    """The URL is the one that patterns see: without the query."""
    board.hear(RequestDispatched(a_call(), 5.0))
    assert board.tallies[ELEMENT].dispatched == [5.0]
    assert board.dispatched == [(5.0, "http://api.test/elements/Au")]


def test_without_a_template_the_path_names_the_endpoint(board: Board) -> None:
    """So it is with the feed."""
    board.hear(RequestDispatched(a_call("/feed", None), 5.0))
    assert board.tallies["/feed"].dispatched == [5.0]


def test_dispatches_are_counted_from_one_instant_up_to_another(board: Board) -> None:
    """The first is within, the last is not."""
    tally = board.tallies[ELEMENT]
    tally.dispatched = [1.0, 1.5, 2.0, 2.5]
    assert tally.dispatched_since(1.5) == 3
    assert tally.dispatched_since(1.5, 2.5) == 2


def test_a_retry_counts_its_failure_its_wait_and_is_worth_a_line(board: Board, clock: FakeClock) -> None:
    """A 429 is waited out as the API asks."""
    board.hear(retried(429, None, delay=1.25))
    board.hear(retried(None, "ReadTimeout"))
    tally = board.tallies[ELEMENT]
    assert (tally.retries, tally.waited) == (2, 1.75)
    assert tally.outcomes == {"429": 1, "silent": 1}
    assert [tuple(each) for each in board.happenings] == [
        (0.0, "/elements/Au", "429", "again in 1.25 s, as it asks"),
        (0.0, "/elements/Au", "ReadTimeout", "again in 0.50 s"),
    ]


def test_waits_for_permits_and_slots_add_up(board: Board) -> None:
    """Over all endpoints, too."""
    board.hear(ThrottleWaitOver(a_call(), 0.0, None, 2.0))
    board.hear(ConcurrencyLimitFreed(a_call("/feed", None), 0.0, None, 0.5))
    assert board.tallies[ELEMENT].waited == 2.0
    assert board.total.waited == 2.5


def test_the_end_of_a_call_is_the_outcome_of_its_last_attempt(board: Board) -> None:
    """A call that was given up by its caller has none, and a start is no end."""
    board.hear(CallStarted(a_call(), 0.0))
    board.hear(CallEnded(a_call(), 0.0, 200, None))
    board.hear(CallEnded(a_call(), 0.0, None, "ReadError"))
    board.hear(CallEnded(a_call(), 0.0, None, "CancelledError"))
    board.hear(CallEnded(a_call(), 0.0, None, "Cancelled"))
    assert board.total.outcomes == {"answered": 1, "broken off": 1}


def test_a_stream_that_is_cut_was_no_answer_after_all(board: Board) -> None:
    """Its headers had come, and counted as one."""
    board.hear(CallEnded(a_call("/feed", None), 0.0, 200, None))
    board.cut("/feed", 50)
    assert +board.tallies["/feed"].outcomes == {"broken off": 1}
    assert board.happenings[-1].what == "cut after event 50"


def test_only_the_latest_happenings_are_remembered(board: Board) -> None:
    """No terminal shows more."""
    for number in range(MOST_HAPPENINGS + 5):
        board.note("/", str(number), "")
    assert len(board.happenings) == MOST_HAPPENINGS
    assert board.happenings[-1].what == str(MOST_HAPPENINGS + 4)


async def answer() -> str:
    return "gold"


async def failure() -> str:
    raise httpx.ReadError("gone")


@pytest.mark.anyio
async def test_calls_are_booked_as_answered_wrong_or_lost(board: Board) -> None:
    """Each is one of the three, and an error of a call goes no further."""
    await board.ask(ELEMENT, answer, "gold")
    await board.ask(ELEMENT, answer, "silver")
    await board.ask(ELEMENT, failure, "gold")
    tally = board.tallies[ELEMENT]
    assert (tally.asked, tally.answered, tally.wrong, tally.lost, tally.settled) == (3, 1, 1, 1, 3)
    assert [each.what for each in board.happenings] == ["wrong", "ReadError"]


@pytest.mark.anyio
async def test_a_call_under_way_waits_unless_it_is_in_flight(board: Board) -> None:
    """What is neither settled nor on the wire waits for something."""
    tally = board.tallies[ELEMENT]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(board.ask, ELEMENT, anyio.sleep_forever, None)
        await anyio.wait_all_tasks_blocked()
        assert tally.waiting == 1
        tally.in_flight += 1
        assert tally.waiting == 0
        tasks.cancel_scope.cancel()
    assert (tally.asked, tally.settled) == (1, 0)


def test_the_clock_of_the_calls_runs_from_start_to_stop(board: Board, clock: FakeClock) -> None:
    """The age of the board goes on."""
    assert (board.elapsed, board.is_started) == (0.0, False)
    clock._now += 2.0
    board.start()
    clock._now += 3.0
    assert (board.elapsed, board.is_started) == (3.0, True)
    board.stop()
    clock._now += 4.0
    assert (board.elapsed, board.age) == (3.0, 9.0)


def test_the_report_is_that_of_all_stacks(board: Board) -> None:
    """Equal endpoints add up."""
    board.sources += [
        lambda: GracyReport((ReportRow(url="/a", calls=1),)),
        lambda: GracyReport((ReportRow(url="/a", calls=2),)),
    ]
    assert [(row.url, row.calls) for row in board.report.rows] == [("/a", 3)]
