"""The client: customised, with and without a timeout, closed, and in more than one event loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
import trio

from gracy_transport import BaseEndpoint, Gracy, GracyApi, GracyConfig, GracyTransport, ThrottleRule, attach
from gracy_transport.exceptions import CompositionError
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted, ScriptedAPI
from tests.support import sent_at


class YourAPIClient(Gracy[str]):
    """The one of the README, with a transport for the test."""

    class Config:
        BASE_URL = BASE
        REQUEST_TIMEOUT = 10.2

    def __init__(self, token: str) -> None:
        self._token = token
        super().__init__()

    def _create_client(self) -> httpx.AsyncClient:
        client: httpx.AsyncClient = super()._create_client()
        client.headers = {"Authorization": f"token {self._token}"}
        return client


def test_the_timeout_of_the_readme() -> None:
    """As it is printed, where the class is spelt another way."""

    class GracefulAPI(GracyApi[str]):
        class Config:
            BASE_URL = "https://example.com"
            REQUEST_TIMEOUT = 10.2

    assert GracefulAPI()._client.timeout == httpx.Timeout(10.2)


def test_the_client_can_be_changed() -> None:
    """As in the README: what `super()` gives, and a header on top."""
    client = YourAPIClient("123")._client
    assert isinstance(client, httpx.AsyncClient)
    assert client.headers["authorization"] == "token 123"
    assert (str(client.base_url), client.timeout) == (f"{BASE}/", httpx.Timeout(10.2))


def test_what_the_client_was_made_with_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment get the stack in front of them, too."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    client = YourAPIClient("123")._client
    assert len(client._mounts) >= 1
    assert all(isinstance(each, GracyTransport | None) for each in client._mounts.values())
    assert isinstance(client._transport, GracyTransport)


@pytest.mark.anyio
async def test_a_bare_client_of_either_family_will_do(family: ModuleType) -> None:
    """The stack and the base URL are put where they are missing."""
    api = ScriptedAPI(family, ScriptedWire())
    assert isinstance(await api.get_pokemon(), family.Response)
    assert str(api._client.base_url) == f"{BASE}/"


@pytest.mark.anyio
async def test_a_base_url_of_the_clients_own_counts(family: ModuleType) -> None:
    """Whoever writes it into the client means it."""

    class Staging(ScriptedAPI):
        def _create_client(self) -> Any:
            return self.family.AsyncClient(transport=self.wire, base_url="https://staging.test/v2")

    api = Staging(family, ScriptedWire())
    await api.get_pokemon()
    assert api.wire.sent[0].url == "https://staging.test/v2/pokemon/pikachu"


def test_a_client_with_a_stack_is_refused(family: ModuleType) -> None:
    """The API brings its own."""

    class Twice(ScriptedAPI):
        def _create_client(self) -> Any:
            client = super()._create_client()
            attach(client, GracyConfig())
            return client

    with pytest.raises(CompositionError, match="has a stack already"):
        Twice(family, ScriptedWire())


@pytest.mark.parametrize("client", [None, httpx.Client(), httpx.AsyncHTTPTransport()])
def test_something_that_is_no_async_client_is_refused(client: Any) -> None:
    """At once, and with the remedy."""

    class Wrong(Gracy[str]):
        def _create_client(self) -> Any:
            return client

    with pytest.raises(CompositionError, match="AsyncClient"):
        Wrong()


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_an_api_without_a_timeout_warns_once_per_class(caplog: pytest.LogCaptureFixture) -> None:
    """As in the original, none is set by default; that should not go unnoticed."""

    class Slow(Gracy[str]):
        pass

    class Slower(Slow):
        pass

    assert Slow()._client.timeout == httpx.Timeout(None)
    Slow()
    (warning,) = warnings_of(caplog)
    assert warning.startswith("Slow has no timeout: it would wait for ever for a server that never answers.")
    assert "Set Config.REQUEST_TIMEOUT to seconds" in warning
    Slower()
    assert len(warnings_of(caplog)) == 2


def test_an_api_with_a_timeout_does_not_warn(caplog: pytest.LogCaptureFixture) -> None:
    """Whether it is in the Config or in the client; `None` says that none is meant."""

    class Timed(Gracy[str]):
        class Config:
            REQUEST_TIMEOUT = httpx.Timeout(5, read=60)

    class Meant(Gracy[str]):
        class Config:
            REQUEST_TIMEOUT = None

    class OfTheClient(Gracy[str]):
        def _create_client(self) -> httpx.AsyncClient:
            client: httpx.AsyncClient = super()._create_client()
            client.timeout = httpx.Timeout(3)
            return client

    assert Timed()._client.timeout == httpx.Timeout(5, read=60)
    assert Meant()._client.timeout == httpx.Timeout(None)
    assert OfTheClient()._client.timeout == httpx.Timeout(3)
    assert warnings_of(caplog) == []


@pytest.mark.anyio
async def test_an_api_can_be_closed(family: ModuleType) -> None:
    """More than once; then it is over."""
    api = ScriptedAPI(family, ScriptedWire())
    await api.get_pokemon()
    await api.aclose()
    await api.aclose()
    assert api.wire.closed == 1
    with pytest.raises(RuntimeError, match="this API object is closed: make a new one"):
        await api.get_pokemon()
    assert api._client.is_closed


@pytest.mark.anyio
async def test_an_api_that_was_never_used_can_be_closed(family: ModuleType) -> None:
    """The client was made all the same."""
    api = ScriptedAPI(family, ScriptedWire())
    await api.aclose()
    assert api.wire.closed == 1


@pytest.mark.anyio
async def test_an_api_is_a_context_manager(family: ModuleType) -> None:
    """It opens the client and closes it, once each."""
    async with ScriptedAPI(family, ScriptedWire()) as api:
        assert api.wire.entered == 1
        await api.get_pokemon()
    assert (api.wire.entered, api.wire.closed) == (1, 1)


@pytest.mark.anyio
async def test_an_api_at_work_can_still_be_entered(family: ModuleType) -> None:
    """A client of httpx could not."""
    api = ScriptedAPI(family, ScriptedWire())
    await api.get_pokemon()
    async with api:
        await api.get_pokemon()
    assert api.wire.closed == 1


@pytest.mark.anyio
async def test_debug_logs_every_event(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """At level DEBUG, without arguments or secrets; and observers hear the same."""
    caplog.set_level("DEBUG", "gracy_transport")
    heard: list[Any] = []
    api = ScriptedAPI(family, ScriptedWire(), debug=True, observers=[heard.append])
    await api.get_pokemon("hunter2", params={"token": "hunter2"})
    lines = [message for message in caplog.messages if message.startswith("Call")]
    assert [line.partition("(")[0] for line in lines] == ["CallStarted", "CallEnded"]
    assert [type(event).__name__ for event in heard] == ["CallStarted", "CallEnded"]
    assert "hunter2" not in caplog.text


def test_an_api_says_what_it_is(family: ModuleType) -> None:
    """Its class and its stack."""
    text = repr(ScriptedAPI(family, ScriptedWire()))
    assert text.startswith("<ScriptedAPI over <GracyTransport: MetricsTransport")
    assert text.endswith("ValidationTransport 2xx → ScriptedWire>>")


# ---------------------------------------------------------------- more than one event loop


class Endpoint(BaseEndpoint):
    """What the server below knows."""

    HELLO = "/hello"


class Handler(BaseHTTPRequestHandler):
    """Greets, on a connection that it keeps."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.send_header("Set-Cookie", "seen=1; Path=/")
        self.end_headers()
        self.wfile.write(f"seen{int('seen=1' in self.headers.get('Cookie', ''))}".encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base has it
        """Says nothing."""


class Local(Gracy[str]):
    """An API of the server below."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.made = 0
        super().__init__()

    def _create_client(self) -> httpx.AsyncClient:
        self.made += 1
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)

    async def hello(self) -> str:
        response = await self.get(Endpoint.HELLO)
        text: str = response.text
        return text


@pytest.fixture
def port() -> Iterator[int]:
    """Gives the port of a server that greets."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


# Loops that end with open connections warn of them: that is about these tests and not about the API.
leaves_connections = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@leaves_connections
def test_an_api_works_in_one_event_loop_after_another(port: int) -> None:
    """Each gets connections of its own, because those of a loop that has ended are dead; the rest goes on.

    A client of httpx answers the second `asyncio.run` with "Event loop is closed".
    """
    api = Local(port)
    answers = [asyncio.run(api.hello()), asyncio.run(api.hello()), trio.run(api.hello), asyncio.run(twice(api))]
    assert answers == ["seen0", "seen1", "seen1", "seen1"]
    assert api.made == 4
    assert api.get_report().total.successes == 5
    del api
    gc.collect()  # so that the warnings come here


@leaves_connections
def test_an_api_can_be_closed_in_another_loop(port: int) -> None:
    """The connections ended with their loop; a client of httpx raises "Event loop is closed" here, too."""
    api = Local(port)
    asyncio.run(api.hello())
    asyncio.run(api.aclose())
    with pytest.raises(RuntimeError, match="this API object is closed"):
        asyncio.run(api.hello())
    del api
    gc.collect()  # so that the warnings come here


async def twice(api: Local) -> str:
    """Asks two times in one loop, and closes."""
    async with api:
        await api.hello()
        return await api.hello()


class Counting(Scripted):
    """An API that counts its clients."""

    made = 0

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(throttling=ThrottleRule(".*", 1))

    def _create_client(self) -> Any:
        self.made += 1
        return super()._create_client()


def test_limits_and_the_report_go_on_in_another_loop(family: ModuleType) -> None:
    """The second loop waits for the permit that the first one used."""
    clock = FakeClock()
    api = Counting(family, ScriptedWire(clock=clock), clock=clock)
    for _ in range(2):
        anyio.run(api.get_pokemon)
    anyio.run(api.get_pokemon, backend="trio")
    assert [at - 1000 for at in sent_at(api.wire)] == [0, 1, 2]
    assert api.made == 3
    assert api.get_report().total.attempts == 3


def test_two_threads_have_a_client_each(family: ModuleType) -> None:
    """Both at once, and each keeps its own."""
    api = Counting(family, ScriptedWire())
    barrier = threading.Barrier(2)
    clients: list[Any] = []

    async def work() -> None:
        clients.append(api._client)
        barrier.wait(timeout=10)
        clients.append(api._client)

    threads = [threading.Thread(target=anyio.run, args=(work,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(clients) == 4
    assert len({id(client) for client in clients}) == 2
    assert api.made == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_clients_of_threads_that_have_ended_are_let_go(family: ModuleType, backend: str) -> None:
    """Their connections are nobody's: a program may have had many threads once, for one job each."""
    api = Counting(family, ScriptedWire())
    barrier = threading.Barrier(3)
    clients: list[weakref.ref[Any]] = []

    async def work() -> None:
        clients.append(weakref.ref(api._client))
        barrier.wait(timeout=10)

    threads = [threading.Thread(target=anyio.run, args=(work,), kwargs={"backend": backend}) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    anyio.run(api.get_pokemon, backend=backend)
    gc.collect()
    assert [client() for client in clients] == [None] * 3


def test_a_client_of_the_users_own_is_used_in_every_loop(family: ModuleType) -> None:
    """When `_create_client` gives the same one again, its connections are the user's care."""

    class Given(ScriptedAPI):
        client: Any = None

        def _create_client(self) -> Any:
            self.client = self.client or super()._create_client()
            return self.client

    api = Given(family, ScriptedWire(ScriptedResponse(json={})))
    for _ in range(3):
        anyio.run(api.get_pokemon)
        assert api._client is api.client
    assert api.get_report().total.attempts == 3


def test_closed_is_closed_in_every_loop(family: ModuleType) -> None:
    """Also in one that comes later."""
    api = ScriptedAPI(family, ScriptedWire())
    anyio.run(api.get_pokemon)
    anyio.run(api.aclose)
    with pytest.raises(RuntimeError, match="this API object is closed"):
        anyio.run(api.get_pokemon)


def test_an_api_that_a_destructor_closes_while_a_loop_begins_is_closed(family: ModuleType) -> None:
    """A loop that ended in the middle of something leaves that to the garbage collector, which may come by then."""

    class Interrupted(ScriptedAPI):
        """The garbage collector comes while a client is made."""

        def _create_client(self) -> Any:
            if abandoned:
                abandoned.pop().close()
            return super()._create_client()

    async def use() -> None:
        async with api:
            await anyio.sleep_forever()

    abandoned: list[Any] = []
    api = Interrupted(family, ScriptedWire())
    anyio.run(api.get_pokemon)
    begun = use()
    with asyncio.Runner() as runner:
        runner.run(once(begun))
    abandoned.append(begun)

    def begin() -> None:
        try:
            anyio.run(api.get_pokemon)
        except RuntimeError as error:
            raised.append(error)

    raised: list[RuntimeError] = []
    thread = threading.Thread(target=begin, daemon=True)
    thread.start()
    thread.join(30)
    assert [str(error) for error in raised] == ["this API object is closed: make a new one"]


async def once(coroutine: Any) -> None:
    """Lets a coroutine go up to where it waits."""
    coroutine.send(None)
