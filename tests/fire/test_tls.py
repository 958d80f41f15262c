"""The full stack over TLS: what the client verifies and speaks stays the client's own, and a handshake may go wrong."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import anyio
import pytest

from gracy_transport import GracyConfig, GracyTransport
from gracy_transport.testing.origin import Origin, Reply
from tests.certificates import of_client, of_server
from tests.fire.h2_origin import Exchange, h2_origin
from tests.fire.hostile import CONFIG, RETRIES, bench, living_tasks

pytestmark = pytest.mark.anyio

WAYS = ["client", "facade"]


async def fine(exchange: Exchange) -> None:
    """Answers."""
    await exchange.answer(b"fine")


@pytest.mark.parametrize("way", WAYS)
async def test_an_attached_client_keeps_what_it_trusts_and_speaks(family: ModuleType, way: str) -> None:
    """HTTP/2 is what both sides prefer, so it is spoken, on one connection."""
    async with (
        h2_origin(fine, of_server("h2", "http/1.1")) as origin,
        bench(family, origin.url, way, verify=of_client(), http2=True) as made,
    ):
        assert [await made.ask() for _ in range(3)] == ["200 fine"] * 3
        assert (origin.protocols, origin.count) == (["h2"], 3)
        await made.recover()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("http2", [True, False])
async def test_a_server_of_http_1_is_spoken_to_in_its_own_language(
    family: ModuleType, way: str, *, http2: bool
) -> None:
    """A client that would take HTTP/2 takes what is offered."""
    async with Origin(tls=of_server("http/1.1")) as origin:
        origin.on("*").reply(Reply(text="fine"))
        async with bench(family, origin.url, way, verify=of_client(), http2=http2) as made:
            response = await made.send("/hostile")
            assert (response.text, response.http_version) == ("fine", "HTTP/1.1")


async def test_a_stack_around_a_transport_speaks_http2_too(family: ModuleType) -> None:
    """What the wire was made with is not touched."""
    wire = family.AsyncHTTPTransport(verify=of_client(), http2=True)
    async with (
        h2_origin(fine, of_server("h2", "http/1.1")) as origin,
        family.AsyncClient(transport=GracyTransport(wire, CONFIG), base_url=origin.url) as client,
    ):
        response = await client.get("/hostile")
        assert (response.text, response.http_version) == ("fine", "HTTP/2")


@pytest.mark.parametrize("way", WAYS)
async def test_twenty_callers_share_one_connection_of_http2(family: ModuleType, way: str) -> None:
    """Five at a time, as the limit says; the pool has room for one connection."""
    config = CONFIG.merged(GracyConfig(concurrent_requests=5))
    async with (
        h2_origin(fine, of_server("h2", "http/1.1")) as origin,
        bench(family, origin.url, way, config, verify=of_client(), http2=True) as made,
    ):
        answers: list[str] = []

        async def ask() -> None:
            answers.append((await made.send("/hostile")).text)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(ask)
        assert (answers, origin.count, origin.connections) == (["fine"] * 20, 20, 1)
        await made.recover()


@contextmanager
def silent_origin() -> Iterator[str]:
    """Gives the URL of a server that never shakes hands: the system accepts connections for it, and nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


async def failed_handshake(
    family: ModuleType, wire: str | None, url: str, way: str, *, trusts: bool = True, **timeouts: float
) -> str:
    """Returns what the caller of a server is told with which no handshake succeeds, and asserts what holds for all."""
    async with bench(family, url, way, verify=of_client(trusts=trusts), http2=wire is None, wire=wire) as made:
        made.client.timeout = family.Timeout(5, **timeouts)
        what = await made.ask()
        assert (made.call.attempt.fate, made.row.attempts, made.row.aborts) == ("never_sent", 1 + RETRIES, 1 + RETRIES)
        assert (made.slots_and_waiters, made.busy_connections) == ((0, 0), 0)
    return what


def told(way: str, error: str) -> str:
    """Returns how the error of a client reaches the caller."""
    return error if way == "client" else f"GracyRequestFailed from {error}"


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_is_not_trusted_is_sent_nothing(family: ModuleType, wire: str | None, way: str) -> None:
    """A client that verifies goes on to verify with a stack in front of it."""
    async with Origin(tls=of_server("http/1.1")) as origin:
        assert await failed_handshake(family, wire, origin.url, way, trusts=False) == told(way, "ConnectError")
        assert origin.count == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_speaks_no_tls_is_sent_nothing(family: ModuleType, wire: str | None, way: str) -> None:
    """It answers the handshake with an error in plain HTTP."""
    async with Origin() as origin:
        url = origin.url.replace("http://", "https://")
        assert await failed_handshake(family, wire, url, way) == told(way, "ConnectError")
        assert origin.count == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_handshake_that_stalls_ends_with_the_timeout_of_the_connection(
    family: ModuleType, wire: str | None, way: str
) -> None:
    """Nothing was sent yet, so any request may be tried again."""
    before = living_tasks()
    with silent_origin() as url:
        assert await failed_handshake(family, wire, url, way, connect=0.05) == told(way, "ConnectTimeout")
    assert living_tasks() == before


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("way", WAYS)
async def test_a_deadline_ends_a_handshake_that_stalls(family: ModuleType, wire: str | None, way: str) -> None:
    """It covers connecting, too. httpcore leaves the socket of a cancelled handshake to the garbage collector."""
    config = CONFIG.merged(GracyConfig(deadline=0.1))
    with silent_origin() as url:
        async with bench(family, url, way, config, verify=of_client(), wire=wire) as made:
            assert await made.ask() == "DeadlineExceeded"
            assert (made.slots_and_waiters, made.busy_connections) == ((0, 0), 0)
    for _ in range(5):
        await anyio.lowlevel.checkpoint()  # now the server has gone, and asyncio lets go of the socket
    gc.collect()
