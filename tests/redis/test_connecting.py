"""Reaching a server: by every kind of URL, over what comes between, and not at all."""

from __future__ import annotations

import logging
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
from redis import Redis

from gracy_transport import ConcurrentRequestLimit, GracefulThrottle, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.exceptions import UnreadableRecording
from gracy_transport.redis import RedisLimits, RedisReplayStorage
from gracy_transport.redis.connecting import Server
from gracy_transport.replay import GracyReplay, RecordedResponse, Recording, ReplayTransport
from gracy_transport.replay.asked import Asked
from gracy_transport.testing import ScriptedWire
from tests import certificates
from tests.replay.support import URL, client_of
from tests.servers import free_port, sentinel_server, tls_front, url_of, valkey_server

pytestmark = pytest.mark.anyio

PASSWORD = "s3cret/word?"
WRITTEN = "s3cret%2Fword%3F"


@contextmanager
def plain() -> Iterator[str]:
    """Gives the URL of a server that knows its users."""
    with valkey_server(password=PASSWORD) as server:
        yield f"redis://:{WRITTEN}@{server.host}:{server.port}/1?client_name=tests"


@contextmanager
def over_a_socket() -> Iterator[str]:
    """Gives the URL of a server on a Unix socket."""
    with tempfile.TemporaryDirectory() as directory, valkey_server(unixsocket=f"{directory}/s"):
        yield f"unix://{directory}/s?db=1"


@contextmanager
def over_tls() -> Iterator[str]:
    """Gives the URL of a server behind TLS."""
    with (
        valkey_server() as server,
        tls_front(server, certificates.of_server()) as port,
        certificates.authority().cert_pem.tempfile() as authority,
    ):
        yield f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority}"


@contextmanager
def in_a_cluster() -> Iterator[str]:
    """Gives the URL of a cluster of one node, which has all slots."""
    with valkey_server(cluster_enabled=True, cluster_port=free_port()) as server:
        with Redis(server.host, server.port) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            give_up = time.monotonic() + 30
            state: Any = {}
            while state.get("cluster_state") != "ok":
                assert time.monotonic() < give_up
                state = client.execute_command("CLUSTER INFO")
        yield f"redis+cluster://{server.host}:{server.port}"


@contextmanager
def of_sentinels() -> Iterator[str]:
    """Gives the URL of sentinels, of whom the first is away, and who want a password, as the server does."""
    with (
        valkey_server(password=PASSWORD) as server,
        sentinel_server(server, **{"sentinel auth-pass": f"mymaster {PASSWORD}", "requirepass": "other"}) as port,
    ):
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{port}"
        yield f"redis+sentinel://:{WRITTEN}@{hosts}/mymaster/1?sentinel_password=other"


@pytest.fixture(
    scope="module",
    params=[plain, over_a_socket, over_tls, in_a_cluster, of_sentinels],
    ids=lambda start: start.__name__,
)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Gives the URL of a server of each kind."""
    with request.param() as found:
        yield found


async def test_a_server_of_each_kind(family: ModuleType, url: str, namespace: str) -> None:
    """Recordings are written, found, counted and forgotten; connections are closed and opened again."""

    def storage() -> RedisReplayStorage:
        return RedisReplayStorage(url, namespace=namespace)

    wire = ScriptedWire(lambda _request: 204)
    async with client_of(family, "record", storage(), wire) as client:
        for place in range(20):
            await client.get(f"{URL}/{place % 10}", headers={"authorization": "Bearer secret-1"})
    kept = storage()
    async with client_of(family, "refresh", kept, wire) as client:
        await client.get(URL)
    assert [each.request.url for each in kept.recordings()] == [URL]
    assert kept.credentials() == frozenset()
    kept.flush()
    async with client_of(family, "replay", storage()) as client:
        assert (await client.get(URL)).status_code == 204
    assert "s3cret" not in repr(kept)


async def test_limits_on_a_server_of_each_kind(family: ModuleType, url: str, namespace: str) -> None:
    """Permits and slots are lent by it, and what other processes say is heard."""
    shared = RedisLimits(url, namespace=namespace, timeout=10.0)
    config = GracyConfig(
        throttling=GracefulThrottle(ThrottleRule(".*", 100, 1.0), shared=shared),
        concurrent_requests=ConcurrentRequestLimit(3, shared=shared),
    )
    wire = family.MockTransport(lambda _request: family.Response(200))
    async with family.AsyncClient(transport=GracyTransport(wire, config)) as client:
        for _ in range(5):
            await client.get(URL)
        assert (shared.outages, shared.is_away) == (0, False)
        assert shared.round_trips
        with anyio.fail_after(30):
            while not Server(url, 10.0).ask(lambda server: server.pubsub_numpat()):
                await anyio.sleep(0.01)
    shared.close()


def test_a_url_that_is_none_is_refused_at_once() -> None:
    """Without a word of it, since what is wrong may be a part of the password."""
    with pytest.raises(ValueError, match="this URL of a server cannot be read: write redis://") as raised:
        RedisReplayStorage("redis://:secret", namespace="tests")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "wrong", "why"),
    [
        ("url", None, "this URL of a server cannot be read"),
        ("namespace", None, "the namespace None makes no key"),
        ("timeout", 0, "timeout=0 gives a server no time"),
        ("timeout", float("nan"), "timeout=nan gives a server no time"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(field: str, wrong: Any, why: str) -> None:
    """As what an environment lacks comes in."""
    given: dict[str, Any] = {"url": "redis://localhost", "namespace": "tests", field: wrong}
    with pytest.raises(ValueError, match=why):
        RedisReplayStorage(**given)


@pytest.mark.parametrize("login", ["", ":wrong-secret@", "nobody:wrong-secret@"])
def test_a_server_that_does_not_let_us_in(login: str) -> None:
    """It is named, with what to look at, and what the password was is not said."""
    with valkey_server(password=PASSWORD) as server:
        storage = RedisReplayStorage(f"redis://{login}{server.host}:{server.port}", namespace="tests")
        with pytest.raises(UnreadableRecording, match=rf"redis://127.0.0.1:{server.port} cannot be reached") as raised:
            ReplayTransport(ScriptedWire(), GracyReplay("replay", storage))
    assert "secret" not in f"{raised.value!r} {raised.value.__cause__!r}"


@pytest.mark.parametrize("kind", ["redis", "rediss", "redis+cluster", "redis+sentinel"])
def test_nobody_there(kind: str) -> None:
    """It is an error when the transport is made, whatever the mode."""
    storage = RedisReplayStorage(f"{kind}://:secret@127.0.0.1:{free_port()}", namespace="tests")
    with pytest.raises(
        UnreadableRecording, match=rf"^{kind.replace('+', '.')}://127.0.0.1:\d+ cannot be reached"
    ) as raised:
        ReplayTransport(ScriptedWire(), GracyReplay("record", storage))
    assert "see that it runs, and that host, port, user and password in its URL are right" in str(raised.value)
    assert "secret" not in f"{raised.value!r} {raised.value.__cause__!r}"
    storage.flush()


@contextmanager
def silent_server() -> Iterator[str]:
    """Gives the URL of somebody who listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_says_nothing() -> None:
    """It counts as gone after two time-outs."""
    with silent_server() as url:
        storage = RedisReplayStorage(url, namespace="tests", timeout=0.05)
        began = time.monotonic()
        with pytest.raises(UnreadableRecording, match="cannot be reached"):
            storage.prepare()
        assert time.monotonic() - began >= 0.05
        storage.flush()


async def test_whoever_gives_up_does_not_wait_for_the_server() -> None:
    """A deadline holds, whatever the time-out of the server is."""
    request = httpx.Request("GET", URL)
    with silent_server() as url:
        storage = RedisReplayStorage(url, namespace="tests", timeout=5)
        with anyio.fail_after(2), anyio.move_on_after(0.05) as scope:
            await storage.find(Asked(request, b""), 0)
    assert scope.cancelled_caught


async def test_a_server_that_is_restarted(family: ModuleType, namespace: str, caplog: pytest.LogCaptureFixture) -> None:
    """What comes meanwhile is a warning; what comes later is recorded, and never mixed with what was replaced."""
    asked = Asked(httpx.Request("GET", URL), b"")

    async def save(body: bytes, position: int, *, is_first: bool) -> None:
        recording = Recording(asked.facts, datetime.now(UTC), RecordedResponse(200, (), body))
        await storage.save(asked, recording, position, is_first=is_first)
        storage.flush()

    def stored() -> list[Any]:
        return [each.response.body for each in storage.recordings() if each.response is not None]

    with valkey_server(appendonly=True, appendfsync="always") as server:
        storage = RedisReplayStorage(url_of(server), namespace=namespace)
        await save(b"old 0", 0, is_first=True)
        await save(b"old 1", 1, is_first=False)
        server.stop()
        with caplog.at_level(logging.WARNING, "gracy_transport"):
            await save(b"lost", 0, is_first=True)
        assert "1 recording could not be written to redis://127.0.0.1" in caplog.text
        with pytest.raises(UnreadableRecording, match="cannot be reached"):
            await storage.find(asked, 0)
        server.start()
        assert stored() == [b"old 0", b"old 1"]
        await save(b"new 1", 1, is_first=False)
        assert stored() == [b"new 1"]
        with Redis.from_url(url_of(server)) as client:
            client.script_flush()
        await save(b"new 2", 2, is_first=False)
        async with client_of(family, "replay", storage) as client:
            assert [(await client.get(URL)).text for _ in range(2)] == ["new 1", "new 2"]


async def test_a_connection_that_broke_is_made_again(namespace: str) -> None:
    """Nobody notices when a server, or what is in between, throws clients out."""
    asked = Asked(httpx.Request("GET", URL), b"")
    recording = Recording(asked.facts, datetime.now(UTC), RecordedResponse(200))
    with valkey_server() as server:
        storage = RedisReplayStorage(url_of(server), namespace=namespace)
        await storage.save(asked, recording, 0, is_first=True)
        assert await storage.find(asked, 0) == recording
        with Redis.from_url(url_of(server)) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        assert await storage.find(asked, 0) == recording
        storage.flush()


def test_letting_go_closes_what_nobody_uses(valkey: str) -> None:
    """And does no harm to whoever was never asked."""
    server = Server(valkey, 1.0)
    server.let_go()
    server.ask(lambda client: client.ping())
    (connection,) = server._client.connection_pool._available_connections
    assert connection._sock is not None
    server.let_go()
    assert connection._sock is None
    assert server.ask(lambda client: client.ping())
    server.let_go()
