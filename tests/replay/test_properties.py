"""What holds for any request and any answer."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.replay.asked import PLAIN, Asked, Terms, request_from
from gracy_transport.replay.credentials import Credentials
from gracy_transport.replay.document import from_json, to_json
from gracy_transport.replay.exchange import decoded_answer, recording_of
from gracy_transport.replay.key import key_of_recorded

NOW = datetime(2026, 11, 22, tzinfo=UTC)

SECRETS = st.text("abcdefgh0123456789-._~+/=", min_size=1, max_size=40)
WORDS = st.sampled_from(["a", "bc", "17", "é", "x y", "&", "a=b", "ж", ""])
NAMES = st.sampled_from(["page", "q", "filter", "next_page_token"])
SECRET_NAMES = st.sampled_from(["api_key", "access_token", "client_secret", "password", "sig"])

DATA = st.dictionaries(NAMES, WORDS, max_size=3)
KINDS = st.sampled_from(["", "json", "data", "files", "xml"])
PLACES = st.sampled_from(["query", "header", "bearer", "cookie", "userinfo", "body"])


@st.composite
def askings(draw: Any) -> tuple[Callable[[str], httpx.Request], tuple[Any, ...]]:
    """Draws a function that makes a request with a secret, and what it asks for."""
    method, path = draw(st.sampled_from(["GET", "POST"])), draw(st.sampled_from(["/items", "/items/1"]))
    params, data, kind = draw(DATA), draw(DATA), draw(KINDS)
    place, secret_name = draw(PLACES if kind else PLACES.filter("body".__ne__)), draw(SECRET_NAMES)

    def request(secret: str) -> httpx.Request:
        given: dict[str, Any] = {"params": dict(params), "headers": {}}
        fields = {**data, secret_name: secret} if place == "body" else dict(data)
        if place == "query":
            given["params"][secret_name] = secret
        elif place == "header":
            given["headers"]["x-api-key"] = secret
        elif place == "bearer":
            given["headers"]["authorization"] = f"Bearer {secret}"
        elif place == "cookie":
            given["headers"]["cookie"] = f"sid={secret}"
        if kind == "files":
            given |= {"files": {"file": b"content"}, "data": fields}
        elif kind == "xml":
            elements = "".join(f"<{name}>{value.replace('&', '&amp;')}</{name}>" for name, value in fields.items())
            given |= {"content": f"<all>{elements}</all>".encode()}
            given["headers"]["content-type"] = "text/xml"
        elif kind:
            given[kind] = fields
        url = httpx.URL(f"https://api.test{path}")
        return httpx.Request(method, url.copy_with(username=secret) if place == "userinfo" else url, **given)

    has_body = bool(kind) and not (kind == "data" and not data and place != "body")
    return request, (
        *(method, path, sorted(params.items()), kind if has_body else "", sorted(data.items()) if has_body else ()),
        secret_name if place in {"query", "body"} and (place == "query" or has_body) else "",
        place if place == "query" or (place == "body" and has_body) else "",
    )


def asked_for(request: httpx.Request, terms: Terms = PLAIN) -> Asked:
    """Returns a request as it is looked up."""
    return terms.asked(request, request.read())


@given(askings(), SECRETS, SECRETS)
def test_requests_that_differ_in_nothing_but_a_secret_have_one_key(asking: Any, one: str, other: str) -> None:
    """Wherever it stands; and the key can be made of the recording alone."""
    request, _what = asking
    asked = asked_for(request(one))
    assert asked.key == asked_for(request(other)).key
    assert key_of_recorded(asked.facts) == asked.key


@given(askings(), askings(), SECRETS)
def test_requests_that_differ_in_anything_else_have_two_keys(one: Any, other: Any, secret: str) -> None:
    """With one and the same secret; those that ask for the same have one."""
    (first, asks), (second, asks_too) = one, other
    assert (asked_for(first(secret)).key == asked_for(second(secret)).key) == (asks == asks_too)


@given(askings(), SECRETS)
def test_a_request_without_its_secrets_is_looked_up_alike(asking: Any, secret: str) -> None:
    """As a storage of somebody's own sees it; and redacting it again changes nothing."""
    request, _what = asking
    asked = asked_for(request(secret))
    twice = asked_for(request_from(asked))
    assert twice.key == asked.key
    assert twice.facts.body == asked.facts.body


@given(askings(), st.text("abcdefghijkl0123456789", min_size=30, max_size=40))
def test_no_secret_of_a_request_is_recorded(asking: Any, secret: str) -> None:
    """Neither in what was asked nor in an answer that tells it back."""
    request, _what = asking
    terms = Terms(credentials=Credentials())
    asked = asked_for(request(secret), terms)
    answer = ((("content-type", "text/plain"), ("x-echo", secret)), f"you sent {secret}".encode())
    assert secret not in to_json(recording_of(asked, 200, answer, NOW))


BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=80).map(str.encode),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('ab é\\"', max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abn"), inner, max_size=3),
        max_leaves=8,
    ).flatmap(lambda value: st.sampled_from([None, 2]).map(lambda indent: json.dumps(value, indent=indent).encode())),
    st.binary(max_size=60).map(
        lambda part: b"--b\r\nContent-Type: application/octet-stream\r\n\r\n" + part + b"\r\n--b--\r\n"
    ),
)
TYPES = st.sampled_from(
    [
        *("", "application/json", "text/plain; charset=latin-1", "application/octet-stream", "text/event-stream"),
        *("application/x-www-form-urlencoded", "text/xml", "multipart/mixed; boundary=b", "application/x-ndjson"),
    ]
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["X-A", "x-a", "ETag", "Date", "Vary"]),
        st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20).map(str.strip),
    ),
    max_size=4,
)
ENCODERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}


def encoder(name: str) -> Callable[[bytes], bytes]:
    """Returns what compresses a body, where that is installed."""
    if name == "br":
        compress: Callable[[bytes], bytes] = pytest.importorskip("brotli").compress
        return compress
    if name == "zstd":
        zstd: Callable[[bytes], bytes] = pytest.importorskip("zstandard").ZstdCompressor().compress
        return zstd
    return ENCODERS[name]


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "br", "zstd"])
@given(body=BODIES, media_type=TYPES, headers=HEADERS)
def test_what_holds_no_secret_comes_back_as_it_was(
    encoding: str, body: bytes, media_type: str, headers: list[tuple[str, str]]
) -> None:
    """Any bytes and any headers, through compression, redaction and the document, to the byte."""
    asked = Terms(credentials=Credentials()).asked(httpx.Request("GET", "https://api.test/"), b"")
    pairs = [*headers, ("content-type", media_type), *([("content-encoding", encoding)] if encoding else [])]
    raw = httpx.Headers([(name.encode(), value.encode("latin-1")) for name, value in pairs])
    answer = decoded_answer(asked.live, raw, encoder(encoding)(body))
    recorded = from_json(to_json(recording_of(asked, 200, answer, NOW))).response
    assert recorded is not None
    assert recorded.body == body
    assert [pair for pair in recorded.headers if pair[0] != "content-encoding"] == [
        *headers,
        ("content-type", media_type),
    ]
