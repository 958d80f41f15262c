"""The URLs of servers: which clients they make, and what is shown of them."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis, RedisCluster

from gracy_transport.redis.limits import client_maker
from gracy_transport.redis.urls import _options_in, check_url, package, shown


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("redis://user:secret@host:6380/1", "redis://host:6380/1"),
        ("rediss://:secret@host", "rediss://host"),
        ("unix://user:secret@/run/redis.sock?db=2", "unix:///run/redis.sock"),
        ("redis+sentinel://:secret@one:1,two:2/main/0", "redis+sentinel://one:1,two:2/main/0"),
        ("redis://host?password=secret", "redis://host"),
        ("redis://:sec/r?et@host", "redis://…"),
        ("redis://host?password=sec@ret", "redis://…"),
        ("redis://:sec#r/et@host", "redis://host"),
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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "http://secret@host",
        "amqp://user:secret@host",
        "redis:/secret",
        "redis://:secret",
        "redis://user:sec/ret@host",
        "redis://host?socket_timeout=secret",
        "redis+ring://secret@host",
        "unix+cluster://secret@host",
        "redis+sentinel://:secret@host:port/name",
        "redis+sentinel://:secret@/name",
        "redis+sentinel://:secret@one,,two/name",
    ],
)
def test_a_url_that_is_none_is_refused_without_a_word_of_it(url: str) -> None:
    """What is wrong may be a part of the password."""
    with pytest.raises(ValueError, match="write redis://user:password@host:6379/0, rediss://") as raised:
        check_url(url)
    with pytest.raises(ValueError, match="write redis://"):
        client_maker(url)
    assert "sec" not in str(raised.value).replace("special", "")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("url", ["redis://:secret@host?ssl_ca_certs=x", "rediss://host?secret=1", "unix:///a?port=1"])
def test_an_option_that_nobody_knows_is_refused(url: str) -> None:
    """At once, or shared limits would take it for a server that is away, for ever."""
    with pytest.raises(ValueError, match="has an option that connections of its kind have not") as raised:
        check_url(url)
    with pytest.raises(ValueError, match="has an option"):
        client_maker(url)
    assert "secret" not in str(raised.value)
    check_url("rediss://host?ssl_ca_certs=x&health_check_interval=3&max_connections=5&client_name=me")


@pytest.mark.parametrize(("hosts", "found"), [("[::1]:7,[::1]", [("::1", 7), ("::1", 26379)]), ("a", [("a", 26379)])])
def test_sentinels_may_have_any_address(hosts: str, found: list[tuple[str, int]]) -> None:
    """Also one of IPv6; the service is called as everybody calls it unless it is named."""
    options = _options_in(package(), f"redis+sentinel://u:p@{hosts}")
    assert (options["hosts"], options["service"], options["username"]) == (found, "mymaster", "u")
