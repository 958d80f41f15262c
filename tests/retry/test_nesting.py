"""Retries inside retries: noticed, and said once with what to do."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, call_options
from gracy_transport.retry import RetryTransport
from gracy_transport.testing import FakeClock, ScriptedWire
from tests.retry.support import URL, messages, retrying

pytestmark = pytest.mark.anyio

ONCE = GracefulRetry(max_attempts=1)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Collects what is said from WARNING on."""
    caplog.set_level(logging.WARNING, "gracy_transport")
    return caplog


def through(client: Any, family: ModuleType) -> Any:
    """Returns a wire that hands each request to a client, as a proxy of the user's own may do."""

    class Through(family.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            return await client.send(request, stream=True)

    return Through()


@pytest.mark.parametrize("name", ["x-stainless-retry-count", "Retry-Attempt"])
async def test_the_retries_of_an_sdk_above_are_noticed_once(
    family: ModuleType, clock: FakeClock, log: pytest.LogCaptureFixture, name: str
) -> None:
    """They say so in a header; the line names it, and what to do."""
    async with retrying(family, ScriptedWire(503, clock=clock), clock, ONCE) as client:
        for count in ("0", "1", "2"):
            await client.get(URL, headers={name: count})
    [line] = messages(log.records)
    assert f"({name.lower()}: 1)" in line
    assert "make the SDK with max_retries=0, or leave retry out here" in line
    assert [record.levelname for record in log.records if record.name == "gracy_transport"] == ["WARNING"]


@pytest.mark.parametrize("count", ["0", "00", "", "one", "-1"])
async def test_a_first_attempt_of_an_sdk_is_none_of_our_business(
    family: ModuleType, clock: FakeClock, log: pytest.LogCaptureFixture, count: str
) -> None:
    """Nor is what is no number."""
    async with retrying(family, ScriptedWire(503, clock=clock), clock, ONCE) as client:
        await client.get(URL, headers={"x-stainless-retry-count": count})
    assert messages(log.records) == []


async def test_nothing_is_said_while_nothing_multiplies(
    family: ModuleType, clock: FakeClock, log: pytest.LogCaptureFixture
) -> None:
    """The second attempt of the SDK went well, or our retries are off for the call, or leave its method alone."""
    stack = GracyTransport(ScriptedWire(200, 503, clock=clock), GracyConfig(retry=ONCE), clock=clock)
    count = {"x-stainless-retry-count": "1"}
    async with family.AsyncClient(transport=stack) as client:
        await client.get(URL, headers=count)
        await client.get(URL, headers=count, extensions=call_options(retry=None))
        await client.post(URL, headers=count)
    assert messages(log.records) == []


async def test_a_retrying_client_inside_a_retrying_stack_is_noticed_once(
    family: ModuleType, clock: FakeClock, log: pytest.LogCaptureFixture
) -> None:
    """Two attempts for each of two: the line names both layers."""
    wire = ScriptedWire(503, clock=clock)
    inside = family.AsyncClient(transport=GracyTransport(wire, GracyConfig(retry=ONCE), clock=clock))
    outside = GracyTransport(through(inside, family), GracyConfig(retry=GracefulRetry(max_attempts=2)), clock=clock)
    async with inside, family.AsyncClient(transport=outside) as client:
        for _ in range(2):
            assert (await client.get(URL)).status_code == 503
    assert len(wire.sent) == 2 * 3 * 2
    [line] = messages(log.records)
    assert line.startswith("<RetryTransport 2 retries")
    assert "sends again what <RetryTransport 1 retry" in line
    assert line.endswith("give one of the two retry=None")


async def test_layers_that_do_not_both_retry_are_no_nest(
    family: ModuleType, clock: FakeClock, log: pytest.LogCaptureFixture
) -> None:
    """The inner one leaves a POST alone, so there is nothing to multiply."""
    wire = ScriptedWire(503, clock=clock)
    inside = family.AsyncClient(transport=RetryTransport(wire, ONCE, clock=clock))
    outside = RetryTransport(through(inside, family), GracefulRetry(max_attempts=1, methods="any"), clock=clock)
    async with inside, family.AsyncClient(transport=outside) as client:
        await client.post(URL)
    assert len(wire.sent) == 2
    assert messages(log.records) == []


async def test_hops_through_different_stacks_are_no_nest(
    family: ModuleType, clock: FakeClock, log: pytest.LogCaptureFixture
) -> None:
    """A redirect from one mount to another goes through two layers, one after the other."""

    def moved(request: Any) -> Any:
        return family.Response(307, headers={"Location": "https://b.test/"})

    first = RetryTransport(ScriptedWire(503, moved, clock=clock), ONCE, clock=clock)
    second = RetryTransport(ScriptedWire(503, 200, clock=clock), ONCE, clock=clock)
    mounts = {"https://a.test": first, "https://b.test": second}
    async with family.AsyncClient(mounts=mounts, follow_redirects=True) as client:
        assert (await client.get("https://a.test")).status_code == 200
    assert messages(log.records) == []
