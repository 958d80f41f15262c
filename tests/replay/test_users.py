"""Whose a recording is, who may be answered with it, and the rules of a user's own."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from gracy_transport.exceptions import GracyReplayRequestNotFound
from gracy_transport.replay import GracyReplay
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.replay.support import URL, Home, client_of, storage_in

pytestmark = pytest.mark.anyio


def bearer(name: str | None) -> dict[str, str]:
    """Returns the headers of a user; nobody has none."""
    return {} if name is None else {"authorization": f"Bearer token-of-{name}-aaaaaaaaaaaa"}


def counted() -> ScriptedWire:
    """Returns a wire that answers with a number, and nobody with 401."""

    def answer(request: Any) -> ScriptedResponse:
        status = 200 if "authorization" in request.headers else 401
        return ScriptedResponse(status=status, content=f"answer {len(wire.sent)}".encode())

    wire = ScriptedWire(answer)
    return wire


async def ask(client: Any, *names: str | None) -> list[str]:
    """Asks the same for each of these users."""
    return [(await client.get(URL, headers=bearer(name))).text for name in names]


async def test_users_never_share_an_answer(family: ModuleType, home: Home) -> None:
    """They are told apart by their order of appearance, so a replay may have other tokens."""
    async with client_of(family, "record", home, counted()) as client:
        await ask(client, "alice", "bob", "alice")
    assert storage_in(home).credentials() == {"credential-1", "credential-2"}
    async with client_of(family, "replay", home) as client:
        assert await ask(client, "x", "y", "y", "x", "x") == [
            "answer 1",
            "answer 2",
            "answer 2",
            "answer 3",
            "answer 3",
        ]
        for stranger in ("z", None):
            with pytest.raises(GracyReplayRequestNotFound):
                await ask(client, stranger)


@pytest.mark.parametrize(("recorded", "asked"), [("alice", "x"), ("alice", None), (None, "x"), (None, None)])
@pytest.mark.parametrize("mode", ["replay", "smart-replay"])
async def test_one_credential_matches_any(
    family: ModuleType, home: Home, mode: Any, recorded: str | None, asked: str | None
) -> None:
    """Where there is only one user, nobody can get the answer of another; its answers come in order."""
    async with client_of(family, "record", home, counted()) as client:
        await ask(client, recorded, recorded)
    wire = ScriptedWire(500)
    async with client_of(family, mode, home, wire) as client:
        assert await ask(client, asked, asked, asked) == ["answer 1", "answer 2", "answer 2"]
    assert wire.sent == []


async def test_a_second_user_is_sent(family: ModuleType, home: Home) -> None:
    """In smart-replay, where it could be another; its answer is stored beside that of the first."""
    async with client_of(family, "record", home, counted()) as client:
        await ask(client, "alice")
    wire = ScriptedWire(ScriptedResponse(content=b"bob's"))
    async with client_of(family, "smart-replay", home, wire) as client:
        assert await ask(client, "alice", "bob", "alice", "bob") == ["answer 1", "bob's", "answer 1", "bob's"]
    assert storage_in(home).credentials() == {"credential-1", "credential-2"}


async def test_who_is_challenged_is_not_given_the_challenge_again(family: ModuleType, home: Home) -> None:
    """Basic and digest authentication ask the same twice: without credentials, and then with them."""
    for mode in ("smart-replay", "smart-replay", "replay"):
        async with client_of(family, mode, home, counted()) as client:
            assert await ask(client, None, "alice", None, "alice") == ["answer 1", "answer 2"] * 2


async def test_transports_on_one_storage_name_users_together(family: ModuleType, home: Home) -> None:
    """Else the first user of each would have the same name, and one sequence."""
    storage = storage_in(home)
    async with (
        client_of(family, "record", storage, ScriptedWire(ScriptedResponse(content=b"alice's"))) as one,
        client_of(family, "record", storage, ScriptedWire(ScriptedResponse(content=b"bob's"))) as other,
    ):
        await ask(one, "alice")
        await ask(other, "bob")
    async with client_of(family, "replay", storage) as client:
        assert await ask(client, "alice", "bob", "alice") == ["alice's", "bob's", "alice's"]


async def test_exhausted_is_meant_for_each_user(family: ModuleType, home: Home) -> None:
    """The answers of another make no difference; what follows is stored for whom it is."""
    async with client_of(family, "record", home, counted()) as client:
        await ask(client, "alice", "bob", "bob")
    wire = ScriptedWire(ScriptedResponse(content=b"new"))
    async with client_of(family, "smart-replay", home, wire, exhausted="error") as client:
        assert await ask(client, "alice", "bob", "alice", "bob") == ["answer 1", "answer 2", "new", "answer 3"]
    async with client_of(family, "replay", home) as client:
        assert await ask(client, "alice", "bob", "alice", "bob") == ["answer 1", "answer 2", "new", "answer 3"]


async def test_what_follows_for_another_credential_comes_last(family: ModuleType, home: Home) -> None:
    """Where a recording with one credential answered somebody else."""
    async with client_of(family, "record", home, counted()) as client:
        await ask(client, "alice", "alice")
    wire = ScriptedWire(ScriptedResponse(content=b"new"))
    async with client_of(family, "smart-replay", home, wire, exhausted="error") as client:
        assert await ask(client, None, None, None) == ["answer 1", "answer 2", "new"]
    bodies = [each.response.body for each in storage_in(home).recordings() if each.response is not None]
    assert sorted(bodies) == [b"answer 1", b"answer 2", b"new"]


async def test_a_login_that_is_replayed_says_whose_its_token_is(family: ModuleType, tmp_path: Path) -> None:
    """Two users log in; each goes on with the token it was given, live and replayed, in any order."""

    def answer(request: Any) -> ScriptedResponse:
        if request.method == "POST":
            user = request.url.params["user"]
            return ScriptedResponse(json={"access_token": f"secret-{user}-aaaaaaaaaaaaaaaaaaaaaaaa"})
        return ScriptedResponse(content=f"for {request.headers['authorization'][14:].partition('-')[0]}".encode())

    async def run(client: Any, *users: str) -> list[str]:
        tokens = {
            user: (await client.post(f"{URL}/login", params={"user": user})).json()["access_token"] for user in users
        }
        return [(await client.get(URL, headers={"authorization": f"Bearer {token}"})).text for token in tokens.values()]

    async with client_of(family, "record", tmp_path, ScriptedWire(answer)) as client:
        assert await run(client, "alice", "bob") == ["for alice", "for bob"]
    async with client_of(family, "replay", tmp_path) as client:
        assert await run(client, "bob", "alice") == ["for bob", "for alice"]
    assert b"secret-" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


async def test_the_credential_may_be_what_a_user_says(family: ModuleType, home: Home) -> None:
    """A header of an API of their own, say; as a credential it has a name."""

    def tenant(request: Any) -> str | None:
        said: str | None = request.headers.get("x-tenant")
        return said

    wire = ScriptedWire(*(ScriptedResponse(content=name) for name in (b"first", b"second", b"third")))
    async with client_of(family, "record", home, wire, credential=tenant) as client:
        for name in ("blue", "red", "blue"):
            await client.get(URL, headers={"x-tenant": name})
    async with client_of(family, "replay", home, credential=tenant) as client:
        said = [(await client.get(URL, headers={"x-tenant": name})).text for name in ("a", "a", "b")]
    assert said == ["first", "third", "second"]
    assert [each.request.credential for each in storage_in(home).recordings()] == [
        "credential-1",
        "credential-1",
        "credential-2",
    ]


async def test_a_credential_that_is_no_text_is_refused(family: ModuleType, home: Home) -> None:
    """Without its value, which may be a secret."""
    by_number: Any = lambda _request: 4711  # noqa: E731 - of a type that is wrong
    async with client_of(family, "record", home, ScriptedWire(), credential=by_number) as client:
        with pytest.raises(TypeError, match=r"says a value of type int of GET .*: let it return a text, or None"):
            await client.get(URL)


async def test_rules_of_ones_own(family: ModuleType, tmp_path: Path) -> None:
    """They hold for what is recorded and for what is looked up, so another secret finds the recording."""
    rules: dict[str, Any] = {"redact": r"/bot([^/]+)", "secret_names": {"x-house-key", "pin"}, "public_names": "token"}
    broken = family.ReadTimeout("no answer from https://api.test/botsecret-1/send")
    answers = [ScriptedResponse(json={"pin": "secret-2", "token": "plain", "at": "/botsecret-1/"}), broken]

    async def send(client: Any, secret: str) -> Any:
        url = f"https://api.test/bot{secret}-1/send?token=plain"
        return await client.post(url, json={"pin": f"{secret}-2"}, headers={"x-house-key": f"{secret}-3"})

    async with client_of(family, "record", tmp_path, ScriptedWire(*answers), **rules) as client:
        await send(client, "secret")
        with pytest.raises(family.ReadTimeout):
            await send(client, "secret")
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"secret-" not in stored
    assert b"?token=plain" in stored
    async with client_of(family, "replay", tmp_path, **rules) as client:
        replayed = (await send(client, "other")).json()
        assert (replayed["token"], replayed["at"]) == ("plain", "/bot[redacted]/")
        with pytest.raises(family.ReadTimeout, match=re.escape("https://api.test/bot[redacted]/send")):
            await send(client, "other")


@pytest.mark.parametrize(
    "match_on",
    [("path", "header:accept-language"), lambda request: (request.url.path, request.headers["accept-language"])],
)
async def test_requests_are_matched_as_a_user_says(family: ModuleType, home: Home, match_on: Any) -> None:
    """By some of their parts, or by a function."""
    async with client_of(family, "record", home, counted(), match_on=match_on) as client:
        for language in ("de", "en"):
            await client.get(f"{URL}?at=1", headers={"accept-language": language})
    async with client_of(family, "replay", home, match_on=match_on) as client:
        for language, said in (("en", "answer 2"), ("de", "answer 1")):
            assert (await client.get(f"{URL}?at=2", headers={"accept-language": language})).text == said
        with pytest.raises(GracyReplayRequestNotFound):
            await client.get(f"{URL}?at=1", headers={"accept-language": "fr"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"redact": ""}, "redact"),
        ({"secret_names": "--"}, "secret_names"),
        ({"secret_names": "Api-Key", "public_names": ["api_key"]}, "public_names"),
        ({"match_on": "colour"}, "match_on"),
        ({"credential": "me"}, "credential"),
    ],
)
def test_wrong_rules_are_named(home: Home, options: dict[str, Any], said: str) -> None:
    """With their field."""
    with pytest.raises(ValidationError, match=said):
        GracyReplay("record", storage_in(home), **options)


@pytest.mark.parametrize(
    ("attributes", "replayed"),
    [
        ("Expires=Mon, 01 Jan 2001 01:00:00 GMT; Path=/", "Max-Age=3600; Path=/"),
        ("Path=/; expires=Mon, 01-Jan-2001 00:00:30 GMT", "Path=/; Max-Age=30"),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Expires=soon", "Expires=soon"),
        ("Max-Age=60", "Max-Age=60"),
    ],
)
async def test_a_cookie_lasts_as_long_as_it_did(family: ModuleType, home: Home, attributes: str, replayed: str) -> None:
    """Else a replay would be nobody's a day after a login was recorded; one that deletes a cookie still does."""
    wire = ScriptedWire(ScriptedResponse(headers={"Set-Cookie": f"sid=of-alice-1; {attributes}"}))
    clock = FakeClock(wall=978_307_200.0)
    async with client_of(family, "record", home, wire, options={"clock": clock}) as client:
        await client.get(URL)
    async with client_of(family, "replay", home) as client:
        response = await client.get(URL)
        assert response.headers["set-cookie"].partition("; ")[2] == replayed
        assert bool(client.cookies) is ("1970" not in replayed)
