"""Whatever takes how long: a call never lasts longer than its deadline, and leaves nothing behind."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.exceptions import GracyException
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire

URL = "https://api.test/things"
SECONDS = st.floats(0, 20, allow_nan=False) | st.just(NEVER)
ANSWERS = st.builds(
    ScriptedResponse,
    status=st.sampled_from([200, 200, 302, 404, 429, 503]),
    headers=st.fixed_dictionaries(
        {"location": st.just("/things")},
        optional={"retry-after": st.integers(0, 30).map(str)},
    ),
    chunks=st.lists(st.just(b"x"), max_size=4),
    delay=SECONDS,
    chunk_delay=SECONDS,
)
STEPS = st.lists(ANSWERS | st.sampled_from([httpx.ConnectError, httpx.ReadTimeout]), min_size=1, max_size=5)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "retry": st.builds(
            GracefulRetry,
            delay=st.floats(0, 5),
            max_attempts=st.integers(0, 5),
            jitter=st.booleans(),
            buffer_body=st.booleans(),
        ),
        "throttling": st.builds(ThrottleRule, st.just(".*"), st.integers(1, 3), st.floats(0.5, 20)),
        "concurrent_requests": st.integers(1, 2),
        "strict_status_code": st.just(200),
    },
)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=60, deadline=None)
@given(steps=STEPS, fields=CONFIGS, deadline=st.floats(0.1, 30), starts=st.lists(st.floats(0, 10), max_size=4))
def test_a_call_never_lasts_longer_than_its_deadline(
    backend: str, steps: list[Any], fields: dict[str, Any], deadline: float, starts: list[float]
) -> None:
    """Any delays of headers and chunks, hints, redirects, retries, limits; several calls at once."""

    async def main() -> None:
        clock = FakeClock()
        wire = ScriptedWire(*steps, clock=clock)
        stack = GracyTransport(wire, GracyConfig(deadline=deadline, **fields), clock=clock)
        client = httpx.AsyncClient(transport=stack, follow_redirects=True, max_redirects=3)

        async def call(start: float) -> None:
            await clock.sleep(start)
            began = clock.now()
            with suppress(GracyException, httpx.HTTPError):
                await client.get(URL)
            assert clock.now() <= began + deadline or math.isclose(clock.now(), began + deadline)

        async with client, anyio.create_task_group() as group:
            for start in [0.0, *starts]:
                group.start_soon(call, start)
        assert (wire.open_bodies, wire.in_flight, stack._shared.desk.waiting) == (0, 0, 0)

    anyio.run(main, backend=backend)
