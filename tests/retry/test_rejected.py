"""Responses that validation turns down: retried, raised, or passed on as they are."""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.call import Call
from gracy_transport.exceptions import NonOkResponse
from gracy_transport.layer import Layer
from gracy_transport.logevents import LogEvent, LogLevel
from gracy_transport.retry import GracefulRetry
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.validation import GracefulValidator, ValidationTransport
from tests.retry.support import URL, call_of, retrying

pytestmark = pytest.mark.anyio

BAD = ScriptedResponse(json={"error": True})
GOOD = ScriptedResponse(json={"error": False})


class RetryThis(Exception):
    """What the body says."""


class NotThis(Exception):
    """Another thing it says."""


class Reads(GracefulValidator):
    """Looks into the body."""

    def __init__(self, kind: type[Exception]) -> None:
        self.kind = kind

    async def check(self, response: Any) -> None:
        assert str(response.request.url) == URL
        if response.json()["error"]:
            raise self.kind("the body says so")


def validated(wire: ScriptedWire, clock: FakeClock, kind: type[Exception] = RetryThis) -> ValidationTransport:
    return ValidationTransport(wire, validators=Reads(kind), clock=clock)


@pytest.mark.parametrize("retry_on", [None, RetryThis, Exception, {RetryThis, 503}])
async def test_a_validators_error_is_retried(family: ModuleType, clock: FakeClock, retry_on: Any) -> None:
    """By its class, or when nothing is named."""
    wire = ScriptedWire(BAD, GOOD, clock=clock)
    async with retrying(family, validated(wire, clock), clock, GracefulRetry(retry_on=retry_on)) as client:
        response = await client.get(URL)
    assert response.json() == {"error": False}
    assert [wait.reason for wait in call_of(response).waits] == ["[Validation Error: RetryThis]"]
    assert wire.open_bodies == 0


@pytest.mark.parametrize("retry_on", [RetryThis, 503])
async def test_any_other_error_of_a_validator_is_raised_as_it_is(
    family: ModuleType, clock: FakeClock, retry_on: Any
) -> None:
    """One send, and the very exception."""
    wire = ScriptedWire(BAD, clock=clock)
    config = GracefulRetry(retry_on=retry_on)
    async with retrying(family, validated(wire, clock, NotThis), clock, config) as client:
        with pytest.raises(NotThis, match="the body says so"):
            await client.get(URL)
    assert len(wire.sent) == 1


async def test_the_last_error_is_raised_with_break(family: ModuleType, clock: FakeClock) -> None:
    """Three retries, then the validator's own exception."""
    wire = ScriptedWire(BAD, clock=clock)
    async with retrying(family, validated(wire, clock), clock) as client:
        with pytest.raises(RetryThis):
            await client.get(URL)
    assert (len(wire.sent), wire.open_bodies) == (4, 0)


async def test_the_rejected_response_is_returned_with_pass(family: ModuleType, clock: FakeClock) -> None:
    """Any failure is accepted, and its body is there to be read."""
    wire = ScriptedWire(BAD, clock=clock)
    async with retrying(family, validated(wire, clock), clock, GracefulRetry(behavior="pass")) as client:
        response = await client.get(URL)
    assert response.json() == {"error": True}
    assert call_of(response).gave_up == "max_attempts=3 is used up: [Validation Error: RetryThis]"


async def test_a_rejected_status_is_returned_with_pass(family: ModuleType, clock: FakeClock) -> None:
    """Its body too, and the call knows the attempts."""
    wire = ScriptedWire(ScriptedResponse(status=500, content=b"sorry"), clock=clock)
    config = GracefulRetry(behavior="pass", max_attempts=1)
    async with retrying(family, ValidationTransport(wire, clock=clock), clock, config) as client:
        response = await client.get(URL)
    assert (response.status_code, response.content) == (500, b"sorry")
    assert [(each.status, each.error) for each in call_of(response).attempts] == [(500, "NonOkResponse")] * 2


async def test_a_rejected_response_without_a_body_to_read_is_an_error_even_with_pass(
    family: ModuleType, clock: FakeClock
) -> None:
    """A body that broke while it was read cannot be given to anybody."""
    wire = ScriptedWire(ScriptedResponse(status=500, chunks=[b"x", family.ReadError("reset")]), clock=clock)
    config = GracefulRetry(behavior="pass", max_attempts=1)
    async with retrying(family, ValidationTransport(wire, clock=clock), clock, config) as client:
        with pytest.raises(NonOkResponse):
            await client.get(URL)


async def test_pass_returns_a_post_that_must_not_be_repeated(family: ModuleType, clock: FakeClock) -> None:
    """Giving up at once is a failed retry too."""
    wire = ScriptedWire(503, clock=clock)
    config = GracefulRetry(behavior="pass")
    async with retrying(family, ValidationTransport(wire, clock=clock), clock, config) as client:
        assert (await client.post(URL)).status_code == 503
    assert len(wire.sent) == 1


async def test_pass_does_not_accept_what_was_not_to_be_retried(family: ModuleType, clock: FakeClock) -> None:
    """An error that nobody named is no failure of the retries."""
    wire = ScriptedWire(404, clock=clock)
    config = GracefulRetry(behavior="pass", retry_on=503)
    async with retrying(family, ValidationTransport(wire, clock=clock), clock, config) as client:
        with pytest.raises(NonOkResponse):
            await client.get(URL)


async def test_an_allowed_status_below_a_named_one_is_retried_all_the_same(
    family: ModuleType, clock: FakeClock
) -> None:
    """`retry_on` says what is retried; validation says what is an error."""
    layer = ValidationTransport(ScriptedWire(404, 200, clock=clock), allowed_status_code=404, clock=clock)
    async with retrying(family, layer, clock, GracefulRetry(retry_on=404)) as client:
        assert (await client.get(URL)).status_code == 200


async def test_a_connection_error_of_the_validators_own_request_does_not_repeat_a_post(
    family: ModuleType, clock: FakeClock
) -> None:
    """The POST itself was sent, whatever the validator failed to reach."""
    wire = ScriptedWire(BAD, GOOD, clock=clock)
    async with retrying(family, validated(wire, clock, family.ConnectError), clock) as client:
        with pytest.raises(family.ConnectError):
            await client.post(URL)
    assert len(wire.sent) == 1


async def test_a_rejected_response_whose_error_was_replaced_is_let_go(family: ModuleType, clock: FakeClock) -> None:
    """A layer in between may raise an error of its own: the connection is given back before the back-off."""

    class Replacing(Layer):
        async def handle(self, request: Any, call: Call) -> Any:
            try:
                return await super().handle(request, call)
            except RetryThis as error:
                raise KeyError("another") from error

    class Headers(GracefulValidator):
        needs_body = False

        def check(self, response: Any) -> None:
            raise RetryThis

    wire = ScriptedWire(200, clock=clock)
    open_in_back_off: list[int] = []

    def look(_response: Any) -> str:
        open_in_back_off.append(wire.open_bodies)
        return "again"

    layer = Replacing(ValidationTransport(wire, validators=Headers(), clock=clock))
    config = GracefulRetry(max_attempts=2, log_before=LogEvent(LogLevel.ERROR, look))
    async with retrying(family, layer, clock, config) as client:
        with pytest.raises(KeyError):
            await client.get(URL)
    assert (len(wire.sent), open_in_back_off, wire.open_bodies) == (3, [0, 0], 0)


@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")  # it leaves its own half-way
async def test_a_body_that_cannot_be_decoded_is_retried_and_leaves_nothing_open(
    family: ModuleType, clock: FakeClock
) -> None:
    """A validator that needs the body meets a broken encoding; the next attempt is clean."""
    garbled = ScriptedResponse(headers={"content-encoding": "gzip"}, content=b"no gzip at all")
    wire = ScriptedWire(garbled, GOOD, clock=clock)
    async with retrying(family, validated(wire, clock), clock) as client:
        assert (await client.get(URL)).json() == {"error": False}
    assert (len(wire.sent), wire.open_bodies) == (2, 0)
    gc.collect()
