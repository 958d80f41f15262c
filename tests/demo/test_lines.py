"""The demo as plain lines."""

from __future__ import annotations

from io import StringIO

import pytest

from gracy_transport.demo.lines import PlainShow
from gracy_transport.testing import FakeClock
from tests.demo.scenes import URL, a_scene, at_the_end, in_the_middle


def test_it_begins_with_where_and_how_long(clock: FakeClock) -> None:
    """Then a line for each phase at once."""
    out, scene = StringIO(), a_scene(clock)
    scene.phase = "without the stack"
    with PlainShow(out) as show:
        show.frame(scene)
        show.frame(scene)
    assert out.getvalue().splitlines() == [
        f"gracy_transport tames {URL}, seed 7, in about 15 s",
        "  0.0 s  without the stack: 0 of 180 calls, 0 answered, 0 429, 0 5xx, 0 broken off, 0 silent",
    ]


@pytest.mark.parametrize(("seconds", "pause"), [(5.0, 1.0), (100.0, 10.0)])
def test_there_is_a_line_a_second_or_ten_in_all(clock: FakeClock, seconds: float, pause: float) -> None:
    """Whichever is fewer."""
    out, scene = StringIO(), in_the_middle(clock, seconds)
    show = PlainShow(out)
    show.frame(scene)
    for step in (0.1, pause - 0.2, 0.2):
        clock._now += step
        show.frame(scene)
    assert len(out.getvalue().splitlines()) == 3


def test_progress_has_all_figures(clock: FakeClock) -> None:
    """Progress, flight, waits, retries, and the rates beside their limits."""
    out, scene = StringIO(), in_the_middle(clock)
    PlainShow(out).frame(scene)
    total = scene.board.total
    assert out.getvalue().splitlines()[-1] == (
        f"  4.0 s  with the stack: {total.settled} of {total.planned} calls, 10 in flight, {total.waiting} waiting, "
        "35 retries, 10/50 10/4 10/20 in the last second"
    )


def test_the_end_has_the_promises_and_the_verdict(clock: FakeClock) -> None:
    """In ASCII, which every log can hold."""
    out, scene = StringIO(), at_the_end(clock)
    PlainShow(out).close(scene)
    lines = out.getvalue().splitlines()
    total = scene.board.total
    assert out.getvalue().isascii()
    assert "kept   at most 50 per second (/elements/{SYMBOL}): 3, at the server 3" in lines
    assert "/elements/{SYMBOL}: 456 calls, 535 attempts, 79 retries, p50 0.00 s, p95 0.00 s, 0.0 a second" in lines
    assert lines[-2:] == [
        f"{total.planned} calls asked for, {total.planned} answered, 0 wrong, 0 lost, in 4.0 s",
        "Every promise was kept.",
    ]


def test_an_interrupted_run_says_what_it_did_not_wait_for(clock: FakeClock) -> None:
    """They are not lost: nobody waited."""
    out, scene = StringIO(), in_the_middle(clock)
    scene.is_interrupted = True
    PlainShow(out).close(scene)
    total = scene.board.total
    calls, verdict = out.getvalue().splitlines()[-2:]
    assert f"0 lost, {total.asked - total.settled} not waited for, in 4.0 s" in calls
    assert verdict == "Interrupted. Every promise was kept until then."
