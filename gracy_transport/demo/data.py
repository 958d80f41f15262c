"""Real reference data for the demo, so that every answer can be checked against what is true.

`countries.csv` has the 249 codes of ISO 3166-1 with short names; `elements.csv` the 118 chemical elements with
their abridged standard atomic weights (IUPAC, 2021; empty where an element has none); `planets.csv` the
equatorial diameter, mean distance from the sun and orbital period of NASA's planetary fact sheet.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final, TypeAlias

__all__ = ["Record", "countries", "elements", "planets"]

Record: TypeAlias = dict[str, Any]
"""One row of a table, as JSON has it."""

_KINDS: Final[Mapping[str, Callable[[str], object]]] = {
    "number": int,
    "numeric": str,  # a code, whose zeros in front belong to it
    "weight": lambda text: float(text) if text else None,
    "diameter_km": int,
    "distance_million_km": float,
    "period_days": float,
}
"""How the columns that are not plain text are read."""


def countries() -> dict[str, Record]:
    """Returns the countries by their two-letter code: `{"IS": {"alpha2": "IS", "alpha3": "ISL", …}}`."""
    return _table("countries.csv", key="alpha2")


def elements() -> dict[str, Record]:
    """Returns the elements by their symbol, in the order of their numbers."""
    return _table("elements.csv", key="symbol")


def planets() -> dict[str, Record]:
    """Returns the planets by their name in lower case, from the sun outwards."""
    return _table("planets.csv", key="name")


def _table(name: str, key: str) -> dict[str, Record]:
    with files(__package__ or "").joinpath(name).open(encoding="utf-8") as lines:
        rows = [
            {column: _KINDS.get(column, str)(text) for column, text in row.items()} for row in csv.DictReader(lines)
        ]
    return {str(row[key]): row for row in rows}
