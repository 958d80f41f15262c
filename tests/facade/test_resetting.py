"""`dangerously_reset_report`: on an object, and on a class."""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import GracyConfig, ThrottleRule
from gracy_transport.facade.api import _living
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted, ScriptedAPI
from tests.support import sent_at

pytestmark = pytest.mark.anyio


class Parent(ScriptedAPI):
    """An API class."""


class Child(Parent):
    """One derived from it, whose objects are equal and have no hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Child)

    __hash__ = None  # type: ignore[assignment]


class Stranger(ScriptedAPI):
    """One that has nothing to do with it."""


async def used(kind: type[Scripted], family: ModuleType) -> Any:
    api = kind(family, ScriptedWire())
    await api.get_pokemon()
    return api


def attempts(*apis: Any) -> list[int]:
    return [api.get_report().total.attempts for api in apis]


async def test_an_object_resets_its_own_report(family: ModuleType) -> None:
    """No other's, and what comes after counts from nothing."""
    one, other = await used(Parent, family), await used(Parent, family)
    one.dangerously_reset_report()
    assert attempts(one, other) == [0, 1]
    assert one.get_report().rows == ()
    await one.get_pokemon()
    assert attempts(one, other) == [1, 1]


async def test_a_class_resets_those_of_all_its_objects(family: ModuleType) -> None:
    """Those of its subclasses among them, and of no other class."""
    apis = [await used(kind, family) for kind in (Parent, Child, Child, Stranger)]
    Child.dangerously_reset_report()
    assert attempts(*apis) == [1, 0, 0, 1]
    Parent.dangerously_reset_report()
    assert attempts(*apis) == [0, 0, 0, 1]
    await apis[0].get_pokemon()
    assert attempts(*apis) == [1, 0, 0, 1]


async def test_what_is_under_way_counts_when_it_ends(family: ModuleType, clock: FakeClock) -> None:
    """In the new report."""
    api = Parent(family, ScriptedWire(ScriptedResponse(delay=1), clock=clock), clock=clock)
    async with anyio.create_task_group() as group:
        group.start_soon(api.get_pokemon)
        await clock.sleep(0.5)
        Parent.dangerously_reset_report()
        assert attempts(api) == [0]
    assert attempts(api) == [1]


async def test_limits_go_on(family: ModuleType, clock: FakeClock) -> None:
    """A server does not forget what it was asked."""

    class Limited(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(throttling=ThrottleRule(".*", 1))

    api = Limited(family, ScriptedWire(clock=clock), clock=clock)
    await api.get_pokemon()
    Limited.dangerously_reset_report()
    await api.get_pokemon()
    first, second = sent_at(api.wire)
    assert second - first == 1


def test_objects_are_not_kept_alive_for_it(family: ModuleType) -> None:
    """Nor is anything of them."""

    class Passing(ScriptedAPI):
        pass

    for _ in range(3):
        Passing(family, ScriptedWire())
    gc.collect()
    assert _living.of(Passing) == []
    Passing.dangerously_reset_report()


def test_it_is_documented_in_both_forms(family: ModuleType) -> None:
    """By the same words."""
    for method in (Parent.dangerously_reset_report, Parent(family, ScriptedWire()).dangerously_reset_report):
        assert str(method.__doc__).startswith("Starts the report anew")
