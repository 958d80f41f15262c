"""README, "Customizing HTTPx client": `_create_client`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport import GracefulRetry, Gracy, GracyConfig
from tests.readme.support import BASE, wire_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Answers what a client of httpx would put on the network, and returns what that was."""
    requests: list[httpx.Request] = []

    async def answer(_transport: object, request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200 if len(requests) > 1 else 503)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    return requests


class YourAPIClient(Gracy[str]):
    class Config:
        BASE_URL = "https://pokeapi.co/api/v2/"
        REQUEST_TIMEOUT = 10.2
        SETTINGS = GracyConfig(retry=GracefulRetry(delay=0, max_attempts=1))

    def __init__(self, token: str) -> None:
        self._token = token
        super().__init__()

    # 👇 Implement your logic here
    def _create_client(self) -> httpx.AsyncClient:
        client: httpx.AsyncClient = super()._create_client()
        client.headers = {"Authorization": f"token {self._token}"}
        return client


async def test_the_example(sent: list[httpx.Request]) -> None:
    """The header goes out, base URL and timeout of the client stay, and the settings hold: the retry has it too."""
    async with YourAPIClient("hunter2") as api:
        await api.get("/pokemon/{NAME}", {"NAME": "pikachu"})
    assert [str(request.url) for request in sent] == [f"{BASE}/pokemon/pikachu"] * 2
    assert [request.headers["authorization"] for request in sent] == ["token hunter2"] * 2
    assert sent[0].extensions["timeout"]["read"] == 10.2


async def test_two_objects_have_two_clients(sent: list[httpx.Request]) -> None:
    """Each with its own token."""
    async with YourAPIClient("hunter2") as one, YourAPIClient("hunter3") as other:
        await one.get("/pokemon")
        await other.get("/pokemon")
    assert [request.headers["authorization"][-1] for request in sent] == ["2", "2", "3"]


async def test_a_client_of_ones_own(family: ModuleType) -> None:
    """Made from scratch, of either family, with all that it can do: parameters, cookies, credentials."""
    wire = wire_of()

    class Own(Gracy[str]):
        def _create_client(self) -> Any:
            return family.AsyncClient(
                transport=wire,
                base_url="https://berries.test/v1",
                params={"lang": "en"},
                cookies={"session": "1"},
                auth=("ash", "pikachu"),
                timeout=5,
            )

    async with Own() as api:
        await api.get("/berry/{NAME}", {"NAME": "cheri"}, params={"full": "yes"})
    [request] = wire.sent
    assert request.url == "https://berries.test/v1/berry/cheri?lang=en&full=yes"
    assert (request.headers["cookie"], request.headers["authorization"][:6]) == ("session=1", "Basic ")
