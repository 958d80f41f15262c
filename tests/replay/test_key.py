"""Under which key a request is remembered."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.replay.asked import Asked, _places
from gracy_transport.replay.key import (
    key_of,
    key_of_match,
    key_of_recorded,
    normal_body,
    normal_headers,
    normal_url,
    places_of_telling,
)
from gracy_transport.replay.recording import RecordedRequest

URL = "https://api.test/items"


def key(method: str = "GET", url: str = URL, family: Any = httpx, **given: Any) -> int:
    """Returns the key of a request as a client would build it."""
    request = family.Request(method, url, **given)
    return Asked(request, request.read()).key


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    """Lets each test find out anew what another has found out before."""
    normal_headers.cache_clear()
    _places.cache_clear()


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
    ({"url": f"{URL}?to=https%3A%2F%2Fa.test%2F%3Ftoken%3Done"}, {"url": f"{URL}?to=https%3A//a.test/?token=two"}),
    ({"json": {"auth": {"user": "one", "n": 1}}}, {"json": {"auth": {"user": "two", "n": 2}}}),
    ({"data": {"client_secret": "one"}}, {"data": {"client_secret": "two"}}),
    ({"files": {"file": b"x"}}, {"files": {"file": b"x"}}),
    ({}, {"headers": {"accept": "*/*; q=0.8"}}),
    ({}, {"headers": {"accept-language": "*", "user-agent": "x", "x-request-id": "1"}}),
    ({"headers": {"accept": "Text/CSV , a/b;q=0.5"}}, {"headers": {"Accept": "text/csv,a/b; q=0.5"}}),
    ({"headers": [("accept", "a/b"), ("accept", "c/d")]}, {"headers": {"accept": "a/b, c/d"}}),
    ({"headers": {"soapaction": '"urn:Get"'}}, {"headers": {"soapaction": "urn:Get"}}),
    ({"headers": {"range": "bytes=0-1", "accept": "a/b"}}, {"headers": {"accept": "a/b", "range": "Bytes = 0-1"}}),
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
    ({"json": {"code": 1}}, {"json": {"code": 2}}),
    ({"json": {"Key": {"id": {"S": "1"}}}}, {"json": {"Key": {"id": {"S": "2"}}}}),
    ({"params": {"appid": "440"}}, {"params": {"appid": "570"}}),
    ({"data": {"a": "1"}}, {"data": {"a": "2"}}),
    ({"content": b"a"}, {"content": b"b"}),
    ({"content": b"{a"}, {"content": b"{b"}),
    ({"files": {"file": b"x"}}, {"files": {"file": b"y"}}),
    ({}, {"headers": {"accept": "text/csv"}}),
    ({"headers": {"accept": "application/json"}}, {"headers": {"accept": "text/csv"}}),
    ({"headers": {"accept": "application/json, */*"}}, {"headers": {"accept": "text/csv, */*"}}),
    ({"headers": {"accept-language": "de"}}, {"headers": {"accept-language": "en"}}),
    ({}, {"headers": {"range": "bytes=0-9"}}),
    ({"headers": {"range": "bytes=0-9"}}, {"headers": {"range": "bytes=10-19"}}),
    ({}, {"headers": {"if-none-match": '"a"'}}),
    ({"headers": {"if-none-match": '"a"'}}, {"headers": {"if-none-match": '"A"'}}),
    ({"headers": {"prefer": "return=minimal"}}, {"headers": {"prefer": "return=representation"}}),
    ({"headers": {"x-http-method-override": "DELETE"}}, {"headers": {"x-http-method-override": "PATCH"}}),
    ({"headers": {"x-amz-target": "A.ListTables"}}, {"headers": {"x-amz-target": "A.DescribeLimits"}}),
    ({"headers": {"x-goog-fieldmask": "places.id"}}, {"headers": {"x-goog-fieldmask": "places.name"}}),
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


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://api.test", "https://api.test"),
        ("https://API.test:443/a/b", "https://api.test/a/b"),
        ("http://API.test:80/", "http://api.test/"),
        ("http://api.test:443/", "http://api.test:443/"),
        ("ws://api.test:80/", "ws://api.test:80/"),
        ("https://me:m%40ine@api.test/", "https://api.test/"),
        ("https://api.test/caf%c3%a9/%7Ex/a%2Fb/A%20b/c d", "https://api.test/caf%C3%A9/~x/a%2Fb/A%20b/c%20d"),
        ("https://api.test/a/?", "https://api.test/a/"),
        ("https://api.test/a?b=2&a=x+y&b=1&&c", "https://api.test/a?a=x%20y&b=2&b=1&c="),
        ("https://api.test/a?b=2&a=1&b=1", "https://api.test/a?a=1&b=2&b=1"),
        ("https://api.test/a?to=https://other.test/b?c", "https://api.test/a?to=https%3A%2F%2Fother.test%2Fb%3Fc"),
        ("/relative://b", "/relative://b"),
    ],
)
def test_the_normal_form_of_a_url_is_pinned(url: str, normal: str) -> None:
    """Keys in files are made of it."""
    assert normal_url(url) == normal


@pytest.mark.parametrize(
    ("body", "media_type", "normal"),
    [
        (b"--gracy\r\n", "multipart/form-data; boundary=gracy", b"multipart --gracy\r\n"),
        (b"b=2&a=%C3%A9+", "application/x-www-form-urlencoded", b"form a=%C3%A9%20&b=2"),
        (b"a=\xff", "application/x-www-form-urlencoded", b"form a=%C3%BF"),
        (b'{ "b": [1, "\xc3\xa9"], "a": null }', "application/json", b'json {"a":null,"b":[1,"\\u00e9"]}'),
        (b"{no json", "application/json", b"bytes {no json"),
        (b"\xff\x00", "", b"bytes \xff\x00"),
    ],
)
def test_the_normal_form_of_a_body_is_pinned(body: bytes, media_type: str, normal: bytes) -> None:
    """Each kind says what it is: the same bytes as text and as a form are not the same."""
    assert normal_body(body, media_type) == normal


def test_the_normal_form_of_headers_is_pinned() -> None:
    """By their names; what tells nothing is left out."""
    headers = (("X-Other", "1"), ("Range", "Bytes=0-1, 3-4"), ("accept", " A/b ;Q=1 "), ("if-none-match", 'W/"Ab"'))
    assert normal_headers(headers) == 'accept: a/b;q=1\nif-none-match: W/"Ab"\nrange: bytes=0-1,3-4\n'
    assert not normal_headers((("accept", "*/*"), ("accept-language", ""), ("range", "")))
    assert normal_headers((("accept", "*/*;q=0.5, text/csv"),)) == "accept: */*;q=0.5,text/csv\n"
    assert normal_headers((("soapaction", '"X:Get:X"'),)) == "soapaction: X:Get:X\n"


def test_the_headers_that_tell_something_are_found_by_their_places() -> None:
    """However they are written, and with any bytes in the names of others."""
    assert places_of_telling((b"X-Other", b"Range", b"\xe9", b"ACCEPT")) == ((1, "range"), (3, "accept"))


def test_the_key_is_pinned() -> None:
    """It is stored in files: another algorithm is another version of the format."""
    assert key() == -4832809721114758857
    assert key("POST", json={"b": 2, "a": 1}) == -1654680953809578271
    assert key(headers={"range": "bytes=0-1"}) == -6622192998094247561
    assert key_of("post", URL, b"{}", "") == key("POST", content=b"{}") != key("POST")
    assert key_of_match("mine \ud800") == -8790372282830932245


def test_the_key_fits_into_sqlite() -> None:
    """A signed number of 64 bits."""
    assert all(-(2**63) <= key(url=f"{URL}/{place}") < 2**63 for place in range(50))
