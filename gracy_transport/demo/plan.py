"""What the demo asks for, and within which limits: how many calls fit into how many seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final, Self

from ..throttle import ThrottleRule
from .api import COUNTRIES_A_PAGE, COUNTRIES_A_SECOND, ELEMENTS_A_SECOND, PAGES_A_SECOND, PLANETS_DOCUMENTED
from .data import countries

__all__ = [
    "COUNTRIES_RULE",
    "ELEMENTS_RULE",
    "NO_COUNTRIES",
    "PAGES_RULE",
    "PLANETS_RULE",
    "RULES",
    "RULE_OF",
    "SLOTS",
    "Plan",
]

ELEMENTS_RULE: Final = ThrottleRule(r".*/elements/", ELEMENTS_A_SECOND)
COUNTRIES_RULE: Final = ThrottleRule(r".*/countries", COUNTRIES_A_SECOND, margin=0.05)
PAGES_RULE: Final = ThrottleRule(r".*/countries$", PAGES_A_SECOND)
PLANETS_RULE: Final = ThrottleRule(r".*/planets/", PLANETS_DOCUMENTED)

RULES: Final[Mapping[str, ThrottleRule]] = {
    "/elements/{SYMBOL}": ELEMENTS_RULE,
    "/countries": PAGES_RULE,
    "/countries/*": COUNTRIES_RULE,
    "/planets/{NAME}": PLANETS_RULE,
}
"""Every rate rule that the clients promise to keep, by what it is for; the end judges them."""

RULE_OF: Final[Mapping[str, ThrottleRule]] = {**RULES, "/countries/{CODE}": COUNTRIES_RULE}
"""The rule that each endpoint notices."""

SLOTS: Final[Mapping[str, int]] = {"/elements/{SYMBOL}": 12, "/countries/{CODE}": 6, "/feed": 3}
"""How many requests may be in flight, by endpoint; judged likewise."""

NO_COUNTRIES: Final = ("UK", "EU", "XX")
"""Codes that people take for countries and ISO 3166 does not: their 404 is an answer."""


@dataclass(frozen=True)
class Plan:
    """How many calls each endpoint is asked for."""

    elements: int
    countries: int
    planets: int
    feeds: int
    naive: int
    """Calls that plain httpx makes first, without the stack."""

    @classmethod
    def for_seconds(cls, seconds: float) -> Self:
        """Returns the plan that takes about so long."""
        # What is left after the start, the part without the stack, and the last retries.
        span = max(seconds - 2.8, 1.6)
        return cls(
            elements=round(38 * span),
            countries=round(20.75 * span),
            planets=round(10.5 * span),
            feeds=max(2, round(1.9 * span)),
            naive=min(180, round(60 * span)),
        )

    @property
    def pages(self) -> int:
        """How many pages it takes to list the countries that are asked for."""
        all_of_them = len(countries())
        rounds, rest = divmod(self.countries, all_of_them)
        return rounds * ceil(all_of_them / COUNTRIES_A_PAGE) + ceil(rest / COUNTRIES_A_PAGE)

    @property
    def calls(self) -> Mapping[str, int]:
        """How many calls there will be, by endpoint."""
        return {
            "/elements/{SYMBOL}": self.elements,
            "/countries": self.pages,
            "/countries/{CODE}": self.countries + len(NO_COUNTRIES),
            "/planets/{NAME}": self.planets,
            "/feed": self.feeds,
        }
