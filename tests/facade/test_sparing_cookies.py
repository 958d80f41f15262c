"""A client that looks for cookies only where there are some has the same ones as any other."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import ModuleType
from typing import Any

import anyio
import hypothesis
import hypothesis.strategies as st
import pytest

from gracy_transport.facade.cookies import spare_cookies
from gracy_transport.testing import ScriptedWire
from tests.facade.support import ScriptedAPI

names = st.sampled_from(["Set-Cookie", "set-cookie", "SET-COOKIE", "Set-Cookie2", "Cookie", "X-Set-Cookie", "Date"])
values = st.sampled_from(
    [
        *("a=1", "a=2; Path=/x", "b=3; Domain=api.test", "c=4; Max-Age=0", "d=5; Secure", "e", "=", ""),
        *("f=6; expires=Wed, 21 Oct 2099 07:28:00 GMT, g=7", 'h="8"; Version="1"; Path="/"', "i=9; Domain=other.test"),
    ]
)
answers = st.lists(st.lists(st.tuples(names, values), max_size=3), min_size=1, max_size=4)


def cookies_after(family: ModuleType, script: list[list[tuple[str, str]]], *, is_spared: bool) -> Any:
    """Returns the jar of a client after these answers, and what it sent along with each request."""
    sent: list[str | None] = []
    replies = iter(script)

    def answer(request: Any) -> Any:
        sent.append(request.headers.get("cookie"))
        return family.Response(200, headers=next(replies))

    async def ask() -> None:
        for number in range(len(script)):
            await client.get(f"https://api.test/x/{number}")

    client = family.AsyncClient(transport=family.MockTransport(answer), cookies={"z": "0"})
    if is_spared:
        spare_cookies(client)
    anyio.run(ask)
    return sorted(map(repr, client.cookies.jar)), sent


@pytest.mark.filterwarnings("ignore:http.cookiejar bug")  # which some headers find, in either client
@hypothesis.settings(max_examples=60)
@hypothesis.given(answers)
def test_the_jar_holds_what_it_would(family: ModuleType, script: list[list[tuple[str, str]]]) -> None:
    """Property: whatever the headers, however they are spelt, and whatever was set before."""
    assert cookies_after(family, script, is_spared=True) == cookies_after(family, script, is_spared=False)


def test_an_api_spares_its_client(family: ModuleType) -> None:
    """The jar stays, and cookies are of the class they are elsewhere."""
    wire = ScriptedWire()
    made: list[Any] = []

    class API(ScriptedAPI):
        def _create_client(self) -> Any:
            client = super()._create_client()
            made.append(client.cookies)
            return client

    cookies = API(family, wire)._client.cookies
    assert cookies.jar is made[0].jar
    assert isinstance(cookies, family.Cookies)


class Watching(CookieJar):
    """A jar that wants to see every answer."""

    def __init__(self) -> None:
        super().__init__(DefaultCookiePolicy())
        self.seen = 0

    def extract_cookies(self, response: Any, request: Any) -> None:
        self.seen += 1


def test_a_jar_of_the_users_own_sees_every_answer() -> None:
    """It may do more with them than to take cookies. Of httpx, since httpx2 shows them to no jar."""
    import httpx

    jar = Watching()
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200)), cookies=jar)
    spare_cookies(client)
    anyio.run(client.get, "https://api.test/")
    assert jar.seen == 1


@pytest.mark.parametrize("name", ["extract_cookies", "make_cookies"])
def test_a_jar_that_was_changed_is_left_alone(name: str, family: ModuleType) -> None:
    """On the object itself."""
    jar: Any = CookieJar()
    setattr(jar, name, getattr(jar, name))
    client = family.AsyncClient(cookies=jar)
    before = client.cookies
    spare_cookies(client)
    assert client.cookies is before


def test_cookies_of_the_users_own_class_are_left_alone(family: ModuleType) -> None:
    """They know what they do."""

    class Own(family.Cookies):  # type: ignore[name-defined, misc]
        pass

    client = family.AsyncClient()
    own = client._cookies = Own()
    spare_cookies(client)
    assert client.cookies is own
