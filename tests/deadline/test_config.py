"""Where a deadline can be given: a stack, a call, a decorated method, a namespace; and what is refused."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from gracy_transport import (
    DEFAULT_CONFIG,
    DeadlineTransport,
    Gracy,
    GracyConfig,
    GracyNamespace,
    GracyTransport,
    call_options,
    graceful,
)
from gracy_transport.overtime import within
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.deadline.support import URL, exceeded, stacked

pytestmark = pytest.mark.anyio

SLOW = ScriptedResponse(delay=15)


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan"), "soon"])
def test_a_deadline_is_positive_and_finite(wrong: Any) -> None:
    """The error names the field."""
    with pytest.raises(ValidationError, match="deadline"):
        GracyConfig(deadline=wrong)
    with pytest.raises(ValidationError, match="seconds"):
        DeadlineTransport(ScriptedWire(), wrong)


def test_there_is_none_unless_given() -> None:
    """A layer that is not configured is not in the chain."""
    assert DEFAULT_CONFIG.deadline is None
    for config in (GracyConfig(), GracyConfig(deadline=None)):
        assert not any(isinstance(each, DeadlineTransport) for each in GracyTransport(ScriptedWire(), config).chain())


async def test_a_call_may_bring_its_own(family: ModuleType, clock: FakeClock) -> None:
    """Shorter, longer, none; and one where the stack has none."""
    for of_stack in (10, None):
        wire = ScriptedWire(SLOW, clock=clock)
        async with stacked(family, wire, clock, of_stack) as client:
            await client.get(URL, extensions=call_options(deadline=20))
            await client.get(URL, extensions=call_options(deadline=None))
            began = clock.now()
            await exceeded(client.get(URL, extensions=call_options(deadline=3)))
            assert clock.now() - began == 3


async def test_a_single_layer_hears_a_calls_own_too(family: ModuleType, clock: FakeClock) -> None:
    """Without a whole stack."""
    transport = DeadlineTransport(ScriptedWire(SLOW, clock=clock), 10, clock=clock)
    async with family.AsyncClient(transport=transport) as client:
        await client.get(URL, extensions=call_options(deadline=None))
        began = clock.now()
        await exceeded(client.get(URL, extensions=call_options(deadline=3)))
        assert clock.now() - began == 3


async def test_methods_and_namespaces_have_their_own(family: ModuleType, clock: FakeClock) -> None:
    """By the rules for every other field."""
    wire = ScriptedWire(SLOW, clock=clock)

    class Things(GracyNamespace[str]):
        class Config:
            SETTINGS = GracyConfig(deadline=5)

    class Api(Gracy[str]):
        class Config:
            BASE_URL = "https://api.test"
            SETTINGS = GracyConfig(deadline=10)

        things: Things

        def _create_client(self) -> Any:
            return family.AsyncClient(transport=wire)

        @graceful(deadline=3)
        async def hasty(self) -> Any:
            return await self.get("/")

        @graceful(deadline=None)
        async def patient(self) -> Any:
            return await self.get("/")

    async with Api(clock=clock) as api:
        lasted: list[float] = []
        for call in (api.get("/"), api.things.get("/"), api.hasty()):
            began = clock.now()
            await exceeded(call)
            lasted.append(clock.now() - began)
        assert lasted == [10, 5, 3]
        assert (await api.patient()).status_code == 200


async def test_timeouts_that_are_short_enough_are_left_alone(family: ModuleType) -> None:
    """Then there is no need for a request of our own; else its body and all other extensions are shared."""
    given = {"connect": 1, "read": 2, "write": 3, "pool": 4}
    request = family.Request("POST", URL, content=b"body", extensions={"timeout": given, "trace": 1})
    assert within(request, 4) is request
    short = within(request, 2.5)
    assert short.extensions == {"timeout": {"connect": 1, "read": 2, "write": 2.5, "pool": 2.5}, "trace": 1}
    assert short.stream is request.stream
    assert request.extensions["timeout"] is given
    assert given == {"connect": 1, "read": 2, "write": 3, "pool": 4}


def test_a_request_without_timeouts_gets_some() -> None:
    """One that no client has made waits for ever otherwise; and nothing waits for less than no time."""
    assert within(httpx.Request("GET", URL), -1).extensions["timeout"] == dict.fromkeys(
        ("connect", "read", "write", "pool"), 0.0
    )
