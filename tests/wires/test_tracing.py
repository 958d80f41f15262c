"""Tools that trace aiohttp: they see each attempt, and put headers into it by which the next service goes on."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import aiohttp
import pytest

from gracy_transport import GracefulRetry, GracyConfig, attach
from gracy_transport.testing import FakeClock
from gracy_transport.testing.origin import Origin, Reply

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Runs on asyncio, which is all that aiohttp knows."""
    return "asyncio"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Traces all sessions, as the instrumentation of OpenTelemetry does, and gives the statuses of what was seen."""
    seen: list[int] = []
    config = aiohttp.TraceConfig()
    make = aiohttp.ClientSession.__init__

    async def start(_: aiohttp.ClientSession, __: SimpleNamespace, params: aiohttp.TraceRequestStartParams) -> None:
        params.headers["traceparent"] = f"span-{len(seen)}"

    async def end(_: aiohttp.ClientSession, __: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        seen.append(params.response.status)

    def make_traced(session: aiohttp.ClientSession, **options: Any) -> None:
        make(session, **options, trace_configs=[config])

    config.on_request_start.append(start)
    config.on_request_end.append(end)
    monkeypatch.setattr(aiohttp.ClientSession, "__init__", make_traced)
    return seen


async def test_each_attempt_is_traced_and_says_so(family: ModuleType, clock: FakeClock, spans: list[int]) -> None:
    """The header of the attempt takes the place of one that was there before, and nothing else is added."""
    async with Origin() as origin, family.AsyncClient(headers={"Traceparent": "call", "Accept": "x/y"}) as client:
        origin.on("/a").reply(Reply(503), Reply(200))
        attach(client, GracyConfig(wire="aiohttp", retry=GracefulRetry(retry_on={503})), clock=clock)
        await client.post(f"{origin.url}/a", content=b"abc", headers={"Idempotency-Key": "1"})
        first, second = (visit.headers for visit in origin.visits)
    assert spans == [503, 200]
    assert (first["traceparent"], second["traceparent"]) == ("span-0", "span-1")
    assert set(second) == {
        *("host", "accept", "accept-encoding", "connection", "user-agent", "idempotency-key", "content-length"),
        "traceparent",
    }
