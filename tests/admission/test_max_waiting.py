"""A bounded queue: how many may wait, and what becomes of one more."""

from __future__ import annotations

import pickle
from types import ModuleType
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from gracy_transport import (
    ConcurrencyLimitTransport,
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulThrottle,
    GracyConfig,
    GracyTransport,
    ThrottleRule,
    ThrottleTransport,
    call_options,
)
from gracy_transport.admission import AdmissionTransport
from gracy_transport.exceptions import QueueFull
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.support import sent_paths

pytestmark = pytest.mark.anyio

URL = "https://api.test"


async def crowd(client: Any, clock: FakeClock, paths: list[str], **options: Any) -> dict[str, Any]:
    """Gets all paths at once, in turn; returns the response or the refusal of each."""
    came: dict[str, Any] = {}

    async def get(path: str) -> None:
        try:
            came[path] = await client.get(URL + path, **options)
        except QueueFull as error:
            came[path] = error

    async with client, anyio.create_task_group() as group:
        for path in paths:
            group.start_soon(get, path)
            await anyio.lowlevel.checkpoint()
    return came


def refused(came: dict[str, Any]) -> list[str]:
    """Returns the paths that were refused."""
    return [path for path, result in sorted(came.items()) if isinstance(result, QueueFull)]


async def test_one_more_than_may_wait_for_a_rule_is_refused(family: ModuleType, clock: FakeClock) -> None:
    """It fails at once, with an error of its family that says the rule, the queue, the wait and what to do."""
    wire = ScriptedWire(clock=clock)
    throttle = GracefulThrottle(ThrottleRule(".*", 1, 10), max_waiting=2)
    client = family.AsyncClient(transport=ThrottleTransport(wire, throttle, clock=clock))
    came = await crowd(client, clock, ["/a", "/b", "/c", "/d"])
    assert refused(came) == ["/d"]
    assert sent_paths(wire.sent) == ["a", "b", "c"]
    error = came["/d"]
    assert isinstance(error, family.TransportError)
    assert str(error) == (
        "GET https://api.test/d: 2 requests wait already for 1 request per 10 seconds for URLs matching "
        "re.compile('.*'), and max_waiting lets no more; it would have waited about 30.0 s. Try again later, start "
        "fewer at once, or raise max_waiting"
    )
    assert (error.waiting, error.would_wait) == (2, 30.0)
    assert error.waits_for == "1 request per 10 seconds for URLs matching re.compile('.*')"
    assert error.fate == "never_sent"
    assert error.call is not None and error.call.waits == ()


async def test_one_more_than_may_wait_for_a_slot_is_refused(family: ModuleType, clock: FakeClock) -> None:
    """How long it would have waited cannot be told of requests in flight, and is not."""
    wire = ScriptedWire(ScriptedResponse(delay=1.0), clock=clock)
    limit = ConcurrentRequestLimit(1, max_waiting=1)
    client = family.AsyncClient(transport=ConcurrencyLimitTransport(wire, limit, clock=clock))
    came = await crowd(client, clock, ["/a", "/b", "/c"])
    assert refused(came) == ["/c"]
    error = came["/c"]
    assert (error.waiting, error.would_wait, error.waits_for) == (1, None, "1 request at once per endpoint")
    assert "it would have waited" not in str(error)


async def test_who_goes_or_gives_up_makes_room_in_the_queue(clock: FakeClock) -> None:
    """The bound is about those who wait now."""
    import httpx

    wire = ScriptedWire(clock=clock)
    throttle = GracefulThrottle(ThrottleRule(".*", 1, 10), max_waiting=1)
    async with httpx.AsyncClient(transport=ThrottleTransport(wire, throttle, clock=clock)) as client:
        await client.get(URL)
        with clock.timeout(1):
            await client.get(URL)
        await client.get(URL)
        await client.get(URL)
    assert [each.at for each in wire.sent] == [1000, 1010, 1020]


async def test_a_refusal_is_neither_retried_nor_a_failure_of_the_server(clock: FakeClock) -> None:
    """Not even when retries are for every error: the report counts it as refused."""
    import httpx

    wire = ScriptedWire(clock=clock)
    config = GracyConfig(
        retry=GracefulRetry(delay=1, max_attempts=3, retry_on=(Exception,)),
        throttling=GracefulThrottle(ThrottleRule(".*", 1, 10), max_waiting=1),
    )
    stack = GracyTransport(wire, config, clock=clock)
    came = await crowd(httpx.AsyncClient(transport=stack), clock, ["/a", "/b", "/c"])
    assert refused(came) == ["/c"]
    total = stack.get_report().total
    assert (total.calls, total.refused, total.retries, total.aborts) == (3, 1, 0, 0)


async def test_every_rule_and_key_has_a_queue_of_its_own(clock: FakeClock) -> None:
    """A busy tenant does not turn others away."""
    import httpx

    wire = ScriptedWire(clock=clock)
    rule = ThrottleRule(".*", 1, 10, key=lambda request: request.url.path[1])
    transport = ThrottleTransport(wire, GracefulThrottle(rule, max_waiting=1), clock=clock)
    came = await crowd(httpx.AsyncClient(transport=transport), clock, ["/a1", "/a2", "/a3", "/b1", "/b2"])
    assert refused(came) == ["/a3"]


async def test_the_bound_counts_whoever_needs_the_limit_whatever_it_waits_for(clock: FakeClock) -> None:
    """With both limits the shorter queue is the bound, though it is the other limit that holds everybody up."""
    import httpx

    wire = ScriptedWire(ScriptedResponse(delay=5.0), clock=clock)
    config = GracyConfig(
        throttling=GracefulThrottle(ThrottleRule(".*", 100), max_waiting=2),
        concurrent_requests=ConcurrentRequestLimit(1, max_waiting=3),
    )
    stack = GracyTransport(wire, config, clock=clock)
    came = await crowd(httpx.AsyncClient(transport=stack), clock, ["/a", "/b", "/c", "/d"])
    assert refused(came) == ["/d"]
    assert "100 requests per second" in came["/d"].waits_for


async def test_a_call_may_bring_a_bound_of_its_own(clock: FakeClock) -> None:
    """Calls with another bound share the gate, and so the queue that is counted."""
    import httpx

    wire = ScriptedWire(clock=clock)
    rule = ThrottleRule(".*", 1, 10)
    stack = GracyTransport(wire, GracyConfig(throttling=rule), clock=clock)
    impatient = call_options(throttling=GracefulThrottle(rule, max_waiting=1))
    client = httpx.AsyncClient(transport=stack)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(client.get, URL)
        await clock.sleep(1)
        with pytest.raises(QueueFull, match="2 requests wait already"):
            await client.get(URL, extensions=impatient)
    await client.aclose()


async def test_who_waits_for_a_pause_is_in_the_queue_too(clock: FakeClock) -> None:
    """A pause does not let the queue grow past its bound, to be refused when it ends."""
    import httpx

    wire = ScriptedWire(clock=clock)
    config = GracyConfig(throttling=GracefulThrottle(ThrottleRule(".*", 1), max_waiting=2))
    stack = GracyTransport(wire, config, clock=clock)
    stack._shared.hook()
    assert stack._shared.pauses is not None
    stack._shared.pauses.pause(30)
    came = await crowd(httpx.AsyncClient(transport=stack), clock, ["/a", "/b", "/c"])
    assert refused(came) == ["/c"]
    assert came["/c"].would_wait >= 30
    assert [each.at for each in wire.sent] == [1030, 1031]


async def test_a_refused_request_leaves_nothing_at_the_desk(clock: FakeClock) -> None:
    """No room, no waiter, no lane."""
    import httpx

    transport = ThrottleTransport(
        ScriptedWire(clock=clock), GracefulThrottle(ThrottleRule(".*", 1), max_waiting=1), clock=clock
    )
    came = await crowd(httpx.AsyncClient(transport=transport), clock, [f"/{number}" for number in range(5)])
    assert len(refused(came)) == 3
    assert isinstance(transport, AdmissionTransport)
    assert transport.desk.waiting == 0
    assert transport.desk._rooms == {}


def test_a_refusal_survives_pickle() -> None:
    """With its figures."""
    error = pickle.loads(pickle.dumps(QueueFull("full", waits_for="a rule", waiting=3, would_wait=1.5)))
    assert (str(error), error.waits_for, error.waiting, error.would_wait) == ("full", "a rule", 3, 1.5)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many"])
def test_a_bound_is_a_positive_number(wrong: Any) -> None:
    """Anything else is an error at construction that names the field."""
    for make in (lambda: GracefulThrottle(max_waiting=wrong), lambda: ConcurrentRequestLimit(1, max_waiting=wrong)):
        with pytest.raises(ValidationError, match="max_waiting"):
            make()
    assert GracefulThrottle().max_waiting is None
    assert ConcurrentRequestLimit(1).max_waiting is None
