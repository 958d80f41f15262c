"""A user's own rules about what is a secret."""

from __future__ import annotations

import json
import re
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from gracy_transport.replay.asked import Asked, Terms, request_from
from gracy_transport.replay.redacting import redact_answer
from gracy_transport.replay.rules import Names, Rules
from gracy_transport.replay.secrets import Secrets

URL = "https://api.test/items"
XML = "application/soap+xml; charset=utf-8"


def rules(*patterns: str, secret: set[str] | None = None, public: set[str] | None = None) -> Rules:
    """Returns rules of a user's own."""
    return Rules(tuple(map(re.compile, patterns)), frozenset(secret or ()), frozenset(public or ()))


def asked(own: Rules, method: str = "POST", url: str = URL, family: Any = httpx, **given: Any) -> Asked:
    """Returns a request as it is looked up under the rules."""
    request = family.Request(method, url, **given)
    return Asked(request, request.read(), terms=Terms(rules=own))


def answer(own: Rules, body: Any, media_type: str = "application/json") -> Any:
    """Returns a redacted body of an answer, as a value where it is JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    _headers, cleaned = redact_answer((("content-type", media_type),), raw, Secrets(own, is_answer=True))
    return cleaned if isinstance(body, bytes) else json.loads(cleaned)


@pytest.mark.parametrize("named", ["Tenant-Id", "tenant_id", "tenantid", "X-Tenant-Id"])
def test_a_name_of_the_users_is_one_of_a_secret(family: ModuleType, named: str) -> None:
    """In headers, queries, forms, multipart and JSON bodies, however it is written; requests match all the same."""
    own = rules(secret={named})
    x = named.lower().startswith("x-")
    given: list[Any] = [
        {"headers": {"X-Tenant-ID": "abc"}},
        {"params": {"x_tenant_id" if x else "tenant_id": "abc"}},
        {"data": {"xTenantId" if x else "tenantId": "abc"}},
        {"data": {"X-TENANT-ID" if x else "TENANT-ID": "abc"}, "files": {"file": b"x"}},
        {"json": {"deep": [{"xtenant_id" if x else "tenant_id": "abc"}]}},
    ]
    for one in given:
        other = json.loads(json.dumps({key: value for key, value in one.items() if key != "files"}).replace("abc", "d"))
        other |= {key: value for key, value in one.items() if key == "files"}
        assert "abc" not in repr(asked(own, family=family, **one).facts)
        assert asked(own, family=family, **one).key == asked(own, family=family, **other).key
        assert "abc" in repr(asked(Rules(), family=family, **one).facts)


def test_a_name_that_is_data_here_is_kept() -> None:
    """Then it counts in the look-up as well."""
    own = rules(public={"token", "x-session"})
    assert asked(own, json={"token": "a"}).key != asked(own, json={"token": "b"}).key
    assert asked(own, json={"access_token": "a"}).key == asked(own, json={"access_token": "b"}).key
    assert asked(own, params={"token": "a"}).key != asked(own, params={"token": "b"}).key
    assert asked(own, headers={"X-Session": "tab-1"}).facts.headers[0] == ("x-session", "tab-1")
    assert answer(own, {"token": "Hello", "password": "x"}) == {"token": "Hello", "password": "[redacted]"}


def test_a_secret_of_the_users_may_be_more_than_a_text() -> None:
    """A number, or a whole object."""
    own = rules(secret={"ssn"})
    assert answer(own, {"ssn": 123456789}) == {"ssn": "[redacted]"}
    assert answer(own, {"ssn": {"a": [1, None]}}) == {"ssn": {"a": ["[redacted]", None]}}


def test_a_short_key_is_a_secret_when_the_user_says_so() -> None:
    """So that a dummy replays what was recorded with a real one."""
    own = rules(secret={"key"})
    assert asked(own, params={"key": "dummy"}).key == asked(own, params={"key": "k" * 39}).key
    assert asked(Rules(), params={"key": "dummy"}).key != asked(Rules(), params={"key": "k" * 39}).key


@pytest.mark.parametrize(
    "given",
    [
        {"url": "https://api.test/bot123:hunter2/send"},
        {"url": "https://bot123-hunter2.api.test/"},
        {"params": {"q": "it is bot123:hunter2"}},
        {"headers": {"x-note": "bot123:hunter2"}},
        {"json": {"a": ["bot123:hunter2"], "b": 1}},
        {"data": {"a": "bot123:hunter2 "}},
        {"data": {"a": "bot123:hunter2"}, "files": {"file": b"x"}},
        {"content": "a bot123:hunter2", "headers": {"content-type": "text/plain"}},
        {"content": "<a>bot123:hunter2</a>", "headers": {"content-type": "text/xml"}},
    ],
)
def test_what_a_pattern_matches_is_neither_stored_nor_looked_up(family: ModuleType, given: dict[str, Any]) -> None:
    """In URLs, headers and every kind of body; a request can be made of what is left."""
    own = rules(r"bot\d+[:-](\w+)")
    one = asked(own, family=family, **given)
    assert "hunter2" not in repr(one.facts)
    request = request_from(one)
    assert "hunter2" not in f"{request.url} {request.headers} {request.read()!r}"
    other = asked(own, family=family, **with_secret(given, "other"))
    assert other.key == one.key


def with_secret(given: dict[str, Any], secret: str) -> dict[str, Any]:
    """Returns the same request with another secret."""

    def other(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: other(each) for name, each in value.items()}
        if isinstance(value, list):
            return [other(each) for each in value]
        return value.replace("hunter2", secret) if isinstance(value, str) else value

    return {name: other(each) for name, each in given.items()}


def test_what_a_pattern_matches_is_hidden_in_an_answer() -> None:
    """Each text and number of JSON by itself, any other text as a whole; bytes that are no text stay."""
    own = rules(r"\d{9}", "card-[a-z]+")
    assert answer(own, {"ssn": 123456789, "n": 12, "note": "my card-abc", "is": True, "x": 1.5}) == {
        "ssn": "[redacted]",
        "n": 12,
        "note": "my [redacted]",
        "is": True,
        "x": 1.5,
    }
    assert answer(own, b"see card-abc", "text/plain") == b"see [redacted]"
    assert answer(own, b"\xff card-abc", "image/png") == b"\xff card-abc"
    headers, _body = redact_answer((("x-a", "card-abc"),), b"", Secrets(own, is_answer=True))
    assert headers == (("x-a", "[redacted]"),)


def test_a_name_cannot_be_both() -> None:
    """However it is written."""
    with pytest.raises(ValueError, match="'apikey' is in secret_names and in public_names"):
        rules(secret={"api_key"}, public={"API-Key"})


def test_rules_are_values() -> None:
    """Equal when they say the same."""
    assert rules("a", secret={"Tenant-Id"}) == rules("a", secret={"tenant_id"})
    assert hash(rules("a")) == hash(rules("a"))


def test_names_are_checked() -> None:
    """One or several, each of them with a letter in it."""
    names: TypeAdapter[Any] = TypeAdapter(Names)
    assert names.validate_python("tenant") == frozenset({"tenant"})
    assert names.validate_python(["a", "b"]) == frozenset({"a", "b"})
    with pytest.raises(ValidationError, match="'--' is no name"):
        names.validate_python(["--"])


def test_a_name_of_any_length_is_judged() -> None:
    """And only short ones are remembered."""
    assert rules().is_secret_name("a" * 100 + "_token")
    assert not rules().is_secret_name("a" * 100)


@pytest.mark.parametrize(
    ("body", "redacted"),
    [
        ("<a><Password>x&amp;y1</Password><n>1</n></a>", "<a><Password>[redacted]</Password><n>1</n></a>"),
        ('<wsse:Password Type="t">x</wsse:Password>', '<wsse:Password Type="t">[redacted]</wsse:Password>'),
        ("<secret>\n  x\n</secret>", "<secret>\n  [redacted]\n</secret>"),
        ("<token><![CDATA[s3cret-1]]></token>", "<token><![CDATA[[redacted]]]></token>"),
        ("<token/><token></token>", "<token/><token></token>"),
        ("<token><b>x</b></token>", "<token><b>x</b></token>"),
        (
            '<u name="n" password=\'x\' a:token="s3cret-1"/>',
            '<u name="n" password=\'[redacted]\' a:token="[redacted]"/>',
        ),
        (f"<Key>{'photos/' * 9}</Key>", f"<Key>{'photos/' * 9}</Key>"),
        ("<!-- <token>s3cret-1</token> -->", "<!-- <token>[redacted]</token> -->"),
        ("<token>x</other>", "<token>x</other>"),
        ("a < b and password='x'", "a < b and password='[redacted]'"),
    ],
)
def test_secrets_in_xml(body: str, redacted: str) -> None:
    """Elements and attributes with the name of a secret, in what is asked and what is answered."""
    assert answer(Rules(), body.encode(), XML).decode() == redacted
    facts = asked(Rules(), content=body, headers={"content-type": XML}).facts
    assert facts.body.decode() == redacted
    assert answer(Rules(), redacted.encode(), XML).decode() == redacted


def test_a_file_of_xml_takes_no_time() -> None:
    """Whatever is in it: the work grows with its length."""
    pieces = (
        b"<token ",
        b"<token>",
        b"<a b='",
        b"<token>x</",
        b"</token",
        b" ",
        b" a",
        b" a='",
        b'"',
        b"a",
        b"]",
        b":",
    )
    for body in [b"<token>" + piece * 20_000 for piece in pieces] + [b"<x " + piece * 20_000 for piece in pieces]:
        assert answer(Rules(), body, XML) is not None


def test_a_jwt_under_a_public_name_is_data() -> None:
    """A signed document that the program reads, and not a token; one by one or in a list."""
    jwt = "eyJhbGciOiJFUzI1NiJ9.eyJwcmljZSI6MX0.c2lnbmF0dXJl"
    body = {"signed_transactions": [jwt], "access": f"{jwt}x"}
    assert answer(rules(public={"signedTransactions"}), body) == body | {"access": "[redacted]"}
