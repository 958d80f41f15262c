"""What is known of a server's clock: an interval that always holds the truth, and narrows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.redis.timing import ServerTime

TINY = 1e-6
trips = st.tuples(st.floats(0.0001, 0.5), st.floats(0.0001, 0.5), st.floats(0, 60))


@given(st.floats(-1e6, 1e6), st.lists(trips, min_size=1, max_size=20))
def test_the_true_time_lies_in_the_interval(offset: float, exchanges: list[tuple[float, float, float]]) -> None:
    """However long each way takes, and however far the clocks are apart."""
    time, here = ServerTime(), 1000.0
    for there, back, pause in exchanges:
        here += pause
        sent, server, received = here, here + there + offset, here + there + back
        time.note(sent, received, server)
        here = received
        assert time.not_after(server) <= sent + there + TINY
        assert time.not_before(server) >= sent + there - TINY
        assert time.latest(sent + there) >= server - TINY


@given(st.floats(-1e6, 1e6), st.lists(trips, min_size=1, max_size=20))
def test_it_is_no_longer_than_the_quickest_round_trip(
    offset: float, exchanges: list[tuple[float, float, float]]
) -> None:
    """And what clocks may drift apart since then."""
    time, here, known = ServerTime(), 0.0, float("inf")
    for there, back, pause in exchanges:
        here += pause
        time.note(here, here + there + back, here + there + offset)
        here += there + back
        known = min(known + 2 * 200e-6 * (pause + there + back), there + back)
        assert time.not_before(0.0) - time.not_after(0.0) <= known + TINY


def test_a_clock_that_was_set_is_taken_as_it_is() -> None:
    """After a fail-over, say: the server of today is another one."""
    time = ServerTime()
    time.note(10.0, 10.1, 500.0)
    time.note(11.0, 11.2, 9000.0)
    assert time.not_before(9000.0) == pytest.approx(11.2)
    assert time.not_after(9000.0) == pytest.approx(11.0)


def test_nothing_is_known_at_first() -> None:
    """Until the server said something."""
    time = ServerTime()
    assert not time.is_known
    time.note(1.0, 2.0, 3.0)
    assert time.is_known
