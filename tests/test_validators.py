"""Tests of the user's own validators, and of what a rejected response is to the layers above."""

from __future__ import annotations

import gzip
import inspect
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

from gracy_transport.bodies import BODY_CAP
from gracy_transport.call import Call
from gracy_transport.exceptions import BodyTooLarge, NonOkResponse
from gracy_transport.layer import Layer
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.validation import GracefulValidator, ValidationTransport
from tests.validating import MyError, Noting, client_of

pytestmark = pytest.mark.anyio

URL = "https://api.test/pokemon?page=2"


class NoError(GracefulValidator):
    """The README's validator: the body must not speak of an error."""

    def check(self, response: httpx.Response) -> None:
        if response.json().get("error"):
            raise MyError("Error is not expected")


class NoErrorAsync(GracefulValidator):
    """The same, with something to wait for."""

    async def check(self, response: httpx.Response) -> None:
        await anyio.lowlevel.checkpoint()
        if response.json().get("error"):
            raise MyError("Error is not expected")


class Above(Layer):
    """A layer above validation, as retry is: it sees what was rejected, and may return it."""

    def __init__(self, inner: Any, *, passes: bool = False) -> None:
        super().__init__(inner)
        self.passes = passes
        self.rejected: list[Any] = []

    async def handle(self, request: Any, call: Call) -> Any:
        try:
            return await self.inner.handle_async_request(request)
        except Exception as error:
            self.rejected.append(call.rejected)
            if self.passes and call.rejected is not None and call.rejected.error is error:
                return call.rejected.response
            raise


# ---------------------------------------------------------------- validators


@pytest.mark.parametrize("validator", [NoError(), NoErrorAsync()])
async def test_what_a_validator_raises_reaches_the_caller_as_it_is(
    family: ModuleType, validator: GracefulValidator
) -> None:
    """Not wrapped; a good body passes."""
    wire = ScriptedWire(ScriptedResponse(json={"error": True}), ScriptedResponse(json={"ok": True}))
    async with family.AsyncClient(transport=ValidationTransport(wire, validators=validator)) as client:
        with pytest.raises(MyError, match="Error is not expected"):
            await client.get(URL)
        assert (await client.get(URL)).json() == {"ok": True}
    assert wire.open_bodies == 0


async def test_a_validator_sees_a_readable_response_with_its_request(family: ModuleType) -> None:
    """Decoded, in the client's own class; the client then reads the body as if nobody had."""
    step = ScriptedResponse(headers={"content-encoding": "gzip"}, content=gzip.compress(b'{"a": 1}'))
    noting = Noting()
    async with client_of(family, step, validators=noting) as client:
        response = await client.get(URL, headers={"x-id": "7"})
    (seen,) = noting.seen
    assert type(seen) is family.Response
    assert seen.json() == {"a": 1}
    assert seen.request.headers["x-id"] == "7"
    assert response.json() == {"a": 1}
    assert response.elapsed.total_seconds() >= 0


async def test_validators_run_in_order_until_one_raises(family: ModuleType) -> None:
    """All on the same view, so that the body is read once."""
    first, second, third = Noting(), Noting(raises=MyError("second")), Noting()
    async with client_of(family, 200, validators=[first, second, third]) as client:
        with pytest.raises(MyError, match="second"):
            await client.get(URL)
    assert first.seen == second.seen
    assert third.seen == []


async def test_validators_do_not_see_what_the_status_rejects(family: ModuleType) -> None:
    """They see allowed codes."""
    noting = Noting()
    async with client_of(family, 500, validators=noting) as client:
        with pytest.raises(NonOkResponse):
            await client.get(URL)
    async with client_of(family, 404, validators=noting, allowed_status_code=404) as client:
        await client.get(URL)
    assert [response.status_code for response in noting.seen] == [404]


async def test_a_stream_stays_a_stream_when_no_validator_needs_the_body(family: ModuleType, clock: FakeClock) -> None:
    """The validator runs as the headers come, on the response itself."""
    noting = Noting(needs_body=False)
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"], chunk_delay=1.0), clock=clock)
    transport = ValidationTransport(wire, validators=[noting, Noting(needs_body=False)])
    async with family.AsyncClient(transport=transport) as client, client.stream("GET", URL) as response:
        assert clock.now() == 1000.0
        assert noting.seen == [response]
        assert [(chunk, clock.now()) async for chunk in response.aiter_raw()] == [(b"a", 1001.0), (b"b", 1002.0)]


async def test_such_a_validator_sees_the_request(family: ModuleType) -> None:
    """Which a transport's response does not have by itself."""

    class NeedsRequest(GracefulValidator):
        needs_body = False

        def check(self, response: Any) -> None:
            assert response.request.url.host == "api.test"

    async with client_of(family, 200, validators=NeedsRequest()) as client:
        await client.get(URL)


async def test_one_validator_that_needs_the_body_is_enough_to_read_it(family: ModuleType) -> None:
    """The others see the same view then."""
    headers, body = Noting(needs_body=False), Noting()
    async with client_of(family, ScriptedResponse(content=b"x"), validators=[headers, body]) as client:
        await client.get(URL)
    assert headers.seen[0] is body.seen[0]
    assert headers.seen[0].content == b"x"


async def test_a_response_that_a_headers_validator_rejects_is_closed(family: ModuleType) -> None:
    """Its body was never read, and nobody else would close it."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"x"] * 3))
    noting = Noting(needs_body=False, raises=MyError("wrong type"))
    async with family.AsyncClient(transport=ValidationTransport(wire, validators=noting)) as client:
        with pytest.raises(MyError):
            await client.get(URL)
    assert wire.open_bodies == 0


async def test_a_body_too_large_to_look_at_is_an_error(family: ModuleType) -> None:
    """What cannot be checked is not accepted; the message says what to do."""
    wire = ScriptedWire(ScriptedResponse(chunks=[bytes(BODY_CAP), b"x"]))
    async with family.AsyncClient(transport=ValidationTransport(wire, validators=NoError())) as client:
        with pytest.raises(BodyTooLarge, match="stream it without validators"):
            await client.get(URL)
    assert wire.open_bodies == 0


async def test_a_body_that_breaks_under_a_validator_raises_its_own_error(family: ModuleType) -> None:
    """So a retry layer sees a network error, and nothing reached the caller."""
    step = ScriptedResponse(chunks=[b"x", family.ReadError("reset")])
    async with client_of(family, step, validators=NoError()) as client:
        with pytest.raises(family.ReadError, match="reset"):
            await client.get(URL)


@pytest.mark.parametrize("needs_body", [True, False])
async def test_a_validator_that_is_cancelled_leaves_nothing_open(
    family: ModuleType, clock: FakeClock, needs_body: bool
) -> None:
    """And is no rejection."""

    class Slow(GracefulValidator):
        async def check(self, response: Any) -> None:
            await clock.sleep(10.0)

    slow, wire = Slow(), ScriptedWire(ScriptedResponse(chunks=[b"x"]), clock=clock)
    slow.needs_body = needs_body
    above = Above(ValidationTransport(wire, validators=slow))
    async with family.AsyncClient(transport=above) as client:
        with clock.timeout(1.0) as scope:
            await client.get(URL)
    assert scope.cancelled_caught
    assert wire.in_flight == 0
    assert above.rejected == []


@pytest.mark.parametrize("needs_body", [True, False])
async def test_an_interrupt_in_a_validator_goes_through(family: ModuleType, needs_body: bool) -> None:
    """Ctrl-C is nobody's rejection, and nothing stays open."""

    class Interrupt(BaseException):
        pass

    wire = ScriptedWire(ScriptedResponse(chunks=[b"x"]))
    above = Above(ValidationTransport(wire, validators=Noting(needs_body=needs_body, raises=Interrupt())))
    with pytest.raises(Interrupt):
        await above.handle_async_request(family.Request("GET", URL))
    assert wire.open_bodies == 0
    assert above.rejected == []


def test_a_validator_has_to_check() -> None:
    """One that does not is found when it is made."""
    kind: Any = type("Forgetful", (GracefulValidator,), {})
    with pytest.raises(TypeError, match="check"):
        kind()
    assert inspect.isabstract(GracefulValidator)


# ---------------------------------------------------------------- for the layers above


@pytest.mark.parametrize(
    ("step", "rules"),
    [
        (ScriptedResponse(status=500, content=b"sorry"), {}),
        (ScriptedResponse(content=b"sorry"), {"validators": Noting(raises=MyError())}),
        (ScriptedResponse(content=b"sorry"), {"validators": Noting(needs_body=False, raises=MyError())}),
    ],
    ids=["status", "validator", "headers validator"],
)
async def test_a_rejected_response_can_still_be_returned(family: ModuleType, step: Any, rules: Any) -> None:
    """A retry with `behavior="pass"` does so, and the client reads it as any other."""
    wire = ScriptedWire(step)
    above = Above(ValidationTransport(wire, **rules), passes=True)
    async with family.AsyncClient(transport=above) as client:
        response = await client.get(URL)
        assert response.content == b"sorry"
        async with client.stream("GET", URL) as response:
            assert [chunk async for chunk in response.aiter_raw()] == [b"sorry"]
    assert wire.open_bodies == 0


async def test_the_outcome_is_noted_with_its_error(family: ModuleType) -> None:
    """The same error that is raised, for whoever asks what happened."""
    above = Above(ValidationTransport(ScriptedWire(500)))
    async with family.AsyncClient(transport=above) as client:
        with pytest.raises(NonOkResponse) as caught:
            await client.get(URL)
    (outcome,) = above.rejected
    assert outcome.error is caught.value
    assert outcome.response.status_code == 500
    error: Any = caught.value
    assert error.call.rejected is None


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
@pytest.mark.parametrize("needs_body", [False, True])
async def test_an_end_of_iteration_in_a_validator_is_an_error_like_any_other(
    family: ModuleType, kind: type[Exception], needs_body: bool
) -> None:
    """Python lets no such error out of a coroutine; what is raised is what is noted, and nothing stays open."""
    wire = ScriptedWire(200)
    stopped = kind("no next item")
    above = Above(ValidationTransport(wire, validators=Noting(needs_body=needs_body, raises=stopped)))
    async with family.AsyncClient(transport=above) as client:
        with pytest.raises(RuntimeError, match=f"validator raised {kind.__name__}") as caught:
            await client.get(URL)
    assert caught.value.__cause__ is stopped
    (outcome,) = above.rejected
    assert outcome.error is caught.value
    assert wire.open_bodies == 0


async def test_a_validator_sees_how_long_the_answer_took(family: ModuleType, clock: FakeClock) -> None:
    """To the headers, or to the end of the body where it is read."""
    took: list[float] = []

    class Timing(GracefulValidator):
        def __init__(self, *, needs_body: bool) -> None:
            self.needs_body = needs_body

        def check(self, response: httpx.Response) -> None:
            took.append(response.elapsed.total_seconds())

    for needs_body in (False, True):
        validator = Timing(needs_body=needs_body)
        wire = ScriptedWire(ScriptedResponse(delay=1.5, chunk_delay=1.0), clock=clock)
        async with family.AsyncClient(transport=ValidationTransport(wire, validators=validator, clock=clock)) as client:
            await client.get(URL)
    assert took == [1.5, 2.5]


async def test_an_accepted_response_notes_nothing(family: ModuleType) -> None:
    """Nor does an error of the network."""
    above = Above(ValidationTransport(ScriptedWire(httpx.ReadError)))
    async with family.AsyncClient(transport=above) as client:
        with pytest.raises(family.ReadError):
            await client.get(URL)
    assert above.rejected == [None]
