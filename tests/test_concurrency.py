"""Concurrency limits: a slot is held from dispatch to the end of the body, and always comes back."""

from __future__ import annotations

import gc
import logging
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
from pydantic import ValidationError

from gracy_transport.call import EXTENSION, CallOptions
from gracy_transport.concurrency import ConcurrencyLimitTransport, ConcurrentRequestLimit
from gracy_transport.events import ConcurrencyLimitFreed, ConcurrencyLimitReached, RequestDispatched
from gracy_transport.exceptions import TransportClosed
from gracy_transport.logevents import LogEvent, LogLevel
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire, capture_events
from tests.support import gather, sent_at

pytestmark = pytest.mark.anyio

SLOW_BODY = ScriptedResponse(chunks=[b"one", b"two"], chunk_delay=1.0)


def limited(clock: FakeClock, limits: Any, *steps: Any) -> tuple[ConcurrencyLimitTransport, ScriptedWire]:
    """Returns a concurrency limit in front of a scripted wire."""
    wire = ScriptedWire(*steps, clock=clock)
    return ConcurrencyLimitTransport(wire, limits, clock=clock), wire


def held(transport: ConcurrencyLimitTransport) -> int:
    """Returns how many slots are held now."""
    return sum(gate.held for keeper in transport.keepers for _limit, keyed in keeper._gates for gate in keyed.all())  # type: ignore[attr-defined]


async def test_a_slot_lives_until_the_body_is_read(family: ModuleType, clock: FakeClock) -> None:
    """With one slot, five readers of slow bodies have one body in flight at a time."""
    transport, wire = limited(clock, 1, SLOW_BODY)

    async def read(client: Any) -> None:
        async with client.stream("GET", "https://api.test/") as response:
            assert [chunk async for chunk in response.aiter_raw()] == [b"one", b"two"]

    async with family.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(read, client)
    assert wire.most_in_flight == 1
    assert clock.now() == 1010.0
    assert held(transport) == 0


async def test_a_slot_comes_back_when_the_response_is_closed_early(family: ModuleType, clock: FakeClock) -> None:
    """Closing without reading gives the slot to the next at once."""
    transport, wire = limited(clock, 1, SLOW_BODY)
    async with family.AsyncClient(transport=transport) as client:
        async with client.stream("GET", "https://api.test/"):
            assert held(transport) == 1
        assert held(transport) == 0
    assert wire.open_bodies == 0


async def test_a_slot_comes_back_when_reading_stops_half_way(family: ModuleType, clock: FakeClock) -> None:
    """A caller that has seen enough of a body and closes it has given its slot back, and left no generator behind."""
    transport, wire = limited(clock, 1, SLOW_BODY)
    response = await transport.handle_async_request(family.Request("GET", "https://api.test/"))
    chunks = aiter(response.stream)
    assert await anext(chunks) == b"one"
    assert held(transport) == 1
    await response.aclose()
    assert held(transport) == 0
    assert wire.open_bodies == 0


async def test_a_slot_comes_back_when_the_body_breaks(family: ModuleType, clock: FakeClock) -> None:
    """An error in mid-body releases the slot."""
    broken = ScriptedResponse(chunks=[b"one", family.ReadError("reset")])
    transport, _wire = limited(clock, 1, broken)
    async with family.AsyncClient(transport=transport) as client:
        with pytest.raises(family.ReadError):
            await client.get("https://api.test/")
    assert held(transport) == 0


async def test_a_slot_comes_back_when_the_request_fails(family: ModuleType, clock: FakeClock) -> None:
    """An error before any response releases the slot."""
    transport, _wire = limited(clock, 1, family.ConnectError)
    async with family.AsyncClient(transport=transport) as client:
        with pytest.raises(family.ConnectError):
            await client.get("https://api.test/")
    assert held(transport) == 0


@pytest.mark.parametrize("at", [0.5, 2.5], ids=["waiting for headers", "reading the body"])
async def test_a_slot_comes_back_when_its_holder_is_cancelled(clock: FakeClock, at: float) -> None:
    """Cancelled while sending or while reading: the slot is free."""
    transport, _wire = limited(clock, 1, ScriptedResponse(delay=1.0, chunks=[b"a", b"b"], chunk_delay=1.0))
    async with httpx.AsyncClient(transport=transport) as client:
        with clock.timeout(at) as scope:
            await client.get("https://api.test/")
        assert scope.cancelled_caught
        assert held(transport) == 0


async def test_cancelled_while_queued_gives_back_nothing_it_never_took(clock: FakeClock) -> None:
    """The peak stays within the limit after a waiter gave up."""
    transport, wire = limited(clock, 1, SLOW_BODY)
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        group.start_soon(client.get, "https://api.test/1")
        await clock.sleep(0.1)
        with clock.timeout(0.1):
            await client.get("https://api.test/2")
        for number in (3, 4):
            group.start_soon(client.get, f"https://api.test/{number}")
    assert wire.most_in_flight == 1
    assert len(wire.sent) == 3
    assert held(transport) == 0


async def test_a_response_dropped_unread_gives_its_slot_back(clock: FakeClock) -> None:
    """Nobody closed it, and still nobody waits for ever: a warning says whose body it was."""
    transport, _wire = limited(clock, 1, ScriptedResponse(chunks=[b"never read"]))
    response = await transport.handle_async_request(httpx.Request("GET", "https://api.test/dropped"))
    assert held(transport) == 1
    with pytest.warns(ResourceWarning, match="the body of GET /dropped was dropped unread"):
        del response
        gc.collect()
    assert held(transport) == 0


@pytest.mark.parametrize(("method", "status"), [("GET", 204), ("GET", 304), ("HEAD", 200)], ids=["204", "304", "HEAD"])
async def test_without_a_body_the_slot_is_free_at_once(clock: FakeClock, method: str, status: int) -> None:
    """There is nothing to wait for when no body can come."""
    transport, _wire = limited(clock, 1, status)
    async with httpx.AsyncClient(transport=transport) as client, client.stream(method, "https://api.test/"):
        assert held(transport) == 0


async def test_a_response_that_was_read_already_holds_no_slot(family: ModuleType, clock: FakeClock) -> None:
    """`MockTransport(json=...)` gives out finished responses."""
    inner = family.MockTransport(lambda _request: family.Response(200, json={"ok": True}))
    transport = ConcurrencyLimitTransport(inner, 1, clock=clock)
    async with family.AsyncClient(transport=transport) as client:
        responses = await gather(client, ["https://api.test/"] * 3)
    assert [response.json() for response in responses] == [{"ok": True}] * 3
    assert held(transport) == 0


async def test_a_number_is_one_limit_for_everything(clock: FakeClock) -> None:
    """`ConcurrencyLimitTransport(inner, 2)` counts all hosts and paths together."""
    transport, wire = limited(clock, 2, SLOW_BODY)
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, [f"https://{host}.test/{path}" for host in "abc" for path in "xyz"])
    assert wire.most_in_flight == 2


async def test_without_a_template_each_origin_has_its_own_limit(clock: FakeClock) -> None:
    """A slow host does not hold up another one; paths of one host share."""
    transport, wire = limited(clock, ConcurrentRequestLimit(1), SLOW_BODY)
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://a.test/1", "https://a.test/2", "https://b.test/1"])
    assert sent_at(wire, "a.test") == [1000.0, 1002.0]
    assert sent_at(wire, "b.test") == [1000.0]


async def get_pokemon(client: httpx.AsyncClient, name: str) -> httpx.Response:
    """Gets a pokemon with its template and arguments known."""
    options = CallOptions(template="/pokemon/{NAME}", args={"NAME": name})
    return await client.get(f"https://api.test/pokemon/{name}", extensions={EXTENSION: options})


@pytest.mark.parametrize(
    ("limit", "second_at", "other_endpoint_at"),
    [
        (ConcurrentRequestLimit(1), 1002.0, 1000.0),
        (ConcurrentRequestLimit(1, blocking_args="NAME"), 1000.0, 1000.0),
        (ConcurrentRequestLimit(1, limit_per_uurl=False), 1002.0, 1004.0),
        (ConcurrentRequestLimit(1, r".*/pokemon/\{NAME\}"), 1002.0, 1000.0),
        (ConcurrentRequestLimit(1, r".*/berry/.*"), 1000.0, 1000.0),
    ],
    ids=["per endpoint", "per argument", "all together", "matching pattern", "other pattern"],
)
async def test_requests_are_grouped_by_endpoint_and_arguments(
    clock: FakeClock, limit: ConcurrentRequestLimit, second_at: float, other_endpoint_at: float
) -> None:
    """A limit applies to an endpoint as a whole, to each value of an argument, or to all that its pattern matches."""
    transport, wire = limited(clock, limit, SLOW_BODY)
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        for name in ("ditto", "pikachu"):
            group.start_soon(get_pokemon, client, name)
            await anyio.lowlevel.checkpoint()
        group.start_soon(client.get, "https://api.test/berry")
    assert sent_at(wire, "pikachu") == [second_at]
    assert sent_at(wire, "/berry") == [other_endpoint_at]


async def test_the_first_matching_limit_applies(clock: FakeClock) -> None:
    """A special limit before a general one takes its URLs out of the general one."""
    limits = [ConcurrentRequestLimit(1, ".*/slow"), ConcurrentRequestLimit(5)]
    transport, wire = limited(clock, limits, SLOW_BODY)
    async with httpx.AsyncClient(transport=transport) as client:
        await gather(client, ["https://api.test/slow"] * 2 + ["https://api.test/fast"] * 5)
    assert sent_at(wire, "slow") == [1000.0, 1002.0]
    assert sent_at(wire, "fast") == [1000.0] * 5


async def test_waits_are_told_logged_and_noted_on_the_call(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """Once as a request starts to wait, once as it goes on."""
    limit = ConcurrentRequestLimit(
        1, log_limit_reached=LogEvent(LogLevel.WARNING), log_limit_freed=LogEvent(LogLevel.INFO)
    )
    transport, _wire = limited(clock, limit, SLOW_BODY)
    caplog.set_level(logging.DEBUG, "gracy_transport")
    with capture_events(transport) as events:
        async with httpx.AsyncClient(transport=transport) as client:
            _first, second = await gather(client, ["https://api.test/a"] * 2)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "https://api.test/a has to wait: 1 requests are in flight"),
        ("INFO", "https://api.test/a goes on: a slot of 1 is free"),
    ]
    assert [(wait.kind, wait.seconds) for wait in second.extensions["gracy"].waits] == [("slot", 2.0)]
    told = [event for event in events if isinstance(event, ConcurrencyLimitReached | ConcurrencyLimitFreed)]
    assert [(type(event), event.at) for event in told] == [
        (ConcurrencyLimitReached, 1000.0),
        (ConcurrencyLimitFreed, 1002.0),
    ]


async def test_closing_wakes_waiters_with_a_named_error(clock: FakeClock) -> None:
    """Who waits for a slot when the transport is closed is told so."""
    transport, _wire = limited(clock, 1, SLOW_BODY)
    async with anyio.create_task_group() as group:

        async def hold() -> None:
            response = await transport.handle_async_request(httpx.Request("GET", "https://api.test/1"))
            await clock.sleep(5.0)
            await response.aclose()

        async def wait() -> None:
            with pytest.raises(TransportClosed):
                await transport.handle_async_request(httpx.Request("GET", "https://api.test/2"))

        group.start_soon(hold)
        await clock.sleep(1.0)
        group.start_soon(wait)
        await clock.sleep(1.0)
        await transport.aclose()
    assert held(transport) == 0


async def test_no_pool_timeout_because_waiting_happens_above_the_pool(clock: FakeClock) -> None:
    """A thousand gathered requests, half of them cancelled in flight, leave every slot free for the next hundred."""
    transport, wire = limited(clock, 10, ScriptedResponse(content=b"x", chunk_delay=0.01))
    async with httpx.AsyncClient(transport=transport) as client:
        async with anyio.create_task_group() as group:

            async def get(number: int) -> None:
                with clock.timeout(0.3 if number % 2 else 1e9):
                    await client.get(f"https://api.test/{number}")

            for number in range(1000):
                group.start_soon(get, number)
        assert held(transport) == 0
        await gather(client, [f"https://api.test/{number}" for number in range(100)])
    assert wire.most_in_flight == 10
    assert held(transport) == 0


async def test_repr_says_limit_waiters_and_holders(clock: FakeClock) -> None:
    """What somebody pastes into an issue shows the state."""
    transport, _wire = limited(clock, 2, SLOW_BODY)
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(client.get, "https://api.test/")
        await clock.sleep(0.5)
        assert repr(transport) == "<ConcurrencyLimitTransport limit 2, 3 waiting, 2 in flight>"


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: ConcurrentRequestLimit(-1), "limit"),
        (lambda: ConcurrentRequestLimit(0), "limit"),
        (lambda: ConcurrentRequestLimit(1, "("), "uurl_pattern"),
        (lambda: ConcurrentRequestLimit(1, blocking_args=[object()]), "blocking_args"),
        (lambda: ConcurrentRequestLimit(1, limits=3), "limits"),
        (lambda: ConcurrencyLimitTransport(ScriptedWire(), -5), "limit"),
        (lambda: ConcurrencyLimitTransport(ScriptedWire(), "5"), "ConcurrentRequestLimit"),  # type: ignore[arg-type]
        (lambda: ConcurrencyLimitTransport(ScriptedWire(), None), "tuple"),  # type: ignore[arg-type]
    ],
    ids=["negative", "zero", "pattern", "args", "unknown", "door", "text", "nothing"],
)
def test_a_wrong_value_names_its_field(make: Any, field: str) -> None:
    """A mistake is found when the limit is made."""
    with pytest.raises(ValidationError) as caught:
        make()
    assert field in str(caught.value)


def test_a_limit_reads_as_a_sentence() -> None:
    """The words of the timeline and the log."""
    assert str(ConcurrentRequestLimit(5)) == "5 requests at once per endpoint"
    assert str(ConcurrentRequestLimit(1, "x", limit_per_uurl=False)) == (
        "1 request at once for URLs matching re.compile('x')"
    )


async def test_an_inner_transport_that_answers_nonsense_costs_no_slot(clock: FakeClock) -> None:
    """`None` instead of a response is somebody's bug, and the slot is free all the same."""

    class Nonsense:
        async def handle_async_request(self, request: Any) -> Any:
            return None

        async def aclose(self) -> None:
            pass

    transport = ConcurrencyLimitTransport(Nonsense(), 1, clock=clock)
    for _ in range(2):
        with pytest.raises(AttributeError):
            await transport.handle_async_request(httpx.Request("GET", "https://api.test/"))
    assert held(transport) == 0


async def test_an_observer_that_interrupts_costs_no_slot(clock: FakeClock) -> None:
    """Between the grant and the wire nothing may go wrong without giving the slot back."""

    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    transport, wire = limited(clock, 1, 200)
    transport.observers = (lambda event: interrupt(event) if isinstance(event, RequestDispatched) else None,)
    with pytest.raises(KeyboardInterrupt):
        await transport.handle_async_request(httpx.Request("GET", "https://api.test/"))
    assert held(transport) == 0
    assert wire.sent == []
