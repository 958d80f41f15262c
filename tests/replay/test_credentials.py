"""Whose a request is, and what a recording says of it."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from gracy_transport.replay.asked import Asked, Terms
from gracy_transport.replay.credentials import MOST_KNOWN, Credentials, credential_in
from gracy_transport.replay.document import to_json
from gracy_transport.replay.exchange import read_answer, recording_of, response_from
from gracy_transport.replay.placeholders import holder_of, is_placeholder
from gracy_transport.replay.recording import Recording
from gracy_transport.replay.rules import Rules

URL = "https://api.test/items"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def terms(**given: Any) -> Terms:
    """Returns terms that tell the users of requests apart."""
    return Terms(credentials=Credentials(), **given)


def name(terms: Terms, method: str = "GET", url: str = URL, family: Any = httpx, **given: Any) -> str:
    """Returns the name of whose request it is."""
    request = family.Request(method, url, **given)
    return terms.asked(request, request.read()).credential


def jwt(**claims: Any) -> str:
    """Returns a token that says something of its user."""
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "RS256"}, claims))
    return f"{head.rstrip('=')}.{body.rstrip('=')}.c2lnbmF0dXJl{claims.get('iat', '')}"


def basic(pair: str) -> dict[str, str]:
    """Returns the header that says user and password."""
    return auth(f"Basic {base64.b64encode(pair.encode()).decode()}")


def auth(value: str) -> dict[str, str]:
    """Returns the header of a credential."""
    return {"authorization": value}


def digest(user: str, nonce: str) -> dict[str, str]:
    """Returns the header of digest authentication."""
    return auth(
        f'Digest username="{user}", realm="r", nonce="{nonce}", uri="/", response="{nonce}1", cnonce="{nonce}2"'
    )


def aws(key: str, date: str) -> dict[str, str]:
    """Returns the header of a signed request."""
    scope = f"{key}/{date}/eu-west-1/s3/aws4_request"
    return auth(f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={date}abc")


def oauth(token: str, nonce: str) -> dict[str, str]:
    """Returns the header of a request signed as OAuth 1 has it."""
    return auth(
        f'OAuth oauth_consumer_key="k", oauth_nonce="{nonce}", oauth_signature="{nonce}%3D", oauth_token="{token}"'
    )


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"headers": auth("Bearer secret-1")}, {"headers": {"Authorization": "bearer  secret-1"}}),
    ({"headers": digest("me", "1")}, {"headers": digest("me", "2")}),
    ({"headers": aws("AKID1", "20261122")}, {"headers": aws("AKID1", "20261123")}),
    ({"headers": oauth("t", "1")}, {"headers": oauth("t", "2")}),
    ({"headers": auth("AWS AKID1:abc=")}, {"headers": auth("AWS AKID1:def=")}),
    (
        {"headers": auth('Signature keyId="k",algorithm="x",signature="a="')},
        {"headers": auth('Signature keyId="k",algorithm="x",signature="b="')},
    ),
    ({"headers": auth(f"Bearer {jwt(sub='me', iat=1, jti='a')}")}, {"headers": auth(f"Bearer {jwt(sub='me', iat=2)}")}),
    ({"headers": auth("Negotiate abc")}, {}),
    ({"headers": {"x-api-key": "a", "x-csrf-token": "1"}}, {"headers": {"x-api-key": "a", "x-csrf-token": "2"}}),
    ({"headers": {"x-api-key": "a", "x-signature": "1"}}, {"headers": {"x-api-key": "a", "x-signature": "2"}}),
    ({"headers": {"cookie": "sid=a; theme=dark"}}, {"headers": {"cookie": "theme=light; sid=a; csrftoken=1"}}),
    ({"headers": auth("Bearer a") | {"cookie": "sid=1"}}, {"headers": auth("Bearer a") | {"cookie": "sid=2"}}),
    ({"headers": {"x-api-key": "a"}}, {"params": {"api_key": "a"}}),
    ({"params": {"api_key": "a", "sig": "1"}}, {"params": {"api_key": "a", "sig": "2"}}),
    ({"params": {"X-Amz-Credential": "A/1/x", "X-Amz-Date": "1"}}, {"params": {"X-Amz-Credential": "A/2/x"}}),
    ({"params": {"code": "a-code-of-many-letters"}}, {}),
    ({"url": "https://me:mine@api.test/"}, {"headers": basic("me:mine")}),
    ({"headers": {"proxy-authorization": "Basic abc"}}, {}),
    ({"method": "POST", "json": {"password": "one"}}, {"method": "POST", "json": {"password": "two"}}),
    ({"method": "POST", "json": {"token": "t"}}, {"method": "POST", "data": {"access_token": "t"}}),
    ({"headers": auth("Bearer a"), "method": "POST", "json": {"token": "t"}}, {"headers": auth("Bearer a")}),
]

DIFFERENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"headers": auth("Bearer one")}, {"headers": auth("Bearer two")}),
    ({"headers": auth("one")}, {"headers": auth("two")}),
    ({"headers": auth("Bearer one")}, {}),
    ({"headers": digest("me", "1")}, {"headers": digest("you", "1")}),
    ({"headers": aws("AKID1", "1")}, {"headers": aws("AKID2", "1")}),
    ({"headers": oauth("t", "1")}, {"headers": oauth("u", "1")}),
    ({"headers": basic("me:mine")}, {"headers": basic("you:mine")}),
    ({"headers": basic("api:one")}, {"headers": basic("api:two")}),
    ({"headers": auth("Basic ???1")}, {"headers": auth("Basic ???2")}),
    ({"headers": auth("SharedKey one:abc")}, {"headers": auth("SharedKey two:abc")}),
    ({"headers": auth(f"Bearer {jwt(sub='me', iat=1)}")}, {"headers": auth(f"Bearer {jwt(sub='you', iat=1)}")}),
    ({"headers": auth(f"Bearer {jwt(iat=1)}")}, {"headers": auth(f"Bearer {jwt(iat=2)}")}),
    ({"headers": auth(f"Bearer {jwt(iss='i', jti='1')}")}, {"headers": auth(f"Bearer {jwt(iss='i', jti='2')}")}),
    ({"headers": auth("Bearer eyJ.eyJ.1")}, {"headers": auth("Bearer eyJ.eyJ.2")}),
    ({"headers": {"x-api-key": "one"}}, {"headers": {"x-api-key": "two"}}),
    ({"headers": {"cookie": "JSESSIONID=1"}}, {"headers": {"cookie": "JSESSIONID=2"}}),
    ({"params": {"api_key": "one"}}, {"params": {"api_key": "two"}}),
    ({"url": "https://me:mine@api.test/"}, {"url": "https://you:mine@api.test/"}),
    ({"method": "POST", "data": {"refresh_token": "one"}}, {"method": "POST", "data": {"refresh_token": "two"}}),
    ({"method": "POST", "files": {"f": b"x"}, "data": {"token": "a"}}, {"method": "POST", "data": {"token": "b"}}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_user_has_one_name(family: ModuleType, one: dict[str, Any], other: dict[str, Any]) -> None:
    """Signatures, nonces and tokens against forgery differ each time and say nothing of who asks."""
    both = terms()
    assert name(both, family=family, **one) == name(both, family=family, **other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_users_have_two_names(family: ModuleType, one: dict[str, Any], other: dict[str, Any]) -> None:
    """By whatever they bring."""
    both = terms()
    assert name(both, family=family, **one) != name(both, family=family, **other)


def test_names_go_by_order_of_appearance() -> None:
    """So another run with other credentials gives the same names."""
    for first, second in (("real-1", "real-2"), ("dummy-b", "dummy-a")):
        run = terms()
        assert name(run) == ""
        assert name(run, headers=auth(f"Bearer {first}")) == "credential-1"
        assert name(run, headers=auth(f"Bearer {second}")) == "credential-2"
        assert name(run, headers=auth(f"Bearer {first}")) == "credential-1"
        assert run.credentials is not None
        assert run.credentials.seen == {"credential-1", "credential-2"}


def test_what_is_known_of_credentials_is_no_secret() -> None:
    """Digests, with a key of this run."""
    one, other = Credentials(), Credentials()
    for known in (one, other):
        known.name_of("secret-1")
    assert "secret-1" not in repr(vars(one))
    assert vars(one)["_names"].keys() != vars(other)["_names"].keys()


def test_a_function_of_the_users_may_say_whose_a_request_is() -> None:
    """Or that it is nobody's."""
    run = terms(credential=lambda request: request.headers.get("x-tenant"))
    assert name(run, headers=auth("Bearer a")) == ""
    assert name(run, headers={"x-tenant": "one"} | auth("Bearer a")) == "credential-1"
    assert name(run, headers={"x-tenant": "one"} | auth("Bearer b")) == "credential-1"
    assert name(run, headers={"x-tenant": "two"}) == "credential-2"


def test_the_rules_say_which_cookies_count() -> None:
    """In both directions."""
    rules = Rules(secret_names=frozenset({"me"}), public_names=frozenset({"session_tab"}))
    cookies = (("cookie", "me=1; session_tab=2; a=3"),)
    assert credential_in(cookies, b"", (), (), rules) == "1"
    assert credential_in(cookies, b"", (), (), Rules()) == "2"


class Tape:
    """Recordings as a storage keeps them, and a client that records to it or replays from it."""

    def __init__(self, family: Any = httpx) -> None:
        self.family = family
        self.recordings: dict[tuple[Any, int], Recording] = {}
        self._terms = terms()
        self._asked = Counter[Any]()

    def begin(self) -> None:
        """Begins another run."""
        self._terms = terms()
        self._asked.clear()

    def ask(self, method: str, url: str, answer: Any = None, **given: Any) -> Any:
        """Records the answer to a request, or replays what was recorded."""
        request = self.family.Request(method, url, **given)
        asked = self._terms.asked(request, request.read())
        position = self._asked[asked.sequence]
        self._asked[asked.sequence] += 1
        place = (asked.sequence, position)
        if answer is not None:
            content = read_answer(answer.headers, answer.read())
            self.recordings[place] = recording_of(asked, answer.status_code, content, NOW, position)
            return answer
        replayed = response_from(self.recordings[place], request)
        replayed.read()
        return replayed

    def text(self) -> str:
        """Returns all that is recorded."""
        return "\n".join(sorted(to_json(recording) for recording in self.recordings.values()))


def login(tape: Tape, user: str, password: str, *, is_live: bool) -> list[Any]:
    """Logs in, asks, refreshes twice and asks again each time; returns what came of it."""

    def answer(**given: Any) -> Any:
        return tape.family.Response(200, **given) if is_live else None

    def tokens(place: int) -> dict[str, str]:
        return {"access_token": f"{user}-at-{place}", "refresh_token": f"{user}-rt-{place}"}

    given = {"username": user, "password": password}
    token = tape.ask("POST", "https://api.test/token", answer(json=tokens(0)), data=given).json()
    seen: list[Any] = []
    for place in range(1, 4):
        bearer = auth(f"Bearer {token['access_token']}")
        seen.append(tape.ask("GET", URL, answer(json={"of": user, "n": place}), headers=bearer).json())
        refresh = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
        token = tape.ask("POST", "https://api.test/token", answer(json=tokens(place)), data=refresh).json()
    return seen


def test_a_login_with_two_refreshes_replays(family: ModuleType) -> None:
    """Each with the tokens that the replay gave; and recording it again gives the same text."""
    tape = Tape(family)
    live = [login(tape, user, f"{user}-secret", is_live=True) for user in ("ann", "bob")]
    recorded = tape.text()
    assert "-at-" not in recorded
    assert "-rt-" not in recorded
    assert "-secret" not in recorded
    tape.begin()
    assert [login(tape, user, "dummy", is_live=False) for user in ("bob", "ann")] == live[::-1]
    tape.begin()
    tape.recordings.clear()
    for user in ("bob", "ann"):
        login(tape, user, "new-secret", is_live=True)
    assert tape.text() == recorded


def test_a_token_that_was_refreshed_is_of_the_same_user() -> None:
    """A replay takes no time, so its tokens last longer, and it may not refresh them when the recording did."""
    tape = Tape()
    login(tape, "ann", "secret-1", is_live=True)
    names = {recording.request.credential for recording in tape.recordings.values()}
    assert len(names - {""}) == 1


def issue(tape: Tape, **answer: Any) -> Any:
    """Records an answer, begins anew, and returns the replay of it."""
    tape.ask("POST", "https://api.test/login", tape.family.Response(200, **answer), json={"user": "me"})
    tape.begin()
    return tape.ask("POST", "https://api.test/login", json={"user": "me"})


@pytest.mark.parametrize(
    "bring",
    [
        lambda token: {"headers": auth(f"Bearer {token}")},
        lambda token: {"headers": {"x-auth-token": token}},
        lambda token: {"headers": {"cookie": f"a=b; session={token}"}},
        lambda token: {"params": {"access_token": token}},
        lambda token: {"headers": basic(f"x-access-token:{token}")},
        lambda token: {"url": f"https://{quote_plus(token)}:x@api.test/items"},
        lambda token: {"method": "POST", "json": {"token": token}},
        lambda token: {"method": "POST", "data": {"token": token}},
        lambda token: {"method": "POST", "data": {"token": token}, "files": {"file": b"x"}},
    ],
)
def test_a_token_says_whose_it_is_wherever_it_is_brought(family: ModuleType, bring: Any) -> None:
    """The real one while recording, its placeholder in a replay."""
    recording = terms()
    request = family.Request("POST", "https://api.test/login", json={"user": "me"})
    answer = read_answer(httpx.Headers(), b'{"token":"r3al-token-1"}')
    recorded = recording_of(recording.asked(request, request.read()), 200, answer, NOW)
    assert recorded.response is not None
    placeholder = json.loads(recorded.response.body)["token"]
    live = name(recording, family=family, **bring("r3al-token-1"))
    assert live == holder_of(placeholder) != ""
    assert name(terms(), family=family, **bring(placeholder)) == live


def test_a_cookie_that_was_issued_comes_back_through_a_client(family: ModuleType) -> None:
    """Its placeholder is a value like any other."""
    answer = issue(Tape(family), headers=[("set-cookie", "sid=s3cret-1; Path=/"), ("set-cookie", "gone=; Max-Age=0")])
    answer.request = family.Request("POST", "https://api.test/login")
    client = family.Client()
    client.cookies.extract_cookies(answer)
    request = client.build_request("GET", URL)
    assert request.headers["cookie"].startswith("sid=[issued-")
    assert name(terms(), headers=dict(request.headers)).startswith("issued-")


def test_a_header_that_issues_a_token_keeps_its_scheme() -> None:
    """A program sends it back as it came."""
    answer = issue(Tape(), headers={"authorization": "Bearer real-1", "x-auth-token": "real-2"})
    scheme, token = answer.headers["authorization"].split()
    assert scheme == "Bearer"
    assert is_placeholder(token)
    assert is_placeholder(answer.headers["x-auth-token"])


def test_a_token_is_called_the_same_wherever_it_stands_in_an_answer() -> None:
    """In a field, a message before it, the query of a URL and a header; another is called otherwise."""
    body = {
        "message": "use real-1!",
        "token": "real-1",
        "next": "https://x.test/?api_key=real-1&a=1",
        "id_token": "real-2",
    }
    said = issue(Tape(), json=body, headers={"x-token": "real-1"})
    token, other = said.json()["token"], said.json()["id_token"]
    assert is_placeholder(token)
    assert said.headers["x-token"] == token
    assert said.json()["message"] == f"use {token}!"
    assert said.json()["next"] == f"https://x.test/?api_key={token}&a=1"
    assert other != token
    assert holder_of(other) == holder_of(token)


def test_a_credential_that_an_answer_tells_back_is_still_that_credential() -> None:
    """Links to the next page often have the key in them, and a program may go on with what it was told."""
    run = terms()
    request = httpx.Request("GET", URL, params={"api_key": "secret-1"})
    body = b'{"next":"https://api.test/items?api_key=secret-1&page=2","api_key":"secret-1","text":"secret-1"}'
    recorded = recording_of(run.asked(request, b""), 200, read_answer(httpx.Headers(), body), NOW)
    assert recorded.response is not None
    said = json.loads(recorded.response.body)
    assert said == {
        "next": "https://api.test/items?api_key=[credential-1]&page=2",
        "api_key": "[credential-1]",
        "text": "[redacted]",
    }
    replay = terms()
    assert name(replay, params={"api_key": "dummy"}) == "credential-1"
    assert name(replay, url=said["next"]) == "credential-1"


def test_redacting_what_was_recorded_changes_nothing() -> None:
    """Placeholders are no secrets."""
    run = terms()
    asked = run.asked(httpx.Request("GET", URL, params={"api_key": "secret-1"}), b"")
    headers = httpx.Headers([("set-cookie", "sid=abc-defg; Path=/"), ("authorization", "Bearer x")])
    once = recording_of(asked, 200, read_answer(headers, b'{"token":"t","api_key":"secret-1"}'), NOW).response
    assert once is not None
    again = recording_of(asked, 200, (once.headers, once.body), NOW, 7).response
    assert again == once


def test_an_answer_without_a_token_issues_none() -> None:
    """A field that is empty, and a cookie that is taken back."""
    said = issue(Tape(), json={"token": "", "secret": None}, headers={"set-cookie": 'sid=""; Max-Age=0'})
    assert said.json() == {"token": "", "secret": None}
    assert said.headers["set-cookie"] == 'sid=""; Max-Age=0'


def test_only_so_many_tokens_are_remembered() -> None:
    """The last of them, and those that are used: an answer may issue thousands."""
    known = Credentials()
    for place in range(MOST_KNOWN + 10):
        known.remember(f"token-{place}", "[issued-0000000000-0000]")
        known.remember("used", "[issued-0000000001-0000]")
    assert known.placeholder_for("token-0") == ""
    assert known.placeholder_for(f"token-{MOST_KNOWN + 9}") != ""
    assert known.name_of("used") == "issued-0000000001"


def test_without_credentials_all_requests_are_nobodys() -> None:
    """As a storage sees them that only deals in responses."""
    assert Asked(httpx.Request("GET", URL, headers=auth("Bearer a")), b"").credential == ""


@pytest.mark.parametrize(
    "bring",
    [
        lambda token: {"url": f"{URL}?t={quote_plus(token)}"},
        lambda token: {"url": f"{URL}/{token}/parts"},
        lambda token: {"method": "POST", "json": {"deep": [{"t": token}]}},
        lambda token: {"method": "POST", "data": {"t": token}},
        lambda token: {"headers": {"x-ref": token}},
        lambda token: {"headers": auth(f"Bearer {token}"), "url": f"{URL}/{token}"},
        lambda token: {"url": f"{URL}?key={quote_plus(token)}"},
    ],
)
def test_a_token_that_was_issued_is_a_secret_under_any_name(family: ModuleType, bring: Any) -> None:
    """It is neither stored nor looked up, and its placeholder finds what was recorded with it."""
    run, token = terms(), "a-r3al-token-of-letters"
    answer = read_answer(httpx.Headers(), json.dumps({"token": token}).encode())
    first = recording_of(run.asked(family.Request("POST", "https://api.test/login"), b""), 200, answer, NOW)
    assert first.response is not None
    placeholder = json.loads(first.response.body)["token"]

    def asked(terms: Terms, token: str) -> Asked:
        given = {"method": "GET", "url": URL, **bring(token)}
        request = family.Request(given.pop("method"), given.pop("url"), **given)
        return terms.asked(request, request.read())

    live, replayed = asked(run, token), asked(terms(), placeholder)
    assert token not in repr(live.facts)
    assert live.sequence == replayed.sequence
    told = read_answer(httpx.Headers({"x-ref": token}), json.dumps({"again": token}).encode())
    assert token not in to_json(recording_of(live, 200, told, NOW))


def test_a_placeholder_of_a_short_name_is_found_as_well() -> None:
    """A `key` is a secret by its length, and placeholders are whatever theirs."""
    run = terms()
    one = run.asked(httpx.Request("GET", URL, params={"key": "k" * 39}), b"")
    other = run.asked(httpx.Request("GET", URL, params={"key": "[credential-1]"}), b"")
    assert one.sequence == other.sequence
