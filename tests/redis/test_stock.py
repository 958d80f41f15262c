"""Permits at hand: those that were lent, and a process's own share."""

from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.redis.stock import Lease, Overdraft, OwnShare, Stock


def lent(*, opens: float = 0.0, until: float = 10.0, count: int = 1) -> Lease:
    """Returns permits that were lent."""
    return Lease("o:1:1", count, opens, opens, until)


def test_a_permit_can_be_used_from_its_opening_to_its_end() -> None:
    """Neither earlier nor later."""
    stock = Stock()
    stock.add(lent(opens=5.0, until=6.0))
    assert [stock.can_use(now) for now in (4.999, 5.0, 6.0, 6.001)] == [False, True, True, False]


def test_each_permit_is_used_once() -> None:
    """Two are two."""
    stock = Stock()
    stock.add(lent(count=2))
    assert [stock.use(1.0) for _ in range(3)] == [True, True, False]
    assert stock.left == 0


def test_there_are_more_than_those_that_are_left_for_others() -> None:
    """Of two that are open and one that is not, two can be used, also when what is first has ended."""
    stock = Stock()
    stock.add(lent(count=1, until=2.0))
    stock.add(lent(count=2))
    stock.add(lent(count=1, opens=5.0))
    assert [stock.has(place, 1.0) for place in range(4)] == [True, True, True, False]
    assert [stock.has(place, 3.0) for place in range(3)] == [True, True, False]
    assert stock.has(2, 5.0)
    assert not Stock().has(0, 1.0)


def test_the_opening_of_those_further_back_is_known() -> None:
    """As far as there are any."""
    stock = Stock()
    stock.add(lent(opens=1.0, count=2))
    stock.add(lent(opens=3.0, count=1))
    assert [stock.opens_at(place, 0.0) for place in range(4)] == [1.0, 1.0, 3.0, None]


def test_what_lay_too_long_is_put_aside_with_what_is_known_of_it() -> None:
    """To be told: one was used, at that time, one was not."""
    stock = Stock()
    stock.add(lent(until=2.0, count=2))
    stock.use(1.5)
    stock.drop(2.5)
    [lease] = stock.settled
    assert (lease.used, lease.left, lease.last, stock.left) == (1, 1, 1.5, 0)


def test_what_opens_later_is_found_behind_what_has_ended() -> None:
    """The queue does not stop at what lay too long."""
    stock = Stock()
    stock.add(lent(until=1.0))
    stock.add(lent(opens=2.0, until=9.0))
    assert stock.opens_at(0, 3.0) == 2.0
    assert stock.use(3.0)


@given(
    limit=st.integers(1, 20),
    processes=st.integers(1, 30),
    steps=st.lists(st.floats(0.0, 0.7), min_size=1, max_size=100),
)
def test_a_share_is_never_more_than_its_part_of_any_window(limit: int, processes: int, steps: list[float]) -> None:
    """With more processes than permits one in so many periods, else the whole part of the limit."""
    own, now, sent = OwnShare(limit, 1.0), 0.0, list[float]()
    for step in steps:
        now += step
        at = own.opens_at(0, processes, now)
        now = max(now, at)
        own.sent.append(now)
        sent.append(now)
    window = max(1.0, processes / limit)
    most = max(1, limit // processes)
    for place, at in enumerate(sent):
        assert bisect_left(sent, at + window - 1e-9) - place <= most


def test_the_whole_share_can_be_used_at_once() -> None:
    """Five of ten for each of two."""
    own = OwnShare(10, 1.0)
    assert [own.opens_at(place, 2, 7.0) for place in range(5)] == [7.0] * 5
    assert own.opens_at(5, 2, 7.0) == 8.0


def test_what_is_sent_while_something_is_told_is_told_later() -> None:
    """Also when only so many are remembered."""
    over = Overdraft(2, [1.0, 2.0])
    assert list(over.telling()) == [1.0, 2.0]
    over.add(3.0)
    over.told()
    assert list(over.telling()) == [3.0]
    over.not_told()
    assert list(over.telling()) == [3.0]
    over.told()
    assert not over
