"""`stream`: the response while its body is still to come."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracyConfig, graceful
from gracy_transport.exceptions import BodyTooLarge, GracyRequestFailed, NonOkResponse
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, PokeEndpoint, Scripted

pytestmark = pytest.mark.anyio

LINES = ScriptedResponse(chunks=[b"one\n", b"two\n", b"three\n"])


class API(Scripted):
    """An API with a parser, which streams pass by."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()}, retry=GracefulRetry(delay=1, max_attempts=1))

    @graceful(allowed_status_code=404, retry=None)
    async def statuses(self) -> int:
        async with self.stream("GET", PokeEndpoint.LIST_POKEMON) as response:
            status: int = response.status_code
            return status


async def test_the_body_comes_as_it_comes(family: ModuleType) -> None:
    """Nothing is read before the user does, and nothing parses it."""
    api = API(family, ScriptedWire(LINES))
    async with api.stream("GET", PokeEndpoint.GET_FILE, {"PATH": "a/b.txt"}, params={"raw": 1}) as response:
        assert not response.is_stream_consumed
        assert [line async for line in response.aiter_lines()] == ["one", "two", "three"]
    assert response.is_closed
    assert api.wire.sent[0].url == f"{BASE}/files/a/b.txt?raw=1"
    assert api.get_report().total.successes == 1


async def test_leaving_early_closes_it(family: ModuleType) -> None:
    """Whether by choice or by an error."""
    api = API(family, ScriptedWire(LINES))
    async with api.stream("GET", "/x"):
        assert api.wire.open_bodies == 1
    assert api.wire.open_bodies == 0
    with pytest.raises(KeyError):
        async with api.stream("GET", "/x"):
            raise KeyError
    assert api.wire.open_bodies == 0


async def test_the_status_is_judged_and_retried(family: ModuleType, clock: FakeClock) -> None:
    """Before the block begins."""
    api = API(family, ScriptedWire(503, LINES, 404), clock=clock)
    async with api.stream("GET", "/x") as response:
        assert response.status_code == 200
        await response.aread()
    assert clock.waits == [1]
    with pytest.raises(NonOkResponse, match="status 404") as caught:
        async with api.stream("GET", "/x"):
            pytest.fail("the block must not begin")
    assert caught.value.response.content == b""


async def test_overrides_hold(family: ModuleType) -> None:
    """As for any other request."""
    assert await API(family, ScriptedWire(404)).statuses() == 404


async def test_a_request_that_fails_is_wrapped(family: ModuleType, clock: FakeClock) -> None:
    """As for any other request."""
    with pytest.raises(GracyRequestFailed):
        async with API(family, ScriptedWire(family.ConnectError), clock=clock).stream("GET", "/x"):
            pytest.fail("the block must not begin")


async def test_a_body_that_breaks_is_the_users_to_see(family: ModuleType) -> None:
    """A part of it was seen: it cannot begin anew."""
    broken = ScriptedResponse(chunks=[b"one\n", family.ReadError("reset")])
    api = API(family, ScriptedWire(broken))
    with pytest.raises(family.ReadError):
        async with api.stream("GET", "/x") as response:
            await response.aread()
    assert len(api.wire.sent) == 1


@pytest.mark.parametrize("status", [302, 401])
async def test_the_last_answer_is_judged_with_its_body(family: ModuleType, status: int) -> None:
    """Also where the stack let it pass because another request might have followed."""
    api = API(family, ScriptedWire(ScriptedResponse(status=status, content=b"sorry")))
    with pytest.raises(NonOkResponse) as caught:
        async with api.stream("GET", "/x", follow_redirects=True):
            pytest.fail("the block must not begin")
    assert caught.value.response.content == b"sorry"
    assert api.wire.open_bodies == 0


async def test_a_rejected_body_that_cannot_be_read_is_only_the_cause(family: ModuleType) -> None:
    """The status code is the news."""
    endless: Any = ScriptedResponse(status=401, chunks=[b"x" * 1024 * 1024] * 11)
    api = API(family, ScriptedWire(endless))
    with pytest.raises(NonOkResponse, match="status 401") as caught:
        async with api.stream("GET", "/x", follow_redirects=True):
            pytest.fail("the block must not begin")
    assert isinstance(caught.value.__cause__, BodyTooLarge)
    assert api.wire.open_bodies == 0
