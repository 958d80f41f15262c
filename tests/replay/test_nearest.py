"""What comes nearest to a request that nothing is recorded for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gracy_transport.replay.nearest import difference, nearest
from gracy_transport.replay.recording import RecordedRequest

URL = "https://api.test/items"
JSON = (("content-type", "application/json"),)
RANGE = (("range", "bytes=0-1"),)
UPLOAD = (("content-type", "multipart/form-data; boundary=gracy"),)
BY = "by its media type"
SETTINGS = "set public_names, secret_names and redact as they were"
USERS = "users are told apart by the order in which they appear: let it be the same, or set credential="
FORM = (("content-type", "application/x-www-form-urlencoded"),)


def asked(url: str = URL, body: Any = b"", **more: Any) -> RecordedRequest:
    """Returns a request; what is no bytes is its JSON."""
    headers = () if isinstance(body, bytes) else JSON
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RecordedRequest(**{"method": "POST", "url": url, "headers": headers, "body": content} | more)


CASES = [
    (asked(), asked(), ""),
    (asked(f"{URL}?a=1"), asked(f"{URL}?a=2"), 'parameter "a" is "2" and was recorded as "1"'),
    (asked(f"{URL}?a=1&a=2"), asked(f"{URL}?a=%32"), 'parameter "a" is ["2"] and was recorded as ["1", "2"]'),
    (asked(f"{URL}?a=1"), asked(), 'parameter "a" is missing'),
    (asked(), asked(f"{URL}?b=+"), 'parameter "b" was not there when it was recorded'),
    (
        asked(body={"a": [1, {"b": 2}]}),
        asked(body={"a": [1, {"b": 3}]}),
        "$.a[1].b in its body is 3 and was recorded as 2",
    ),
    (
        asked(body={"a": 1}),
        asked(body={"b": 1}),
        "$.b in its body was not there when it was recorded, $.a in its body is missing",
    ),
    (asked(body=[1]), asked(body=[1, 2]), "$ in its body has 2 items and was recorded with 1"),
    (asked(body={"a": 1}), asked(body={"a": True}), "$.a in its body is true and was recorded as 1"),
    (asked(body={"a": 1, "b": 1, "c": 1, "d": 1}), asked(body={"a": 2, "b": 2, "c": 2, "d": 2}), "and more differs"),
    (asked(body={"a": "x" * 99}), asked(body={"a": 1}), '$.a in its body is 1 and was recorded as "' + "x" * 59 + "…"),
    (asked(body=b"{1"), asked(body=b"{2"), 'its body differs from byte 1 on: there is "2" and was recorded as "1"'),
    (asked(body=b"\xff"), asked(body=b"\xffa\xff"), "its body differs from byte 1 on"),
    (asked(body=b"a"), asked(), "it has no body now and had one"),
    (asked(), asked(body=b"a"), "it has a body now and had none"),
    (asked(body=b"a=1", headers=FORM), asked(body=b"a=2", headers=FORM), 'field "a" is "2" and was recorded as "1"'),
    (
        asked(credential="credential-1"),
        asked(),
        f"it is asked without a credential and was recorded with credential-1 ({USERS})",
    ),
    (
        asked(credential="credential-2"),
        asked(credential="credential-1"),
        f"with credential-1 and was recorded with credential-2 ({USERS})",
    ),
    (asked(f"{URL}/1", credential="credential-1"), asked(f"{URL}/2"), ""),
    (asked(method="GET", credential="credential-1"), asked(), ""),
    (asked(match="GET\na"), asked(match="GET\nb"), 'what it is matched by is "b" and was recorded as "a"'),
    (asked(match="a"), asked(match="a", body=b"x"), ""),
    (asked(), asked(match="a"), "it was recorded without match_on=: give the same, or use formats.rematched"),
    (asked(match="a"), asked(), "it was recorded with match_on=: give the same, or use formats.rematched"),
    (asked(), asked(headers=RANGE), 'header "range" was not there when it was recorded'),
    (asked(headers=RANGE), asked(), 'header "range" is missing'),
    (asked(headers=RANGE), asked(headers=(("range", "bytes=5-"),)), '"bytes=5-" and was recorded as "bytes=0-1"'),
    (asked(headers=(("accept", "*/*"),)), asked(headers=(("accept", "a/b"), *RANGE)), "range"),
    (asked(headers=(("accept", "*/*"),)), asked(headers=(("accept", "a/b"), ("accept-language", "de"))), ""),
    (asked(headers=(("user-agent", "a"),)), asked(headers=(("user-agent", "b"),)), ""),
    (
        asked(f"{URL}?key=1"),
        asked(f"{URL}?key=[redacted]"),
        f'parameter "key" is "[redacted]" and was recorded as "1" (it counts as a secret now: {SETTINGS} then)',
    ),
    (
        asked(body={"pin": "[redacted]"}),
        asked(body={"pin": "1"}),
        f'$.pin in its body is "1" and was recorded as "[redacted]" (it counted as a secret then: {SETTINGS})',
    ),
    (asked(body={"a": "Bearer [redacted]"}), asked(body={"a": "Token [redacted]"}), 'recorded as "Bearer [redacted]"'),
    (
        asked(f"{URL}?a=[issued-3f9a1c02d4-77e1]"),
        asked(f"{URL}?a=mine"),
        '"[issued-3f9a1c02d4-77e1]" (a token that an answer issued: take it from the replayed answer)',
    ),
    (
        asked(body={"a": 1}),
        asked(body=b"a=1", headers=FORM),
        f"is a form ({BY}, application/x-www-form-urlencoded) and was recorded as JSON ({BY}, application/json)",
    ),
    (
        asked(body=b'{"a":1}'),
        asked(body=b"a"),
        "its body is neither JSON nor a form (without a media type) and was recorded as JSON (without a media type)",
    ),
    (asked(body=b"--gracy", headers=UPLOAD), asked(body=b"--gracy--", headers=UPLOAD), "differs from byte 7 on"),
]


@pytest.mark.parametrize(("recorded", "now", "said"), CASES)
def test_what_differs_is_said(recorded: RecordedRequest, now: RecordedRequest, said: str) -> None:
    """The parameter, the path in the body, the credential, or what it is matched by."""
    found = difference(recorded, now)
    assert said in found
    assert bool(said) is bool(found)


def test_the_nearest_is_named() -> None:
    """By its URL first, then by its body."""
    known = [asked(f"{URL}?page=1"), asked(body={"a": 1, "b": 2}), asked(body={"c": 1}), asked(f"{URL}/x/y/z")]

    def near(request: RecordedRequest) -> str:
        return nearest(request, known, lambda each: each)

    assert near(asked(f"{URL}?page=2")) == (
        f'the nearest recording is of POST {URL}?page=1: parameter "page" is "2" and was recorded as "1"'
    )
    assert near(asked(body={"a": 1, "b": 3})) == "it is recorded, but $.b in its body is 3 and was recorded as 2"
    assert near(asked(body={"c": 1})) == "it is recorded, but all of its answers were given"
    assert near(asked(f"{URL}/x/y/a")) == f"the nearest recording is of POST {URL}/x/y/z"
    assert near(asked("ftp://x/", method="GET")) == ""
    assert nearest(asked(), list[RecordedRequest](), lambda each: each) == ""
