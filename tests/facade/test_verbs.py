"""The verbs: what they send is what the client of httpx would send, by the same options."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport import Gracy, GracyConfig
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, PokeEndpoint, Scripted, ScriptedAPI

VERBS = ["get", "post", "put", "patch", "delete", "head", "options"]


@pytest.mark.anyio
@pytest.mark.parametrize("verb", VERBS)
async def test_each_verb_sends_its_method(family: ModuleType, verb: str) -> None:
    """And `request` any."""
    api = ScriptedAPI(family, ScriptedWire())
    assert (await getattr(api, verb)(PokeEndpoint.GET_POKEMON, {"NAME": "x"})).status_code == 200
    assert (await api.request(verb, "/pokemon/{NAME}", {"NAME": "x"})).status_code == 200
    assert [(sent.method, sent.url) for sent in api.wire.sent] == [(verb.upper(), f"{BASE}/pokemon/x")] * 2


@pytest.mark.anyio
async def test_any_method_will_do(family: ModuleType) -> None:
    """HTTP grows."""
    api = ScriptedAPI(family, ScriptedWire())
    await api.request("PROPFIND", "/files")
    assert api.wire.sent[0].method == "PROPFIND"


def upload() -> dict[str, Any]:
    return {"file": ("a.txt", io.BytesIO(b"content"), "text/plain")}


OPTIONS: list[Callable[[], dict[str, Any]]] = [
    dict,
    lambda: {"params": {"a": 1, "b": [1, 2], "c": "x y", "d": None, "e": True}},
    lambda: {"params": [("a", "1"), ("a", "2")]},
    lambda: {"params": "a=1&b=2"},
    lambda: {"params": {}},
    lambda: {"params": None, "headers": None, "json": None},
    lambda: {"headers": {"X-Mine": "1", "Accept": "text/plain"}},
    lambda: {"headers": [("X-Mine", "1"), ("X-Mine", "2")]},
    lambda: {"json": {"a": [1, None, "é"]}},
    lambda: {"json": []},
    lambda: {"content": b"bytes"},
    lambda: {"content": "text", "headers": {"Content-Type": "text/plain"}},
    lambda: {"data": {"a": "1", "b": ["2", "3"]}},
    lambda: {"data": {"a": "1"}, "files": upload(), "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
    lambda: {"auth": ("me", "hunter2")},
    lambda: {"auth": None},
    lambda: {"timeout": 3},
    lambda: {"timeout": None},
    lambda: {"follow_redirects": True},
    lambda: {"extensions": {"sni_hostname": "other"}},
]

CLIENTS: list[Callable[[Any], None]] = [
    lambda client: None,
    lambda client: client.headers.update({"X-Client": "1", "Accept": "application/json"}),
    lambda client: setattr(client, "params", {"a": "client", "key": "1"}),
    lambda client: client.cookies.set("session", "1"),
    lambda client: setattr(client, "auth", ("client", "hunter2")),
    lambda client: setattr(client, "base_url", "https://me:hunter2@other.test:8443/v3"),
]


class Timeouts(ScriptedWire):
    """A wire that remembers timeouts and extensions, too."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    async def handle_async_request(self, request: Any) -> Any:
        self.seen.append({name: value for name, value in request.extensions.items() if name != "gracy"})
        return await super().handle_async_request(request)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("adjust", CLIENTS)
@pytest.mark.parametrize("options", OPTIONS)
async def test_a_verb_sends_what_the_client_would(
    family: ModuleType, options: Callable[[], dict[str, Any]], adjust: Callable[[Any], None]
) -> None:
    """Differential: URL, headers, body, timeout and extensions, to the byte."""
    wire, theirs = Timeouts(), Timeouts()
    api = ScriptedAPI(family, wire)
    client = family.AsyncClient(transport=theirs, base_url=BASE)
    adjust(api._client)
    adjust(client)
    await api.post("/pokemon/{NAME}", {"NAME": "mr mime"}, **options())
    await client.post("/pokemon/mr%20mime", **options())
    (ours,), (expected,) = wire.sent, theirs.sent
    assert (ours.method, ours.url, ours.headers, ours.content) == (
        expected.method,
        expected.url,
        expected.headers,
        expected.content,
    )
    assert wire.seen == theirs.seen


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=8)
PARAMS = st.dictionaries(NAMES, st.one_of(NAMES, st.integers(), st.booleans(), st.none(), st.lists(NAMES)), max_size=3)


@given(params=PARAMS, own=PARAMS, package=st.sampled_from([httpx, httpx2]))
def test_any_parameters_are_sent_as_the_client_would(params: Any, own: Any, package: ModuleType) -> None:
    """Property: those of the request over those of the client, in the same words."""
    import anyio

    async def compare() -> None:
        api, theirs = ScriptedAPI(package, ScriptedWire()), ScriptedWire()
        client = package.AsyncClient(transport=theirs, base_url=BASE)
        api._client.params = client.params = own
        await api.get("/pokemon", params=params)
        await client.get("/pokemon", params=params)
        assert api.wire.sent[0].url == theirs.sent[0].url

    anyio.run(compare)


@pytest.mark.anyio
@pytest.mark.parametrize("params", [None, {}, {"page": "2"}, {"q": "other"}])
@pytest.mark.parametrize("own", [{}, {"key": "1"}])
async def test_the_query_of_an_endpoint_stays(family: ModuleType, params: Any, own: Any) -> None:
    """A client of httpx would let parameters replace it; here only one of the same name does."""
    api = ScriptedAPI(family, ScriptedWire())
    api._client.params = own
    await api.get("/search?q={Q}&kind=fire", {"Q": "a&b"}, params=params)
    sent = family.URL(api.wire.sent[0].url).params
    assert dict(sent) == {"q": "a&b", "kind": "fire", **own, **(params or {})}


@pytest.mark.anyio
async def test_a_query_is_sent_as_it_was_written(family: ModuleType) -> None:
    """When there is nothing to merge it with."""
    api = ScriptedAPI(family, ScriptedWire())
    await api.get("/search?q=a%20b&flag&x=1,2")
    assert api.wire.sent[0].url == f"{BASE}/search?q=a%20b&flag&x=1,2"


@pytest.mark.anyio
async def test_cookies_may_be_given(family: ModuleType) -> None:
    """Besides those of the client."""
    api = ScriptedAPI(family, ScriptedWire())
    api._client.cookies.set("session", "1")
    await api.get("/pokemon", cookies={"theme": "dark"})
    assert set(api.wire.sent[0].headers["cookie"].split("; ")) == {"session=1", "theme=dark"}


@pytest.mark.anyio
async def test_an_unknown_option_is_an_error(family: ModuleType) -> None:
    """That names it; nothing is sent."""
    api = ScriptedAPI(family, ScriptedWire())
    with pytest.raises(TypeError, match="param"):
        await api.get("/pokemon", param={"a": 1})  # type: ignore[call-arg]
    assert api.wire.sent == []


@pytest.mark.anyio
async def test_brackets_change_nothing(family: ModuleType) -> None:
    """They are for type checkers: no type ever parses."""
    api = ScriptedAPI(family, ScriptedWire(ScriptedResponse(json={"a": 1})))
    response: Any = await api.get[int]("/pokemon")
    assert isinstance(response, family.Response)


def test_a_verb_says_what_it_is() -> None:
    """On an object and on the class."""
    assert repr(Gracy[str]().get).startswith("<GET of ")
    assert type(Gracy.get).__name__ == "Verb"


@pytest.mark.anyio
async def test_a_verb_keeps_its_object_alive(family: ModuleType) -> None:
    """F5. Nobody else has to hold it while a request is under way."""
    assert (await ScriptedAPI(family, ScriptedWire()).get_pokemon()).status_code == 200
    verb = ScriptedAPI(family, ScriptedWire()).get
    coroutine = verb("/pokemon")
    del verb
    gc.collect()
    assert (await coroutine).status_code == 200


@pytest.mark.anyio
async def test_the_way_of_all_verbs_can_be_changed(family: ModuleType) -> None:
    """They all come through `request`."""

    class Signing(ScriptedAPI):
        async def request(self, method: str, *args: Any, **options: Any) -> Any:
            headers = {"X-Signature": f"{method} signed"}
            return await super().request(method, *args, **options, headers=headers)

    api = Signing(family, ScriptedWire())
    await api.get_pokemon()
    assert api.wire.sent[0].headers["x-signature"] == "GET signed"


@pytest.mark.anyio
async def test_hooks_of_the_client_run(family: ModuleType) -> None:
    """The request goes through `client.send`, so what belongs to the client stays the client's."""
    api, seen = ScriptedAPI(family, ScriptedWire(ScriptedResponse(headers={"set-cookie": "a=1"}))), []

    async def hook(message: Any) -> None:
        seen.append(type(message).__name__)

    api._client.event_hooks = {"request": [hook], "response": [hook]}
    await api.get_pokemon()
    await api.get_pokemon()
    assert seen == ["Request", "Response"] * 2
    assert api.wire.sent[1].headers["cookie"] == "a=1"


@pytest.mark.anyio
async def test_what_a_hook_of_the_client_raises_is_not_wrapped(family: ModuleType) -> None:
    """It is no failure of the request."""
    api = ScriptedAPI(family, ScriptedWire())

    async def veto(request: Any) -> None:
        raise PermissionError("not today")

    api._client.event_hooks = {"request": [veto]}
    with pytest.raises(PermissionError, match="not today"):
        await api.get_pokemon()


@pytest.mark.anyio
async def test_the_answer_says_what_happened(family: ModuleType) -> None:
    """The Call is in the response's extensions, with template and arguments."""
    response = await ScriptedAPI(family, ScriptedWire()).get_pokemon("mr. mime")
    call = response.extensions["gracy"]
    assert (call.template, dict(call.args)) == ("/pokemon/{NAME}", {"NAME": "mr. mime"})
    assert call.unformatted_url == f"{BASE}/pokemon/{{NAME}}"
    assert response.elapsed.total_seconds() >= 0


@pytest.mark.anyio
async def test_a_body_that_breaks_is_retried(family: ModuleType) -> None:
    """It is read within the attempt, so the caller never sees a half."""
    from gracy_transport import GracefulRetry

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=0), parser={"default": lambda r: r.json()})

    broken = ScriptedResponse(chunks=[b'{"na', family.ReadError("reset")])
    api = API(family, ScriptedWire(broken, ScriptedResponse(json={"name": "pikachu"})))
    assert await api.get_pokemon() == {"name": "pikachu"}
    assert api.wire.open_bodies == 0


def test_nothing_is_sent_until_it_is_awaited() -> None:
    """A verb makes a coroutine, as any method would."""
    api = ScriptedAPI(httpx, ScriptedWire())
    coroutine = api.get("/pokemon")
    with suppress(RuntimeError):
        coroutine.close()
    assert api.wire.sent == []
