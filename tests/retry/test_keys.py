"""Idempotency keys that the retry layer makes: one for each call, where the server can know it, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from gracy_transport import GracyConfig, GracyTransport, call_options
from gracy_transport.retry import GracefulRetry, RetryTransport
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.retry.support import URL, pieces, retrying

pytestmark = pytest.mark.anyio

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
KEYED = GracefulRetry(idempotency_key=True)


def keys(wire: ScriptedWire) -> list[str | None]:
    """Returns the key of each request that reached a wire."""
    return [sent.headers.get("idempotency-key") for sent in wire.sent]


def redirect(status: int, to: str) -> ScriptedResponse:
    """Returns an answer that sends the client elsewhere."""
    return ScriptedResponse(status=status, headers={"Location": to})


@pytest.mark.parametrize(("asked", "form"), [(True, f'"{UUID}"'), ("bare", UUID)])
@pytest.mark.parametrize("method", ["POST", "PATCH", "BREW"])
async def test_all_attempts_of_a_call_have_the_same_key(
    family: ModuleType, clock: FakeClock, asked: Any, form: str, method: str
) -> None:
    """It is a UUID, in quotes as the draft has it or bare as some servers want it, and it makes the call retried."""
    wire = ScriptedWire(family.ReadTimeout, 503, 429, 201, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(idempotency_key=asked)) as client:
        assert (await client.request(method, URL, json={"amount": 1})).status_code == 201
    [key] = set(keys(wire))
    assert key is not None
    assert re.fullmatch(form, key)
    assert (len(wire.sent), len({sent.content for sent in wire.sent})) == (4, 1)


async def test_each_call_has_a_key_of_its_own(family: ModuleType, clock: FakeClock) -> None:
    """Also when the very same request is sent a second time: the user asked twice."""
    wire = ScriptedWire(201, clock=clock)
    async with retrying(family, wire, clock, KEYED) as client:
        request = client.build_request("POST", URL, json=1)
        for _ in range(3):
            await client.send(request)
    assert len(set(keys(wire)) - {None}) == 3


async def test_the_callers_request_is_not_touched(family: ModuleType, clock: FakeClock) -> None:
    """The key is on a request of the layer's own, which shares the body."""
    seen: list[Any] = []

    def remember(request: Any) -> int:
        seen.append(request)
        return 503

    async with retrying(family, ScriptedWire(remember, clock=clock), clock, KEYED) as client:
        request = client.build_request("POST", URL, json=1)
        before = list(request.headers.raw)
        response = await client.send(request)
    assert list(request.headers.raw) == before
    assert response.request is request
    assert request not in seen
    assert {id(each.stream) for each in seen} == {id(request.stream)}
    assert [each.headers.raw[:-1] for each in seen] == [before] * 4


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"])
async def test_idempotent_methods_need_no_key(family: ModuleType, clock: FakeClock, method: str) -> None:
    """They are repeated as they are, and go out as the client made them."""
    wire = ScriptedWire(503, 200, clock=clock)
    async with retrying(family, wire, clock, KEYED) as client:
        await client.request(method, URL)
    assert keys(wire) == [None, None]


@pytest.mark.parametrize("name", ["Idempotency-Key", "X-Idempotency-Key", "PayPal-Request-Id"])
async def test_a_key_of_the_callers_is_left_alone(family: ModuleType, clock: FakeClock, name: str) -> None:
    """Under whatever name, and no second one beside it."""
    wire = ScriptedWire(503, 201, clock=clock)
    async with retrying(family, wire, clock, KEYED) as client:
        await client.post(URL, json=1, headers={name: "mine"})
    for sent in wire.sent:
        found = {key: value for key, value in sent.headers.items() if "idempotency" in key or "paypal" in key}
        assert found == {name.lower(): "mine"}


async def test_nothing_is_minted_unless_it_is_asked_for(family: ModuleType, clock: FakeClock) -> None:
    """By default a POST goes out as it is, once."""
    wire = ScriptedWire(503, clock=clock)
    async with retrying(family, wire, clock) as client:
        await client.post(URL, json=1)
    assert keys(wire) == [None]


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_within_the_origin_keeps_the_key(family: ModuleType, clock: FakeClock, status: int) -> None:
    """The same is asked of the same server, which may have seen the first."""
    wire = ScriptedWire(redirect(status, "/elsewhere"), 503, 201, clock=clock)
    async with retrying(family, wire, clock, KEYED) as client:
        response = await client.post(URL, json=1, follow_redirects=True)
    assert (response.status_code, len(set(keys(wire)))) == (201, 1)
    assert None not in keys(wire)


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.test/things", "http://api.test/things", "https://api.test:8443/things"]
)
async def test_another_origin_never_sees_a_key(family: ModuleType, clock: FakeClock, elsewhere: str) -> None:
    """Not the one of the call and not one of its own, so that the request is sent there once."""
    wire = ScriptedWire(redirect(307, elsewhere), 503, clock=clock)
    async with retrying(family, wire, clock, KEYED) as client:
        response = await client.post(URL, json=1, follow_redirects=True)
    assert response.status_code == 503
    assert keys(wire)[0] is not None
    assert keys(wire)[1:] == [None]


async def test_a_redirect_to_a_get_needs_no_key(family: ModuleType, clock: FakeClock) -> None:
    """The key stood for the POST, which is done."""
    wire = ScriptedWire(redirect(303, "/result"), 503, 200, clock=clock)
    async with retrying(family, wire, clock, KEYED) as client:
        response = await client.post(URL, json=1, follow_redirects=True)
    assert response.status_code == 200
    assert [key is None for key in keys(wire)] == [False, True, True]


class Again(httpx.Auth):
    """Answers a challenge: with the same body, or with another one."""

    def __init__(self, other: dict[str, Any]) -> None:
        self.other = other

    def auth_flow(self, request: Any) -> Iterator[Any]:  # type: ignore[override]
        yield request
        if self.other:
            made = {"method": "POST", "stream": request.stream} | self.other
            request = type(request)(url=request.url, extensions=request.extensions, **made)
        request.headers["Authorization"] = "token"
        yield request


@pytest.mark.parametrize(
    ("other", "is_same"),
    [({}, True), ({"stream": httpx.ByteStream(b"2")}, False), ({"method": "PATCH"}, False)],
    ids=["the same", "another body", "another method"],
)
async def test_an_answer_to_a_challenge_keeps_the_key_for_the_same_payload_alone(
    clock: FakeClock, other: dict[str, Any], is_same: bool
) -> None:
    """A key is never used for another payload."""
    wire = ScriptedWire(401, 201, clock=clock)
    async with retrying(httpx, wire, clock, KEYED) as client:
        await client.post(URL, json=1, auth=Again(other))
    first, second = keys(wire)
    assert first is not None
    assert second is not None
    assert (first == second) is is_same


async def test_a_body_that_can_be_read_only_once_is_sent_once(family: ModuleType, clock: FakeClock) -> None:
    """A key says that the server may see it twice, not that we have it twice."""
    wire = ScriptedWire(503, clock=clock)
    async with retrying(family, wire, clock, KEYED) as client:
        response = await client.post(URL, content=pieces(b"x"))
    assert (response.status_code, [sent.content for sent in wire.sent]) == (503, [b"x"])


async def test_a_stack_and_a_single_call_have_it_too(family: ModuleType, clock: FakeClock) -> None:
    """As everything that a GracefulRetry says."""
    wire = ScriptedWire(503, 201, 503, 201, clock=clock)
    stack = GracyTransport(wire, GracyConfig(retry=KEYED), clock=clock)
    async with family.AsyncClient(transport=stack) as client:
        await client.post(URL, json=1)
        bare = call_options(retry=GracefulRetry(idempotency_key="bare"))
        await client.post(URL, json=1, extensions=bare)
    first, again, third, fourth = keys(wire)
    assert first == again
    assert third == fourth
    assert (str(first)[0], str(third)[0] == '"') == ('"', False)


@pytest.mark.parametrize("wrong", ["quoted", 1, 0, None, "True"])
def test_another_form_is_refused(wrong: Any) -> None:
    """The error names the field and what it takes."""
    with pytest.raises(ValidationError, match=r"idempotency_key\n.*none of True, False and 'bare'"):
        GracefulRetry(idempotency_key=wrong)


def test_the_layer_says_that_it_makes_keys() -> None:
    """In its repr."""
    assert "with keys" in repr(RetryTransport(ScriptedWire(), KEYED))


async def test_attempts_with_less_time_left_have_the_same_key(family: ModuleType, clock: FakeClock) -> None:
    """A deadline makes each attempt's request anew, from the one that has the key."""
    seen: list[float] = []

    def answer(request: Any) -> int:
        seen.append(request.extensions["timeout"]["read"])
        return 503

    wire = ScriptedWire(answer, clock=clock)
    config = GracyConfig(deadline=60, retry=GracefulRetry(delay=20, max_attempts=2, idempotency_key=True))
    async with family.AsyncClient(transport=GracyTransport(wire, config, clock=clock), timeout=30) as client:
        await client.post(URL, json=1)
    assert seen == [30, 30, 20]
    assert len(set(keys(wire)) - {None}) == 1
