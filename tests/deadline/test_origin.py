"""A deadline over real sockets: headers and bodies that drip, silence, and a pool of one connection afterwards."""

from __future__ import annotations

import time
from types import ModuleType

import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, call_options
from gracy_transport.testing.origin import Origin, Reply
from tests.deadline.support import exceeded

pytestmark = pytest.mark.anyio

DEADLINE = 0.15


@pytest.mark.parametrize(
    "reply",
    [
        Reply(fault="stall"),
        Reply(header_delay=0.04, headers={f"x-{number}": "drip" for number in range(200)}),
        Reply(chunks=[b"drip"] * 200, chunk_delay=0.04),
        Reply(text="0123456789", fault="stall_in_body", fault_at=5),
        Reply(503, chunks=[b"drip"] * 200, chunk_delay=0.04),
    ],
    ids=["silence", "headers", "body", "half a body", "the body of an error"],
)
@pytest.mark.parametrize("retry", [None, GracefulRetry(delay=0.01)])
async def test_it_ends_in_time_and_its_connection_comes_back(
    family: ModuleType, reply: Reply, retry: GracefulRetry | None
) -> None:
    """The timeouts of httpx start anew with each drip; the only connection of the pool serves the next call."""
    async with Origin() as origin:
        origin.on("/slow").reply(reply)
        origin.on("/").reply(Reply(text="fine"))
        wire = family.AsyncHTTPTransport(limits=family.Limits(max_connections=1))
        config = GracyConfig(deadline=DEADLINE, retry=retry, concurrent_requests=1)
        transport = GracyTransport(wire, config)
        async with family.AsyncClient(base_url=origin.url, transport=transport, timeout=5) as client:
            began = time.monotonic()
            await exceeded(client.get("/slow"))
            assert time.monotonic() - began < DEADLINE + 4, "sooner than by a timeout of the client, or by itself"
            assert (await client.get("/", extensions=call_options(deadline=5))).text == "fine"
        await origin.until(lambda: origin.in_flight == 0 and origin.open_connections == 0)


async def test_a_good_answer_is_in_time(family: ModuleType) -> None:
    """Nothing is left of the deadline, on a connection that is used again."""
    async with Origin() as origin:
        origin.on("/").reply(Reply(text="fine"))
        transport = GracyTransport(family.AsyncHTTPTransport(), GracyConfig(deadline=30))
        async with family.AsyncClient(base_url=origin.url, transport=transport) as client:
            for _ in range(3):
                assert (await client.get("/")).text == "fine"
        assert origin.connections == 1
