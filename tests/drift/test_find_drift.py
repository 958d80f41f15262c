"""Asking again: through the user's own client, gently, and without a token for whoever must not have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from gracy_transport.replay.recording import RecordedError, RecordedRequest, RecordedResponse, Recording
from gracy_transport.replays.drift import find_drift
from gracy_transport.replays.storages.memory import MemoryReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.formats.support import AT

pytestmark = pytest.mark.anyio

HIDDEN = (("authorization", "[redacted]"), ("accept", "application/json"))
OK = RecordedResponse(200, (("content-type", "application/json"),), b'{"id":1}')


def recording(url: str, method: str = "GET", headers: Any = HIDDEN, response: Any = OK, **request: Any) -> Recording:
    return Recording(RecordedRequest(method, url, headers, **request), AT, response)


async def ask(
    family: ModuleType, *recordings: Recording, answer: Any = None, options: dict[str, Any] | None = None, **more: Any
) -> tuple[Any, ScriptedWire]:
    """Returns the drift of recordings against a wire that answers as was recorded, and the wire."""
    wire = ScriptedWire(ScriptedResponse(json={"id": 2}) if answer is None else answer)
    settings = {"headers": {"Authorization": "Bearer SECRET"}} if options is None else options
    async with family.AsyncClient(transport=wire, **settings) as client:
        return await find_drift(MemoryReplayStorage(recordings), client, **more), wire


async def test_what_is_as_it_was_is_clean(family: ModuleType) -> None:
    """Whatever the values; the client's own credentials are sent."""
    drift, wire = await ask(family, recording("https://api.test/items/1?a=1&b=%20"))
    assert (drift.is_clean, drift.exit_status, str(drift)) == (True, 0, "0 of 1 changed")
    [sent] = wire.sent
    assert (str(sent.url), sent.headers["authorization"]) == ("https://api.test/items/1?a=1&b=%20", "Bearer SECRET")
    assert sent.headers["accept"] == "application/json"


async def test_what_changed_is_told(family: ModuleType) -> None:
    """In plain lines, and in a table of rich."""
    answer = ScriptedResponse(status=201, json={"id": None, "token": "SECRET"}, headers={"Deprecation": "true"})
    drift, _wire = await ask(family, recording("https://api.test/items/1"), answer=answer)
    assert drift.lines() == [
        "GET https://api.test/items/1",
        "  status: 200 → 201",
        "  header deprecation: nothing → true",
        "  json id: number → null",
        "  json token: nothing → hidden",
        "1 of 1 changed",
    ]
    assert drift.exit_status == 1
    console = Console(width=120, record=True, file=StringIO())
    console.print(drift)
    shown = console.export_text()
    assert "GET https://api.test/items/1" in shown and "json id" in shown and "SECRET" not in shown


async def test_only_safe_methods_are_asked_unless_told_otherwise(family: ModuleType) -> None:
    """Asking again must not order again."""
    asked = [recording("https://api.test/x", method, body=b"") for method in ("GET", "HEAD", "POST", "DELETE")]
    _drift, wire = await ask(family, *asked)
    assert [request.method for request in wire.sent] == ["GET", "HEAD"]
    _drift, wire = await ask(family, *asked, recording("https://api.test/y", "POST", body=b"a=1"), methods=["post"])
    assert [(request.method, request.content) for request in wire.sent] == [("POST", b""), ("POST", b"a=1")]


async def test_each_request_is_asked_once_and_compared_with_its_last_answer(family: ModuleType) -> None:
    """Whoever asked it."""
    old = recording("https://api.test/x", response=OK._replace(body=b'{"id":"old"}'))
    new = recording("https://api.test/x", credential="credential-2")._replace(recorded_at=AT + timedelta(days=1))
    drift, wire = await ask(family, new, old)
    assert (drift.is_clean, len(wire.sent)) == (True, 1)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (recording("https://api.test/x?api_key=[redacted]&n=1"), "api_key in its URL was redacted: give the client"),
        (recording("https://api.test/bot[redacted]/x"), "a part of its path was redacted"),
        (recording("https://api.test/x", body=b'{"password":"[redacted]"}'), "its body holds a secret"),
        (recording("https://api.test/x")._replace(error=RecordedError("ReadError")), "an error was recorded"),
        (recording("https://api.test/x", response=None), "an error was recorded"),
        (
            recording("https://api.test/x", response=RecordedResponse(200, (("Content-Type", "text/event-stream"),))),
            "it is a stream",
        ),
        (recording("https://a:b/x"), "no request can be made of its URL"),
    ],
)
async def test_what_cannot_be_asked_is_told(asked: Recording, why: str, family: ModuleType) -> None:
    """And when nothing could be asked, that is no success."""
    drift, wire = await ask(family, asked)
    [skipped] = drift.skipped
    assert skipped.why.startswith(why)
    assert wire.sent == []
    assert drift.exit_status == 2
    assert str(drift).endswith(f"not asked, {skipped.why}\n0 of 0 changed, 1 not asked")


async def test_a_client_with_the_parameter_asks(family: ModuleType) -> None:
    """In place of what was redacted, the others as they were recorded."""
    options = {"params": {"api_key": "mine"}}
    drift, wire = await ask(family, recording("https://api.test/x?n=1&api_key=[redacted]&n=2"), options=options)
    assert drift.is_clean
    assert sorted(family.URL(wire.sent[0].url).params.multi_items()) == [("api_key", "mine"), ("n", "1"), ("n", "2")]


def with_all_ways(family: ModuleType) -> dict[str, Any]:
    """Returns a client's settings with a secret in every place."""
    return {
        "headers": {"X-Api-Key": "SECRET"},
        "params": {"token": "SECRET"},
        "cookies": {"session": "SECRET"},
        "auth": ("me", "SECRET"),
    }


async def test_a_redirect_to_another_host_gets_no_token(family: ModuleType) -> None:
    """Nothing was recorded with credentials there."""
    moved = recording("https://cdn.test/file?x=1", headers=())
    drift, wire = await ask(family, recording("https://api.test/x"), moved, options=with_all_ways(family))
    api, cdn = sorted(wire.sent, key=lambda request: str(request.url))
    assert {"authorization", "x-api-key", "cookie"} <= set(api.headers) and "token=SECRET" in str(api.url)
    assert str(cdn.url) == "https://cdn.test/file?x=1"
    assert not {"authorization", "x-api-key", "cookie"} & set(cdn.headers)
    assert drift.bare == 1
    assert "1 went without what the client adds" in str(drift)


@pytest.mark.parametrize(
    ("urls", "options", "more", "trusted"),
    [
        (["https://api.test/x", "https://api.test:443/y"], {}, {}, {"api.test"}),
        (["https://api.test/x", "https://cdn.test/y"], {}, {}, set[str]()),
        (["https://api.test/x", "https://cdn.test/y"], {"base_url": "https://api.test/v1"}, {}, {"api.test"}),
        (["https://api.test/x", "https://cdn.test/y"], {}, {"base_url": "https://staging.test/v2/"}, {"staging.test"}),
    ],
)
async def test_where_nobody_had_a_credential(
    urls: list[str], options: dict[str, Any], more: dict[str, Any], trusted: set[str], family: ModuleType
) -> None:
    """The only host gets the client's, or that of its base URL, or the one that is asked instead."""
    settings = {"headers": {"Authorization": "Bearer SECRET"}} | options
    asked = [recording(url, headers=()) for url in urls]
    _drift, wire = await ask(family, *asked, options=settings, **more)
    assert {family.URL(request.url).host for request in wire.sent if "authorization" in request.headers} == trusted


async def test_another_system_is_asked_under_its_path(family: ModuleType) -> None:
    """And what is told is named as it was recorded."""
    drift, wire = await ask(
        family,
        recording("https://[redacted]@api.test/items/1?n=1"),
        base_url="https://staging.test/v2/",
        answer=ScriptedResponse(status=404),
    )
    assert str(wire.sent[0].url) == "https://staging.test/v2/items/1?n=1"
    assert drift.lines()[:2] == ["GET https://[redacted]@api.test/items/1?n=1", "  status: 200 → 404"]


@pytest.mark.parametrize("name", ["ConnectError", "ReadTimeout"])
async def test_no_answer_is_a_change(name: str, family: ModuleType) -> None:
    """Of which only the kind is told."""
    fail: Callable[[], Exception] = lambda: getattr(family, name)("to me:SECRET@api.test")  # noqa: E731
    drift, _wire = await ask(family, recording("https://api.test/x"), answer=fail())
    assert drift.lines()[:2] == ["GET https://api.test/x", f"  answer: status 200 → {name}"]


async def test_redirects_are_not_followed(family: ModuleType) -> None:
    """Each hop was recorded, and is asked for itself."""
    answer = ScriptedResponse(status=302, headers={"Location": "https://elsewhere.test/"})
    options = {"follow_redirects": True}
    drift, wire = await ask(family, recording("https://api.test/x"), answer=answer, options=options)
    assert (len(wire.sent), drift.lines()[1]) == (1, "  status: 200 → 302")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.test?@evil.test/x",
        "https://api.test#@evil.test/x",
        "https://evil.test\\@api.test/x",
        "https://evil.test?x=https://api.test/x",
        "https://api.test:443@evil.test/x",
        "https://API.test.evil.test/x",
    ],
)
async def test_a_url_that_reads_in_two_ways_gets_no_token_at_another_host(url: str, family: ModuleType) -> None:
    """What is trusted is the host that the client itself would go to."""
    recordings = [recording("https://api.test/x"), recording(url, headers=())]
    _drift, wire = await ask(family, *recordings, options=with_all_ways(family))
    for sent in wire.sent:
        told = {"authorization", "x-api-key", "cookie"} & set(sent.headers) or "SECRET" in str(sent.url)
        assert not told or family.URL(sent.url).host == "api.test"


async def test_a_url_that_is_none_is_told(family: ModuleType) -> None:
    """And the others are asked."""
    drift, _wire = await ask(family, recording("https://api.test/x"), recording("https://api.test:x/y"))
    assert (drift.asked, [skipped.why for skipped in drift.skipped]) == (1, ["no request can be made of its URL"])


async def test_a_parameter_that_does_not_go_to_its_host_is_told(family: ModuleType) -> None:
    """The client has it, and still nothing is asked: nobody said that it is meant for that host."""
    signed = recording("https://cdn.test/x?token=[redacted]", headers=())
    drift, wire = await ask(family, recording("https://api.test/x"), signed, options=with_all_ways(family))
    assert len(wire.sent) == 1
    assert drift.skipped[0].why == (
        "token in its URL was redacted, and what the client adds does not go to its host: nothing was recorded there "
        "with a credential in a header"
    )


async def test_what_was_asked_goes_before_what_the_client_adds(family: ModuleType) -> None:
    """As in the client itself, whose parameters are defaults."""
    options = {"params": {"lang": "en", "api_key": "mine"}}
    asked = recording("https://api.test/x?lang=de&api_key=[redacted]")
    _drift, wire = await ask(family, asked, options=options)
    assert dict(family.URL(wire.sent[0].url).params) == {"lang": "de", "api_key": "mine"}


async def test_what_was_not_modified_is_not_asked(family: ModuleType) -> None:
    """Whether something changed since says nothing of the API."""
    headers = (*HIDDEN, ("if-none-match", '"1"'))
    drift, wire = await ask(family, recording("https://api.test/x", headers=headers, response=RecordedResponse(304)))
    assert (wire.sent, drift.skipped[0].why) == ([], "it was conditional, and its answer without a body")


async def test_an_answer_that_never_ends_is_left(family: ModuleType) -> None:
    """A live answer that has become a stream is one that has changed."""

    def forever() -> Iterator[bytes]:
        while True:
            yield b"data: 1\n\n"

    def answer(_request: Any) -> ScriptedResponse:
        return ScriptedResponse(headers={"content-type": "text/event-stream"}, chunks=forever())

    drift, wire = await ask(family, recording("https://api.test/x"), answer=answer)
    assert drift.lines()[1] == "  header content-type: application/json → text/event-stream"
    assert wire.open_bodies == 0


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # on trio a client of httpx leaves its own
async def test_an_answer_too_large_to_hold_is_a_change(family: ModuleType) -> None:
    """It is not read to its end, which may never come."""

    def forever() -> Iterator[bytes]:
        while True:
            yield b"[1," * 100_000

    def answer(_request: Any) -> ScriptedResponse:
        return ScriptedResponse(headers={"content-type": "application/json"}, chunks=forever())

    drift, wire = await ask(family, recording("https://api.test/x"), answer=answer)
    assert drift.lines()[1] == "  answer: status 200 → BodyTooLarge"
    assert wire.open_bodies == 0


async def test_a_client_that_raises_for_a_status_does_not_end_it(family: ModuleType) -> None:
    """As hooks do; the next request is asked."""

    async def refuse(response: Any) -> None:
        response.raise_for_status()

    options = {"event_hooks": {"response": [refuse]}}
    asked = [recording("https://api.test/x"), recording("https://api.test/y")]
    drift, wire = await ask(family, *asked, answer=ScriptedResponse(status=500), options=options)
    assert len(wire.sent) == 2
    assert drift.lines()[1] == "  answer: status 200 → HTTPStatusError"


async def test_headers_of_any_letters_are_asked(family: ModuleType) -> None:
    """They are recorded as Latin-1, and sent as the bytes they were."""
    headers = (*HIDDEN, ("x-name", "caf\xe9"))
    drift, wire = await ask(family, recording("https://api.test/x", headers=headers))
    assert (drift.is_clean, wire.sent[0].headers["x-name"]) == (True, "caf\xe9")


async def test_a_single_method_may_be_given_as_it_is(family: ModuleType) -> None:
    """Without a list around it."""
    asked = [recording("https://api.test/x"), recording("https://api.test/x", "POST")]
    _drift, wire = await ask(family, *asked, methods="POST")
    assert [sent.method for sent in wire.sent] == ["POST"]


async def test_rules_of_the_users_own_count_for_what_is_live(family: ModuleType) -> None:
    """Else what was redacted when it was recorded would differ, and show, when it is asked again."""
    kept = RecordedResponse(
        200,
        (("content-type", "application/json"), ("api-version", "[redacted]")),
        b'{"id":"[redacted]","token":"a"}',
    )

    def answer(_request: Any) -> ScriptedResponse:
        return ScriptedResponse(json={"id": "ann@a.test", "token": 2}, headers={"api-version": "ann@a.test"})

    rules: dict[str, Any] = {"redact": r"\w+@a\.test", "public_names": "token"}
    drift, _wire = await ask(family, recording("https://api.test/x", response=kept), answer=answer, **rules)
    assert drift.lines()[1:-1] == ["  json token: text → number"]
