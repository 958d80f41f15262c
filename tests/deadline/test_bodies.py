"""A deadline over bodies: each chunk has to come in time, whoever reads it and wherever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import GracefulRetry, Gracy, GracyConfig, GracyTransport, LogEvent, call_options
from gracy_transport.exceptions import DeadlineExceeded
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire
from tests.deadline.support import URL, exceeded, stacked

pytestmark = pytest.mark.anyio

DRIP = ScriptedResponse(chunks=[b"drip"] * 100, chunk_delay=3)


async def test_a_body_that_drips_is_left_at_the_deadline(family: ModuleType, clock: FakeClock) -> None:
    """No read of it takes longer than a timeout of httpx would allow."""
    wire = ScriptedWire(DRIP, clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        error = await exceeded(client.get(URL))
    assert clock.now() == 1010
    assert (error.status, error.fate, error.seconds) == (200, "answered", 10)
    assert wire.open_bodies == wire.in_flight == 0
    assert isinstance(error, family.TimeoutException)


async def test_headers_and_body_have_one_deadline(family: ModuleType, clock: FakeClock) -> None:
    """What the headers took is gone for the body."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"], delay=8, chunk_delay=1.5), clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        await exceeded(client.get(URL))
    assert clock.now() == 1010


async def test_a_stream_gives_what_came_in_time(family: ModuleType, clock: FakeClock) -> None:
    """And then the error."""
    got: list[bytes] = []
    wire = ScriptedWire(DRIP, clock=clock)

    async def read(client: Any) -> None:
        async with client.stream("GET", URL) as response:
            async for chunk in response.aiter_raw():
                got.append(chunk)  # noqa: PERF401 - what came before the error is to be seen

    async with stacked(family, wire, clock, 10) as client:
        await exceeded(read(client))
    assert got == [b"drip"] * 3
    assert (clock.now(), wire.open_bodies) == (1010, 0)


async def test_a_reader_that_dawdles_gets_no_more(family: ModuleType, clock: FakeClock) -> None:
    """The time of the caller counts as well: the deadline is an instant."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"]), clock=clock)
    async with (
        stacked(family, wire, clock, 10) as client,
        client.stream("GET", URL) as response,
        aclosing(response.aiter_raw()) as chunks,
    ):
        assert await anext(chunks) == b"a"
        await clock.sleep(10)
        await exceeded(anext(chunks))
        assert wire.open_bodies == 0


async def test_another_task_may_read(family: ModuleType, clock: FakeClock) -> None:
    """A scope is entered and left within one chunk, in the task that asks for it."""
    wire = ScriptedWire(DRIP, clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        request = client.build_request("GET", URL)
        response = await client.send(request, stream=True)
        errors: list[DeadlineExceeded] = []

        async def read() -> None:
            errors.append(await exceeded(response.aread()))

        async with anyio.create_task_group() as group:
            group.start_soon(read)
        assert (len(errors), clock.now(), wire.open_bodies) == (1, 1010, 0)


async def test_two_tasks_may_take_turns(family: ModuleType, clock: FakeClock) -> None:
    """A chunk each."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"], chunk_delay=1), clock=clock)
    async with stacked(family, wire, clock, 10) as client, client.stream("GET", URL) as response:
        got: list[bytes] = []

        async def one(chunks: AsyncIterator[bytes]) -> None:
            got.append(await anext(chunks, b"the end"))

        chunks = response.aiter_raw()
        for _ in range(3):
            async with anyio.create_task_group() as group:
                group.start_soon(one, chunks)
    assert got == [b"a", b"b", b"the end"]


async def test_the_slot_comes_back_with_the_body(family: ModuleType, clock: FakeClock) -> None:
    """At a limit of one, the next call goes as soon as the first was cut short."""
    wire = ScriptedWire(DRIP, 200, clock=clock)
    async with stacked(family, wire, clock, 10, concurrent_requests=1) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(exceeded, client.get(URL))
            await clock.sleep(1)
            group.start_soon(partial(client.get, URL))
        assert [sent.at for sent in wire.sent] == [1000, 1010]


async def test_cancelling_a_reader_is_no_deadline(family: ModuleType, clock: FakeClock) -> None:
    """Neither before it, nor at the same instant."""
    for patience in (4, 10):
        wire = ScriptedWire(ScriptedResponse(chunks=[b"a"], chunk_delay=NEVER), clock=clock)
        began = clock.now()
        async with stacked(family, wire, clock, 10) as client:
            with clock.timeout(patience) as scope:
                await client.get(URL)
            assert (scope.cancelled_caught, clock.now()) == (True, began + patience)
        assert wire.open_bodies == 0


async def test_a_body_that_breaks_in_time_breaks_as_ever(family: ModuleType, clock: FakeClock) -> None:
    """Its error is not ours."""
    broken = ScriptedResponse(chunks=[b"a", family.ReadTimeout("slow")], chunk_delay=1)
    wire = ScriptedWire(broken, clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        with pytest.raises(family.ReadTimeout) as caught:
            await client.get(URL)
    assert not isinstance(caught.value, DeadlineExceeded)


async def test_a_timeout_that_was_shortened_to_the_deadline_is_its_cause(family: ModuleType, clock: FakeClock) -> None:
    """A socket that gives up at the same instant says the same thing."""
    broken = ScriptedResponse(chunks=[family.ReadTimeout("slow")], chunk_delay=10)
    wire = ScriptedWire(broken, clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        error = await exceeded(client.get(URL))
    assert clock.now() == 1010
    assert error.__cause__ is None or isinstance(error.__cause__, family.ReadTimeout)


@pytest.mark.parametrize("fields", [{}, {"retry": GracefulRetry(delay=1)}, {"log_response": LogEvent()}])
async def test_the_verbs_of_an_api_read_their_body_in_time(
    family: ModuleType, clock: FakeClock, fields: dict[str, Any]
) -> None:
    """Wherever the body is read: in the attempt, for the log line, or by the client."""
    wire = ScriptedWire(DRIP, clock=clock)

    class Api(Gracy[str]):
        class Config:
            BASE_URL = "https://api.test"
            SETTINGS = GracyConfig(deadline=10, **fields)

        def _create_client(self) -> Any:
            return family.AsyncClient(transport=wire)

    async with Api(clock=clock) as api:
        error = await exceeded(api.get("/things"))
        row = api.get_report().total
    assert (clock.now(), error.fate, wire.open_bodies, len(wire.sent)) == (1010, "answered", 0, 1)
    assert (row.aborts, row.refused, row.failures) == (1, 0, 1)


async def test_the_stream_of_an_api_has_a_deadline(family: ModuleType, clock: FakeClock) -> None:
    """Of its own, given with the call."""
    wire = ScriptedWire(DRIP, clock=clock)

    class Api(Gracy[str]):
        class Config:
            BASE_URL = "https://api.test"

        def _create_client(self) -> Any:
            return family.AsyncClient(transport=wire)

    async def read(api: Api) -> None:
        async with api.stream("GET", "/things", extensions=call_options(deadline=7)) as response:
            await response.aread()

    async with Api(clock=clock) as api:
        await exceeded(read(api))
    assert (clock.now(), wire.open_bodies) == (1007, 0)


async def test_a_body_in_memory_needs_no_deadline(family: ModuleType, clock: FakeClock) -> None:
    """It can be read at any time."""
    wire = ScriptedWire(lambda request: family.Response(200, content=b"here"), clock=clock)
    async with stacked(family, wire, clock, 10) as client, client.stream("GET", URL) as response:
        await clock.sleep(20)
        assert await response.aread() == b"here"


async def test_closing_twice_does_no_harm(family: ModuleType, clock: FakeClock) -> None:
    """Half-way, and again."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"]), clock=clock)
    async with stacked(family, wire, clock, 10) as client:
        response = await client.send(client.build_request("GET", URL), stream=True)
        body = response.stream._stream  # the client's own wrapper leaves a generator behind
        assert await anext(aiter(body)) == b"a"
        await response.aclose()
        await response.aclose()
        assert wire.open_bodies == 0
        with pytest.raises(StopAsyncIteration):
            await anext(body)


def test_a_timeout_of_asyncio_at_the_same_instant(family: ModuleType) -> None:
    """Whichever of the two comes first, the call ends, and the task can wait again afterwards."""

    async def main() -> None:
        wire = ScriptedWire(ScriptedResponse(delay=NEVER))
        transport = GracyTransport(wire, GracyConfig(deadline=0.05))
        async with family.AsyncClient(transport=transport) as client:
            with pytest.raises((TimeoutError, DeadlineExceeded)):
                async with asyncio.timeout(0.05):
                    await client.get(URL)
        await asyncio.sleep(0)
        assert wire.in_flight == 0

    asyncio.run(main())
