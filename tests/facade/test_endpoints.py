"""Endpoints: placeholders, what they take and what they refuse, and where a request goes in the end."""

from __future__ import annotations

from enum import Enum
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.facade.endpoints import BaseEndpoint, Template
from gracy_transport.testing import ScriptedWire
from tests.facade.support import BASE, PokeEndpoint, Scripted, ScriptedAPI

pytestmark = pytest.mark.anyio


class Color(Enum):
    """Something that is given as an argument."""

    RED = "dark red"


def filled(text: str, **args: object) -> str:
    """Returns an endpoint with its arguments in place."""
    template = Template(text)
    return template.fill(template.texts(args))


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("pikachu", "pikachu"),
        (25, "25"),
        ("mr. mime", "mr.%20mime"),
        ("a/b", "a%2Fb"),
        ("pikachu?admin=1", "pikachu%3Fadmin%3D1"),
        ("a#b", "a%23b"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("../admin", "..%2Fadmin"),
        ("...", "..."),
        ("{NAME}", "%7BNAME%7D"),
        ("é", "%C3%A9"),
        ("a\nb", "a%0Ab"),
        ("user@host:1", "user%40host%3A1"),
        (Color.RED, "dark%20red"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (True, "True"),
    ],
)
def test_a_value_stays_in_its_segment(value: object, segment: str) -> None:
    """Whatever means something in a URL is percent-encoded. The original let `?admin=1` and `/b` through."""
    assert filled("/pokemon/{NAME}/moves", NAME=value) == f"/pokemon/{segment}/moves"


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_cannot_make_its_segment_disappear(value: str) -> None:
    """Servers resolve dots even when they are percent-encoded, so there is no way to send them."""
    with pytest.raises(ValueError, match=r"'/pokemon/\{NAME\}' with NAME='.*' would lead to another endpoint"):
        filled("/pokemon/{NAME}", NAME=value)


def test_dots_are_fine_in_company() -> None:
    """Only a segment that is nothing else means a directory, and two harmless values may be one together."""
    assert filled("/files/{NAME}.{KIND}", NAME=".", KIND="txt") == "/files/..txt"
    with pytest.raises(ValueError, match=r"A='\.', B='\.'"):
        filled("/files/{A}{B}", A=".", B=".")


def test_an_empty_value_is_fine_in_company() -> None:
    """A suffix may be missing."""
    assert filled("/report{SUFFIX}", SUFFIX="") == "/report"


def test_a_path_keeps_its_slashes() -> None:
    """`:path` is for values that are paths themselves; all else is encoded as ever."""
    assert filled("/files/{PATH:path}", PATH="a/b c/d?.txt") == "/files/a/b%20c/d%3F.txt"
    assert filled("/files/{PATH:path}/meta", PATH="a//b.txt") == "/files/a//b.txt/meta"


@pytest.mark.parametrize("value", ["", "..", "a/../b", "./a", "a/b/.."])
def test_a_path_cannot_climb(value: str) -> None:
    """Dots between its slashes would lead out of the place it is for."""
    with pytest.raises(ValueError, match="would lead to another endpoint"):
        filled("/files/{PATH:path}", PATH=value)


def test_a_value_in_a_query_is_encoded_and_may_be_anything() -> None:
    """There are no segments in a query."""
    assert filled("/search?q={Q}&kind={KIND}", Q="a&b=c d", KIND="") == "/search?q=a%26b%3Dc%20d&kind="
    assert filled("/search?dir={DIR}", DIR="..") == "/search?dir=.."


def test_a_placeholder_may_stand_twice() -> None:
    """One argument fills both."""
    assert filled("/{A}/{A}", A="x") == "/x/x"


def test_two_braces_are_one() -> None:
    """As in `str.format`, which the original used."""
    assert filled("/odd/{{{A}}}", A="x") == "/odd/{x}"


@pytest.mark.parametrize("text", ["/a/{}", "/a/{NAME", "/a/NAME}", "/a/{0}", "/a/{NAME:int}", "/a/{NA ME}"])
def test_a_brace_that_is_no_placeholder_is_refused(text: str) -> None:
    """With the remedy."""
    with pytest.raises(ValueError, match=r"which is no placeholder: write \{NAME\}"):
        Template(text)


def test_a_missing_argument_is_named() -> None:
    """Also when it was given where the README wrongly gives it, as a query parameter."""
    with pytest.raises(ValueError, match=r"has no value for \{KEY\}: give it as an endpoint argument, get\(ENDPOINT"):
        filled("/berry/{KEY}")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"NAME": "x", "name": "y"}, r"has no placeholder \{name\}, it has \{NAME\}: an endpoint argument"),
        ({"NAME": "x", "LIMIT": 5}, r"has no placeholder \{LIMIT\}, it has \{NAME\}"),
        ({"NAM": "x"}, r"has no value for \{NAME\}"),
        ({"NAME": None}, r"was given None for \{NAME\}"),
    ],
)
def test_a_wrong_argument_is_named(args: dict[str, object], message: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match=message):
        filled("/pokemon/{NAME}", **args)


def test_an_argument_for_an_endpoint_without_placeholders_is_refused() -> None:
    """It could only be a mistake."""
    with pytest.raises(ValueError, match="it has none"):
        filled("/pokemon", NAME="pikachu")


def test_the_label_shows_no_secret() -> None:
    """Logs and reports name an endpoint by it."""
    text = "https://user:hunter2@api.test/files/{PATH:path}?api_key=hunter2&page={PAGE}#part"
    assert Template(text).label == "https://api.test/files/{PATH}?api_key=[redacted]&page={PAGE}"


@given(st.text(), st.text())
def test_no_value_changes_the_shape_of_a_url(first: str, second: str) -> None:
    """Property: host, the other segments and the query are what the endpoint says, or the value is refused."""
    import httpx

    template = Template("/a/{FIRST}/b/{SECOND}?c=1")
    try:
        text = template.fill(template.texts({"FIRST": first, "SECOND": second}))
    except ValueError:
        assert {first, second} & {"", ".", ".."}
        return
    url = httpx.URL(f"https://api.test{text}")
    segments = url.raw_path.decode().partition("?")[0].split("/")
    assert (url.host, url.query, len(segments)) == ("api.test", b"c=1", 5)
    assert (segments[1], segments[3]) == ("a", "b")
    assert url.path == f"/a/{first}/b/{second}"


JOINED = [
    ("https://api.test", "/x", "https://api.test/x"),
    ("https://api.test", "x", "https://api.test/x"),
    ("https://api.test/", "/x", "https://api.test/x"),
    ("https://api.test/v2", "/x", "https://api.test/v2/x"),
    ("https://api.test/v2", "x", "https://api.test/v2/x"),
    ("https://api.test/v2/", "/x", "https://api.test/v2/x"),
    ("https://api.test/v2/", "x/", "https://api.test/v2/x/"),
    ("https://api.test/v2", "", "https://api.test/v2/"),
    ("https://api.test/v2", "/", "https://api.test/v2/"),
    ("https://api.test/v2", "/x?a=1", "https://api.test/v2/x?a=1"),
    ("https://api.test:8080/v2", "/x#part", "https://api.test:8080/v2/x"),
    ("https://api.test/v2", "/users:batch", "https://api.test/v2/users:batch"),
    ("https://api.test/v2", "https://other.test/y", "https://other.test/y"),
    ("https://api.test/v2", "https://other.test/y?a=1", "https://other.test/y?a=1"),
    ("", "https://other.test/y", "https://other.test/y"),
]


@pytest.mark.parametrize(("base", "endpoint", "url"), JOINED)
async def test_base_url_and_endpoint_are_joined(base: str, endpoint: str, url: str, family: ModuleType) -> None:
    """As httpx joins them, slash or no slash; a whole URL goes where it says."""
    wire = ScriptedWire()

    class API(Scripted):
        class Config:
            BASE_URL = base

    await API(family, wire).get(endpoint)
    assert [sent.url for sent in wire.sent] == [url]
    client = family.AsyncClient(transport=ScriptedWire(), base_url=base)
    assert str(client.build_request("GET", endpoint).url).partition("#")[0] == url


@pytest.mark.parametrize(
    ("endpoint", "row"),
    [
        ("/pokemon/{NAME}", f"{BASE}/pokemon/{{NAME}}"),
        ("pokemon/{NAME}", f"{BASE}/pokemon/{{NAME}}"),
        ("/pokemon?name={NAME}", f"{BASE}/pokemon?name={{NAME}}"),
        ("https://{NAME}.api.test/x", "https://{NAME}.api.test/x"),
    ],
)
async def test_the_report_is_by_template(endpoint: str, row: str, family: ModuleType) -> None:
    """Whatever the arguments."""
    api = ScriptedAPI(family, ScriptedWire())
    for name in ("pikachu", "raichu"):
        await api.get(endpoint, {"NAME": name})
    (only,) = api.get_report().rows
    assert (only.url, only.calls) == (row, 2)


async def test_an_endpoint_needs_something_before_it(family: ModuleType) -> None:
    """Without a BASE_URL there is nowhere to send it."""

    class Homeless(Scripted):
        class Config:
            BASE_URL = None

    with pytest.raises(ValueError, match=r"'/x' is no whole URL: set Config.BASE_URL"):
        await Homeless(family, ScriptedWire()).get("/x")


async def test_something_else_is_no_endpoint(family: ModuleType) -> None:
    """It is said before anything is sent."""
    wire = ScriptedWire()
    with pytest.raises(TypeError, match="5 is neither a string nor a member of a BaseEndpoint"):
        await ScriptedAPI(family, wire).get(5)  # type: ignore[arg-type]
    assert wire.sent == []


async def test_any_enumeration_of_strings_will_do(family: ModuleType) -> None:
    """Such as one that was written without our base."""

    class Old(str, Enum):  # noqa: UP042 - as it was written before StrEnum
        GET = "/pokemon/{NAME}"

    wire = ScriptedWire()
    await ScriptedAPI(family, wire).get(Old.GET, {"NAME": "pikachu"})
    assert wire.sent[0].url == f"{BASE}/pokemon/pikachu"


def test_a_member_is_its_text() -> None:
    """In comparisons and in f-strings."""
    assert isinstance(PokeEndpoint.GET_POKEMON, BaseEndpoint)
    endpoint: str = PokeEndpoint.GET_POKEMON
    assert f"{endpoint}" == endpoint == "/pokemon/{NAME}"


async def test_another_base_url_of_the_client_counts_at_once(family: ModuleType) -> None:
    """What was remembered of the old one is not used."""
    wire = ScriptedWire()
    api = ScriptedAPI(family, wire)
    await api.get_pokemon()
    api._client.base_url = "https://staging.test/api/"
    await api.get_pokemon()
    assert [sent.url for sent in wire.sent] == [f"{BASE}/pokemon/pikachu", "https://staging.test/api/pokemon/pikachu"]


async def test_endless_endpoints_do_not_pile_up(family: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of endpoints and URLs is bounded."""
    monkeypatch.setattr("gracy_transport.facade.scope.MOST_KEPT", 3)
    monkeypatch.setattr("gracy_transport.facade.sessions.MOST_ROUTES", 3)
    wire = ScriptedWire()
    api = ScriptedAPI(family, wire)
    for number in range(10):
        await api.get(f"/pokemon/{number}")
    scope: Any = api._gracy
    assert len(scope._templates) <= 3
    assert len(scope.sessions.current()._routes) <= 3
    assert [sent.url for sent in wire.sent] == [f"{BASE}/pokemon/{number}" for number in range(10)]
