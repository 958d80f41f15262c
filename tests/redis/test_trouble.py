"""Servers that are reached and of no use, and whatever else befalls the thread that talks to one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import anyio
import pytest
from redis import Redis
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio import Redis as Client

from gracy_transport import ConcurrentRequestLimit, GracefulThrottle, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.redis import RedisLimits
from tests.servers import url_of, valkey_server

pytestmark = pytest.mark.anyio

PATIENT = 10.0
"""Seconds for a command: a machine that does too much is no server that is away."""


def client_with(family: ModuleType, shared: RedisLimits) -> Any:
    """Returns a client of which nothing but these limits is asked."""
    config = GracyConfig(
        throttling=GracefulThrottle(ThrottleRule(".*", 1000, 1.0), shared=shared),
        concurrent_requests=ConcurrentRequestLimit(5, shared=shared),
    )
    stack = GracyTransport(family.MockTransport(lambda _request: family.Response(200)), config)
    return family.AsyncClient(transport=stack, base_url="https://api.test")


@pytest.fixture
def own_server() -> Iterator[Any]:
    """Gives a server that may be spoilt."""
    with valkey_server() as server:
        yield server


def is_back(shared: RedisLimits) -> bool:
    """Tells whether the server is of use again."""
    return not shared.is_away


def make_a_replica(server: Redis) -> None:
    """Lets a server be one that others write to."""
    server.replicaof("127.0.0.1", 1)


def take_the_keys(server: Redis) -> None:
    """Puts something else where the limits are, at one stroke."""
    with server.pipeline() as stroke:
        for key in server.keys("*:permits") + server.keys("*:leases"):
            stroke.delete(key)
            stroke.set(key, "something else")
        stroke.execute()


def mend(server: Redis) -> None:
    """Undoes both, at one stroke: one limit that works while another does not is away again at once."""
    server.replicaof("NO", "ONE")
    server.delete(*server.keys("*:permits"), *server.keys("*:leases"))


@pytest.mark.parametrize("spoil", [make_a_replica, take_the_keys])
async def test_a_server_that_refuses_is_one_outage(
    family: ModuleType,
    own_server: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Any,
) -> None:
    """However often it is tried: it answers again when it does what it refused. One line is logged, with the reason."""
    monkeypatch.setattr("gracy_transport.redis.engine.LONGEST_BACKOFF", 0.05)
    shared = RedisLimits(url_of(own_server), namespace="n", timeout=PATIENT)
    async with client_with(family, shared) as client:
        await client.get("/")
        with Redis.from_url(url_of(own_server)) as server, anyio.fail_after(60):
            spoil(server)
            while not shared.is_away:
                await client.get("/")
                await anyio.sleep(0.01)
            before = shared.round_trips
            while shared.round_trips < before + 6:
                await anyio.sleep(0.01)
            assert shared.outages == 1
            assert "away: " in repr(shared)
            mend(server)
            while not is_back(shared):
                await anyio.sleep(0.01)
    shared.close()
    [warning] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "ReadOnlyError" in warning or "WRONGTYPE" in warning


async def test_a_server_that_refuses_is_looked_up_anew(family: ModuleType, own_server: Any, namespace: str) -> None:
    """Behind its name there may be another one now, after a fail-over."""
    with valkey_server() as other:
        named = own_server

        class Named(Connection):
            async def connect(self) -> None:
                self.port = named.port
                await super().connect()  # type: ignore[no-untyped-call]

        def connect() -> Client:
            return Client.from_pool(ConnectionPool(connection_class=Named, host="127.0.0.1"))

        shared = RedisLimits(connect, namespace=namespace, timeout=PATIENT)
        async with client_with(family, shared) as client:
            await client.get("/")
            with Redis.from_url(url_of(own_server)) as server, anyio.fail_after(60):
                named = other
                make_a_replica(server)
                while not shared.outages or shared.is_away:
                    await client.get("/")
                    await anyio.sleep(0.01)
        shared.close()
        with Redis.from_url(url_of(other)) as there:
            assert there.keys(f"*{namespace}*")


async def test_the_reason_of_the_first_outage_is_logged(
    family: ModuleType, own_server: Any, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With what to do about it."""
    shared = RedisLimits(f"redis://:wrong-secret@{own_server.host}:{own_server.port}", namespace=namespace)
    async with client_with(family, shared) as client:
        await client.get("/")
    shared.close()
    [warning] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "does not answer (AuthenticationError: " in warning
    assert "see that user and password in its URL are right" in warning
    assert "secret" not in warning


async def test_a_thread_that_failed_begins_anew(
    family: ModuleType, valkey: str, namespace: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it was: limits are not given up for good."""
    monkeypatch.setattr("gracy_transport.redis.engine.CALM", 0.01)
    made = 0

    def connect() -> Client:
        nonlocal made
        made += 1
        if made < 3:
            raise RuntimeError("not yet")
        return Client.from_url(valkey)

    shared = RedisLimits(connect, namespace=namespace, timeout=PATIENT)
    async with client_with(family, shared) as client:
        await client.get("/")
        with anyio.fail_after(60):
            while made < 3 or shared.is_away:
                await anyio.sleep(0.01)
    shared.close()
    assert "the thread of the shared limits failed, and begins anew soon" in caplog.text


@pytest.mark.parametrize("given", [None, 5])
def test_what_is_no_server_is_refused_at_once(given: Any) -> None:
    """As from an environment without that variable."""
    with pytest.raises(TypeError, match=rf"is given as {type(given).__name__}: give its URL as text"):
        RedisLimits(given, namespace="n")


async def test_a_server_far_away_has_the_time_to_connect_that_a_command_has(
    family: ModuleType, own_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would never be reached, whatever time commands are given."""
    monkeypatch.setattr("gracy_transport.redis.link.CONNECT_TIMEOUT", 0.0)
    shared = RedisLimits(url_of(own_server), namespace="n", timeout=PATIENT)
    async with client_with(family, shared) as client:
        await client.get("/")
    shared.close()
    assert shared.outages == 0
