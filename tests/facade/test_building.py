"""Requests are built as the client builds them, whatever is computed once."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from gracy_transport.facade.building import MOST_HOSTS, Builder

names = st.sampled_from(["X-One", "Accept", "Content-Type", "Content-Length", "Host", "User-Agent", "Cookie"])
texts = st.text("abc 123", min_size=1, max_size=8).map(str.strip)
pairs = st.dictionaries(names, texts, max_size=3)
bodies: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"json": st.one_of(st.none(), st.booleans(), st.dictionaries(texts, st.integers()))}),
    st.fixed_dictionaries({"content": st.one_of(st.none(), st.binary(max_size=9), texts)}),
    st.fixed_dictionaries({"data": st.one_of(st.none(), st.dictionaries(texts, texts))}),
    st.fixed_dictionaries({"data": st.dictionaries(texts, texts), "files": st.just({"file": b"bytes"})}),
)
others = st.fixed_dictionaries(
    {},
    optional={
        "headers": pairs,
        "params": st.dictionaries(texts, texts, max_size=2),
        "cookies": st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2),
        "timeout": st.one_of(st.none(), st.floats(0.1, 9)),
    },
)
asks = st.tuples(
    st.sampled_from(["GET", "post", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    st.sampled_from(
        ["https://api.test/a", "https://api.test/b?c=d", "http://other.test:8080/", "https://u:p@api.test/"]
    ),
    bodies,
    others,
)


def facts_of(request: Any) -> tuple[Any, ...]:
    """Returns all that is known of a request."""
    body = b"".join(request.stream)
    boundary = re.match(rb"--([0-9a-f]{32})", body)
    random = b"never there" if boundary is None else boundary[1]
    raw = [(name, value.replace(random, b"-")) for name, value in request.headers.raw]
    plain = body.replace(random, b"-")
    return request.method, str(request.url), raw, plain, hasattr(request, "_content"), request.extensions


@hypothesis.given(
    st.lists(st.tuples(asks, st.one_of(st.none(), pairs), st.booleans(), st.booleans()), min_size=1, max_size=4)
)
def test_a_request_is_the_one_that_the_client_builds(
    family: ModuleType, steps: list[tuple[Any, dict[str, str] | None, bool, bool]]
) -> None:
    """To the byte, while the headers, cookies, parameters and time limits of the client change in between."""
    client = family.AsyncClient(verify=False)
    builder = Builder(client)
    for (method, url, body, options), changed, has_cookies, has_params in steps:
        client.headers.update(changed or {})
        client.cookies = {"c": "1"} if has_cookies else {}
        client.params = {"p": "1"} if has_params else {}
        given = {**body, **options}
        expected = client.build_request(method, url, **given, extensions={"x": 1})
        built = builder.build(method, family.URL(url), {**given, "extensions": {"x": 1}})
        assert facts_of(built) == facts_of(expected)


def test_a_request_of_a_generator_can_be_built(family: ModuleType) -> None:
    """Its body is announced in chunks, and is not read."""

    async def parts() -> Any:
        yield b"part"

    client = family.AsyncClient(verify=False)
    built = Builder(client).build("POST", family.URL("https://api.test"), {"content": parts(), "extensions": {}})
    assert built.headers["transfer-encoding"] == "chunked"
    assert built.headers.raw[0] == (b"Host", b"api.test")
    with pytest.raises(family.RequestNotRead):
        _ = built.content


def test_requests_share_nothing_that_can_be_changed(family: ModuleType) -> None:
    """A header or a time limit that somebody sets on one is not on the next."""
    builder = Builder(family.AsyncClient(verify=False))
    url = family.URL("https://api.test")
    first = builder.build("GET", url, {"extensions": {}})
    first.headers["X-Mine"] = "1"
    first.extensions["timeout"]["read"] = 0
    second = builder.build("GET", url, {"extensions": {}})
    assert "X-Mine" not in second.headers
    assert second.extensions["timeout"]["read"] == 5


def test_the_default_of_the_client_can_be_asked_for(family: ModuleType) -> None:
    """By the constant that httpx has for it."""
    builder = Builder(family.AsyncClient(timeout=7, verify=False))
    options = {"timeout": family.USE_CLIENT_DEFAULT, "extensions": {}}
    built = builder.build("GET", family.URL("https://api.test"), options)
    assert built.extensions["timeout"] == {"connect": 7, "read": 7, "write": 7, "pool": 7}


def test_time_limits_in_the_extensions_stay(family: ModuleType) -> None:
    """As `build_request` leaves them."""
    built = Builder(family.AsyncClient(verify=False)).build(
        "GET", family.URL("https://api.test"), {"extensions": {"timeout": {"read": 1}}, "timeout": 9}
    )
    assert built.extensions["timeout"] == {"read": 1}


def test_a_client_that_builds_its_own_requests_goes_on_to(family: ModuleType) -> None:
    """Be it in its class, or set on the object."""

    class Signing(family.AsyncClient):  # type: ignore[name-defined, misc]
        def build_request(self, *args: Any, **given: Any) -> Any:
            request = super().build_request(*args, **given)
            request.headers["X-Signed"] = "1"
            return request

    url = family.URL("https://api.test")
    assert Builder(Signing()).build("GET", url, {"extensions": {}}).headers["X-Signed"] == "1"
    client = family.AsyncClient(verify=False)
    builder = Builder(client)
    client.build_request = Signing().build_request
    assert builder.build("GET", url, {"extensions": {}}).headers["X-Signed"] == "1"


def test_endless_hosts_do_not_pile_up(family: ModuleType) -> None:
    """What is kept ready is bounded."""
    builder = Builder(family.AsyncClient(verify=False))
    for number in range(MOST_HOSTS + 5):
        url = family.URL(f"https://h{number}.test")
        assert builder.build("GET", url, {"extensions": {}}).headers["host"] == f"h{number}.test"
    assert len(builder._samples) <= MOST_HOSTS
