"""Faults on purpose: which requests they strike, what they do, and that they do the same again."""

from __future__ import annotations

import pickle
import re
from collections.abc import AsyncIterator
from inspect import getdoc
from textwrap import indent
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

import gracy_transport
from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, RetryTransport, testing
from gracy_transport.exceptions import CompositionError
from gracy_transport.testing import FakeClock, Fault, FaultTransport, ScriptedResponse, ScriptedWire
from tests.support import gather

pytestmark = pytest.mark.anyio

URL = "https://api.test/x"


def client_of(family: ModuleType, wire: Any, *faults: Fault, **options: Any) -> Any:
    return family.AsyncClient(transport=FaultTransport(wire, *faults, **options))


async def statuses(client: Any, urls: list[str]) -> list[int]:
    return [(await client.get(url)).status_code for url in urls]


# ---------------------------------------------------------------- which, how often, how likely


async def test_a_rule_strikes_only_what_it_matches(family: ModuleType) -> None:
    """By URL without the query, from its start, and by method, however it is written."""
    fault = Fault(r".*/x$", methods="post", status=503)
    async with client_of(family, ScriptedWire(), fault) as client:
        assert (await client.post(URL + "?a=1")).status_code == 503
        assert (await client.get(URL)).status_code == 200
        assert (await client.post(URL + "/y?b=/x")).status_code == 200


async def test_the_first_times_of_each_request(family: ModuleType) -> None:
    """Each method and URL is counted by itself."""
    async with client_of(family, ScriptedWire(), Fault(status=503, first=2)) as client:
        assert await statuses(client, [URL, URL, URL + "?page=2", URL]) == [503, 503, 503, 200]
        assert (await client.post(URL)).status_code == 503


async def test_every_third_time(family: ModuleType) -> None:
    """Together with `first` it is the third time alone."""
    async with client_of(family, ScriptedWire(), Fault(status=500, every=3)) as client:
        assert await statuses(client, [URL] * 6) == [200, 200, 500, 200, 200, 500]
    async with client_of(family, ScriptedWire(), Fault(status=500, every=3, first=3)) as client:
        assert await statuses(client, [URL] * 6) == [200, 200, 500, 200, 200, 200]


async def test_the_first_fault_that_strikes_applies_and_no_other(family: ModuleType, clock: FakeClock) -> None:
    """The delay of the second is not added to the error of the first."""
    faults = Fault(status=503, first=1), Fault(delay=5)
    transport = FaultTransport(ScriptedWire(), *faults, clock=clock)
    async with family.AsyncClient(transport=transport) as client:
        assert await statuses(client, [URL, URL]) == [503, 200]
    assert clock.waits == [5]
    assert transport.struck == (1, 1)


async def test_chance_goes_by_the_seed() -> None:
    """About as often as said; another seed strikes others."""
    fault = Fault(status=503, probability=0.3)
    urls = [f"{URL}/{number}" for number in range(400)]
    runs = []
    for seed in (1, 1, 2):
        async with client_of(httpx, ScriptedWire(), fault, seed=seed) as client:
            runs.append(await statuses(client, urls))
    assert runs[0] == runs[1] != runs[2]
    assert 80 < runs[0].count(503) < 160


async def test_chance_does_not_go_by_the_order_of_requests() -> None:
    """What happens to a URL is the same in whatever order concurrent requests come."""
    fault = Fault(status=503, probability=0.5)
    urls = [f"{URL}/{number}" for number in range(50)]
    async with client_of(httpx, ScriptedWire(), fault) as client:
        one = await gather(client, urls)
    async with client_of(httpx, ScriptedWire(), fault) as client:
        other = await gather(client, urls[::-1])
    assert [each.status_code for each in one] == [each.status_code for each in other][::-1]
    assert {each.status_code for each in one} == {200, 503}


async def test_the_same_request_has_another_fate_the_next_time() -> None:
    """How often it was asked before is part of its chance."""
    async with client_of(httpx, ScriptedWire(), Fault(status=503, probability=0.5)) as client:
        assert len(set(await statuses(client, [URL] * 20))) == 2


async def test_what_happened_is_counted(family: ModuleType) -> None:
    """For each fault, and those that passed."""
    transport = FaultTransport(
        ScriptedWire(), Fault(".*/x/a", status=500), Fault(".*/x/b", status=501, first=1), seed=7
    )
    async with family.AsyncClient(transport=transport) as client:
        assert await statuses(client, [f"{URL}/{name}" for name in "aabbc"]) == [500, 500, 501, 200, 200]
    assert (transport.struck, transport.passed) == ((2, 1), 2)
    assert repr(transport) == "<FaultTransport 2 faults, 3 of 5 struck, seed 7>"


# ---------------------------------------------------------------- what happens


async def test_a_delay_comes_before_the_request(family: ModuleType, clock: FakeClock) -> None:
    """On the clock, and the answer is that of the server."""
    wire = ScriptedWire(204, clock=clock)
    async with client_of(family, wire, Fault(delay=2.5), clock=clock) as client:
        assert await statuses(client, [URL]) == [204]
    assert wire.sent[0].at == 1002.5


async def test_a_delay_is_drawn_from_its_range_by_the_seed(clock: FakeClock) -> None:
    """The same seed waits the same, and not always as long."""
    for _ in range(2):
        async with client_of(httpx, ScriptedWire(), Fault(delay=(1, 3)), clock=clock) as client:
            await statuses(client, [URL] * 20)
    assert clock.waits[:20] == clock.waits[20:]
    assert all(1 <= wait < 3 for wait in clock.waits)
    assert max(clock.waits) - min(clock.waits) > 1


@pytest.mark.parametrize("error", ["ConnectError", httpx.ConnectError])
async def test_an_error_is_raised_in_the_clients_family(family: ModuleType, error: Any) -> None:
    """By name or by class; nothing is sent, and the message names no secret."""
    wire = ScriptedWire()
    async with client_of(family, wire, Fault(error=error)) as client:
        with pytest.raises(family.ConnectError, match=r"GET /x: ConnectError \(a fault on purpose\)") as caught:
            await client.get(URL + "?key=secret")
    assert str(caught.value.request.url) == URL + "?key=secret"
    assert "secret" not in str(caught.value)
    assert wire.sent == []


async def test_an_error_of_the_other_family_is_one_of_the_clients(family: ModuleType) -> None:
    """One configuration serves both."""
    httpx2 = pytest.importorskip("httpx2")
    async with client_of(family, ScriptedWire(), Fault(error=httpx2.ReadTimeout)) as client:
        with pytest.raises(family.ReadTimeout):
            await client.get(URL)


async def test_an_error_of_no_family_is_raised_as_it_is() -> None:
    """What the operating system raises, say."""
    async with client_of(httpx, ScriptedWire(), Fault(error=ConnectionResetError)) as client:
        with pytest.raises(ConnectionResetError, match="a fault on purpose"):
            await client.get(URL)


async def test_an_applied_error_comes_after_the_server_has_done_it(family: ModuleType) -> None:
    """The request was sent, its answer was thrown away and closed."""
    wire = ScriptedWire(ScriptedResponse(content=b"done"))
    async with client_of(family, wire, Fault(error="ReadTimeout", applied=True)) as client:
        with pytest.raises(family.ReadTimeout):
            await client.post(URL, content=b"order")
    assert [each.content for each in wire.sent] == [b"order"]
    assert wire.open_bodies == 0


@pytest.mark.parametrize(("applied", "sends"), [(False, 0), (True, 1)])
async def test_a_status_comes_in_place_of_the_answer(family: ModuleType, applied: Any, sends: int) -> None:
    """With its headers and body, before or after the server was asked."""
    wire = ScriptedWire(ScriptedResponse(content=b"done"))
    fault = Fault(status=429, headers={"Retry-After": "2"}, json={"error": "é"}, applied=applied)
    async with client_of(family, wire, fault) as client:
        response = await client.get(URL)
    assert (response.status_code, response.json()) == (429, {"error": "é"})
    assert (response.headers["retry-after"], response.headers["content-type"]) == ("2", "application/json")
    assert response.headers["content-length"] == str(len(response.content))
    assert (len(wire.sent), wire.open_bodies) == (sends, 0)


async def test_a_head_request_gets_no_body(family: ModuleType) -> None:
    """Its headers are those of the answer to a GET."""
    async with client_of(family, ScriptedWire(), Fault(status=200, content="hello")) as client:
        response = await client.head(URL)
    assert (response.headers["content-length"], response.content) == ("5", b"")


async def test_a_body_breaks_off(family: ModuleType) -> None:
    """What came before is given, then the error of a connection that closes too early."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"one", b"two", b"three"]))
    async with (
        client_of(family, wire, Fault(truncate_at=4)) as client,
        client.stream("GET", URL) as response,
    ):
        chunks = response.aiter_raw()
        assert [await anext(chunks), await anext(chunks)] == [b"one", b"t"]
        with pytest.raises(family.RemoteProtocolError, match="the body broke off after 4 bytes"):
            await anext(chunks)
    assert wire.open_bodies == 0


async def test_a_body_ends_silently(family: ModuleType) -> None:
    """As if it were whole."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"one", b"two"]))
    async with client_of(family, wire, Fault(truncate_at=4, silently=True)) as client:
        assert (await client.get(URL)).content == b"onet"
        async with client.stream("GET", URL):
            pass  # unread
    assert wire.open_bodies == 0


async def test_a_body_that_ended_silently_stays_at_its_end() -> None:
    """Whoever asks again gets nothing more."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"one", b"two", b"three"]))
    response = await FaultTransport(wire, Fault(truncate_at=3, silently=True)).handle_async_request(
        httpx.Request("GET", URL)
    )
    for expected in ([b"one"], []):
        assert [chunk async for chunk in response.stream] == expected
    await response.aclose()


@pytest.mark.parametrize("size", [6, 7])
async def test_a_body_that_is_no_longer_passes_whole(family: ModuleType, size: int) -> None:
    """There is nothing to break off."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"one", b"two"]))
    async with client_of(family, wire, Fault(truncate_at=size)) as client:
        assert (await client.get(URL)).content == b"onetwo"


async def test_a_body_that_breaks_at_once(family: ModuleType) -> None:
    """After the headers, before the first byte."""
    async with client_of(family, ScriptedWire(ScriptedResponse(content=b"x")), Fault(truncate_at=0)) as client:
        with pytest.raises(family.RemoteProtocolError):
            await client.get(URL)


async def test_a_body_comes_slowly_and_in_pieces(family: ModuleType, clock: FakeClock) -> None:
    """Large chunks are cut, small ones stay; the wait is between them."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"abcdefg", b"", b"hi"]))
    async with (
        client_of(family, wire, Fault(chunk_size=3, chunk_delay=0.5), clock=clock) as client,
        client.stream("GET", URL) as response,
    ):
        assert [chunk async for chunk in response.aiter_raw()] == [b"abc", b"def", b"g", b"hi"]
    assert clock.waits == [0.5, 0.5, 0.5]


async def test_effects_combine_in_one_fault(family: ModuleType, clock: FakeClock) -> None:
    """Late, wrong, and broken off."""
    fault = Fault(delay=1, status=502, content="<html>", truncate_at=3)
    async with client_of(family, ScriptedWire(), fault, clock=clock) as client, client.stream("GET", URL) as response:
        assert response.status_code == 502
        with pytest.raises(family.RemoteProtocolError):
            await response.aread()
    assert clock.waits == [1]


async def test_a_body_that_was_read_already_breaks_too(family: ModuleType) -> None:
    """A `MockTransport` hands out answers whose bodies are read; its own answer stays whole."""
    answer = family.Response(200, json={"a": 1}, extensions={"mine": 1})
    wire = family.MockTransport(lambda request: answer)
    async with client_of(family, wire, Fault(truncate_at=2, silently=True)) as client:
        response = await client.get(URL)
    assert (response.content, response.headers["content-type"]) == (b'{"', "application/json")
    assert response.extensions["mine"] == 1
    assert answer.content == b'{"a":1}'


async def test_a_slow_body_closed_early_closes_its_source(family: ModuleType) -> None:
    """Also in the middle of a generator, whose own end is reached."""
    ended: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            ended.append("closed")

    wire = family.MockTransport(lambda request: family.Response(200, content=body()))
    transport = FaultTransport(wire, Fault(chunk_size=1))
    response = await transport.handle_async_request(family.Request("GET", URL))
    assert await anext(aiter(response.stream)) == b"o"
    await response.aclose()
    assert ended == ["closed"]


# ---------------------------------------------------------------- in a stack


async def test_a_fault_below_a_retry_is_asked_anew_by_each_attempt(family: ModuleType, clock: FakeClock) -> None:
    """The retry gets over it, and the caller's request stays as it was."""
    faults = FaultTransport(ScriptedWire(), Fault(error="ConnectError", first=1), Fault(status=503, first=2))
    transport = GracyTransport(faults, GracyConfig(retry=GracefulRetry(delay=1, max_attempts=3)), clock=clock)
    async with family.AsyncClient(transport=transport) as client:
        response = await client.get(URL)
    assert response.status_code == 200
    assert [attempt.error or attempt.status for attempt in response.extensions["gracy"].attempts] == [
        "ConnectError",
        503,
        200,
    ]


async def test_a_fault_above_a_retry_is_not_retried(family: ModuleType, clock: FakeClock) -> None:
    """Any layer can be its inner transport."""
    inner = RetryTransport(ScriptedWire(), GracefulRetry(delay=1, max_attempts=3), clock=clock)
    async with client_of(family, inner, Fault(status=503)) as client:
        assert await statuses(client, [URL]) == [503]
    assert clock.waits == []


async def test_the_example_of_the_transport_runs(family: ModuleType) -> None:
    """As it stands, on virtual time."""
    [block] = re.findall(r"```python\n(.*?)```", getdoc(FaultTransport) or "", re.DOTALL)
    scope: dict[str, Any] = {**vars(gracy_transport), **vars(testing), "httpx": family}
    exec(f"async def main():\n{indent(block, '    ')}", scope)
    await scope["main"]()


def test_the_examples_of_faults_are_faults() -> None:
    """Each line makes one."""
    [block] = re.findall(r"```python\n(.*?)```", getdoc(Fault) or "", re.DOTALL)
    for line in block.splitlines():
        assert isinstance(eval(line), Fault)


# ---------------------------------------------------------------- the value


def test_a_fault_is_a_value() -> None:
    """Equal, hashable, picklable, and it says what was given."""
    fault = Fault(".*/x", methods=["get", "POST"], error="ReadTimeout", delay=(0, 1.5), applied=True)
    assert fault == Fault(".*/x", methods=["GET", "post"], error=httpx.ReadTimeout, delay=(0, 1.5), applied=True)
    assert pickle.loads(pickle.dumps(fault)) == fault
    assert hash(Fault(status=503, headers={"A": "b"})) == hash(Fault(status=503, headers={"a": "b"}))
    assert str(fault) == (
        "Fault(url_pattern='.*/x', methods=['GET', 'POST'], delay=(0.0, 1.5), error='ReadTimeout', applied=True)"
    )


def test_what_is_no_fault_is_refused_when_the_transport_is_made() -> None:
    """Not with the first request."""
    faults: Any = [Fault(status=500)]
    with pytest.raises(CompositionError, match="a list is no Fault: give one after the other"):
        FaultTransport(ScriptedWire(), faults)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "does nothing: give delay"),
        ({"error": "ReadTimeout", "status": 500}, "cannot both be the answer"),
        ({"error": "ReadTimeout", "truncate_at": 1}, "leaves no body"),
        ({"delay": 1, "content": "x"}, "give its status"),
        ({"delay": 1, "applied": True}, "give one of them"),
        ({"chunk_size": 1, "silently": True}, "how truncate_at ends the body"),
        ({"error": "ReadTimout"}, "httpx has no exception 'ReadTimout'"),
        ({"error": "Client"}, "error\n"),
        ({"error": "HTTPStatusError"}, "nothing that a transport raises"),
        ({"error": 5}, "error\n"),
        ({"delay": (2, 1)}, "give the least first"),
        ({"delay": -1}, "delay"),
        ({"status": 101}, "status"),
        ({"status": 500, "probability": 2}, "probability"),
        ({"status": 500, "first": 0}, "first"),
        ({"status": 500, "every": 0}, "every"),
        ({"status": 500, "chunk_size": 0}, "chunk_size"),
        ({"status": 500, "sometimes": True}, "sometimes"),
        ({"status": 500, "headers": [("a", "b")]}, "headers\n  Value error, these are no headers: give a mapping"),
        ({"status": 500, "headers": "a: b", "json": 1}, "give a mapping of names to values"),
        ({"status": 500, "headers": 5}, "give a mapping of names to values"),
        ({"status": 500, "json": {1, 2}}, "json cannot be encoded: Object of type set"),
        ({"error": UnicodeDecodeError}, "UnicodeDecodeError cannot be made of a message alone"),
    ],
)
def test_a_wrong_fault_is_refused(given: Any, complaint: str) -> None:
    """At construction, naming the field and what to do."""
    with pytest.raises(ValidationError) as caught:
        Fault(**given)
    assert complaint in str(caught.value)
