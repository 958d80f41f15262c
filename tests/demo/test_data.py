"""The tables hold what is true."""

from __future__ import annotations

from itertools import pairwise

from gracy_transport.demo.data import countries, elements, planets


def test_countries_are_those_of_iso_3166() -> None:
    """249 codes, each kind of code unique; the numeric one keeps its zeros."""
    table = countries()
    assert len(table) == 249
    assert table["BR"] == {"alpha2": "BR", "alpha3": "BRA", "numeric": "076", "name": "Brazil"}
    for column, length in (("alpha2", 2), ("alpha3", 3), ("numeric", 3)):
        codes = {row[column] for row in table.values()}
        assert len(codes) == 249
        assert {len(code) for code in codes} == {length}


def test_elements_are_in_the_order_of_their_numbers() -> None:
    """118 elements; 34 of them have no standard atomic weight."""
    table = elements()
    assert [row["number"] for row in table.values()] == list(range(1, 119))
    assert table["Au"] == {"number": 79, "symbol": "Au", "name": "gold", "weight": 196.97}
    assert sum(row["weight"] is None for row in table.values()) == 34


def test_weights_grow_with_the_numbers_but_for_the_known_exceptions() -> None:
    """Argon, cobalt, tellurium and thorium outweigh the element that follows them."""
    weights = [(row["weight"], row["symbol"]) for row in elements().values() if row["weight"]]
    heavier = [symbol for (weight, symbol), (after, _) in pairwise(weights) if weight > after]
    assert heavier == ["Ar", "Co", "Te", "Th"]


def test_planets_obey_kepler() -> None:
    """The square of the period is as the cube of the distance, to three percent."""
    table = planets()
    assert list(table) == ["mercury", "venus", "earth", "mars", "jupiter", "saturn", "uranus", "neptune"]
    earth = table["earth"]
    for planet in table.values():
        years = planet["period_days"] / earth["period_days"]
        distance = planet["distance_million_km"] / earth["distance_million_km"]
        assert abs(years**2 / distance**3 - 1) < 0.03
