"""Under which key a request is remembered."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.replay.exchange import Asked
from gracy_transport.replay.key import key_of_recorded, normal_url
from gracy_transport.replay.recording import RecordedRequest

URL = "https://api.test/items"


def key(method: str = "GET", url: str = URL, family: Any = httpx, **given: Any) -> int:
    """Returns the key of a request as a client would build it."""
    request = family.Request(method, url, **given)
    return Asked(request, request.read()).key


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"json": {"a": 1, "b": [1, {"c": 2, "d": 3}]}}, {"json": {"b": [1, {"d": 3, "c": 2}], "a": 1}}),
    ({"json": {"a": "é"}}, {"content": '{ "a": "é" }', "headers": {"content-type": "application/json"}}),
    ({"content": b'{"a": 1, "b": 2}'}, {"content": b'{"b":2,"a":1}'}),
    ({"data": {"a": "1", "b": "2 3"}}, {"data": {"b": "2 3", "a": "1"}}),
    ({"data": {"a": ["1", "2"]}}, {"data": {"a": ["1", "2"]}}),
    ({"params": {"a": "1", "b": "2 3"}}, {"params": {"b": "2 3", "a": "1"}}),
    ({"params": {"a": "x y"}}, {"url": f"{URL}?a=x%20y"}),
    ({"params": {"a": "c:d,e"}}, {"url": f"{URL}?a=c:d,e"}),
    ({"params": {"a": ""}}, {"url": f"{URL}?a"}),
    ({}, {"url": f"{URL}?"}),
    ({}, {"url": f"{URL}#there"}),
    ({}, {"url": "HTTPS://API.test:443/items"}),
    ({"url": "https://api.test/caf%c3%a9/~x"}, {"url": "https://api.test/café/%7Ex"}),
    ({"url": "https://me:mine@api.test/items"}, {}),
    ({"headers": {"authorization": "Bearer one"}}, {"headers": {"authorization": "Bearer two"}}),
    ({"params": {"api_key": "one", "a": "1"}}, {"params": {"api_key": "two", "a": "1"}}),
    ({"json": {"password": "one"}}, {"json": {"password": "two"}}),
    ({"json": {"auth": {"user": "one", "n": 1}}}, {"json": {"auth": {"user": "two", "n": 2}}}),
    ({"data": {"client_secret": "one"}}, {"data": {"client_secret": "two"}}),
    ({"files": {"file": b"x"}}, {"files": {"file": b"x"}}),
    ({"files": {"file": b"x"}, "data": {"token": "one"}}, {"files": {"file": b"x"}, "data": {"token": "two"}}),
]

DIFFERENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"method": "POST"}),
    ({}, {"url": "https://api.test/item"}),
    ({}, {"url": "https://other.test/items"}),
    ({}, {"url": "http://api.test/items"}),
    ({}, {"url": "https://api.test:8443/items"}),
    ({"url": "https://api.test/a/b"}, {"url": "https://api.test/a%2Fb"}),
    ({"params": {"a": "1"}}, {"params": {"a": "2"}}),
    ({"params": {"a": ["1", "2"]}}, {"params": {"a": ["2", "1"]}}),
    ({"params": {"a": "1&b=2"}}, {"params": {"a": "1", "b": "2"}}),
    ({"params": {"page_token": "1"}}, {"params": {"page_token": "2"}}),
    ({"json": {"a": 1}}, {"json": {"a": "1"}}),
    ({"json": [1, 2]}, {"json": [2, 1]}),
    ({"data": {"a": "1"}}, {"data": {"a": "2"}}),
    ({"content": b"a"}, {"content": b"b"}),
    ({"content": b"{a"}, {"content": b"{b"}),
    ({"files": {"file": b"x"}}, {"files": {"file": b"y"}}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_asks_the_same_has_one_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    """However it is written, and whatever secret it is asked with."""
    assert key(**one) == key(**other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_asks_something_else_has_another_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Every difference that is not one of writing counts."""
    assert key(**one) != key(**other)


@pytest.mark.parametrize(("one", "_other"), SAME + DIFFERENT)
def test_a_recording_has_the_key_of_the_request_it_was_made_of(
    family: ModuleType, one: dict[str, Any], _other: dict[str, Any]
) -> None:
    """In both families: a storage can find the key again from what it stored."""
    facts = {"method": "POST", "url": URL, **one}
    request = family.Request(facts.pop("method"), facts.pop("url"), **facts)
    asked = Asked(request, request.read())
    assert key_of_recorded(asked.facts) == asked.key


def test_what_is_looked_up_by_a_text_of_its_own_has_the_key_of_that() -> None:
    """Whatever else was asked, and never the key of a request that is looked up as usual."""
    one = RecordedRequest("GET", URL, match="a")
    assert key_of_recorded(one) == key_of_recorded(RecordedRequest("POST", f"{URL}/1", body=b"x", match="a"))
    assert key_of_recorded(one) != key_of_recorded(RecordedRequest("GET", URL, match="b"))
    assert key_of_recorded(RecordedRequest("GET", URL, match=f"GET {URL}\n")) != key_of_recorded(
        RecordedRequest("GET", URL)
    )


@given(
    st.binary(max_size=60), st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "text/plain"])
)
def test_any_body_has_a_key(body: bytes, media_type: str) -> None:
    """Also one that is not what its media type says; and redacting it twice changes nothing."""
    request = httpx.Request("POST", URL, content=body, headers={"content-type": media_type})
    asked = Asked(request, body)
    recorded = asked.facts
    again = Asked(
        httpx.Request("POST", URL, content=recorded.body, headers={"content-type": media_type}), recorded.body
    )
    assert again.key == asked.key
    assert again.facts == recorded


@given(st.text(max_size=20))
def test_any_text_of_a_url_has_a_normal_form(text: str) -> None:
    """Which is its own normal form."""
    try:
        url = str(httpx.URL(URL, params={"q": text}))
    except UnicodeEncodeError:  # lone surrogates
        return
    assert normal_url(normal_url(url)) == normal_url(url)


def test_the_key_is_pinned() -> None:
    """It is stored in files: another algorithm is another version of the format."""
    assert key() == -4832809721114758857
    assert key("POST", json={"b": 2, "a": 1}) == -1654680953809578271


def test_the_key_fits_into_sqlite() -> None:
    """A signed number of 64 bits."""
    assert all(-(2**63) <= key(url=f"{URL}/{place}") < 2**63 for place in range(50))
