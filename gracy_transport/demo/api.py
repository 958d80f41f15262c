"""The API of the demo, as flaky as real ones. It runs in a process of its own and knows nothing of its clients.

| endpoint            | what it serves                   | its temper                                        |
|---------------------|----------------------------------|---------------------------------------------------|
| `/elements/{SYMBOL}`| the chemical elements            | 50 a second; errors, dropped and silent connections |
| `/countries`        | the countries of ISO 3166, paged | 4 a second, within the 26 of all countries; errors |
| `/countries/{CODE}` | one country, or a 404            | 26 a second; errors, bodies that break off        |
| `/planets/{NAME}`   | the planets                      | its documentation says 20 a second, it means 14   |
| `/feed`             | the elements as server-sent events | every connection is cut after 50 events         |

Chance decides by the seed, the target and how often that was asked for: the same seed is the same script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Final

import anyio

from ..testing.origin import EventStream, Flaky, Origin, Paginated, RateLimited, Reply, Visit
from .data import Record, countries, elements, planets

__all__ = [
    "COUNTRIES_A_PAGE",
    "COUNTRIES_A_SECOND",
    "ELEMENTS_A_SECOND",
    "PAGES_A_SECOND",
    "PLANETS_DOCUMENTED",
    "SCRIPT",
    "make_origin",
]

SCRIPT: Final = "/script"
"""Where the demo says which seed to play, `PUT /script?seed=7`; it starts the script from its beginning."""

ELEMENTS_A_SECOND: Final = 50
COUNTRIES_A_SECOND: Final = 26
PAGES_A_SECOND: Final = 4
PLANETS_DOCUMENTED: Final = 20
PLANETS_A_SECOND: Final = 14
COUNTRIES_A_PAGE: Final = 20
EVENTS_A_CONNECTION: Final = 50

THINKING: Final = 0.06
"""Seconds the API thinks about an ordinary answer: a database is behind it, one imagines."""

MOST_VISITS: Final = 100_000
"""Arrivals that are remembered: more than ten minutes of the demo."""


def make_origin(sleep: Callable[[float], Awaitable[object]] = anyio.sleep) -> Origin:
    """Returns the API, its script at the beginning of seed 0 until another is asked for.

    Args:
        sleep: what it waits with, where it is slow.
    """
    origin = Origin(max_visits=MOST_VISITS, sleep=sleep)

    def begin(visit: Visit) -> Reply:
        play(origin, visit.query["seed"])
        return Reply(204)

    origin.on("PUT", SCRIPT).handle(begin)
    play(origin, "0")
    return origin


def play(origin: Origin, seed: str) -> None:
    """Scripts all endpoints anew, from the beginning of what the seed holds."""
    nations, chemistry = countries(), elements()
    flaky = Flaky(
        seed,
        Lookup(chemistry),
        errors=0.06,
        slow=0.04,
        drops=0.05,
        faults=("reset", "hangup", "stall"),
        delay=0.5,
    )
    origin.on("GET", "/elements/{SYMBOL}").handle(RateLimited(ELEMENTS_A_SECOND, 1.0, flaky))
    pages = RateLimited(PAGES_A_SECOND, 1.0, Flaky(seed, Paginated(nations.values(), COUNTRIES_A_PAGE), errors=0.15))
    one = Flaky(seed, Torn(seed, 0.05, Lookup(nations)), errors=0.08, slow=0.05, delay=0.4)
    limit = RateLimited(COUNTRIES_A_SECOND, 1.0, lambda visit: (one if visit.args else pages)(visit))
    origin.on("GET", "/countries").handle(limit)
    origin.on("GET", "/countries/{CODE}").handle(limit)
    far = Flaky(seed, Lookup(planets()), errors=0.08, drops=0.04)
    origin.on("GET", "/planets/{NAME}").handle(RateLimited(PLANETS_A_SECOND, 1.0, far))
    origin.on("GET", "/feed").handle(EventStream(chemistry.values(), 0.01, cut_after=EVENTS_A_CONNECTION))


class Lookup:
    """Serves the rows of a table by the one argument of the template, and a 404 for what is not in it."""

    def __init__(self, rows: Mapping[str, Record]) -> None:
        self._replies = {key: Reply(json=row, delay=THINKING) for key, row in rows.items()}
        self._missing = Reply(404, json={"error": "there is none"}, delay=THINKING)

    def __call__(self, visit: Visit) -> Reply:
        """Answers a visit."""
        (wanted,) = visit.args.values()
        return self._replies.get(wanted, self._missing)


class Torn:
    """Breaks some of the bodies off half-way: `rate` of them, from 0 to 1."""

    def __init__(self, seed: str, rate: float, then: Lookup) -> None:
        self._seed, self._rate, self._then = seed, rate, then
        self._asked: Counter[str] = Counter()

    def __call__(self, visit: Visit) -> Reply:
        """Answers a visit."""
        reply = self._then(visit)
        self._asked[visit.target] += 1
        chance = Random(f"{self._seed} {visit.target} {self._asked[visit.target]}").random()
        return replace(reply, fault="reset_in_body") if chance < self._rate else reply
