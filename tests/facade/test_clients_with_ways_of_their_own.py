"""Clients whose `request` and `stream` are their own, as those that fetch and renew a token (Authlib's) have them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracyConfig
from gracy_transport.exceptions import GracyRequestFailed, NonOkResponse
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted, ScriptedAPI

pytestmark = pytest.mark.anyio


def client_of(family: ModuleType, wire: ScriptedWire) -> Any:
    """Returns a client that asks for a token before the first request, and puts it into each."""

    class TokenClient(family.AsyncClient):  # type: ignore[name-defined, misc]
        token: str | None = None

        async def request(self, method: str, url: Any, **options: Any) -> Any:
            if options.get("auth", ...) is not None:
                options["auth"] = await self._bearer()
            return await super().request(method, url, **options)

        @asynccontextmanager
        async def stream(self, method: str, url: Any, **options: Any) -> AsyncGenerator[Any]:
            async with super().stream(method, url, auth=await self._bearer(), **options) as response:
                yield response

        async def _bearer(self) -> Any:
            if self.token is None:
                answer = await self.post(f"{BASE}/token", auth=None)
                self.token = answer.json()["token"]

            def put_token(request: Any) -> Any:
                request.headers["Authorization"] = f"Bearer {self.token}"
                return request

            return put_token

    return TokenClient(transport=wire)


class TokenAPI(Scripted):
    class Config:
        BASE_URL = BASE
        REQUEST_TIMEOUT = 7
        SETTINGS = GracyConfig(retry=GracefulRetry(delay=1, retry_on={503}), log_errors=None)

    def _create_client(self) -> Any:
        return client_of(self.family, self.wire)


TOKEN = ScriptedResponse(json={"token": "t-1"})


def sent(api: TokenAPI) -> list[tuple[str, str, str | None]]:
    """Returns the method, the path and the credentials of all that was sent."""
    return [(each.method, each.url.removeprefix(BASE), each.headers.get("authorization")) for each in api.wire.sent]


async def test_a_request_goes_through_the_clients_own(family: ModuleType, clock: FakeClock) -> None:
    """The token is fetched first, and the call is retried, counted and told of by its template all the same."""
    api = TokenAPI(family, ScriptedWire(TOKEN, 503, ScriptedResponse(json=[1]), clock=clock), clock=clock)
    response = await api.get_pokemon(params={"a": "b"}, headers={"X-Mine": "1"})
    await api.post("/things", json={"c": 1})
    ditto = "/pokemon/pikachu?a=b"
    assert sent(api) == [
        ("POST", "/token", None),
        ("GET", ditto, "Bearer t-1"),
        ("GET", ditto, "Bearer t-1"),
        ("POST", "/things", "Bearer t-1"),
    ]
    assert response.json() == [1]
    assert str(response.extensions["gracy"]) == "GET /pokemon/{NAME} 200 in 1.0 s: back-off 1.0, 2 attempts"
    assert (api.wire.sent[1].headers["x-mine"], api.wire.sent[3].content) == ("1", b'{"c":1}')
    assert {row.url: row.attempts for row in api.get_report().rows}[f"{BASE}/pokemon/{{NAME}}"] == 2


async def test_a_stream_goes_through_the_clients_own(family: ModuleType, clock: FakeClock) -> None:
    """It is left as the client leaves it, and closed."""
    wire = ScriptedWire(TOKEN, ScriptedResponse(chunks=[b"one ", b"two"]), clock=clock)
    api = TokenAPI(family, wire, clock=clock)
    async with api.stream("GET", "/files") as response:
        assert not response.is_closed
        assert await response.aread() == b"one two"
    async with api.stream("GET", "/files") as response:
        pass
    assert response.is_closed
    assert wire.open_bodies == 0
    assert sent(api)[1:] == [("GET", "/files", "Bearer t-1")] * 2


async def test_a_failure_has_the_story_of_the_call(family: ModuleType, clock: FakeClock) -> None:
    """Of a rejected answer, and of none at all."""
    api = TokenAPI(family, ScriptedWire(TOKEN, 404, family.ReadTimeout("no"), clock=clock), clock=clock)
    with pytest.raises(NonOkResponse) as rejected:
        await api.get_pokemon()
    assert (rejected.value.status, str(rejected.value.call)) == (404, "GET /pokemon/{NAME} 404 in 0.0 s: 1 attempt")
    with pytest.raises(GracyRequestFailed, match=r"^GET .*/pokemon/pikachu failed with ReadTimeout$") as failed:
        await api.get_pokemon()
    assert str(failed.value.call) == "GET /pokemon/{NAME} ReadTimeout in 0.0 s: 1 attempt"
    with pytest.raises(NonOkResponse):
        async with TokenAPI(family, ScriptedWire(TOKEN, 404)).stream("GET", "/files"):
            pytest.fail("it is not accepted")


async def test_what_the_clients_own_raises_is_raised(family: ModuleType, clock: FakeClock) -> None:
    """Its errors are about something else than the request, as a token that cannot be had."""
    api = TokenAPI(family, ScriptedWire(ScriptedResponse(json={}), clock=clock), clock=clock)
    with pytest.raises(KeyError):
        await api.get_pokemon()


async def test_what_the_clients_own_raises_as_httpx_does_is_a_failure(family: ModuleType, clock: FakeClock) -> None:
    """Though the error knows of no request."""

    class Offline(TokenAPI):
        def _create_client(self) -> Any:
            client = super()._create_client()
            client.request = self._refuse
            return client

        async def _refuse(self, *_: object, **__: object) -> None:
            raise self.family.ConnectError("offline")

    with pytest.raises(GracyRequestFailed, match=r"^GET .*/pokemon/pikachu failed with ConnectError$") as failed:
        await Offline(family, ScriptedWire(clock=clock), clock=clock).get_pokemon()
    assert failed.value.call is None


async def test_a_challenge_may_be_answered(family: ModuleType, clock: FakeClock) -> None:
    """Nobody knows what credentials the client will give, so a 401 is judged at the end."""

    class Renewing(family.Auth):  # type: ignore[name-defined, misc]
        def auth_flow(self, request: Any) -> Any:
            response = yield request
            if response.status_code == 401:
                request.headers["Authorization"] = "Bearer new"
                yield request

    class RenewingClient(family.AsyncClient):  # type: ignore[name-defined, misc]
        async def request(self, *args: Any, **options: Any) -> Any:
            return await super().request(*args, auth=Renewing(), **options)

    class RenewingAPI(TokenAPI):
        def _create_client(self) -> Any:
            return RenewingClient(transport=self.wire)

    api = RenewingAPI(family, ScriptedWire(401, 200, 401, clock=clock), clock=clock)
    assert (await api.get_pokemon()).status_code == 200
    with pytest.raises(NonOkResponse, match="status 401"):
        await api.get_pokemon()


async def test_what_somebody_puts_around_the_class_of_httpx_is_no_way_of_its_own(
    family: ModuleType, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that traces does so, and its proxies give another function each time they are asked."""

    class Proxy:
        def __get__(self, client: object, kind: type) -> Any:
            return lambda *_, **__: pytest.fail("the facade sends by itself")

    monkeypatch.setattr(family.AsyncClient, "request", Proxy())
    assert (await ScriptedAPI(family, ScriptedWire(clock=clock), clock=clock).get_pokemon()).status_code == 200
