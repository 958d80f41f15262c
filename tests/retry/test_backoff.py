"""The arithmetic of the delays."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.retry.backoff import back_off, hinted, jittered

seconds = st.floats(0, 1e9)
chances = st.none() | st.floats(0, 1)
retries = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("base", "modifier", "cap", "delays"),
    [
        (1, 1.5, 60, [1, 1.5, 2.25, 3.375]),
        (2, 1, 60, [2, 2, 2, 2]),
        (1, 2, 5, [1, 2, 4, 5]),
        (8, 0.5, 60, [8, 4, 2, 1]),
        (3, 0, 60, [3, 0, 0, 0]),
        (0, 10, 60, [0, 0, 0, 0]),
        (9, 1, 5, [5, 5, 5, 5]),
    ],
)
def test_delays_grow_by_the_modifier_up_to_the_cap(
    base: float, modifier: float, cap: float, delays: list[float]
) -> None:
    """The first retry waits for the delay itself."""
    assert [back_off(base, modifier, retry, cap) for retry in range(1, 5)] == delays


@given(base=seconds, modifier=st.floats(0, 1e300), retry=retries, cap=seconds)
def test_a_delay_is_within_zero_and_the_cap(base: float, modifier: float, retry: int, cap: float) -> None:
    """Whatever the figures, nothing overflows."""
    assert 0 <= back_off(base, modifier, retry, cap) <= cap


@given(base=seconds, modifier=st.floats(1, 1e6), retry=retries, cap=seconds)
def test_delays_never_shrink_when_the_modifier_is_at_least_one(
    base: float, modifier: float, retry: int, cap: float
) -> None:
    """Each delay is at least as long as the one before."""
    assert back_off(base, modifier, retry, cap) <= back_off(base, modifier, retry + 1, cap)


def test_ten_thousand_retries_with_modifier_ten_stay_at_the_cap() -> None:
    """The power is beyond any float, and still the delay is the cap, or nothing when there was no delay."""
    assert {back_off(1, 10.0, retry, 60) for retry in range(3, 10_001)} == {60}
    assert back_off(0, 10.0, 10_000, 60) == 0


@given(delay=seconds, chance=chances)
def test_jitter_is_a_part_of_the_delay(delay: float, chance: float | None) -> None:
    """Jitter never makes a delay longer, and without it the delay is whole."""
    waited = jittered(delay, chance)
    assert 0 <= waited <= delay
    assert chance is not None or waited == delay


@given(hint=st.floats(0, 1e6), room=st.floats(0, 1e6), delay=seconds, chance=chances)
def test_a_hint_is_never_undercut_nor_the_cap_exceeded(
    hint: float, room: float, delay: float, chance: float | None
) -> None:
    """Jitter is added after the hint, and only as much as the cap has room for."""
    cap = hint + room
    waited = hinted(hint, delay, chance, cap)
    assert hint <= waited <= cap
    assert chance is not None or waited == hint


def test_jitter_spreads_hinted_waits_evenly() -> None:
    """Half a chance of a delay of four adds two seconds."""
    assert hinted(10, 4, 0.5, 60) == 12
    assert math.isclose(jittered(4, 0.25), 1)
