"""The URLs of servers: which clients they make, and what is shown of them."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis, RedisCluster

from gracy_transport.redis.limits import client_maker
from gracy_transport.redis.urls import shown


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("redis://user:secret@host:6380/1", "redis://host:6380/1"),
        ("rediss://:secret@host", "rediss://host"),
        ("unix://user:secret@/run/redis.sock?db=2", "unix:///run/redis.sock"),
        ("redis+sentinel://:secret@one:1,two:2/main/0", "redis+sentinel://one:1,two:2/main/0"),
        ("redis://host?password=secret", "redis://host"),
    ],
)
def test_no_secret_of_a_url_is_shown(url: str, seen: str) -> None:
    """Neither password nor user, nor what stands in the query."""
    assert shown(url) == seen


def test_a_url_makes_a_client_of_one_server() -> None:
    """With what it says of user, password and database."""
    client = client_maker("redis://me:secret@host:6380/3")()
    assert isinstance(client, Redis)
    options = client.connection_pool.connection_kwargs
    assert [options[name] for name in ("host", "port", "db", "username", "password")] == [
        "host",
        6380,
        3,
        "me",
        "secret",
    ]


def test_a_command_is_never_sent_twice() -> None:
    """A script that timed out may have been carried out."""
    client = client_maker("redis://host")()
    assert client.connection_pool.connection_kwargs["retry"].get_retries() == 0


def test_a_url_of_a_cluster_makes_a_client_of_it() -> None:
    """With TLS where the URL says so."""
    assert isinstance(client_maker("redis+cluster://host:7000")(), RedisCluster)


def test_a_url_of_sentinels_makes_a_client_of_the_primary() -> None:
    """The password is the server's, the database the last part."""
    client = client_maker("redis+sentinel://:secret@one:1,two/main/4")()
    manager = client.connection_pool
    assert manager.service_name == "main"
    assert (manager.connection_kwargs["db"], manager.connection_kwargs["password"]) == (4, "secret")
    ports = [each.connection_pool.connection_kwargs["port"] for each in manager.sentinel_manager.sentinels]
    assert ports == [1, 26379]


def test_another_url_is_refused_without_its_secrets() -> None:
    """The error says what it may begin with."""
    with pytest.raises(ValueError, match="write redis://") as refused:
        client_maker("amqp://user:secret@host")
    assert "secret" not in str(refused.value)
