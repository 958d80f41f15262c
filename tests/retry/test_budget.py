"""The arithmetic of a retry budget, against a model that remembers every instant."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gracy_transport import GracefulRetry, RetryBudget
from gracy_transport.retry.budget import _MOST_BUDGETS, SLICES, Budgets, Spending

WINDOW = 10.0
SLICE = WINDOW / SLICES

# Halves and quarters of a slice, so that the model and the slices mean the same instants.
steps = st.lists(st.tuples(st.booleans(), st.integers(0, 3 * SLICES * 4)), max_size=200)
budgets = st.builds(
    RetryBudget,
    share=st.sampled_from([0.0, 0.125, 0.25, 0.5, 1.0, 2.0]),
    floor=st.sampled_from([0.0, 0.125, 0.5, 2.0]),
    window=st.just(WINDOW),
)


class Model:
    """Remembers all, and counts what lies within so many seconds."""

    def __init__(self) -> None:
        self.firsts: list[float] = []
        self.retries: list[float] = []

    def allowed(self, budget: RetryBudget, now: float, seconds: float) -> float:
        return budget.share * sum(at > now - seconds for at in self.firsts) + budget.floor * budget.window

    def spent(self, now: float, seconds: float) -> int:
        return sum(at > now - seconds for at in self.retries)


@given(budget=budgets, script=steps)
def test_no_window_holds_more_retries_than_the_budget_and_none_is_refused_that_a_slice_less_would_allow(
    budget: RetryBudget, script: list[tuple[bool, int]]
) -> None:
    """Whenever a retry is allowed, the true window holds its budget; when it is refused, all but a slice is spent."""
    spending, model, now = Spending(budget), Model(), 1000.0
    for is_first, pause in script:
        now += pause * SLICE / 4 / 8
        if is_first:
            spending.count_first(now)
            model.firsts.append(now)
        elif spending.try_retry(now):
            model.retries.append(now)
            assert model.spent(now, WINDOW) <= model.allowed(budget, now, WINDOW)
        else:
            assert model.spent(now, WINDOW + SLICE) + 1 > model.allowed(budget, now, WINDOW - SLICE)


@given(budget=budgets, script=steps)
def test_all_retries_together_stay_within_the_share_and_the_floor(
    budget: RetryBudget, script: list[tuple[bool, int]]
) -> None:
    """Over any time: the share of all first attempts, and the floor for the time and one window more."""
    spending, now, firsts, retries = Spending(budget), 1000.0, 0, 0
    for is_first, pause in script:
        now += pause * SLICE / 4
        if is_first:
            spending.count_first(now)
            firsts += 1
        else:
            retries += spending.try_retry(now)
    assert retries <= budget.share * firsts + budget.floor * (now - 1000.0 + WINDOW)


def test_the_share_of_first_attempts_may_be_retried() -> None:
    """One in five, without a floor."""
    spending = Spending(RetryBudget(share=0.2, floor=0))
    for _ in range(100):
        spending.count_first(1000.0)
    assert sum(spending.try_retry(1000.0) for _ in range(100)) == 20


def test_the_floor_lets_little_traffic_be_retried() -> None:
    """So many a second, all at once if need be, within the window."""
    spending = Spending(RetryBudget(share=0, floor=2, window=5))
    assert sum(spending.try_retry(1000.2) for _ in range(100)) == 10
    assert not spending.try_retry(1004.9)
    assert not spending.try_retry(1005.1)
    assert sum(spending.try_retry(1005.5) for _ in range(100)) == 10


def test_what_is_long_ago_is_forgotten() -> None:
    """Also after a pause of many windows, in which no slice was looked at."""
    spending = Spending(RetryBudget(share=1, floor=0))
    spending.count_first(1000.0)
    assert not spending.try_retry(1000.0 + 1e6)
    spending.count_first(1000.0 + 1e6)
    assert spending.try_retry(1000.0 + 1e6)


def test_a_reading_of_the_clock_that_comes_late_counts_as_of_now() -> None:
    """Two threads may read the clock in one order and come in the other."""
    spending = Spending(RetryBudget(share=1, floor=0))
    spending.count_first(2000.0)
    spending.count_first(1000.0)
    assert [spending.try_retry(1500.0) for _ in range(3)] == [True, True, False]


def test_memory_does_not_grow_with_the_requests() -> None:
    """There are slices and nothing else."""
    spending = Spending(RetryBudget())

    def size() -> int:
        return sum(sys.getsizeof(getattr(spending, name)) for name in Spending.__slots__)

    before = size()
    for number in range(20_000):
        spending.count_first(1000.0 + number / 100)
        spending.try_retry(1000.0 + number / 100)
    assert size() == before


def test_threads_lose_no_count() -> None:
    """Four threads at once spend what there is, to the last."""
    spending = Spending(RetryBudget(share=1, floor=0))
    allowed: list[bool] = []

    def work() -> None:
        for _ in range(2_000):
            spending.count_first(1000.0)
        allowed.extend(spending.try_retry(1000.0) for _ in range(1_000))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 4_000
    assert sum(spending.try_retry(1000.0) for _ in range(9_000)) == 4_000


def test_equal_budgets_are_one_and_others_are_not() -> None:
    """Configs are values: it does not matter which object says it."""
    known = Budgets()
    assert known.of(RetryBudget(0.1)) is known.of(RetryBudget(0.1))
    assert known.of(RetryBudget(0.1)) is not known.of(RetryBudget(0.2))


def test_budgets_that_nobody_asks_for_make_room() -> None:
    """A budget made up for each call does not fill the memory, and the one in use stays."""
    known = Budgets()
    used, early = known.of(RetryBudget()), known.of(RetryBudget(share=0))
    for number in range(1000):
        known.of(RetryBudget(share=1, floor=number))
        assert known.of(RetryBudget()) is used
    assert known.of(RetryBudget(share=0)) is not early


@pytest.mark.parametrize(
    ("given_as", "stored"),
    [(True, RetryBudget(0.2, 10, 10)), (False, None), (None, None), (RetryBudget(0.5), RetryBudget(share=0.5))],
)
def test_a_budget_is_asked_for_in_one_word_or_in_figures(given_as: Any, stored: RetryBudget | None) -> None:
    """`True` stands for the figures of the default."""
    assert GracefulRetry(budget=given_as).budget == stored


@pytest.mark.parametrize("wrong", [0.2, "yes", {}])
def test_anything_else_is_no_budget(wrong: Any) -> None:
    """The error says what to give."""
    with pytest.raises(ValidationError, match="none of True, None and a RetryBudget"):
        GracefulRetry(budget=wrong)


@pytest.mark.parametrize(
    "figures", [{"share": -1}, {"floor": -1}, {"window": 0}, {"share": float("inf")}, {"window": float("nan")}]
)
def test_figures_that_make_no_sense_are_refused(figures: dict[str, float]) -> None:
    """The error names the field."""
    with pytest.raises(ValidationError, match=next(iter(figures))):
        RetryBudget(**figures)


def test_the_budgets_of_a_stack_are_bounded() -> None:
    """The one that nobody asked for longest is forgotten, and no sooner than that."""
    budgets = Budgets()
    mine = RetryBudget(share=0.5, floor=1.0)
    spending = budgets.of(mine)
    for number in range(_MOST_BUDGETS - 1):
        budgets.of(RetryBudget(share=0.5, floor=2.0 + number))
    assert budgets.of(mine) is spending
    for number in range(_MOST_BUDGETS):
        budgets.of(RetryBudget(share=0.25, floor=2.0 + number))
    assert len(budgets._spendings) == _MOST_BUDGETS
    assert budgets.of(mine) is not spending


def test_nothing_is_spent_at_first() -> None:
    """Also not by the clock of a machine that has just started: at 0 s."""
    assert not Spending(RetryBudget(share=1.0, floor=0.0, window=WINDOW)).try_retry(0.0)
    spending = Spending(RetryBudget(share=0.0, floor=1 / WINDOW, window=WINDOW))
    assert [spending.try_retry(0.0) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(("slices", "allowed"), [(0, True), (1, True), (SLICES - 1, True), (SLICES, False)])
def test_a_first_attempt_counts_while_all_of_its_slice_is_in_the_window(slices: int, allowed: bool) -> None:
    """In the slice that has begun to leave the window it counts no more."""
    spending = Spending(RetryBudget(share=1.0, floor=0.0, window=WINDOW))
    spending.count_first(0.0)
    assert spending.try_retry(slices * SLICE) is allowed
