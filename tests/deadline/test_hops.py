"""A deadline over hops: redirects and rounds of authentication are one call, and share one instant."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import DeadlineTransport, Gracy, GracyConfig, call_options
from gracy_transport.exceptions import DeadlineExceeded
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire
from tests.deadline.support import URL, exceeded, stacked
from tests.support import sent_at

pytestmark = pytest.mark.anyio


def moved(delay: float) -> ScriptedResponse:
    """Returns a redirect that takes its time."""
    return ScriptedResponse(status=302, headers={"location": "/elsewhere"}, delay=delay)


async def test_redirects_share_the_deadline(family: ModuleType, clock: FakeClock) -> None:
    """4 s for the first hop leave 6 for all others."""
    wire = ScriptedWire(moved(4), moved(4), moved(4), clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        error = await exceeded(client.get(URL, follow_redirects=True))
    assert (sent_at(wire), clock.now()) == ([1000, 1004, 1008], 1010)
    assert "while attempt 3 was under way" in str(error)


async def test_a_hop_that_comes_too_late_is_not_sent(family: ModuleType, clock: FakeClock) -> None:
    """The body of the redirect took all the time there was."""
    wire = ScriptedWire(moved(4), 200, clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        first = await client.send(client.build_request("GET", URL))
        await clock.sleep(6)
        error = await exceeded(client.send(first.next_request))
    assert len(wire.sent) == 1
    assert str(error).startswith("GET https://api.test/elsewhere: the deadline of 10 s was over before attempt 2 began")
    assert error.fate == "never_sent"


async def test_an_auth_round_shares_the_deadline(family: ModuleType, clock: FakeClock) -> None:
    """The challenge and its answer are one call."""

    class Rounds(family.Auth):  # type: ignore[misc, name-defined]
        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            while True:
                response = yield request
                if response.status_code != 401:
                    return
                request.headers["authorization"] = str(clock.now())

    wire = ScriptedWire(ScriptedResponse(status=401, delay=6), clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        await exceeded(client.get(URL, auth=Rounds()))
    assert (sent_at(wire), clock.now()) == ([1000, 1006], 1010)


async def test_the_same_request_sent_again_has_a_deadline_of_its_own(family: ModuleType, clock: FakeClock) -> None:
    """It is another call."""
    wire = ScriptedWire(ScriptedResponse(delay=8), clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        request = client.build_request("GET", URL)
        await client.send(request)
        await client.send(request)
    assert clock.now() == 1016


async def test_a_hop_to_another_stack_keeps_the_deadline(family: ModuleType, clock: FakeClock) -> None:
    """A longer one of that stack gives no more time, since the call is the same."""
    wire = ScriptedWire(ScriptedResponse(status=302, headers={"location": "https://other.test/"}, delay=4), clock=clock)
    other = ScriptedWire(ScriptedResponse(delay=NEVER), clock=clock)
    mounts = {"all://other.test": DeadlineTransport(other, 60, clock=clock)}
    transport = DeadlineTransport(wire, 10, clock=clock)
    async with family.AsyncClient(transport=transport, mounts=mounts) as client:
        await exceeded(client.get(URL, follow_redirects=True))
    assert clock.now() == 1010


async def test_the_redirects_of_an_api_share_the_deadline(family: ModuleType, clock: FakeClock) -> None:
    """As those of any client."""
    wire = ScriptedWire(moved(4), clock=clock)

    class Api(Gracy[str]):
        class Config:
            BASE_URL = "https://api.test"
            SETTINGS = GracyConfig(deadline=10)

        def _create_client(self) -> Any:
            return family.AsyncClient(transport=wire)

    async with Api(clock=clock) as api:
        await exceeded(api.get("/things", follow_redirects=True))
    assert clock.now() == 1010


async def test_a_token_refreshed_through_its_own_client_ends_by_the_deadline(
    family: ModuleType, clock: FakeClock
) -> None:
    """At a limit of one it waits for the slot of the answer that asked for it: to its deadline, not for ever."""

    class Refresh(family.Auth):  # type: ignore[misc, name-defined]
        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            response = yield request
            if response.status_code == 401:
                await client.post("https://api.test/token")
                yield request

    wire = ScriptedWire(ScriptedResponse(status=401, chunks=[b"who", b"?"]), 200, clock=clock)
    async with stacked(family, wire, clock, 10, concurrent_requests=1) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            async with client.stream("GET", URL, auth=Refresh()):
                raise AssertionError("it got through")
        assert clock.now() == 1010
        assert "passed while the call waited for a slot" in str(caught.value)
        assert "POST https://api.test/token" in str(caught.value)
        assert wire.open_bodies == 0
        assert (await client.get(URL)).status_code == 200


async def test_a_token_that_is_refreshed_late_still_ends(family: ModuleType, clock: FakeClock) -> None:
    """The refresh is a call of its own, with a deadline of its own, which starts when it does."""

    class Refresh(family.Auth):  # type: ignore[misc, name-defined]
        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            response = yield request
            if response.status_code == 401:
                await client.post("https://api.test/token", extensions=call_options(deadline=2))
                yield request

    wire = ScriptedWire(ScriptedResponse(status=401, chunks=[b"who", b"?"], delay=4), 200, clock=clock)
    async with stacked(family, wire, clock, 10, concurrent_requests=1) as client:
        with pytest.raises(DeadlineExceeded):
            async with client.stream("GET", URL, auth=Refresh()):
                raise AssertionError("it got through")
        assert clock.now() == 1006
