"""What may be sent twice: methods, keys, requests that were never sent, bodies."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.retry import GracefulRetry
from gracy_transport.testing import FakeClock, ScriptedWire
from tests.retry.support import URL, call_of, messages, pieces, retrying

pytestmark = pytest.mark.anyio

NOT_IDEMPOTENT = "POST not retried: not idempotent (methods=idempotent)"


class Afresh:
    """A body that starts anew each time it is read."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"])
async def test_idempotent_methods_are_retried(family: ModuleType, clock: FakeClock, method: str) -> None:
    """Twice has the effect of once."""
    wire = ScriptedWire(503, 200, clock=clock)
    async with retrying(family, wire, clock) as client:
        assert (await client.request(method, URL)).status_code == 200


@pytest.mark.parametrize("step", ["ReadTimeout", "ReadError", "RemoteProtocolError", "WriteError"])
async def test_a_post_that_may_have_been_carried_out_is_sent_once(
    family: ModuleType, clock: FakeClock, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A debug line and the call say why, and what to do."""
    caplog.set_level(logging.DEBUG, "gracy_transport")
    wire = ScriptedWire(getattr(family, step), 200, clock=clock)
    async with retrying(family, wire, clock) as client:
        with pytest.raises(getattr(family, step)) as caught:
            await client.post(URL, json={"amount": 1})
    assert (len(wire.sent), clock.waits) == (1, [])
    [line] = messages(caplog.records)
    assert line.startswith(NOT_IDEMPOTENT)
    assert "give the request an Idempotency-Key header" in line
    assert "idempotency_key=True" in line
    assert 'methods="any"' in line
    assert call_of(caught.value).gave_up == line


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "BREW"])
async def test_other_methods_are_not_retried_on_a_status(family: ModuleType, clock: FakeClock, method: str) -> None:
    """A 503 does not say that nothing was done."""
    wire = ScriptedWire(503, clock=clock)
    async with retrying(family, wire, clock) as client:
        response = await client.request(method, URL)
    assert (response.status_code, len(wire.sent)) == (503, 1)
    assert str(call_of(response).gave_up).startswith(f"{method} not retried: not idempotent")


@pytest.mark.parametrize("error", ["ConnectError", "ConnectTimeout", "PoolTimeout"])
async def test_a_post_that_was_never_sent_is_retried(family: ModuleType, clock: FakeClock, error: str) -> None:
    """Not one byte can have reached the server."""
    wire = ScriptedWire(getattr(family, error), 201, clock=clock)
    async with retrying(family, wire, clock) as client:
        assert (await client.post(URL, json=1)).status_code == 201


@pytest.mark.parametrize("name", ["Idempotency-Key", "X-Idempotency-Key", "PayPal-Request-Id"])
async def test_a_post_with_a_key_is_retried_with_the_same_key(family: ModuleType, clock: FakeClock, name: str) -> None:
    """The server recognises the repetition by it."""
    wire = ScriptedWire(family.ReadTimeout, 503, 201, clock=clock)
    async with retrying(family, wire, clock) as client:
        assert (await client.post(URL, json=1, headers={name: '"8e03978e"'})).status_code == 201
    assert [sent.headers[name.lower()] for sent in wire.sent] == ['"8e03978e"'] * 3


@pytest.mark.parametrize("methods", ["any", {"POST"}, ["get", "post"]])
async def test_a_post_is_retried_where_methods_allow_it(family: ModuleType, clock: FakeClock, methods: Any) -> None:
    """The policy of the original is one word away."""
    wire = ScriptedWire(family.ReadTimeout, 201, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(methods=methods)) as client:
        assert (await client.post(URL, json=1)).status_code == 201


async def test_named_methods_replace_the_idempotent_ones(family: ModuleType, clock: FakeClock) -> None:
    """Naming POST alone leaves GET alone, and the reason names them."""
    async with retrying(family, ScriptedWire(503, clock=clock), clock, GracefulRetry(methods={"POST"})) as client:
        response = await client.get(URL)
    assert str(call_of(response).gave_up).startswith("GET not retried: not idempotent (methods=POST)")


async def test_a_first_connection_error_does_not_allow_later_failures(family: ModuleType, clock: FakeClock) -> None:
    """Each failure is judged by itself: after ConnectError the POST was sent, and then it is over."""
    wire = ScriptedWire(family.ConnectError, family.ReadTimeout, clock=clock)
    async with retrying(family, wire, clock) as client:
        with pytest.raises(family.ReadTimeout):
            await client.post(URL, json=1)
    assert len(wire.sent) == 2


def multipart() -> dict[str, Any]:
    return {"files": {"file": ("a.txt", io.BytesIO(b"file content"))}, "data": {"field": "value"}}


@pytest.mark.parametrize(
    "body",
    [
        {"content": b"bytes"},
        {"content": "text"},
        {"json": {"some": ["json"]}},
        {"data": {"form": "data"}},
        {"content": Afresh()},
        multipart,
        {},
    ],
    ids=["bytes", "text", "json", "form", "iterable", "multipart", "empty"],
)
async def test_a_body_is_sent_again_byte_by_byte(family: ModuleType, clock: FakeClock, body: Any) -> None:
    """What can be read again goes out the same each time."""
    wire = ScriptedWire(503, family.ReadError, 503, 200, clock=clock)
    given: Any = body() if callable(body) else body
    async with retrying(family, wire, clock) as client:
        assert (await client.put(URL, **given)).status_code == 200
    contents = [sent.content for sent in wire.sent]
    assert len(contents) == 4
    assert len(set(contents)) == 1
    assert bool(contents[0]) == bool(given)


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("methods", ["idempotent", "any"])
async def test_a_body_that_can_be_read_only_once_is_sent_once(
    family: ModuleType, clock: FakeClock, method: str, methods: Any
) -> None:
    """The caller gets the first answer: never a second request with another body."""
    wire = ScriptedWire(503, 200, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(methods=methods)) as client:
        response = await client.request(method, URL, content=pieces(b"hello ", b"world"))
    assert (response.status_code, clock.waits) == (503, [])
    assert [sent.content for sent in wire.sent] == [b"hello world"]
    assert call_of(response).gave_up is not None


async def test_what_to_do_about_such_a_body_is_said(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """In a debug line and on the call, also when the request failed."""
    caplog.set_level(logging.DEBUG, "gracy_transport")
    wire = ScriptedWire(family.ReadError, clock=clock)
    async with retrying(family, wire, clock) as client:
        with pytest.raises(family.ReadError) as caught:
            await client.put(URL, content=pieces(b"x"))
    [reason] = messages(caplog.records)
    assert reason.startswith("PUT not retried: its body can be read only once; give bytes")
    assert call_of(caught.value).gave_up == reason


async def test_such_a_body_is_not_risked_even_when_it_was_never_sent(family: ModuleType, clock: FakeClock) -> None:
    """Nobody can tell whether the failed attempt had begun to read it."""
    wire = ScriptedWire(family.ConnectError, 200, clock=clock)
    async with retrying(family, wire, clock) as client:
        with pytest.raises(family.ConnectError):
            await client.post(URL, content=pieces(b"x"))
    assert len(wire.sent) == 1
