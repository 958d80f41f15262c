"""What was measured against what was promised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.demo.board import Board
from gracy_transport.demo.judge import Finding, judge, worst_window
from gracy_transport.throttle import ThrottleRule

HOST = "http://api.test"
RULE = ThrottleRule(".*/elements/", 2)


@pytest.mark.parametrize(
    ("instants", "period", "worst"),
    [
        ([], 1.0, 0),
        ([5.0], 1.0, 1),
        ([0.0, 0.999], 1.0, 2),
        ([0.0, 1.0], 1.0, 1),  # one period later is the next window
        ([0.0, 0.5, 1.0, 1.4], 1.0, 3),
        ([3.0, 0.1, 0.0, 0.2], 1.0, 3),  # in any order
        ([0.0, 30.0, 59.9, 60.0], 60.0, 3),
    ],
)
def test_the_worst_window_holds_the_most_instants(instants: list[float], period: float, worst: int) -> None:
    """The window is half-open, as that of a rule."""
    assert worst_window(instants, period) == worst


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 10))
def test_the_worst_window_is_the_one_found_by_trying_all(ticks: list[int], period: int) -> None:
    """A window that holds the most can be moved until it begins with an instant."""
    tried = [sum(start <= tick < start + period for tick in ticks) for start in ticks]
    assert worst_window(map(float, ticks), float(period)) == max(tried, default=0)


def a_board(*dispatched: tuple[float, str]) -> Board:
    board = Board({"/elements/{SYMBOL}": 2, "/feed": 0})
    board.dispatched.extend((at, HOST + path) for at, path in dispatched)
    return board


def findings(
    board: Board, *, is_complete: bool = False, arrived: list[tuple[float, str]] | None = None
) -> list[Finding]:
    return judge(board, {"elements": RULE}, {"/feed": 3}, arrived, is_complete=is_complete)


def test_a_rule_is_judged_by_what_was_dispatched_for_its_urls() -> None:
    """Other URLs do not count, and two a second are kept."""
    board = a_board((0.0, "/elements/H"), (0.1, "/planets/mars"), (0.2, "/elements/He"), (1.0, "/elements/Li"))
    rule, *_ = findings(board)
    assert rule == Finding("at most 2 per second", "elements", most=2, measured=2)
    assert rule.is_kept


def test_one_dispatch_too_many_breaks_the_promise() -> None:
    """Three in a second where two were promised."""
    rule, *_ = findings(a_board((0.0, "/elements/H"), (0.1, "/elements/He"), (0.999, "/elements/Li")))
    assert not rule.is_kept
    assert str(rule) == "BROKEN at most 2 per second (elements): 3"


def test_what_the_server_saw_is_shown_and_not_judged() -> None:
    """Requests that left apart may arrive together."""
    arrived = [(at, f"{HOST}/elements/H") for at in (0.0, 0.1, 0.2, 0.3)]
    rule, *_ = findings(a_board((0.0, "/elements/H")), arrived=arrived)
    assert rule.is_kept
    assert str(rule) == "kept   at most 2 per second (elements): 1, at the server 4"


def test_the_margin_of_a_rule_does_not_count() -> None:
    """What is promised is the window; the margin is how the rule goes about it."""
    rule = ThrottleRule(".*", 1, margin=5.0)
    kept, *_ = judge(a_board((0.0, "/"), (1.0, "/")), {"all": rule}, {}, None)
    assert kept.measured == 1


def test_the_most_in_flight_is_judged() -> None:
    """Four at once where three were promised."""
    board = a_board()
    board.tallies["/feed"].peak = 4
    slots = findings(board)[1]
    assert str(slots) == "BROKEN at most 3 in flight (/feed): 4"


def test_lost_calls_and_wrong_answers_are_judged() -> None:
    """Both have to be none."""
    board = a_board()
    tally = board.tallies["/elements/{SYMBOL}"]
    tally.asked, tally.lost, tally.wrong = 2, 1, 1
    *_, lost, wrong = findings(board)
    assert (lost.measured, lost.is_kept) == (1, False)
    assert (wrong.measured, wrong.is_kept) == (1, False)


@pytest.mark.parametrize(("is_complete", "lost"), [(True, 1), (False, 0)])
def test_calls_without_an_end_are_lost_unless_the_run_was_interrupted(is_complete: bool, lost: int) -> None:
    """Two were planned, one of them was answered."""
    board = a_board()
    tally = board.tallies["/elements/{SYMBOL}"]
    tally.asked, tally.answered = 1, 1
    assert findings(board, is_complete=is_complete)[-2].measured == lost
