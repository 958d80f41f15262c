"""Tests of plain values."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass, replace

import pytest

from gracy_transport.plain import PlainValue


class Point(PlainValue):
    """A place."""

    x: int
    y: int = 0


class Named(Point):
    """A place with a name."""

    name: str = ""


def test_fields_are_given_in_order_or_by_name() -> None:
    """Those of the base first; a default stands for what is left out."""
    assert (Point(1).x, Point(1).y) == (1, 0)
    named = Named(1, name="here")
    assert (named.x, named.y, named.name) == (1, 0, "here")


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
def test_a_wrong_field_is_refused(values: tuple[int, ...], named: dict[str, int]) -> None:
    """One that is missing, too many, given twice or unknown; the error says what there is."""
    with pytest.raises(TypeError, match="Point takes x, y; give each"):
        Point(*values, **named)


def test_values_with_equal_fields_are_equal() -> None:
    """As keys, too; never those of different classes."""
    assert Point(1) == Point(1, 0)
    assert Point(1) != Point(2)
    assert {Point(1): "a"}[Point(1, 0)] == "a"
    assert Point(1) != Named(1)
    assert Point(1) != (1, 0)


def test_nothing_can_be_changed() -> None:
    """Nor added, nor taken away."""
    point = Point(1)
    with pytest.raises(FrozenInstanceError, match="make another with another x"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        setattr(point, "z", 2)  # noqa: B010 - type checkers see it otherwise
    with pytest.raises(FrozenInstanceError, match="x stays"):
        delattr(point, "x")
    assert point == Point(1)


def test_values_can_be_copied_pickled_matched_and_read() -> None:
    """As dataclasses can."""
    named = Named(1, 2, "here")
    assert pickle.loads(pickle.dumps(named)) == copy.deepcopy(named) == named
    match named:
        case Named(x, y, name):
            assert (x, y, name) == (1, 2, "here")
    assert repr(named) == "Named(x=1, y=2, name='here')"


def test_the_functions_of_dataclasses_know_them() -> None:
    """By name, with their defaults."""
    named = Named(1, 2, "here")
    assert replace(named, y=3) == Named(1, 3, "here")
    assert asdict(named) == {"x": 1, "y": 2, "name": "here"}
    assert [field.name for field in fields(Named)] == ["x", "y", "name"]
    assert [field.default for field in fields(Named)][1:] == [0, ""]
    assert is_dataclass(Named)
