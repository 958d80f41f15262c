"""What stands in for the wire of httpx in a test stands in for that of aiohttp, too: no mock lets a request through."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest.mock import AsyncMock

import pytest
import respx

from gracy_transport.testing.origin import Origin, Reply
from gracy_transport.testing.plugin.patching import replaced
from tests.wires.support import client_of

pytestmark = pytest.mark.anyio

ELSEWHERE = "http://nowhere.invalid/a"


@pytest.fixture
def anyio_backend() -> str:
    """Runs on asyncio, which is all that aiohttp knows."""
    return "asyncio"


async def test_what_respx_answers_is_not_sent() -> None:
    """It stands in for httpcore."""
    import httpx

    with respx.mock:
        respx.get(ELSEWHERE).respond(203)
        async with client_of("aiohttp", httpx) as client:
            assert (await client.get(ELSEWHERE)).status_code == 203


async def test_what_pytest_httpx_answers_is_not_sent(family: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """It puts a function of its own into the class; so does the plugin of this package."""

    async def answer(transport: Any, request: Any) -> Any:
        return family.Response(203, request=request)

    async with client_of("aiohttp", family) as client:
        monkeypatch.setattr(family.AsyncHTTPTransport, "handle_async_request", answer)
        assert (await client.get(ELSEWHERE)).status_code == 203


async def test_what_a_mock_of_one_object_answers_is_not_sent(family: ModuleType) -> None:
    """A mock is no function."""
    client = client_of("aiohttp", family)
    mock = client._transport._like.handle_async_request = AsyncMock(return_value=family.Response(203))
    async with client:
        assert (await client.get(ELSEWHERE)).status_code == 203
    mock.assert_awaited_once()


async def test_afterwards_requests_are_sent_again(family: ModuleType) -> None:
    """The plugin of this package stands in for the length of a test."""

    def wrap(_original: Any) -> Callable[..., Any]:
        async def answer(transport: Any, request: Any) -> Any:
            return family.Response(203, request=request)

        return answer

    async with Origin() as origin, client_of("aiohttp", family, origin.url) as client:
        origin.on("/a").reply(Reply(text="fine"))
        for _ in range(2):
            with replaced(family.AsyncHTTPTransport, "handle_async_request", wrap):
                assert (await client.get("/a")).status_code == 203
            assert (await client.get("/a")).text == "fine"
        assert origin.count == 2
