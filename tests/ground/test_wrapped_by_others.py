"""Tests of layers whose way in somebody else wraps, as tools do that trace requests (OpenTelemetry, Logfire)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracyConfig, RetryTransport, ThrottleRule, ThrottleTransport, attach
from gracy_transport.testing import FakeClock, ScriptedWire

pytestmark = pytest.mark.anyio

URL = "https://api.test/x"
RETRY = GracefulRetry(delay=1, retry_on={503})


class Tracer:
    """Notes a span for each request that passes the transports of a client, until it lets go of them."""

    def __init__(self) -> None:
        self.spans: list[int] = []

    def instrument(self, client: Any) -> None:
        """Wraps whichever ways in the transport of the client has, on the object."""
        transport = client._transport
        for name in ("handle_request", "handle_async_request"):
            if hasattr(transport, name):
                setattr(transport, name, self._traced(getattr(transport, name)))

    def uninstrument(self, client: Any) -> None:
        """Takes a transport for a synchronous one as soon as it has the way in of one."""
        transport = client._transport
        name = "handle_request" if hasattr(transport, "handle_request") else "handle_async_request"
        setattr(transport, name, getattr(transport, name).wrapped)

    def _traced(self, wrapped: Callable[[Any], Awaitable[Any]]) -> Any:
        async def traced(request: Any) -> Any:
            response = await wrapped(request)
            self.spans.append(response.status_code)
            return response

        # The proxies of such tools have all attributes of what they stand for, those of a method too.
        vars(traced).update(wrapped=wrapped, __func__=getattr(wrapped, "__func__", None))
        return traced


async def test_what_is_wrapped_below_a_stack_sees_each_attempt(family: ModuleType, clock: FakeClock) -> None:
    """A client that is traced before the stack comes in front of it has a span for each request that is sent."""
    client, tracer = family.AsyncClient(transport=ScriptedWire(503, 503, 200, clock=clock)), Tracer()
    tracer.instrument(client)
    attach(client, GracyConfig(retry=RETRY), clock=clock)
    await client.get(URL)
    assert tracer.spans == [503, 503, 200]


async def test_what_is_wrapped_above_a_stack_sees_each_call(family: ModuleType, clock: FakeClock) -> None:
    """A client that is traced after the stack came in front of it has one span, as long as all attempts together."""
    client, tracer = family.AsyncClient(transport=ScriptedWire(503, 503, 200, clock=clock)), Tracer()
    attach(client, GracyConfig(retry=RETRY), clock=clock)
    tracer.instrument(client)
    await client.get(URL)
    assert tracer.spans == [200]


async def test_a_layer_that_was_wrapped_stays_so_below_another(family: ModuleType, clock: FakeClock) -> None:
    """A stack in front of a layer that is traced goes through the trace, too, though it knows a shorter way."""
    wire = ScriptedWire(503, 200, clock=clock)
    layer = ThrottleTransport(wire, ThrottleRule(r".*", 10), clock=clock)
    client, tracer = family.AsyncClient(transport=layer), Tracer()
    tracer.instrument(client)
    attach(client, GracyConfig(retry=RETRY), clock=clock)
    await client.get(URL)
    assert tracer.spans == [503, 200]


@pytest.mark.parametrize("is_stack", [True, False])
async def test_the_wrapping_can_be_undone(family: ModuleType, clock: FakeClock, *, is_stack: bool) -> None:
    """A tool that goes by what a transport has takes a layer for the asynchronous transport that it is."""
    wire = ScriptedWire(200, clock=clock)
    client = family.AsyncClient(transport=wire if is_stack else RetryTransport(wire, RETRY, clock=clock))
    if is_stack:
        attach(client, GracyConfig(retry=RETRY), clock=clock)
    tracer = Tracer()
    tracer.instrument(client)
    tracer.uninstrument(client)
    await client.get(URL)
    assert tracer.spans == []
    assert not hasattr(client._transport, "handle_request")
