"""Tests of validation by status code: which responses are rejected, how, and what is left of them."""

from __future__ import annotations

import gc
import gzip
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gracy_transport.bodies import BODY_CAP
from gracy_transport.call import EXTENSION, Call, CallOptions
from gracy_transport.exceptions import BodyTooLarge, NonOkResponse, UnexpectedResponse
from gracy_transport.layer import Layer
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.validation import ValidationTransport, is_final, judge
from gracy_transport.values import ABSENT
from tests.validating import MyError, Noting, client_of

pytestmark = pytest.mark.anyio

URL = "https://user:hunter2@api.test/pokemon?page=2&api_key=hunter2"
SHOWN = "https://[redacted]@api.test/pokemon?page=2&api_key=[redacted]"
GARBLED = ScriptedResponse(status=502, headers={"content-encoding": "gzip"}, content=b"<html>")
MANY = frozenset({200, 201, 204, 404, *range(500, 600)})


class Config:
    """As much of a call's own config as validation asks for."""

    def __init__(self, **fields: Any) -> None:
        self.strict_status_code = fields.get("strict_status_code", ABSENT)
        self.allowed_status_code = fields.get("allowed_status_code", ABSENT)
        self.validators = fields.get("validators", ABSENT)


def error_of(caught: pytest.ExceptionInfo[Any]) -> Any:
    return caught.value


# ---------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("status", "strict", "allowed", "expected"),
    [
        (200, None, None, None),
        (299, None, None, None),
        (199, None, None, "2xx"),
        (300, None, None, "2xx"),
        (500, None, None, "2xx"),
        (404, None, frozenset({404}), None),
        (500, None, frozenset({404}), "2xx or 404"),
        (500, None, frozenset({404, 403}), "2xx, 403 or 404"),
        (500, None, frozenset({204}), "2xx"),
        (500, None, frozenset({201, 404}), "2xx or 404"),
        (404, None, frozenset(range(400, 500)), None),
        (500, None, frozenset(range(400, 500)), "2xx or 4xx"),
        (500, None, frozenset({400, 401, 402, 409, 422, 423}), "2xx, 400-402, 409, 422 or 423"),
        (201, frozenset({201}), None, None),
        (200, frozenset({201}), None, "201"),
        (404, frozenset({200, 201}), None, "200 or 201"),
        (404, frozenset({201}), frozenset({404}), "201"),
        (199, frozenset(MANY), None, "200, 201, 204, 404 or 5xx"),
        (199, frozenset(range(200, 400)), None, "200-399"),
    ],
)
def test_a_status_is_judged_by_strict_or_else_by_allowed(
    status: int, strict: frozenset[int] | None, allowed: frozenset[int] | None, expected: str | None
) -> None:
    """`None` is acceptance; otherwise it is what would have been accepted, in words."""
    assert judge(status, strict, allowed) == expected


@given(
    status=st.integers(100, 599),
    strict=st.none() | st.frozensets(st.integers(100, 599), min_size=1),
    allowed=st.none() | st.frozensets(st.integers(100, 599), min_size=1),
)
def test_judging_is_membership(status: int, strict: frozenset[int] | None, allowed: frozenset[int] | None) -> None:
    """Strict codes alone, or successes and allowed codes."""
    accepted = strict if strict is not None else frozenset(range(200, 300)) | (allowed or frozenset())
    assert (judge(status, strict, allowed) is None) is (status in accepted)


@pytest.mark.parametrize("status", [101, 301, 304, 307, 401, 407])
def test_what_may_be_followed_is_not_final(status: int) -> None:
    """Unless it was named, or nothing can follow."""
    assert not is_final(status, None, is_followed=True)
    assert not is_final(status, {404}, is_followed=True)
    assert is_final(status, {status}, is_followed=True)
    assert is_final(status, None, is_followed=False)


@pytest.mark.parametrize("status", [200, 204, 299, 400, 402, 403, 404, 406, 408, 429, 500, 599])
def test_everything_else_is_final(status: int) -> None:
    """It is what the caller gets."""
    assert is_final(status, None, is_followed=True)


# ---------------------------------------------------------------- by status code


async def test_success_is_accepted_by_default(family: ModuleType) -> None:
    """200-299, body untouched."""
    for status in (200, 201, 204, 299):
        async with client_of(family, status) as client:
            assert (await client.get(URL)).status_code == status


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
async def test_any_other_answer_is_rejected_by_default(family: ModuleType, status: int) -> None:
    """With the status and what was expected, and without the secrets of the URL."""
    async with client_of(family, status) as client:
        with pytest.raises(NonOkResponse) as caught:
            await client.get(URL)
    assert str(error_of(caught)) == f"GET {SHOWN} was rejected: status {status}, expected 2xx"
    assert error_of(caught).status == status


@pytest.mark.parametrize("allowed", [404, HTTPStatus.NOT_FOUND, [404, 403], {HTTPStatus.NOT_FOUND}, range(400, 500)])
async def test_allowed_codes_are_accepted_besides_success(family: ModuleType, allowed: Any) -> None:
    """One code or any collection of them; successes stay accepted."""
    for status in (404, 200):
        async with client_of(family, status, allowed_status_code=allowed) as client:
            assert (await client.get(URL)).status_code == status
    async with client_of(family, 500, allowed_status_code=allowed) as client:
        with pytest.raises(NonOkResponse, match=r"status 500, expected 2xx"):
            await client.get(URL)


@pytest.mark.parametrize("strict", [201, HTTPStatus.CREATED, {HTTPStatus.CREATED}])
async def test_strict_codes_alone_are_accepted(family: ModuleType, strict: Any) -> None:
    """Other successes are rejected, with an error of their own."""
    async with client_of(family, 201, strict_status_code=strict) as client:
        assert (await client.post(URL)).status_code == 201
    async with client_of(family, 200, strict_status_code=strict) as client:
        with pytest.raises(UnexpectedResponse, match=r"POST .* was rejected: status 200, expected 201$"):
            await client.post(URL)


async def test_strict_takes_precedence_over_allowed(family: ModuleType) -> None:
    """As the README warns."""
    async with client_of(family, 404, strict_status_code=200, allowed_status_code=404) as client:
        with pytest.raises(UnexpectedResponse, match="status 404, expected 200"):
            await client.get(URL)


async def test_a_rejection_is_caught_as_one_of_httpx(family: ModuleType) -> None:
    """`except httpx.HTTPStatusError`, with the response read and its request set."""
    step = ScriptedResponse(status=500, json={"why": "sorry"})
    async with client_of(family, step) as client:
        with pytest.raises(family.HTTPStatusError) as caught:
            await client.get(URL)
    response = error_of(caught).response
    assert type(response) is family.Response
    assert response.json() == {"why": "sorry"}
    assert response.request is error_of(caught).request
    assert isinstance(error_of(caught).call, Call)


async def test_a_rejection_gives_its_connection_back(family: ModuleType) -> None:
    """The body was read, and nothing is left open."""
    wire = ScriptedWire(ScriptedResponse(status=500, chunks=[b"x"] * 10))
    async with family.AsyncClient(transport=ValidationTransport(wire)) as client:
        for _ in range(3):
            with pytest.raises(NonOkResponse):
                await client.get(URL)
            assert wire.in_flight == 0


@pytest.mark.parametrize("step", [500, GARBLED])
async def test_a_rejection_says_how_long_the_answer_took(family: ModuleType, clock: FakeClock, step: Any) -> None:
    """From the start of its attempt to the end of its body; with a body that cannot be read too."""
    step = ScriptedResponse(status=500) if step == 500 else step
    wire = ScriptedWire(replace(step, delay=1.5, chunk_delay=0.25), clock=clock)
    async with family.AsyncClient(transport=ValidationTransport(wire, clock=clock)) as client:
        with pytest.raises(NonOkResponse) as caught:
            await client.get(URL)
    assert error_of(caught).response.elapsed == timedelta(seconds=1.75)


async def test_a_bomb_is_given_up_like_a_body_over_the_cap(family: ModuleType) -> None:
    """What a body decodes to is held in memory as well."""
    bomb = ScriptedResponse(
        status=500, headers={"content-encoding": "gzip"}, content=gzip.compress(bytes(2 * BODY_CAP))
    )
    async with client_of(family, bomb) as client:
        with pytest.raises(NonOkResponse) as caught:
            await client.get(URL)
    error = error_of(caught)
    assert isinstance(error.__cause__, BodyTooLarge)
    assert error.response.is_closed
    assert not hasattr(error.response, "_content")


async def test_a_body_over_the_cap_is_given_up(family: ModuleType) -> None:
    """The status is the news: the error's response is closed and unread, and its cause says why."""
    wire = ScriptedWire(ScriptedResponse(status=500, chunks=[bytes(BODY_CAP), b"x"]))
    async with family.AsyncClient(transport=ValidationTransport(wire)) as client:
        with pytest.raises(NonOkResponse) as caught:
            await client.get(URL)
    error = error_of(caught)
    assert isinstance(error.__cause__, BodyTooLarge)
    assert error.response.is_closed
    assert error.response.request is error.request
    with pytest.raises(family.ResponseNotRead):
        _ = error.response.content
    assert wire.open_bodies == 0


async def test_a_body_that_breaks_does_not_hide_the_status(family: ModuleType) -> None:
    """A 500 whose body is cut off is a 500."""
    step = ScriptedResponse(status=500, chunks=[b"x", family.ReadError("reset")])
    async with client_of(family, step) as client:
        with pytest.raises(NonOkResponse, match="status 500") as caught:
            await client.get(URL)
    assert isinstance(error_of(caught).__cause__, family.ReadError)


async def test_a_body_that_cannot_be_decoded_does_not_hide_the_status(family: ModuleType) -> None:
    """Proxies send such error pages."""
    async with client_of(family, GARBLED) as client:
        with pytest.raises(NonOkResponse, match="status 502") as caught:
            await client.get(URL)
    assert isinstance(error_of(caught).__cause__, family.DecodingError)


async def test_a_rejection_that_is_cancelled_while_the_body_is_read_leaves_nothing_open(
    family: ModuleType, clock: FakeClock
) -> None:
    """Nor does it turn into a rejection."""
    wire = ScriptedWire(ScriptedResponse(status=500, chunks=[b"x"], chunk_delay=10.0), clock=clock)
    async with family.AsyncClient(transport=ValidationTransport(wire)) as client:
        with clock.timeout(1.0) as scope:
            await client.get(URL)
    assert scope.cancelled_caught
    assert wire.in_flight == 0


async def test_a_mock_transport_works(family: ModuleType) -> None:
    """Its responses are read already, and cannot tell `elapsed`."""
    wire = family.MockTransport(lambda request: family.Response(500, json={"a": 1}))
    async with family.AsyncClient(transport=ValidationTransport(wire)) as client:
        with pytest.raises(NonOkResponse) as caught:
            await client.get(URL)
    assert error_of(caught).response.json() == {"a": 1}


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("step", [500, GARBLED], ids=["read", "garbled"])
async def test_a_rejection_is_freed_by_its_last_reference(family: ModuleType, step: Any) -> None:
    """Nothing on the way holds the error, or its body would stay until the collector comes by."""
    layer = Layer(ValidationTransport(ScriptedWire(step)))
    freed: list[weakref.ref[Any]] = []
    try:
        await layer.handle_async_request(family.Request("GET", URL))
    except NonOkResponse as error:
        freed += [weakref.ref(error), weakref.ref(error.response)]
    assert [reference() for reference in freed] == [None, None]


# ---------------------------------------------------------------- redirects and challenges


async def test_redirects_and_auth_rounds_still_work(family: ModuleType) -> None:
    """They pass without judgement, and what they lead to is judged."""
    moved = ScriptedResponse(status=302, headers={"location": "/there"})
    challenge = ScriptedResponse(status=401, headers={"www-authenticate": 'Digest realm="r", nonce="n"'})
    wire = ScriptedWire(moved, challenge, 200, moved, 404)
    noting = Noting()
    transport = ValidationTransport(wire, validators=noting)
    auth = family.DigestAuth("u", "p")
    async with family.AsyncClient(transport=transport, auth=auth, follow_redirects=True) as client:
        assert (await client.get(URL)).status_code == 200
        with pytest.raises(NonOkResponse, match="status 404"):
            await client.get(URL, auth=None)
    assert [response.status_code for response in noting.seen] == [200]


@pytest.mark.parametrize("status", [304, 401, 407])
async def test_an_unnamed_code_that_may_be_followed_reaches_the_caller(family: ModuleType, status: int) -> None:
    """Under strict codes too."""
    for rules in ({}, {"strict_status_code": 200}, {"strict_status_code": 200, "allowed_status_code": status}):
        async with client_of(family, status, **rules) as client:
            assert (await client.get(URL)).status_code == status


@pytest.mark.parametrize("field", ["strict_status_code", "allowed_status_code"])
async def test_a_named_code_that_may_be_followed_is_judged(family: ModuleType, field: str) -> None:
    """It is accepted, so the validators look at it."""
    noting = Noting()
    async with client_of(family, 401, validators=noting, **{field: 401}) as client:
        assert (await client.get(URL)).status_code == 401
    assert len(noting.seen) == 1


@pytest.mark.parametrize("status", [302, 401])
async def test_what_is_not_followed_is_judged(family: ModuleType, status: int) -> None:
    """Where the caller said that nothing will follow, a redirect is an answer like any other."""
    options = {EXTENSION: CallOptions(is_followed=False)}
    async with client_of(family, status) as client:
        with pytest.raises(NonOkResponse, match=f"status {status}"):
            await client.get(URL, extensions=options)


async def test_an_upgrade_passes(family: ModuleType) -> None:
    """101 hands the connection over; there is no body to look at."""
    noting = Noting()
    async with client_of(family, 101, validators=noting) as client, client.stream("GET", URL) as response:
        assert response.status_code == 101
    assert noting.seen == []


# ---------------------------------------------------------------- one call's own rules


async def test_a_call_brings_rules_of_its_own(family: ModuleType) -> None:
    """Fields that are absent keep the layer's rules; `None` switches one off."""
    noting = Noting()
    layer = ValidationTransport(ScriptedWire(404), strict_status_code=200, validators=noting)

    async def get(**own: Any) -> Any:
        async with family.AsyncClient(transport=layer) as client:
            return await client.get(URL, extensions={EXTENSION: CallOptions(config=Config(**own))})

    assert (await get(strict_status_code=frozenset({404}))).status_code == 404
    assert len(noting.seen) == 1
    own = {"strict_status_code": None, "allowed_status_code": frozenset({404})}
    assert (await get(**own, validators=None)).status_code == 404
    assert len(noting.seen) == 1
    with pytest.raises(MyError):
        await get(**own, validators=(Noting(raises=MyError()),))
    with pytest.raises(NonOkResponse):
        await get(strict_status_code=None)
    with pytest.raises(UnexpectedResponse):
        await get()
    with pytest.raises(UnexpectedResponse):
        async with family.AsyncClient(transport=layer) as client:
            await client.get(URL)


# ---------------------------------------------------------------- construction


@pytest.mark.parametrize("field", ["strict_status_code", "allowed_status_code"])
@pytest.mark.parametrize("wrong", [99, 600, "404", True, 200.0, [], [200, 99], [[200]], object()])
def test_a_wrong_status_code_is_refused_by_name(field: str, wrong: Any) -> None:
    """At construction, with the name of the argument; an empty collection would mean nothing."""
    with pytest.raises(ValidationError, match=field):
        ValidationTransport(ScriptedWire(), **{field: wrong})


@pytest.mark.parametrize("wrong", [Noting, lambda response: None, [Noting(), "x"], "x"])
def test_a_wrong_validator_is_refused_by_name(wrong: Any) -> None:
    """A class instead of an instance is the usual mistake."""
    with pytest.raises(ValidationError, match="validators"):
        ValidationTransport(ScriptedWire(), validators=wrong)


def test_rules_are_stored_frozen() -> None:
    """Whatever collection they came in."""
    noting = Noting()
    layer = ValidationTransport(
        ScriptedWire(), strict_status_code=[200], allowed_status_code=HTTPStatus.NOT_FOUND, validators=[noting]
    )
    assert layer.config.strict_status_code == frozenset({200})
    assert layer.config.allowed_status_code == frozenset({404})
    assert layer.config.validators == (noting,)
    with pytest.raises(ValidationError):
        setattr(layer.config, "validators", None)  # noqa: B010 - type checkers know that it is frozen


@pytest.mark.parametrize(
    ("rules", "shown"),
    [
        ({}, "<ValidationTransport 2xx>"),
        ({"allowed_status_code": 404}, "<ValidationTransport 2xx or 404>"),
        ({"strict_status_code": {200, 201}}, "<ValidationTransport 200 or 201>"),
        ({"validators": Noting()}, "<ValidationTransport 2xx, 1 validator>"),
        ({"validators": [Noting(), Noting()]}, "<ValidationTransport 2xx, 2 validators>"),
    ],
)
def test_it_shows_what_it_accepts(rules: Any, shown: str) -> None:
    """For an issue report."""
    assert repr(ValidationTransport(ScriptedWire(), **rules)) == shown
