"""What is read from pickled responses of each version of httpx that the original worked with."""

from __future__ import annotations

import base64
import pickle
import sys
from http import HTTPStatus
from types import ModuleType
from typing import Any, NamedTuple

import httpx
import pytest

from gracy_transport.conversion import exchanges
from gracy_transport.conversion.exchanges import exchanges_of
from gracy_transport.conversion.pickled import Refused, Thing, unpickled
from tests.conversion.support import URL, answered


class URIReference(NamedTuple):
    """As the package that httpx 0.23 used had it."""

    scheme: str
    authority: str
    path: str
    query: str | None
    fragment: str | None


URIReference.__module__ = "rfc3986.uri"


def read(response: Any) -> list[dict[str, Any]]:
    return exchanges_of(unpickled(pickle.dumps(response)), "GET", URL, b"")


def test_a_response_is_read_with_its_request() -> None:
    """Status, headers as they came, and the body in base64."""
    headers = [(b"X-One", b"1"), (b"x-one", "ü".encode("latin-1"))]
    answer = httpx.Response(HTTPStatus.CREATED, headers=headers, content=b"\xff")
    (exchange,) = read(answered(answer, headers={"X-Me": "you"}))
    assert exchange["status"] == 201
    assert exchange["headers"][:2] == [["X-One", "1"], ["x-one", "ü"]]
    assert base64.b64decode(exchange["body"]) == b"\xff"
    assert ["X-Me", "you"] in exchange["asked_headers"]


def test_the_columns_say_what_the_last_was_asked_with() -> None:
    """They are what the original looked it up by."""
    pickled = unpickled(pickle.dumps(answered(httpx.Response(200))))
    (exchange,) = exchanges_of(pickled, "POST", "https://other.test/", b"body")
    assert (exchange["method"], exchange["url"]) == ("POST", "https://other.test/")
    assert base64.b64decode(exchange["asked_body"]) == b"body"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@api.test:8443/a%20b?q=1&q=2",
        "http://[::1]:8000/",
        "https://api.test/?",
        "https://xn--mnchen-3ya.de/",
    ],
)
def test_redirects_come_first_with_the_urls_they_were_sent_to(url: str) -> None:
    """A URL is put together from its parts."""

    def handler(request: httpx.Request) -> httpx.Response:
        is_first = request.url.path != "/there"
        return httpx.Response(302, headers={"location": "https://api.test/there"}) if is_first else httpx.Response(200)

    first, last = read(answered(handler, "POST", url, content=b"x"))
    assert (first["method"], first["url"], first["status"]) == ("POST", url, 302)
    assert base64.b64decode(first["asked_body"]) == b"x"
    assert last["status"] == 200


def test_the_urls_of_httpx_0_23_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which kept them in the parts of another package."""
    module = ModuleType("rfc3986.uri")
    vars(module)["URIReference"] = URIReference
    monkeypatch.setitem(sys.modules, "rfc3986", ModuleType("rfc3986"))
    monkeypatch.setitem(sys.modules, "rfc3986.uri", module)
    response = answered(
        lambda request: (
            httpx.Response(302, headers={"location": "/there"}) if request.url.path == "/" else httpx.Response(200)
        ),
        url="https://api.test/",
    )
    vars(response.history[0].request.url)["_uri_reference"] = URIReference(
        "https", "u:p@api.test:81", "/%C3%A9", "q=1", None
    )
    assert read(response)[0]["url"] == "https://u:p@api.test:81/%C3%A9?q=1"


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        (("https", "api.test", "/a", None, "there"), "https://api.test/a"),
        (("https", "api.test", None, "", None), "https://api.test?"),
    ],
)
def test_a_url_without_a_path_or_with_a_fragment_is_put_together(parts: tuple[Any, ...], url: str) -> None:
    """A fragment is not sent; what stood there is all else."""
    response = unpickled(pickle.dumps(answered(httpx.Response(200))))
    hop = unpickled(pickle.dumps(answered(httpx.Response(302))))
    hop.state["_request"].state["url"].state["_uri_reference"] = Thing("URIReference", parts)
    response.state["history"] = [hop]
    assert exchanges_of(response, "GET", URL, b"")[0]["url"] == url


@pytest.mark.parametrize("status", [404, HTTPStatus.NOT_FOUND, httpx.codes.NOT_FOUND])
def test_a_status_may_be_of_either_enumeration(status: int) -> None:
    """Or a plain number: whatever the one who made the response gave."""
    assert read(httpx.Response(status, content=b"", request=httpx.Request("GET", URL)))[0]["status"] == 404


def test_a_body_that_was_not_read_is_said_to_be_missing() -> None:
    """A pickled stream holds nothing."""
    unread = httpx.Response(200, content=iter([b"x"]), request=httpx.Request("GET", URL))
    with pytest.raises(Refused, match=r"^its body was never read, so it is not in the recording$"):
        read(unread)


def test_a_request_that_was_streamed_is_read_without_its_body() -> None:
    """It is gone, and a redirect can be told without it."""
    streamed = httpx.Request("POST", URL, content=iter([b"x"]))
    hop = httpx.Response(307, content=b"", request=streamed)
    last = httpx.Response(200, content=b"", request=httpx.Request("GET", URL), history=[hop])
    assert [exchange["asked_body"] for exchange in read(last)] == ["", ""]


def test_what_is_no_response_is_refused() -> None:
    """Though all it is made of is known."""
    with pytest.raises(Refused, match=r"no httpx\.Response where a recording has one"):
        read(httpx.Headers())
    with pytest.raises(Refused, match=r"no httpx\.Request"):
        read(httpx.Response(200, content=b""))


NO_URL = "its URL is not that of a recording$"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("status_code",), "200", "it has str where a recording has int"),
        (("status_code",), Thing("codes", (200, 1)), "it has Thing where a recording has int"),
        (("_content",), "x", "it has str where a recording has bytes"),
        (("history",), (), "it has tuple where a recording has list"),
        (("history",), [1], r"it has no httpx\.Response"),
        (("headers", "_list"), [b"abc"], "it has bytes where a recording has tuple"),
        (("headers", "_list"), (), "it has tuple where a recording has list"),
        (("headers", "_list"), [(b"a", b"b")], "its headers are not those of a recording$"),
        (("headers", "_list"), [("a", b"a", b"b")], "it has str where a recording has bytes"),
        (("headers", "_list"), [(b"a", b"a", "b")], "it has str where a recording has bytes"),
        (("_request", "method"), b"GET", "it has bytes where a recording has str"),
        (("_request", "_content"), "x", "it has str where a recording has bytes"),
        (("_request", "url", "_uri_reference"), None, NO_URL),
        (("_request", "url", "_uri_reference"), Thing("ParseResult", (b"a",) * 7), NO_URL),
        (("_request", "url", "_uri_reference"), Thing("ParseResult", ("a",) * 6), NO_URL),
        (("_request", "url", "_uri_reference"), Thing("URIReference", ("a",) * 4), NO_URL),
        (("_request", "url", "_uri_reference"), Thing("timedelta", ("a",) * 5), NO_URL),
        (("_request", "url", "_uri_reference"), Thing("timedelta", ("a",) * 7), NO_URL),
    ],
)
def test_a_response_of_odd_attributes_is_refused(path: tuple[str, ...], value: object, said: str) -> None:
    """A pickle may say anything."""
    response = unpickled(pickle.dumps(answered(httpx.Response(200))))
    thing = response
    for name in path[:-1]:
        thing = thing.state[name]
    thing.state[path[-1]] = value
    with pytest.raises(Refused, match=f"^{said}"):
        exchanges_of(response, "GET", URL, b"")


def test_a_response_that_is_named_over_and_over_is_refused() -> None:
    """A few bytes must not make gigabytes."""
    response = unpickled(pickle.dumps(answered(httpx.Response(200, content=b"x" * 1_000))))
    response.state["history"] = [response] * 50
    assert len(exchanges_of(response, "GET", URL, b"")) == 51
    response.state["history"] = [response] * 51
    with pytest.raises(Refused, match="it has 51 redirects"):
        exchanges_of(response, "GET", URL, b"")


def test_a_recording_of_too_many_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted before any of them is copied."""
    monkeypatch.setattr(exchanges, "LARGEST", 10_000)
    response = unpickled(pickle.dumps(answered(httpx.Response(200, content=b"x" * 1_000))))
    response.state["history"] = [response] * 10
    with pytest.raises(Refused, match="bytes, and only 10,000 are looked at"):
        exchanges_of(response, "GET", URL, b"")


def test_all_that_a_recording_holds_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, headers by name and value, and both bodies: what is to be copied, and no byte more."""
    hop = httpx.Response(307, headers={"X-A": "b" * 100}, request=httpx.Request("PUT", URL, content=b"c" * 10))
    hop.read()
    last = httpx.Response(200, content=b"d" * 20, request=httpx.Request("GET", URL, headers={}), history=[hop])
    asked = [len(name) + len(value) for request in (hop.request, last.request) for name, value in request.headers.raw]
    size = len("PUTGET") + 2 * len(URL) + sum(asked) + len("X-A") + 100 + len("Content-Length20") + 10 + 20
    monkeypatch.setattr(exchanges, "LARGEST", size)
    assert len(read(last)) == 2
    monkeypatch.setattr(exchanges, "LARGEST", size - 1)
    with pytest.raises(Refused, match=f"^it holds {size} bytes, and only {size - 1} are looked at$"):
        read(last)
