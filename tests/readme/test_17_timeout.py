"""README, "Overriding default request timeout"."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gracy_transport import Gracy, GracyAPI, GracyApi, GracyNamespace

pytestmark = pytest.mark.anyio


class GracefulAPI(GracyApi[str]):
    class Config:
        BASE_URL = "https://example.com"
        REQUEST_TIMEOUT = 10.2  # 👈 Here


class Slow(GracyNamespace[str]):
    class Config:
        REQUEST_TIMEOUT = 60


class Parted(GracefulAPI):
    slow: Slow


@pytest.fixture
def read_timeouts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Answers instead of the network and returns how long each answer might have taken."""
    seconds: list[Any] = []

    async def answer(_transport: object, request: httpx.Request) -> httpx.Response:
        timeouts = request.extensions["timeout"]
        assert len(set(timeouts.values())) == 1  # connect, read, write and pool
        seconds.append(timeouts["read"])
        return httpx.Response(200)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    return seconds


async def test_the_example(read_timeouts: list[Any]) -> None:
    """Each request has the timeout of the class; one may bring another."""
    async with GracefulAPI() as api:
        await api.get("/x")
        await api.get("/x", timeout=3)
    assert read_timeouts == [10.2, 3]


async def test_no_timeout_is_enforced_by_default(read_timeouts: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    """As the README says; but a line says so once, because a server that never answers would be waited for."""

    class DefaultAPI(GracyAPI[str]):
        class Config:
            BASE_URL = "https://example.com"

    for _ in range(2):
        async with DefaultAPI() as api:
            await api.get("/x")
    assert read_timeouts == [None, None]
    assert [message.partition(":")[0] for message in caplog.messages] == ["DefaultAPI has no timeout"]


async def test_a_namespace_may_have_another(read_timeouts: list[Any]) -> None:
    """It is a part of the configuration like any other."""
    async with Parted() as api:
        await api.get("/x")
        await api.slow.get("/x")
    assert read_timeouts == [10.2, 60]


def test_the_names_are_one() -> None:
    """The README spells the class in three ways."""
    assert GracyApi is GracyAPI is Gracy
