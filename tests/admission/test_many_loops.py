"""One stack in many event loops and threads: no permit and no slot is lost, and the limits hold over all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest

from gracy_transport import GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.admission import AdmissionTransport
from tests.support import at_once, worst_window

PERIOD = 0.02
LIMIT = 20
SLOTS = 4


class Wire(httpx.AsyncBaseTransport):
    """Answers at once, in any loop, and notes when and how many at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sent: list[float] = []
        self.in_flight = self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Notes the request and answers."""
        with self.lock:
            self.sent.append(time.monotonic())
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
        try:
            await anyio.sleep(0)
        finally:
            with self.lock:
                self.in_flight -= 1
        return httpx.Response(200)


def stack() -> tuple[GracyTransport, Wire, list[float]]:
    """Returns a stack with both limits, its wire, and where the stamps of its dispatches are noted."""
    wire, stamps = Wire(), list[float]()
    config = GracyConfig(throttling=ThrottleRule(".*", LIMIT, PERIOD), concurrent_requests=SLOTS)
    made = GracyTransport(wire, config, observers=[lambda event: note(event, stamps)])
    return made, wire, stamps


def note(event: Any, stamps: list[float]) -> None:
    """Notes a dispatch."""
    if type(event).__name__ == "RequestDispatched":
        stamps.append(event.at)


def crowd(transport: GracyTransport, count: int, give_up: int = 0) -> Callable[[], Any]:
    """Returns a main that sends so many requests at once, some of which are cancelled as they wait."""

    async def main() -> None:
        client = httpx.AsyncClient(transport=transport)
        scopes = [anyio.CancelScope() for _ in range(give_up)]

        async def get(scope: anyio.CancelScope) -> None:
            with scope:
                assert (await client.get("https://api.test/")).status_code == 200

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for _ in range(count):
                    group.start_soon(get, anyio.CancelScope())
                for scope in scopes:
                    group.start_soon(get, scope)
                await anyio.sleep(0)
                for scope in scopes:
                    scope.cancel()

    return main


def assert_nothing_is_lost(transport: GracyTransport, stamps: list[float], wire: Wire) -> None:
    """Checks the limits over all loops, and that every unit is back."""
    (admission,) = [layer for layer in transport.chain() if isinstance(layer, AdmissionTransport)]
    assert worst_window(stamps, PERIOD) <= LIMIT
    assert wire.most <= SLOTS
    assert (admission.desk.waiting, admission.desk._rooms) == (0, {})
    throttle, slots = admission.keepers
    later = time.monotonic() + PERIOD  # when the last permits are back
    assert all(gate.is_idle(later) for rule in throttle._rules for gate in rule.all())  # type: ignore[attr-defined]
    assert [gate.free for _limit, keyed in slots._gates for gate in keyed.all()] == [SLOTS]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "backends", [("asyncio", "asyncio", "asyncio"), ("asyncio", "trio", "asyncio"), ("trio", "trio")], ids=str
)
def test_successive_loops_share_one_stack(backends: tuple[str, ...]) -> None:
    """Under contention in each of them: no loop-bound error, and the window holds over the change of loops too."""
    transport, wire, stamps = stack()
    for backend in backends:
        anyio.run(crowd(transport, 50, give_up=10), backend=backend)
    assert len(stamps) >= 50 * len(backends)
    assert_nothing_is_lost(transport, stamps, wire)


@pytest.mark.parametrize("backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "trio")], ids=str)
def test_two_threads_at_once_share_one_stack(backends: tuple[str, str]) -> None:
    """What one thread gives back wakes the other, and together they keep the limits."""
    transport, wire, stamps = stack()
    at_once(backends, crowd(transport, 60, give_up=10))
    assert len(stamps) >= 120
    assert_nothing_is_lost(transport, stamps, wire)
