"""Tests of the scripted wire: what it plays, what it remembers, what it counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import anyio
import httpx
import httpx2
import pytest

from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire

pytestmark = pytest.mark.anyio

URL = "https://api.test/x"


async def test_without_a_script_everything_is_fine(family: ModuleType) -> None:
    """200 and an empty body, for ever."""
    async with family.AsyncClient(transport=ScriptedWire()) as client:
        for _ in range(3):
            response = await client.get(URL)
            assert (response.status_code, response.content) == (200, b"")


async def test_the_last_step_is_repeated(family: ModuleType) -> None:
    """One step for each request, the last one for all that follow."""
    async with family.AsyncClient(transport=ScriptedWire(503, 404)) as client:
        assert [(await client.get(URL)).status_code for _ in range(4)] == [503, 404, 404, 404]


async def test_answers_have_headers_and_bodies(family: ModuleType) -> None:
    """Bytes with their length, JSON with its type, chunks as they are."""
    wire = ScriptedWire(
        ScriptedResponse(status=201, content=b"hello", headers={"x-id": "7"}),
        ScriptedResponse(json={"a": 1}),
        ScriptedResponse(json={"a": 1}, headers={"content-type": "application/hal+json"}),
        ScriptedResponse(chunks=[b"one", b"two"]),
    )
    async with family.AsyncClient(transport=wire) as client:
        plain, json, hal, chunked = [await client.get(URL) for _ in range(4)]
    assert (plain.status_code, plain.content, plain.headers["x-id"]) == (201, b"hello", "7")
    assert plain.headers["content-length"] == "5"
    assert json.json() == hal.json() == {"a": 1}
    assert (json.headers["content-type"], hal.headers["content-type"]) == (
        "application/json",
        "application/hal+json",
    )
    assert chunked.content == b"onetwo"
    assert "content-length" not in chunked.headers


@pytest.mark.parametrize("package", [httpx, httpx2])
async def test_an_error_is_raised_as_one_of_the_clients_family(family: ModuleType, package: ModuleType) -> None:
    """One script serves both, with a class or with an instance; the message stays."""
    wire = ScriptedWire(package.ReadTimeout, package.ConnectError("no route"), KeyError("mine"))
    async with family.AsyncClient(transport=wire) as client:
        with pytest.raises(family.ReadTimeout, match="scripted"):
            await client.get(URL)
        with pytest.raises(family.ConnectError, match="no route"):
            await client.get(URL)
        with pytest.raises(KeyError, match="mine"):
            await client.get(URL)
    assert (wire.in_flight, wire.open_bodies) == (0, 0)


@pytest.mark.parametrize(
    "step",
    [None, "200", [200], int, lambda _request: None],
    ids=["nothing", "text", "list", "class", "function that returns nothing"],
)
async def test_what_is_no_step_is_named(family: ModuleType, step: Any) -> None:
    """With what it may be instead."""
    wire = ScriptedWire(step)
    async with family.AsyncClient(transport=wire) as client:
        with pytest.raises(TypeError, match=f"is no step of a script: .* response of {family.__name__}, or "):
            await client.get(URL)
    assert wire.in_flight == 0


async def test_a_response_of_the_other_family_is_no_step(family: ModuleType) -> None:
    """A client could not read its body."""
    other: Any = httpx2 if family is httpx else httpx
    async with family.AsyncClient(transport=ScriptedWire(other.Response(200))) as client:
        with pytest.raises(TypeError, match=r"Response \[200 OK\]> is no step of a script"):
            await client.get(URL)


async def test_an_error_that_only_one_family_knows_is_raised_as_it_is(family: ModuleType) -> None:
    """There is no twin to raise instead."""
    own = type("OddError", (httpx.TransportError,), {"__module__": "httpx._odd"})
    async with family.AsyncClient(transport=ScriptedWire(own)) as client:
        with pytest.raises(own):
            await client.get(URL)


async def test_a_body_can_break_in_the_middle(family: ModuleType) -> None:
    """After the chunks before."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"one", family.ReadError("reset")]))
    seen: list[bytes] = []
    async with family.AsyncClient(transport=wire) as client:
        with pytest.raises(family.ReadError, match="reset"):
            async with client.stream("GET", URL) as response:
                seen.extend([chunk async for chunk in response.aiter_raw()])
    assert wire.open_bodies == 0


async def test_a_step_may_be_a_function_of_the_request(family: ModuleType) -> None:
    """It gives any step, a response, a function again, or an awaitable of one of those."""

    def by_path(request: Any) -> Any:
        return {"/status": 404, "/response": family.Response(202, json={}), "/again": later}[request.url.path]

    async def later(request: Any) -> ScriptedResponse:
        return ScriptedResponse(status=203)

    wire = ScriptedWire(by_path)
    async with family.AsyncClient(transport=wire, base_url="https://api.test") as client:
        found = [(await client.get(path)).status_code for path in ("/status", "/response", "/again")]
    assert found == [404, 202, 203]
    assert wire.in_flight == 0


async def test_it_remembers_what_reached_it_and_when(family: ModuleType, clock: FakeClock) -> None:
    """Method, URL, headers, the bytes of the body, the clock's time."""

    async def upload() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    wire = ScriptedWire(clock=clock)
    async with family.AsyncClient(transport=wire) as client:
        await client.get(f"{URL}?a=1", headers={"x-id": "7"})
        await clock.sleep(2.0)
        await client.post(URL, content=upload())
    first, second = wire.sent
    assert (first.at, first.method, first.url, first.headers["x-id"]) == (1000.0, "GET", f"{URL}?a=1", "7")
    assert (second.at, second.method, second.content) == (1002.0, "POST", b"onetwo")


async def test_delays_come_before_headers_and_chunks(family: ModuleType, clock: FakeClock) -> None:
    """On the clock it was given."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"], delay=1.0, chunk_delay=2.0), clock=clock)
    async with family.AsyncClient(transport=wire) as client, client.stream("GET", URL) as response:
        assert clock.now() == 1001.0
        assert [(chunk, clock.now()) async for chunk in response.aiter_raw()] == [(b"a", 1003.0), (b"b", 1005.0)]


async def test_a_server_that_hangs_never_answers(family: ModuleType, clock: FakeClock) -> None:
    """Only a timeout ends that, and then nothing is in flight."""
    wire = ScriptedWire(ScriptedResponse(delay=NEVER), clock=clock)
    async with family.AsyncClient(transport=wire) as client:
        with clock.timeout(30.0) as scope:
            await client.get(URL)
    assert scope.cancelled_caught
    assert (clock.now(), wire.in_flight) == (1030.0, 0)


async def test_it_counts_what_is_in_flight_up_to_the_end_of_the_body(family: ModuleType, clock: FakeClock) -> None:
    """From arrival to closing; the most at one time is kept."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"x"], delay=1.0, chunk_delay=1.0), clock=clock)
    async with family.AsyncClient(transport=wire) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(client.get, URL)
        async with client.stream("GET", URL) as response:
            assert (wire.in_flight, wire.open_bodies) == (1, 1)
            await response.aread()
            assert (wire.in_flight, wire.open_bodies) == (0, 0)
            await response.stream.aclose()
    assert (wire.in_flight, wire.open_bodies, wire.most_in_flight) == (0, 0, 3)


async def test_an_upload_that_breaks_is_not_in_flight(family: ModuleType) -> None:
    """The request was remembered, and its body was not."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"one"
        raise OSError("disk")

    wire = ScriptedWire()
    async with family.AsyncClient(transport=wire) as client:
        with pytest.raises(OSError, match="disk"):
            await client.post(URL, content=broken())
    assert wire.in_flight == 0
    assert wire.sent[0].content == b""


async def test_it_counts_how_often_it_was_entered_and_closed(family: ModuleType) -> None:
    """What tests of closing look at."""
    wire = ScriptedWire()
    async with family.AsyncClient(transport=wire):
        assert (wire.entered, wire.closed) == (1, 0)
    await wire.aclose()
    assert (wire.entered, wire.closed) == (1, 2)
