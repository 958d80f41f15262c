"""No network: what the guard refuses, and that nobody gets round it unseen."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType

import anyio
import anyio.to_thread
import pytest

from gracy_transport import GracefulRetry, RetryTransport
from gracy_transport.testing import FakeClock
from gracy_transport.testing.origin import Origin
from gracy_transport.testing.plugin.network import NetworkGuard, is_local
from gracy_transport.testing.plugin.patching import replaced
from tests.testing.plugin_runs import Runs, missing, serve

pytestmark = pytest.mark.anyio
pytest_plugins = ["pytester"]

Refused = pytest.fail.Exception
FAR = "192.0.2.1"  # an address that documents use, and nobody has


@pytest.fixture
def guard() -> Iterator[NetworkGuard]:
    with NetworkGuard(advice="do without").on() as guard:
        yield guard


def refusals(error: BaseException) -> list[str]:
    """Returns what was refused, also in the groups that the errors of tasks come in."""
    if isinstance(error, BaseExceptionGroup):
        return [text for inner in error.exceptions for text in refusals(inner)]
    return [str(error)] if isinstance(error, Refused) else []


@pytest.mark.parametrize("host", ["api.test", FAR])
async def test_a_client_reaches_no_host_but_this_machine(host: str, family: ModuleType, guard: NetworkGuard) -> None:
    """Neither by name nor by address, on either backend; an origin on loopback is reached."""
    async with Origin() as origin, family.AsyncClient(verify=False) as client:
        with pytest.raises(BaseException) as raised:
            await client.get(f"http://{host}:81/")
        assert (await client.get(origin.url)).status_code == 404
    [text] = refusals(raised.value)
    assert text.startswith((f"a connection to {host}, port 81, was refused", f"a look-up of {host} was refused"))
    assert text.endswith(": do without")
    assert len(guard.refused) == 1


async def test_a_retry_does_not_try_it_again(guard: NetworkGuard) -> None:
    """A refusal is no error of the request."""
    import httpx

    clock = FakeClock()
    stack = RetryTransport(httpx.AsyncHTTPTransport(), GracefulRetry(delay=9), clock=clock)
    async with httpx.AsyncClient(transport=stack) as client:
        with pytest.raises(BaseException) as raised:
            await client.get("https://api.test/")
    assert refusals(raised.value) and len(guard.refused) == 1 and not clock.waits


async def test_threads_and_datagrams_are_refused(guard: NetworkGuard) -> None:
    """Also where the error has to come back from a worker, or goes nowhere."""
    with pytest.raises(Refused, match=r"a look-up of api\.test"):
        await anyio.to_thread.run_sync(socket.create_connection, ("api.test", 80))
    async with await anyio.create_udp_socket(family=socket.AF_INET) as udp:
        with suppress(Refused):  # asyncio tells nobody of it but its log
            await udp.sendto(b"x", FAR, 53)
    assert guard.refused == ["a look-up of api.test", f"a connection to {FAR}, port 53,"]


def test_sockets_and_look_ups_are_refused(guard: NetworkGuard) -> None:
    """Every way of Python's own; none of them asks a name server first."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        for attempt in (
            lambda: tcp.connect((FAR, 80)),
            lambda: tcp.connect(("api.test", 80)),
            lambda: tcp.connect_ex((FAR, 80)),
            lambda: udp.sendto(b"", (FAR, 53)),
            lambda: udp.sendto(b"", 0, (FAR, 53)),
            lambda: udp.sendmsg([b""], [], 0, (FAR, 53)),
            lambda: socket.getaddrinfo("api.test", 80),
            lambda: socket.getaddrinfo(host=b"api.test", port=80),
            lambda: socket.gethostbyname("api.test"),
            lambda: socket.gethostbyname_ex("api.test"),
            lambda: socket.gethostbyaddr(FAR),
            lambda: socket.getnameinfo((FAR, 80), 0),
        ):
            with pytest.raises(Refused, match=f"api.test|{FAR}"):
                attempt()
    assert len(guard.refused) == 12


def test_this_machine_and_what_needs_no_network_is_left_alone(guard: NetworkGuard) -> None:
    """Loopback by all its names, unix sockets, sockets that are connected, and addresses that are only read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            socket.create_connection((host, port)).close()
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("127.0.0.1", 0))
        other.connect(one.getsockname())
        assert other.sendmsg([b"x"]) == other.send(b"x") == one.sendto(b"x", other.getsockname()) == 1
    if sys.platform != "win32":
        with socket.socket(socket.AF_UNIX) as unix, pytest.raises(FileNotFoundError):
            unix.connect("/nowhere")
    assert socket.getaddrinfo(FAR, 80)
    assert socket.getnameinfo((FAR, 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV) == (FAR, "80")
    assert socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICSERV)[1] == "80"
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("api.test", 80, flags=socket.AI_NUMERICHOST)
    assert not guard.refused


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        (None, True),
        (socket.gethostname(), True),
        ("fe80::1%eth0", False),
        ("127.0.0.1.api.test", False),
        ("10.0.0.1", False),
    ],
)
def test_this_machine_has_many_names(host: str | None, is_it: bool) -> None:
    """And others have names that look like them."""
    assert is_local(host) is is_it


def test_hosts_can_be_allowed() -> None:
    """By name, with the addresses that it stands for; by address and by network."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (FAR, 80))]
    with (
        replaced(socket, "getaddrinfo", lambda _original: lambda host, port: found),
        NetworkGuard(["*.Test", "10.0.0.0/8", "198.51.100.7"]).on() as guard,
    ):
        assert not guard.may_reach(FAR)
        socket.getaddrinfo("api.test", 80)
        assert guard.may_reach(FAR)
        assert guard.may_reach("10.1.2.3") and guard.may_reach("198.51.100.7")
        assert not guard.may_reach("198.51.100.8") and not guard.may_reach("test")


def test_everything_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in blocks that overlap, whoever leaves first, and where somebody else has replaced it since."""
    look_up, sendto = socket.getaddrinfo, socket.socket.sendto
    first, second = NetworkGuard().on(), NetworkGuard(["api.test"]).on()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(Refused):
        socket.getaddrinfo("b.test", 80)
    second.__exit__(None, None, None)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("b.test", 80, flags=socket.AI_NUMERICHOST)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "sendto", sendto)
    with pytest.raises(KeyError), NetworkGuard().on():
        assert socket.getaddrinfo is not look_up
        assert socket.socket.sendto is not sendto
        raise KeyError
    assert socket.getaddrinfo is look_up
    assert socket.socket.sendto is sendto


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    with serve() as api:
        yield Runs(pytester, monkeypatch, api)


def test_a_test_that_goes_on_after_a_refusal_fails_all_the_same(run: Runs) -> None:
    """Whoever swallows it: the code under test, a thread, a task that nobody waits for."""
    run.write(
        "test_guard",
        """
        import socket
        import threading

        import httpx
        import pytest

        pytestmark = pytest.mark.anyio
        original = socket.socket.connect

        @pytest.mark.no_network
        def test_allowed_here():
            with pytest.raises(pytest.fail.Exception, match="allow the host with no_network"):
                socket.create_connection(("api.test", 80))

        @pytest.mark.no_network(allow=["api.test"])
        @pytest.mark.no_network(allow="b.test")
        def test_allow(no_network):
            assert no_network.may_reach("api.test") and no_network.may_reach("b.test")

        def test_that_clears_it(no_network):
            with pytest.raises(pytest.fail.Exception):
                socket.create_connection(("api.test", 80))
            no_network.refused.clear()

        @pytest.mark.recording
        def test_synchronous_clients_are_not_recorded():
            try:
                httpx.get("https://api.test/sync")
            except Exception:
                pass

        @pytest.mark.recording
        async def test_swallowed(no_network):
            async with httpx.AsyncClient(verify=False) as client:
                try:
                    await client.get("https://api.test/async")
                except BaseException:
                    pass

        async def test_free():
            assert socket.socket.connect is original
        """,
    )
    result = run("-p", "no:threadexception")
    result.assert_outcomes(passed=7, failed=1, errors=3)
    result.stdout.fnmatch_lines(
        [
            "the test went on although this was refused: *nothing is recorded for GET https://api.test/async*",
            "E *Failed: a look-up of api.test was refused: *only what asynchronous clients of httpx and httpx2 *",
        ]
    )


@missing("respx", "pytest_httpx")
def test_mocks_in_the_same_suite_are_left_alone(run: Runs) -> None:
    """What respx and pytest-httpx answer never comes to a recording, and they find everything as they left it."""
    run.write(
        "test_mocks",
        """
        import os

        import httpx
        import pytest
        import respx

        API = os.environ["API"]
        pytestmark = pytest.mark.anyio
        original = httpx.AsyncHTTPTransport.handle_async_request

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def ask(url):
            async with httpx.AsyncClient(verify=False) as client:
                return (await client.get(url)).text

        @pytest.mark.recording(local=True)
        async def test_recorded():
            assert "/recorded" in await ask(API + "/recorded")

        @pytest.mark.recording(local=True)
        async def test_httpx_mock(httpx_mock, recording):
            httpx_mock.add_response(url="https://api.test/", text="mocked")
            assert await ask("https://api.test/") == "mocked"
            assert not list(recording.storage.recordings())

        async def test_respx(respx_mock):
            respx_mock.get("https://api.test/").respond(text="mocked")
            assert await ask("https://api.test/") == "mocked"

        @pytest.mark.recording(local=True)
        async def test_a_mock_that_is_made_and_unmade_within(recording):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", lambda self, request: None)
            assert "/within" in await ask(API + "/within")
            assert len(list(recording.storage.recordings())) == 1

        def test_as_it_was():
            assert httpx.AsyncHTTPTransport.handle_async_request is original
        """,
    )
    for mode, asked in (("once", ["/recorded", "/within"]), ("none", [])):
        result = run(f"--gracy-record={mode}", plugins=("anyio.pytest_plugin", "respx.plugin", "pytest_httpx"))
        result.assert_outcomes(passed=5)
        assert run.asked() == asked
    assert len(run.files()) == 2
