"""Tests of what all configuration values share."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from gracy_transport.values import ABSENT, Absent, FrozenDict, Value, one_or_many


class Sample(Value, frozen=True):
    """A config with one field that takes one or many, and one that may be absent."""

    codes: Annotated[frozenset[int] | None, one_or_many(into=frozenset)] = None
    names: Annotated[tuple[Any, ...] | Absent, one_or_many(into=tuple)] = ABSENT


def sample(**fields: Any) -> Sample:
    """Makes a sample of what users pass, which the types of the stored fields do not show."""
    return Sample(**fields)


def test_absent_is_false_and_not_none() -> None:
    """`None` is a value; absence is another thing."""
    assert not ABSENT
    assert ABSENT is not None
    assert repr(ABSENT) == "ABSENT"


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda mark: pickle.loads(pickle.dumps(mark))],
    ids=["copy", "deep", "pickle"],
)
def test_absent_stays_one_object(again: Any) -> None:
    """Identity tests work on the far side of a process pool too."""
    assert again(ABSENT) is ABSENT


def test_absent_differs_from_none_in_equality_and_hash() -> None:
    """Two configs of which one says nothing and one switches off are two configs."""

    class Switch(Value, frozen=True):
        retry: int | Absent | None = ABSENT

    assert Switch() != Switch(retry=None)
    assert hash(Switch()) != hash(Switch(retry=None))
    assert Switch() == Switch(retry=ABSENT)


def test_values_are_frozen_comparable_and_hashable() -> None:
    """A config can be shared because nobody can change it."""
    value = sample(codes=200)
    assert value == sample(codes=[200])
    assert hash(value) == hash(sample(codes={200}))
    with pytest.raises(ValidationError, match="codes"):
        setattr(value, "codes", None)  # noqa: B010 - type checkers know that it is frozen


def test_values_refuse_unknown_fields_by_name() -> None:
    """A misspelt field is an error that shows the misspelling."""
    with pytest.raises(ValidationError, match="cods"):
        sample(cods=200)


@pytest.mark.parametrize("given", [200, [200], (200,), {200}, range(200, 201), (code for code in [200])])
def test_one_or_many_stores_any_collection_alike(given: object) -> None:
    """One value and every kind of collection come out the same."""
    assert sample(codes=given).codes == frozenset({200})


@pytest.mark.parametrize("given", ["text", b"bytes", {"a": 1}, int, Sample()])
def test_one_or_many_takes_texts_mappings_classes_and_values_as_one(given: object) -> None:
    """Things that happen to be iterable, but stand for one value, are not taken apart."""
    assert sample(names=given).names == (given,)


def test_one_or_many_lets_none_and_absent_through() -> None:
    """Off and not given are kept as they are."""
    assert sample(codes=None).codes is None
    assert sample(names=ABSENT).names is ABSENT


@pytest.mark.parametrize("given", [[[1]], {"a": 1}])
def test_one_or_many_names_the_field_of_an_unhashable_item(given: object) -> None:
    """A list in a list is a wrong value like any other, not a bare TypeError about hashing."""
    with pytest.raises(ValidationError, match=r"codes\n.*unhashable"):
        sample(codes=given)


def test_frozen_dict_is_a_hashable_mapping() -> None:
    """Equal contents are equal and hash alike, whatever the order."""
    one, other = FrozenDict({"a": 1, "b": 2}), FrozenDict({"b": 2, "a": 1})
    assert one == other == {"a": 1, "b": 2}
    assert hash(one) == hash(other)
    assert one["a"] == 1
    assert list(one) == ["a", "b"]
    assert len(one) == 2
    assert repr(one) == "{'a': 1, 'b': 2}"
    assert pickle.loads(pickle.dumps(one)) == one


def test_frozen_dict_does_not_follow_the_dictionary_it_came_from() -> None:
    """Changing the original later changes nothing."""
    source = {"a": 1}
    frozen = FrozenDict(source)
    source["a"] = 2
    assert frozen["a"] == 1


class Part(Value, frozen=True):
    """What only the test below makes: its validator is built there."""

    number: int


class Whole(Value, frozen=True):
    """Likewise."""

    part: Part
    parts: tuple[Part, ...] = ()


def test_the_first_values_of_a_class_may_be_made_in_many_threads_at_once() -> None:
    """A validator is built once, for whoever comes first; the others wait for it."""
    start = Barrier(8)

    def make(number: int) -> Whole:
        start.wait()
        return Whole(part=Part(number=number))

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(8)))
    assert [whole.part.number for whole in made] == list(range(8))
