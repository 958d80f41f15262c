"""How many calls fit into how many seconds."""

from __future__ import annotations

import pytest

from gracy_transport.demo.data import countries
from gracy_transport.demo.plan import RULES, SLOTS, Plan


def test_fifteen_seconds_are_time_for_all_countries() -> None:
    """Each of them is asked for, after thirteen pages that list them."""
    plan = Plan.for_seconds(15.0)
    assert plan.countries >= len(countries())


@pytest.mark.parametrize(("wanted", "pages"), [(1, 1), (20, 1), (21, 2), (249, 13), (250, 14), (498, 26)])
def test_pages_are_those_that_list_what_is_asked_for(wanted: int, pages: int) -> None:
    """20 to a page; after all 249 the list begins again."""
    assert Plan(elements=0, countries=wanted, planets=0, feeds=0, naive=0).pages == pages


def test_even_the_shortest_run_meets_the_limit_of_the_elements() -> None:
    """Otherwise there would be nothing to judge."""
    assert Plan.for_seconds(2.0).elements > RULES["/elements/{SYMBOL}"].max_requests


def test_every_limit_is_about_an_endpoint_that_is_asked() -> None:
    """Each rule matches one at least, each slot limit is for one."""
    calls = Plan.for_seconds(15.0).calls
    assert set(SLOTS) <= set(calls)
    for rule in RULES.values():
        assert any(rule.url_pattern.match(f"http://api.test{template}") for template in calls)
