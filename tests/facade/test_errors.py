"""Failures: what reaches the caller when there is no response."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import GracefulRetry, GracefulValidator, GracyConfig
from gracy_transport.exceptions import GracyException, GracyRequestFailed, TransportClosed
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted, ScriptedAPI

pytestmark = pytest.mark.anyio

RETRY = GracyConfig(retry=GracefulRetry(delay=1, max_attempts=2))


class Retrying(Scripted):
    """An API that tries three times."""

    class Config:
        BASE_URL = BASE
        SETTINGS = RETRY


@pytest.mark.parametrize(
    "name", ["ConnectError", "ConnectTimeout", "ReadTimeout", "PoolTimeout", "RemoteProtocolError", "ProxyError"]
)
async def test_an_error_of_httpx_is_a_request_failure(family: ModuleType, name: str) -> None:
    """With the original as its cause, and the call at hand."""
    api = ScriptedAPI(family, ScriptedWire(getattr(family, name)))
    with pytest.raises(GracyRequestFailed) as caught:
        await api.get_pokemon()
    error = caught.value
    assert str(error) == f"GET {BASE}/pokemon/pikachu failed with {name}"
    assert type(error.__cause__) is getattr(family, name)
    assert error.call is not None
    assert len(error.call.attempts) == 1
    assert (error.response, error.status, error.method) == (None, None, "GET")
    assert error.request.url == f"{BASE}/pokemon/pikachu"


async def test_the_message_counts_the_attempts(family: ModuleType, clock: FakeClock) -> None:
    """When there were several."""
    api = Retrying(family, ScriptedWire(family.ConnectError), clock=clock)
    with pytest.raises(GracyRequestFailed, match="failed with ConnectError after 3 attempts"):
        await api.get_pokemon()
    assert clock.waits == [1, 1]


async def test_too_many_redirects_are_a_request_failure(family: ModuleType) -> None:
    """The client gives up, not the transport."""
    moved = ScriptedResponse(status=302, headers={"location": f"{BASE}/pokemon/raichu"})
    with pytest.raises(GracyRequestFailed, match="failed with TooManyRedirects") as caught:
        await ScriptedAPI(family, ScriptedWire(moved)).get_pokemon(follow_redirects=True)
    assert isinstance(caught.value.__cause__, family.TooManyRedirects)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # trio warns of generators that httpx leaves half-way
async def test_a_body_that_cannot_be_decoded_is_a_request_failure(family: ModuleType) -> None:
    """It breaks in the client, which reads it."""
    junk = ScriptedResponse(headers={"content-encoding": "gzip"}, content=b"no gzip")
    with pytest.raises(GracyRequestFailed, match="failed with DecodingError"):
        await ScriptedAPI(family, ScriptedWire(junk)).get_pokemon()


async def test_nothing_of_a_failure_shows_a_secret(family: ModuleType) -> None:
    """The text of the original may quote one, so it is left to the cause; a pickle has neither."""
    leaking = family.LocalProtocolError("Illegal header value b'hunter2'")
    api = ScriptedAPI(family, ScriptedWire(leaking))
    with pytest.raises(GracyRequestFailed) as caught:
        await api.get_pokemon(params={"token": "hunter2"}, headers={"authorization": "hunter2"})
    error = caught.value
    assert "hunter2" not in f"{error} {error!r} {error.url}"
    assert b"hunter2" not in pickle.dumps(error)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(twin), str(twin), twin.url) == (GracyRequestFailed, str(error), error.url)


class Failing(GracefulValidator):
    """Raises something of its own."""

    def check(self, response: Any) -> None:
        raise LookupError("mine")


async def test_what_is_not_of_httpx_is_not_wrapped(family: ModuleType) -> None:
    """Neither a validator's exception nor a bug of a transport."""

    class Validating(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(validators=Failing())

    with pytest.raises(LookupError, match="mine"):
        await Validating(family, ScriptedWire()).get_pokemon()
    with pytest.raises(ZeroDivisionError):
        await ScriptedAPI(family, ScriptedWire(ZeroDivisionError())).get_pokemon()


async def test_our_own_refusals_are_not_wrapped(family: ModuleType, clock: FakeClock) -> None:
    """A request that waits while the API is closed hears of just that."""

    class Limited(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(concurrent_requests=1)

    api = Limited(family, ScriptedWire(ScriptedResponse(delay=NEVER), clock=clock), clock=clock)
    async with anyio.create_task_group() as group:
        group.start_soon(api.get_pokemon)
        await clock.sleep(1)

        async def waits() -> None:
            with pytest.raises(TransportClosed) as caught:
                await api.get_pokemon()
            assert isinstance(caught.value, GracyException)

        group.start_soon(waits)
        await clock.sleep(1)
        await api.aclose()
        await clock.sleep(1)
        group.cancel_scope.cancel()


async def test_a_cancelled_request_is_just_cancelled(family: ModuleType, clock: FakeClock) -> None:
    """Nothing is made of it, and nothing stays open."""
    api = Retrying(family, ScriptedWire(ScriptedResponse(delay=NEVER), clock=clock), clock=clock)
    with clock.timeout(5) as scope:
        await api.get_pokemon()
    assert scope.cancelled_caught
    assert (api.wire.in_flight, len(api.wire.sent)) == (0, 1)
