"""By which of its parts a request is looked up."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from gracy_transport.replay.asked import PLAIN, Asked, Terms
from gracy_transport.replay.document import from_json, to_json
from gracy_transport.replay.key import key_of_recorded
from gracy_transport.replay.matching import MatchOn
from gracy_transport.replay.recording import Recording

URL = "https://api.test/items"

match_on: TypeAdapter[Any] = TypeAdapter(MatchOn)


def asked(parts: Any, method: str = "GET", url: str = URL, family: Any = httpx, **given: Any) -> Asked:
    """Returns a request as it is looked up by those parts."""
    request = family.Request(method, url, **given)
    return Asked(request, request.read(), terms=Terms(match_on=match_on.validate_python(parts)))


SAME: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    ("url", {}, {"method": "POST", "json": {"a": 1}}),
    (["method", "path"], {"url": "https://a.test/x?a=1"}, {"url": "https://b.test/x?a=2"}),
    (["host"], {"url": "https://API.test/x"}, {"url": "http://api.test/y"}),
    (["query"], {"url": "https://a.test/x?a=1&b=2"}, {"url": "https://b.test/y?b=2&a=1"}),
    (["body"], {"method": "POST", "json": {"a": 1, "b": 2}}, {"method": "PUT", "json": {"b": 2, "a": 1}}),
    (["header:Accept"], {"headers": {"accept": "a"}}, {"headers": {"Accept": "a", "x": "1"}}),
    (["header:authorization"], {"headers": {"authorization": "a"}}, {"headers": {"authorization": "b"}}),
    (["headers"], {"headers": {"accept": "A, b", "x": "1"}}, {"url": "https://b.test", "headers": {"accept": "a,b"}}),
    (["method", "url", "body"], {"headers": {"accept": "a"}}, {"headers": {"accept": "b"}}),
    (["url"], {"params": {"api_key": "a"}}, {"params": {"api_key": "b"}}),
    (lambda request: request.url.path, {}, {"method": "POST"}),
]

DIFFERENT: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    ("method", {}, {"method": "POST"}),
    (["path"], {"url": "https://a.test/x"}, {"url": "https://a.test/y"}),
    (["host"], {"url": "https://a.test/x"}, {"url": "https://b.test/x"}),
    (["query"], {"url": f"{URL}?a=1"}, {"url": f"{URL}?a=2"}),
    (["query"], {"url": f"{URL}?a=1"}, {}),
    (["body"], {"json": {"a": 1}}, {"json": {"a": 2}}),
    (["body"], {"json": {"a": 1}}, {}),
    (["header:accept"], {"headers": {"accept": "a"}}, {"headers": {"accept": "b"}}),
    (["header:user-agent"], {"headers": {"user-agent": "a"}}, {"headers": {"user-agent": "b"}}),
    (["header:authorization"], {"headers": {"authorization": "a"}}, {}),
    (["headers"], {"headers": {"accept": "a"}}, {"headers": {"accept": "b"}}),
    (["headers"], {"headers": {"range": "bytes=0-1"}}, {}),
    (lambda request: len(request.url.path), {}, {"url": f"{URL}/1"}),
]


@pytest.mark.parametrize(("parts", "one", "other"), SAME)
def test_requests_that_agree_in_the_parts_are_one(family: ModuleType, parts: Any, one: Any, other: Any) -> None:
    """Whatever else differs."""
    assert asked(parts, family=family, **one).key == asked(parts, family=family, **other).key


@pytest.mark.parametrize(("parts", "one", "other"), DIFFERENT)
def test_requests_that_differ_in_a_part_are_two(family: ModuleType, parts: Any, one: Any, other: Any) -> None:
    """Each part counts."""
    assert asked(parts, family=family, **one).key != asked(parts, family=family, **other).key


@pytest.mark.parametrize(("parts", "one", "_other"), SAME + DIFFERENT)
def test_a_recording_says_what_it_is_looked_up_by(parts: Any, one: Any, _other: Any) -> None:
    """So that a storage can make the key of the recording alone, also after it was read again."""
    found = asked(parts, **one)
    assert found.match
    assert key_of_recorded(found.facts) == found.key
    again = from_json(to_json(Recording(found.facts, datetime.now(UTC)))).request
    assert key_of_recorded(again) == found.key


def test_a_compressed_body_is_looked_up_by_what_is_in_it(family: ModuleType) -> None:
    """It is recorded so, without its secrets; compressed it holds the time, and would never be found again."""
    facts = [
        Asked(family.Request("POST", URL, headers=headers, content=body), body).facts
        for headers, body in (
            ({"content-type": "application/json"}, b'{"a":1,"password":"x"}'),
            (
                {"content-type": "application/json", "content-encoding": "gzip"},
                gzip.compress(b'{"a":1,"password":"y"}'),
            ),
            ({"content-type": "application/json", "content-encoding": "gzip"}, b"no gzip"),
        )
    ]
    assert facts[0] == facts[1]
    assert facts[0].body == b'{"a":1,"password":"[redacted]"}'
    assert facts[2].body == b"no gzip"
    assert ("content-encoding", "gzip") in facts[2].headers


def test_the_text_can_be_read() -> None:
    """One line for each part, in their order."""
    found = asked(["body", "header:Accept", "url", "method"], "POST", json={"a": 1}, headers={"accept": "text/csv"})
    assert found.match == "method POST\nurl https://api.test/items\nbody 935d460a8e5e015f\nheader:accept text/csv"


def test_the_default_says_nothing() -> None:
    """In whatever order it is given: recordings stay as small as they are."""
    found = asked(["url", "headers", "body", "method", "url"])
    assert found.match == ""
    assert found.key == Asked(httpx.Request("GET", URL), b"", terms=PLAIN).key


def test_a_function_sees_a_request_without_secrets(family: ModuleType) -> None:
    """The one that a storage of somebody's own sees; what it returns is the text as it is, or its `repr`."""
    seen: list[Any] = []

    def by(request: Any) -> Any:
        seen.append((str(request.url), request.headers["authorization"], request.read()))
        return ("a", 1)

    given: dict[str, Any] = {"params": {"token": "x"}, "headers": {"authorization": "y"}, "json": {"token": "z"}}
    assert asked(by, "POST", family=family, **given).match == "('a', 1)"
    assert "redacted" in seen[0][0]
    assert seen[0][1:] == ("[redacted]", b'{"token":"[redacted]"}')
    assert asked(lambda _request: "as it is").match == "as it is"
    assert asked(lambda _request: "").match == "''"


@pytest.mark.parametrize(
    "wrong", [["url", "header"], ["header:"], "header: X-Version", "header:x y", "uri", [1], 3, [], None]
)
def test_an_unknown_part_is_refused(wrong: Any) -> None:
    """With the names of those that are known."""
    with pytest.raises(ValidationError, match="method, url, host, path, query, body, headers and header:NAME"):
        match_on.validate_python(wrong)
