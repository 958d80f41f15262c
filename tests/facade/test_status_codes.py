"""Strict and allowed status codes, and custom validators."""

from __future__ import annotations

from http import HTTPStatus
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracefulValidator, GracyConfig
from gracy_transport.exceptions import BadResponse, GracyException, NonOkResponse, UnexpectedResponse
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted

pytestmark = pytest.mark.anyio


def api(family: ModuleType, *steps: Any, config: GracyConfig | None = None, **kwargs: Any) -> Scripted:
    """Returns an API with these settings, in front of a wire with these answers."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = config

    return API(family, ScriptedWire(*steps), **kwargs)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_a_successful_status_is_accepted(family: ModuleType, status: int) -> None:
    """Without a parser the response itself comes back, read."""
    response = await api(family, ScriptedResponse(status=status, content=b"x" if status == 200 else b"")).get_pokemon()
    assert isinstance(response, family.Response)
    assert response.status_code == status
    assert response.is_closed


@pytest.mark.parametrize("status", [301, 302, 304, 400, 401, 404, 407, 429, 500, 503])
@pytest.mark.parametrize("config", [None, GracyConfig(), GracyConfig(allowed_status_code=None)])
async def test_any_other_status_is_an_error(family: ModuleType, status: int, config: GracyConfig | None) -> None:
    """Whether or not the settings say anything of status codes. The response is at hand, body and all."""
    with pytest.raises(NonOkResponse, match=f"was rejected: status {status}, expected 2xx") as caught:
        await api(family, ScriptedResponse(status=status, content=b"sorry"), config=config).get_pokemon()
    assert caught.value.response.content == b"sorry"
    assert caught.value.status == status
    assert caught.value.url == f"{BASE}/pokemon/pikachu"
    assert caught.value.call is not None
    assert isinstance(caught.value, family.HTTPStatusError)
    assert isinstance(caught.value, GracyException)


@pytest.mark.parametrize("allowed", [HTTPStatus.NOT_FOUND, {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}, [403, 404]])
async def test_allowed_codes_are_accepted_besides_2xx(family: ModuleType, allowed: Any) -> None:
    """One value or several."""
    config = GracyConfig(allowed_status_code=allowed)
    for status in (200, 404):
        assert (await api(family, status, config=config).get_pokemon()).status_code == status
    with pytest.raises(NonOkResponse, match="expected 2xx"):
        await api(family, 500, config=config).get_pokemon()


async def test_strict_codes_are_the_only_ones(family: ModuleType) -> None:
    """A success that was not named is an error too, and `allowed_status_code` changes nothing."""
    config = GracyConfig(strict_status_code=HTTPStatus.CREATED, allowed_status_code=404)
    assert (await api(family, 201, config=config).get_pokemon()).status_code == 201
    for status in (200, 404, 500):
        with pytest.raises(UnexpectedResponse, match=f"status {status}, expected 201"):
            await api(family, status, config=config).get_pokemon()


async def test_a_redirect_may_be_named(family: ModuleType) -> None:
    """Then it is an answer like others."""
    response = await api(family, 302, config=GracyConfig(allowed_status_code=302)).get_pokemon()
    assert response.status_code == 302


class MyException(Exception):
    """What the validator of the README raises."""


class NoErrorInside(GracefulValidator):
    """The validator of the README."""

    def check(self, response: Any) -> None:
        if response.json().get("error"):
            raise MyException("Error is not expected")


class Asynchronous(GracefulValidator):
    """One that has to wait for its verdict."""

    async def check(self, response: Any) -> None:
        NoErrorInside().check(response)


@pytest.mark.parametrize("validator", [NoErrorInside(), Asynchronous()])
async def test_a_validator_rejects_with_its_own_exception(family: ModuleType, validator: GracefulValidator) -> None:
    """Nothing is wrapped around it."""
    config = GracyConfig(validators=validator)
    assert (await api(family, ScriptedResponse(json={}), config=config).get_pokemon()).json() == {}
    with pytest.raises(MyException, match="Error is not expected"):
        await api(family, ScriptedResponse(json={"error": True}), config=config).get_pokemon()


async def test_what_a_validator_rejects_is_retried(family: ModuleType, clock: FakeClock) -> None:
    """If the retry names its exception."""
    config = GracyConfig(
        retry=GracefulRetry(retry_on=MyException, delay=1, max_attempts=3),
        validators=NoErrorInside(),
        parser={"default": lambda r: r.json()},
    )
    bad, good = ScriptedResponse(json={"error": 1}), ScriptedResponse(json={"name": "pikachu"})
    tried = api(family, bad, bad, good, config=config, clock=clock)
    assert await tried.get_pokemon() == {"name": "pikachu"}
    assert clock.waits == [1, 1]


async def test_what_httpx_raises_in_a_validator_is_the_users_own(family: ModuleType) -> None:
    """A validator may say it with `raise_for_status`."""

    class Strict(GracefulValidator):
        def check(self, response: Any) -> None:
            response.raise_for_status()

    config = GracyConfig(validators=Strict(), allowed_status_code=404)
    with pytest.raises(family.HTTPStatusError) as caught:
        await api(family, 404, config=config).get_pokemon()
    assert type(caught.value) is family.HTTPStatusError


async def test_redirects_that_are_followed_are_not_judged(family: ModuleType) -> None:
    """Only the last answer is."""
    moved = ScriptedResponse(status=302, headers={"location": f"{BASE}/pokemon/raichu"})
    tried = api(family, moved, 200)
    assert (await tried.get_pokemon(follow_redirects=True)).status_code == 200
    assert len(tried.wire.sent) == 2
    assert tried.get_report().total.calls == 1


async def test_the_last_answer_after_redirects_is_judged(family: ModuleType) -> None:
    """As any other."""
    moved = ScriptedResponse(status=302, headers={"location": f"{BASE}/pokemon/raichu"})
    with pytest.raises(NonOkResponse, match="status 404"):
        await api(family, moved, 404).get_pokemon(follow_redirects=True)


@pytest.mark.parametrize("status", [304, 302, 401, 407])
@pytest.mark.parametrize("strict", [None, 200])
async def test_an_answer_that_might_have_gone_on_is_judged_in_the_end(
    family: ModuleType, status: int, strict: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A redirect that leads nowhere, a challenge that nobody answers: the stack let it pass, the facade does not."""
    tried = api(family, status, config=GracyConfig(strict_status_code=strict))
    kind: type[BadResponse] = NonOkResponse if strict is None else UnexpectedResponse
    with pytest.raises(kind, match=rf"GET {BASE}/pokemon/pikachu was rejected: status {status}, expected 2") as caught:
        await tried.get_pokemon(follow_redirects=True)
    assert isinstance(caught.value, family.HTTPStatusError)
    assert caught.value.response.status_code == status
    assert caught.value.call is not None
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [line.rpartition(" after ")[0] for line in lines] == [f"GET {BASE}/pokemon/pikachu was rejected"]
    assert lines[0].endswith(f"s: status {status}, {kind.__name__}")


async def test_an_answer_that_might_have_gone_on_may_be_allowed(family: ModuleType) -> None:
    """Then it is the result."""
    tried = api(family, 304, config=GracyConfig(allowed_status_code=304))
    assert (await tried.get_pokemon(follow_redirects=True)).status_code == 304


class TwoRounds:
    """Answers a challenge once; made an `Auth` of a family by `two_rounds`."""

    def auth_flow(self, request: Any) -> Any:
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = "Bearer 2"
            yield request


def two_rounds(family: ModuleType) -> Any:
    return type("TwoRounds", (TwoRounds, family.Auth), {})()


@pytest.mark.parametrize("where", ["request", "client", "client, said again"])
async def test_a_challenge_is_answered(family: ModuleType, where: str) -> None:
    """An auth flow sees the 401 before it is judged, wherever it comes from."""
    tried = api(family, 401, 200)
    options: dict[str, Any] = {"auth": two_rounds(family)}
    if where != "request":
        tried._client.auth = options.pop("auth")
    if where == "client, said again":
        options["auth"] = family.USE_CLIENT_DEFAULT
    assert (await tried.get_pokemon(**options)).status_code == 200
    assert [sent.headers.get("authorization") for sent in tried.wire.sent] == [None, "Bearer 2"]


async def test_a_challenge_that_was_answered_in_vain_is_an_error(family: ModuleType) -> None:
    """The second 401 is the answer."""
    with pytest.raises(NonOkResponse, match="status 401"):
        await api(family, 401).get_pokemon(auth=two_rounds(family))


@pytest.mark.parametrize("auth", ["none", "pair", "function", "basic", "off"])
async def test_a_challenge_that_nothing_answers_is_judged_and_retried(
    family: ModuleType, clock: FakeClock, auth: str
) -> None:
    """Whatever has only one round to say it in cannot answer a challenge, so the stack need not wait for it."""
    config = GracyConfig(retry=GracefulRetry(delay=1, max_attempts=1))
    tried = api(family, 401, 200, config=config, clock=clock)
    options: dict[str, Any] = {}
    if auth == "off":
        tried._client.auth = two_rounds(family)
    given = {"pair": ("me", "hunter2"), "function": lambda request: request, "basic": family.BasicAuth("me", "x")}
    if auth != "none":
        options["auth"] = given.get(auth)
    assert (await tried.get_pokemon(**options)).status_code == 200
    assert clock.waits == [1]
