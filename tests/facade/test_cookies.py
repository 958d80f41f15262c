"""Cookies: those of an answer that was turned down count as well."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracefulValidator, GracyConfig
from gracy_transport.exceptions import BadResponse, GracyUserDefinedException
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted

pytestmark = pytest.mark.anyio

COOKIE = {"set-cookie": "csrf=abc; Path=/"}
FORBIDDEN = ScriptedResponse(status=403, headers=COOKIE, content=b"no token")


class NotAllowed(GracyUserDefinedException):
    """The user's own."""


def api(family: ModuleType, *steps: Any, **fields: Any) -> Scripted:
    """Returns an API with these settings, in front of a wire with these answers."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(**fields)

    return API(family, ScriptedWire(*steps), clock=FakeClock())


async def cookie_of_the_next(tried: Scripted) -> str | None:
    """Returns the cookie that goes with another request."""
    await tried.get_pokemon()
    return tried.wire.sent[-1].headers.get("cookie")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"strict_status_code": 200},
        {"retry": GracefulRetry(delay=0, max_attempts=0)},
        {"parser": {403: NotAllowed}},
    ],
)
async def test_a_rejected_answer_leaves_its_cookies(family: ModuleType, fields: dict[str, Any]) -> None:
    """The token that the next request has to bring comes with the 403."""
    tried = api(family, FORBIDDEN, 200, **fields)
    with pytest.raises((BadResponse, NotAllowed)) as caught:
        await tried.get_pokemon()
    assert caught.value.response.content == b"no token"
    assert tried._client.cookies["csrf"] == "abc"
    assert await cookie_of_the_next(tried) == "csrf=abc"


async def test_a_rejected_stream_leaves_its_cookies(family: ModuleType) -> None:
    """Before there is anything to read."""
    tried = api(family, FORBIDDEN, 200)
    with pytest.raises(BadResponse):
        async with tried.stream("GET", "/pokemon"):
            pass
    assert await cookie_of_the_next(tried) == "csrf=abc"


class Raising(GracefulValidator):
    """Turns an answer down as httpx would, or with the answer to another request, or with none."""

    def __init__(self, family: ModuleType, how: str) -> None:
        self.family, self.how = family, how

    def check(self, response: Any) -> None:
        if not response.headers.get("set-cookie"):
            return
        other = self.family.Response(200, headers={"set-cookie": "other=1"})
        if self.how == "other":
            other.request = self.family.Request("GET", "https://other.test/")
        answer = response if self.how == "own" else other
        raise self.family.HTTPStatusError("mine", request=response.request, response=answer)


@pytest.mark.parametrize(("how", "cookie"), [("own", "csrf=abc"), ("other", None), ("bare", None)])
async def test_a_validators_error_leaves_the_cookies_of_its_answer(
    family: ModuleType, how: str, cookie: str | None
) -> None:
    """When it is the answer to this request."""
    tried = api(family, ScriptedResponse(headers=COOKIE), 200, validators=Raising(family, how))
    with pytest.raises(family.HTTPStatusError, match="mine"):
        await tried.get_pokemon()
    assert "other" not in tried._client.cookies
    assert await cookie_of_the_next(tried) == cookie


async def test_an_error_with_something_else_for_a_response_is_let_be(family: ModuleType) -> None:
    """Not everything of that name is a response."""

    class Odd(GracefulValidator):
        def check(self, response: Any) -> None:
            error = LookupError("mine")
            error.response = "nothing"  # type: ignore[attr-defined]
            raise error

    with pytest.raises(LookupError, match="mine"):
        await api(family, 200, validators=Odd()).get_pokemon()


async def test_the_time_of_a_rejected_answer_is_known(family: ModuleType) -> None:
    """As that of any other; a response that nobody read would raise."""
    with pytest.raises(BadResponse) as caught:
        await api(family, FORBIDDEN).get_pokemon()
    assert caught.value.response.elapsed.total_seconds() >= 0
