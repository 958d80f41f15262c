"""README, "Simple example": an API in ten lines, and what it prints in the end."""

from __future__ import annotations

import asyncio
import re
import typing as t
from types import ModuleType

import httpx
import pytest

from gracy_transport import BaseEndpoint, Gracy, GracyConfig, LogEvent, LogLevel
from tests.readme.support import BASE, api_with, wire_of


class PokeApiEndpoint(BaseEndpoint):
    GET_POKEMON = "/pokemon/{NAME}"


class GracefulPokeAPI(Gracy[str]):
    class Config:
        BASE_URL = "https://pokeapi.co/api/v2/"
        SETTINGS = GracyConfig(
            log_request=LogEvent(LogLevel.DEBUG),
            log_response=LogEvent(LogLevel.INFO, "{URL} took {ELAPSED}"),
            parser={"default": lambda r: r.json()},
        )

    async def get_pokemon(self, name: str) -> t.Any:
        return await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})


def test_the_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Made outside of a loop, asked inside one, reported at the end."""

    async def answer(_transport: object, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"url": str(request.url)})

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    caplog.set_level("DEBUG", "gracy_transport")
    pokeapi = GracefulPokeAPI()

    async def main() -> None:
        try:
            print(await pokeapi.get_pokemon("pikachu"))
        finally:
            pokeapi.report_status("rich")

    asyncio.run(main())
    printed = capsys.readouterr().out
    assert "{'url': 'https://pokeapi.co/api/v2/pokemon/pikachu'}" in printed
    assert "https://pokeapi.co/api/v2/pokemon/{NAME}" in printed
    request, response = (record for record in caplog.records if "pikachu" in record.getMessage())
    assert request.levelname == "DEBUG"
    assert re.fullmatch(rf"{BASE}/pokemon/pikachu took \d+\.\d+", response.getMessage())


@pytest.mark.anyio
async def test_the_base_url_is_optional(family: ModuleType) -> None:
    """An endpoint may be a whole URL."""

    class WithoutBase(Gracy[str]):
        def _create_client(self) -> t.Any:
            return family.AsyncClient(transport=wire_of())

    async with WithoutBase() as api:
        response = await api.get("https://elsewhere.test/pokemon/{NAME}", {"NAME": "ditto"})
    assert str(response.request.url) == "https://elsewhere.test/pokemon/ditto"


@pytest.mark.anyio
async def test_without_a_parser_the_response_itself_comes_back(family: ModuleType) -> None:
    """It is one of the client's own family."""
    async with api_with(family, wire_of()) as api:
        assert isinstance(await api.get_pokemon(), family.Response)
