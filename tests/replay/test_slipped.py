"""Where secrets used to slip through, and what looks like one and is data."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.checking.walking import secrets_in
from gracy_transport.replay.asked import Asked, Terms
from gracy_transport.replay.credentials import Credentials
from gracy_transport.replay.document import to_json
from gracy_transport.replay.exchange import recording_of
from gracy_transport.replay.looks import is_random
from gracy_transport.replay.redacting import redact_answer, redact_asked_body, redact_asked_headers
from gracy_transport.replay.rules import DEFAULT_RULES, Rules
from gracy_transport.replay.secrets import Secrets
from tests.formats.support import AT

S = "aB3dE6gH9jK2mN5pQ8sT1vW4"
"""A secret."""
TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6"
JSON, TEXT, YAML = "application/json", "text/plain", "application/yaml"


def answered(body: bytes, media_type: str = JSON, *known: str) -> bytes:
    """Returns the redacted body of an answer."""
    secrets = Secrets(is_answer=True)
    for value in known:
        secrets.add(value)
    return redact_answer((("content-type", media_type),), body, secrets)[1]


def exchanged(body: bytes, media_type: str, **given: Any) -> str:
    """Returns the recording of an exchange as text."""
    request = httpx.Request("POST", "https://api.test/x", **given)
    asked = Terms(credentials=Credentials()).asked(request, request.read())
    return to_json(recording_of(asked, 200, ((("content-type", media_type),), body), AT))


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (f"password: {S}\nname: x\n", YAML),
        ("db:\n  password: hunter2  # ours\n  user: me\n", YAML),
        ('client_secret: "hunter2"\n', YAML),
        ("- access_token: hunter2\n- b\n", YAML),
        (f"private_key: |\n  {S}\n  hunter2\nname: x\n", YAML),
        (f"access_token={S}&scope=a", TEXT),
        (f"name: x\napi_key: {S}\n", TEXT),
        (f'settings = {{ api_key = "{S}" }}', TEXT),
        (json.dumps({"note": f"access_token={S}&scope=a"}), JSON),
        (json.dumps({"query": 'mutation { login(email: "a", password: "hunter2") { id } }'}), JSON),
        ('mutation { login(email: "a", password: "hunter2") { id } }', "application/graphql"),
        (json.dumps({"log": 'sent {"password": "hunter2"} there'}), JSON),
        (json.dumps({"a": "postgres://me:hunter2@db.test/x"}), JSON),
        ('{"a":"postgres:\\/\\/me:hunter2@db.test\\/x"}', JSON),
        (json.dumps({"connectionString": "Server=db;User=me;Password=hunter2"}), JSON),
        (json.dumps({"dsn": "https://hunter2@sentry.test/1"}), JSON),
        (json.dumps({"pat": S, "n": 1}), JSON),
        ('{"\\u0070assword": "hunter2"}', JSON),
        (json.dumps({"next": f"/items?api_key={S}&page=2"}), JSON),
        (f'{{"next": "https:\\/\\/api.test\\/?a=1\\u0026api_key={S}"}}', JSON),
        (json.dumps({"note": f"ghp_{S}{S}"}), JSON),
        (json.dumps({"headers": ["Bearer " + S]}), JSON),
        (json.dumps({"pem": f"-----BEGIN PRIVATE KEY-----\n{S}\nhunter2\n-----END PRIVATE KEY-----\n"}), JSON),
        (f"<p>Bearer {S}</p>", "text/html"),
    ],
)
def test_nothing_slips_through(body: str, media_type: str) -> None:
    """In whatever it is written, asked or answered, in UTF-8, 16 or 32."""
    for charset in ("utf-8", "utf-16", "utf-16-be", "utf-32", "utf-32-le"):
        raw = body.encode(charset)
        typed = media_type if charset == "utf-8" else f"{media_type}; charset={charset}"
        for cleaned in (answered(raw, typed), redact_asked_body(raw, typed)):
            text = cleaned.decode(charset)
            assert S not in text and "hunter2" not in text
            assert "[redacted]" in text
            assert answered(cleaned, typed) == cleaned


@pytest.mark.parametrize("name", ["cvv", "CVC", "pin"])
def test_a_few_digits_may_be_a_secret(name: str) -> None:
    """As many as such a secret has, in what is asked also as a number; others are data."""
    assert redact_asked_body(b'{"%s":"1234"}' % name.encode(), JSON) == b'{"%s":"[redacted]"}' % name.encode()
    assert redact_asked_body(b'{"%s":1234}' % name.encode(), JSON) == b'{"%s":"[redacted]"}' % name.encode()
    for value in ("560001", "13", "pinned"):
        body = b'{"%s":"%s"}' % (name.encode(), value.encode())
        assert redact_asked_body(body, JSON) == answered(body) == body


@pytest.mark.parametrize(
    "name",
    ["X-Kite-Key", "X-Rapid-Key", "X-Foo-Secret", "My-Token", "X-Shopify-Access-Token", "X-Signing-Key", "X-Ably-Key"],
)
def test_headers_of_families_of_names_are_secret(name: str) -> None:
    """Keys, tokens and secrets of whomever, in what is asked and answered."""
    assert redact_asked_headers(((name, S),)) == ((name.lower(), "[redacted]"),)
    assert redact_answer(((name, S),), b"", Secrets(is_answer=True))[0] == ((name, "[redacted]"),)


@pytest.mark.parametrize(
    "name",
    ["X-Idempotency-Key", "Surrogate-Key", "X-Cache-Key", "X-Amz-Meta-Object-Key", "X-Partition-Key", "X-Next-Token"],
)
def test_headers_that_say_which_one_are_data(name: str) -> None:
    """They are compared, and lists go on with them."""
    assert redact_answer(((name, S),), b"", Secrets(is_answer=True))[0] == ((name, S),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Refresh", f"0;url=https://a.test/?token={S}"),
        ("Refresh", f"5; url=https://a.test/?a=1&token={S}"),
        ("X-Next", f"https://api.test/?page=2&api_key={S}"),
        ("X-Debug", f"Bearer {S}"),
        ("Link", f"<https://me:{S}@a.test/>; rel=next"),
    ],
)
def test_headers_lose_the_secrets_in_their_values(name: str, value: str) -> None:
    """In URLs and by their shape."""
    cleaned = redact_answer(((name, value),), b"", Secrets(is_answer=True))[0]
    assert S not in cleaned[0][1] and "[redacted]" in cleaned[0][1]


@pytest.mark.parametrize("line", ["\r\n", "\n"])
def test_a_multipart_body_may_end_its_lines_in_either_way(line: str) -> None:
    """Some clients leave the carriage return out."""
    named = f'Content-Disposition: form-data; name="password"{line}{line}hunter2'
    typed = f"Content-Type: application/yaml{line}{line}client_secret: hunter2{line}a: 1"
    body = line.join(("--b", named, "--b", typed, "--b--", "")).encode()
    cleaned = redact_asked_body(body, "multipart/form-data; boundary=b")
    assert cleaned == body.replace(b"hunter2", b"[redacted]").replace(b"--b", b"--gracy")


@pytest.mark.parametrize("spelled", ["se/cret+1=x", "se%2Fcret%2B1%3Dx", "se%2fcret%2b1%3dx", "se/cret%2B1%3Dx"])
def test_an_echo_is_found_however_it_is_spelled(spelled: str) -> None:
    """As it is, and as URLs have it; in JSON also where it is escaped."""
    for body in (spelled, json.dumps({"a": spelled}), json.dumps({"a": spelled}).replace("/", "\\/")):
        assert "cret" not in answered(body.encode(), TEXT, "se/cret+1=x").decode()
    given: dict[str, Any] = {"json": {"password": "se/cret+1=x"}, "headers": {"x-note": spelled}}
    assert "cret" not in exchanged(spelled.encode(), TEXT, **given)


def test_what_the_body_tells_is_gone_from_the_headers() -> None:
    """And from what stands before it."""
    body = json.dumps({"a": f"x {S}", "b": f'y "{S}"', "access_token": S}).encode()
    headers, cleaned = redact_answer((("content-type", JSON), ("x-a", f"z {S}")), body, Secrets(is_answer=True))
    assert S not in cleaned.decode() and headers[1] == ("x-a", "z [redacted]")


ORDINARY: dict[str, Any] = {
    "a repository": {
        "id": 1296269,
        "node_id": "MDEwOlJlcG9zaXRvcnkxMjk2MjY5",
        "url": "https://api.github.com/repos/octocat/Hello-World",
        "keys_url": "https://api.github.com/repos/octocat/Hello-World/keys{/key_id}",
        "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e",
        "commit": {"verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None}},
        "license": {"key": "mit", "spdx_id": "MIT"},
        "secret_scanning": {"status": "disabled"},
        "permissions": {"admin": False, "pass": 3},
        "signature": "-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----",
    },
    "a charge": {
        "id": "ch_3MmlLrLkdIwHu7ix0snN0B15",
        "payment_method_details": {"card": {"brand": "visa", "checks": {"cvc_check": "pass"}, "last4": "4242"}},
        "failure_code": "card_declined",
        "code": "resource_missing",
        "doc_url": "https://stripe.com/docs/error-codes/resource-missing",
        "idempotency_key": "8f14e45fceea167a5a36dedd4bea2543",
        "publishable_key": "pk_live_aB3dE6gH9jK2mN5pQ8sT1vW4",
    },
    "messages": {
        "ok": True,
        "messages": [{"type": "message", "user": "U123ABC456", "ts": "1512085950.000216", "client_msg_id": S}],
        "response_metadata": {"next_cursor": "bmV4dF90czoxNTEyMDg1ODYxMDAwNTQz"},
    },
    "a pokemon": {
        "abilities": [{"ability": {"name": "limber", "url": "https://pokeapi.co/api/v2/ability/7/"}, "slot": 1}],
        "next": "https://pokeapi.co/api/v2/pokemon?offset=20&limit=20",
    },
    "a page of a list": {
        "nextPageToken": S,
        "nextSyncToken": S,
        "NextToken": S,
        "next_page_token": S,
        "NextContinuationToken": S,
        "endRecordsToken": S,
    },
    "a listing": {"Contents": [{"Key": "photos/2026/01/8f14e45fceea167a5a36dedd.jpg"}, {"Key": "backups/2026-11/"}]},
    "a bucket": {"Key": "AWSLogs/123456789012/CloudTrail/us-east-1/1234_20261122T1635Z_aBcD3fGh.json.gz"},
    "a model": {
        "eos_token": "<|endoftext|>",
        "bos_token": "<s>",
        "pad_token": "[PAD]",
        "unk_token": "<|reserved_special_token_250|>",
        "input_cost_per_token": "1.25e-07",
        "logprobs": [{"token": " international", "logprob": -0.1, "bytes": [32]}],
    },
    "coins": {
        "token": "USDC",
        "fee_token": "wrapped-bitcoin",
        "base_token": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
    },
    "a parliament": {"session": "44-1", "session_id": "2026-11-22T16:30:00Z", "code": "HB-1234", "auth": "apiKey"},
    "what was wrong": {"errors": {"password": "is too short", "token": "is invalid"}, "code": "invalid_password"},
    "words": {
        "password": "Your new password",
        "forgot_password": "https://a.test/reset",
        "key": "settings.account.title",
    },
    "people": {"pat": "Pat", "pin": "560001", "city": "Pune", "key": "ctrl-alt-delete", "pass": "boarding"},
    "code": {
        "content": "def token(self, key=None, secret: str = 'x') -> None: ...",
        "path": "sk-bratislava/2026-conference",
    },
}


@pytest.mark.parametrize("what", ORDINARY)
@pytest.mark.parametrize("style", [None, 2])
def test_ordinary_answers_are_left_alone(what: str, style: int | None) -> None:
    """To the byte; and the same with a secret in it loses that and nothing else."""
    body = json.dumps(ORDINARY[what], indent=style).encode()
    assert answered(body) == body
    secret = json.dumps({"answer": ORDINARY[what], "client_secret": S}, indent=style).replace("_cursor", "_")
    if S not in body.decode():
        assert answered(secret.encode()).decode() == secret.replace(S, "[redacted]")
    assert [*secrets_in({"response": {"body": {"json": ORDINARY[what]}}})] == []


NAMES = st.sampled_from(
    ["password", "access_token", "api_key", "clientSecret", "refresh-token", "session", "token", "auth", "signature"]
)
VALUES = st.text("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNP0123456789", min_size=24, max_size=40).filter(
    lambda value: is_random(value) and any(map(str.isdigit, value))
)
WAYS = st.sampled_from(
    [
        lambda name, value: (JSON, json.dumps({"a": [{name: value}], "b": 1})),
        lambda name, value: (JSON, json.dumps({"body": json.dumps({name: value}, indent=1)})),
        lambda name, value: (JSON, json.dumps({"next": f"https://api.test/?a=1&{name}={value}"})),
        lambda name, value: ("text/event-stream", f"data: {json.dumps({name: value})}\n\n"),
        lambda name, value: (YAML, f"a:\n  {name}: {value}\n"),
        lambda name, value: (TEXT, f"a\n{name}: {value}\nb"),
        lambda name, value: (TEXT, f"{name}={value}&a=1"),
        lambda name, value: ("application/xml", f"<a><{name}>{value}</{name}></a>"),
        lambda name, value: ("application/x-www-form-urlencoded", f"a=1&{name}={value}"),
        lambda name, value: (JSON, json.dumps({"note": f"see ghp_{value * 2}", "n": f"Bearer {value}"})),
    ]
)


@given(NAMES, VALUES, WAYS)
def test_the_check_agrees_with_the_recorder(name: str, value: str, way: Any) -> None:
    """It finds each secret that stands in the clear, and nothing in what was recorded of the same exchange."""
    media_type, body = way(name, value)
    given_: dict[str, Any] = {"content": body, "headers": {"content-type": media_type, "x-api-key": value}}
    recorded = json.loads(exchanged(body.encode(), media_type, **given_))
    assert value not in json.dumps(recorded)
    assert [*secrets_in(recorded)] == []
    clear = {"response": {"headers": [["content-type", media_type]], "body": {"text": body}}}
    assert any(value in found.value for found in secrets_in(clear))


@pytest.mark.parametrize("value", ["USDC", "PROJ-1234", "photos/a1b2c3d4e5f6a7b8c9/x.jpg", "1.25e-07", "a task to do"])
def test_words_numbers_and_paths_are_not_random(value: str) -> None:
    """Whatever they are called."""
    assert not is_random(value)
    assert not DEFAULT_RULES.is_secret_answered("token", value)


@pytest.mark.parametrize(
    "value", ["/api/v2/8f14e45fceea167a5a36dedd/", "s3://photos/8f14e45fceea167a5a36dedd/", "~/logs/a1B2c3D4e5F6/"]
)
def test_a_folder_begins_with_a_word(value: str) -> None:
    """Or it would be the end of base64, a 64th of which is a slash."""
    assert not is_random(value)
    assert DEFAULT_RULES.is_secret_answered("token", f"{S}+{S}/")


@pytest.mark.parametrize(("name", "value"), [("pat", S), ("PAT", S), ("pin", "1234")])
def test_a_short_name_is_found_however_it_is_written(name: str, value: str) -> None:
    """In JSON within JSON, and in YAML."""
    for body in (json.dumps({"a": json.dumps({name: value})}), json.dumps({"a": json.dumps({"b": {name: value}})})):
        assert value not in answered(body.encode()).decode()
    for line in (f"'{name}': {value}", f"{name} : {value}", f"{name}: {value}"):
        assert value not in answered(f"a:\n  {line}\n".encode(), YAML).decode()


@pytest.mark.parametrize("text", [TOKEN, f"see {TOKEN} there", f"https://b.test/?a={TOKEN}", f"card-12 {TOKEN}"])
def test_a_token_with_a_shape_is_found_in_a_query(text: str) -> None:
    """Also under a name that says nothing, unless a user says that it is public."""
    request = httpx.Request("GET", "https://api.test/", params={"q": text, "page": "2"})
    terms = Terms(Rules((re.compile(r"card-(\d+)"),)))
    asked = Asked(request, b"", terms=terms)
    assert TOKEN not in str(asked.facts)
    assert asked.facts.url.endswith("&page=2")
    other = httpx.Request("GET", "https://api.test/", params={"q": text.replace("aB3d", "zzzz"), "page": "2"})
    assert Asked(other, b"", terms=terms).key == asked.key
    public = Asked(request, b"", terms=Terms(Rules(public_names=frozenset({"q", "a"}))))
    assert TOKEN in public.facts.url


def test_what_is_asked_is_judged_by_its_name() -> None:
    """It is only looked up, and a dummy must find what was recorded with a secret."""
    one, other = (httpx.Request("GET", "https://api.test/", params={"token": value}) for value in (S, "test"))
    assert Asked(one, b"").key == Asked(other, b"").key
