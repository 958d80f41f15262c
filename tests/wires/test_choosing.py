"""One word in the config chooses the wire, and every transport of httpx below the stack is stood for by its equal."""

from __future__ import annotations

import importlib.util
import socket
import ssl
from types import ModuleType
from typing import Any

import anyio
import httpx
import pydantic
import pytest

from gracy_transport import (
    Gracy,
    GracyConfig,
    GracyNamespace,
    GracyTransport,
    RetryTransport,
    attach,
    call_options,
    graceful,
    graceful_generator,
)
from gracy_transport.exceptions import CompositionError
from gracy_transport.retry import GracefulRetry
from gracy_transport.testing import ScriptedWire
from gracy_transport.testing.origin import Origin, Reply
from gracy_transport.wires.aiohttp import AiohttpTransport
from gracy_transport.wires.settings import settings_of

CONFIG = GracyConfig(wire="aiohttp")


def test_a_stack_around_a_transport_of_httpx_gets_the_wire(family: ModuleType) -> None:
    """It is the lowest of the chain, and says so."""
    stack = GracyTransport(family.AsyncHTTPTransport(verify=False), CONFIG)
    assert isinstance(stack.wire, AiohttpTransport)
    assert repr(stack.wire) == f"<AiohttpTransport for {family.__name__}, 0 in use>"
    assert repr(stack).endswith("→ AiohttpTransport>")


def test_an_attached_client_gets_it_for_its_mounts_too(family: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment among them; what is to go by every proxy stays so."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@127.0.0.1:8080")
    monkeypatch.setenv("NO_PROXY", "localhost")
    client = family.AsyncClient(verify=False)
    attach(client, CONFIG)
    wires = [stack.wire for stack in client._mounts.values() if stack is not None]
    assert all(isinstance(wire, AiohttpTransport) for wire in [*wires, client._transport.wire])
    assert [wire._settings.proxy for wire in wires] == ["http://127.0.0.1:8080/"]
    assert None in client._mounts.values()


def test_an_api_class_gets_it_by_its_settings() -> None:
    """One word in `SETTINGS`."""

    class API(Gracy[str]):
        class Config:
            BASE_URL = "http://api.test"
            SETTINGS = CONFIG
            REQUEST_TIMEOUT = 5

    assert isinstance(API()._gracy.sessions.newest.stack.wire, AiohttpTransport)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ScriptedWire(200),
        lambda: httpx.MockTransport(lambda request: httpx.Response(200)),
        lambda: RetryTransport(ScriptedWire(200), GracefulRetry()),
    ],
)
def test_any_other_transport_stays(make: Any) -> None:
    """It was chosen on purpose: a mock in a test, above all."""
    inner = make()
    assert GracyTransport(inner, CONFIG).inner is inner


def test_a_transport_derived_from_that_of_httpx_stays(family: ModuleType) -> None:
    """It does something of its own, which aiohttp would not do."""
    inner = type("Mine", (family.AsyncHTTPTransport,), {})(verify=False)
    assert GracyTransport(inner, CONFIG).inner is inner


def test_without_the_word_nothing_changes(family: ModuleType) -> None:
    """Left out, and switched off."""
    for config in (None, GracyConfig(), GracyConfig(wire=None)):
        inner = family.AsyncHTTPTransport(verify=False)
        assert GracyTransport(inner, config).inner is inner


def test_a_wrong_word_is_refused_by_name() -> None:
    """As any wrong value of a config."""
    with pytest.raises(pydantic.ValidationError, match="wire"):
        GracyConfig(wire="aiohttpx")  # type: ignore[arg-type]


def test_a_missing_extra_is_told_when_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    monkeypatch.setattr("gracy_transport.config.find_spec", lambda name: None)
    with pytest.raises(pydantic.ValidationError, match=r"pip install 'gracy-transport\[aiohttp\]'"):
        GracyConfig(wire="aiohttp")


def test_a_config_with_the_word_loads_nothing_yet() -> None:
    """The package is looked for; it is loaded by the first stack."""
    assert importlib.util.find_spec("aiohttp") is not None
    assert GracyConfig(wire="aiohttp") == CONFIG
    assert hash(GracyConfig(wire="aiohttp")) == hash(CONFIG)


def by_a_namespace() -> object:
    """Gives a part of an API a wire of its own."""

    class Part(GracyNamespace[str]):
        class Config:
            SETTINGS = CONFIG

    class API(Gracy[str]):
        class Config:
            REQUEST_TIMEOUT = 5

        part: Part

    return API()


@pytest.mark.parametrize(
    "choose",
    [
        lambda: call_options(wire="aiohttp"),
        lambda: call_options(wire=None),
        lambda: graceful(wire="aiohttp"),
        lambda: graceful_generator(wire="aiohttp"),
        by_a_namespace,
    ],
    ids=["call", "call without", "method", "generator", "namespace"],
)
def test_some_calls_cannot_have_a_wire_of_their_own(choose: Any) -> None:
    """A stack has one, with one pool of connections."""
    with pytest.raises(CompositionError, match="a stack has one wire for all"):
        choose()


def test_every_setting_of_a_transport_is_carried_over(family: ModuleType) -> None:
    """Read from it, whichever family it is of."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    found = settings_of(
        family.AsyncHTTPTransport(
            verify=tls,
            limits=family.Limits(max_connections=7, keepalive_expiry=3.5),
            local_address="127.0.0.1",
            uds="/tmp/socket",
            socket_options=options,
        )
    )
    assert (found.tls, found.most, found.keeps, found.expiry) == (tls, 7, True, 3.5)
    assert (found.local_address, found.uds, found.socket_options) == ("127.0.0.1", "/tmp/socket", tuple(options))
    assert (found.proxy, found.proxy_headers) == (None, ())


def test_what_is_left_out_is_what_httpx_makes_of_it(family: ModuleType) -> None:
    """A hundred connections, kept for five seconds; no limit at all where none is given."""
    default = settings_of(family.AsyncHTTPTransport(verify=False))
    assert (default.most, default.keeps, default.expiry) == (100, True, 5.0)
    assert settings_of(family.AsyncHTTPTransport(verify=False, limits=family.Limits())).most is None


@pytest.mark.parametrize(("options", "what"), [({"http2": True}, "http2=True"), ({"retries": 3}, "retries=3")])
def test_a_setting_that_cannot_be_kept_is_refused(family: ModuleType, options: dict[str, Any], what: str) -> None:
    """When the stack is made, and not by doing something else later."""
    with pytest.raises(CompositionError, match=what):
        GracyTransport(family.AsyncHTTPTransport(verify=False, **options), CONFIG)


def test_a_proxy_of_another_kind_is_refused(family: ModuleType) -> None:
    """SOCKS, and one that is to be verified by certificates of its own."""
    inner = family.AsyncHTTPTransport(verify=False, proxy="http://127.0.0.1:1")
    inner._pool._proxy_url.scheme = b"socks5"  # which needs a package that nobody has
    with pytest.raises(CompositionError, match="SOCKS"):
        GracyTransport(inner, CONFIG)
    verified = family.Proxy("https://127.0.0.1:1", ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with pytest.raises(CompositionError, match="ssl_context for the proxy"):
        GracyTransport(family.AsyncHTTPTransport(verify=False, proxy=verified), CONFIG)


def test_a_transport_that_cannot_be_read_is_refused(family: ModuleType) -> None:
    """Another version may keep its settings elsewhere: nothing is guessed."""
    inner = family.AsyncHTTPTransport(verify=False)
    del inner._pool._keepalive_expiry
    with pytest.raises(CompositionError, match=r"cannot be read \(KeyError\('_keepalive_expiry'\)\)"):
        GracyTransport(inner, CONFIG)


def test_something_else_cannot_be_stood_for() -> None:
    """By hand, with a transport that is none of httpx's."""
    with pytest.raises(CompositionError, match="give an AsyncHTTPTransport"):
        AiohttpTransport(ScriptedWire(200))


def test_under_trio_the_first_request_says_what_to_do(family: ModuleType) -> None:
    """No attempt is made, and none is repeated."""

    async def ask() -> None:
        stack = GracyTransport(family.AsyncHTTPTransport(verify=False), CONFIG)
        async with family.AsyncClient(transport=stack) as client:
            with pytest.raises(CompositionError, match="aiohttp runs on asyncio alone"):
                await client.get("http://api.test/")

    anyio.run(ask, backend="trio")


def test_either_family_may_use_it(family: ModuleType) -> None:
    """The transport that it stands for may be of the other one: answers are of the request's family."""

    async def ask() -> None:
        async with Origin() as origin:
            origin.on("/a").reply(Reply(text="fine"))
            wire = AiohttpTransport(httpx.AsyncHTTPTransport(verify=False))
            async with family.AsyncClient(transport=GracyTransport(wire), base_url=origin.url) as client:
                response = await client.get("/a")
                assert (type(response), response.text) == (family.Response, "fine")

    anyio.run(ask)
