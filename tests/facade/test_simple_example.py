"""The README's "Simple example", as it is printed."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest
import respx

import gracy_transport

README = """
# 0. Import
import asyncio
import typing as t
from gracy import BaseEndpoint, Gracy, GracyConfig, LogEvent, LogLevel

# 1. Define your endpoints
class PokeApiEndpoint(BaseEndpoint):
    GET_POKEMON = "/pokemon/{NAME}" # 👈 Put placeholders as needed

# 2. Define your Graceful API
class GracefulPokeAPI(Gracy[str]):
    class Config:
        BASE_URL = "https://pokeapi.co/api/v2/" # 👈 Optional BASE_URL
        # 👇 Define settings to apply for every request
        SETTINGS = GracyConfig(
          log_request=LogEvent(LogLevel.DEBUG),
          log_response=LogEvent(LogLevel.INFO, "{URL} took {ELAPSED}"),
          parser={
            "default": lambda r: r.json()
          }
        )

    async def get_pokemon(self, name: str) -> t.Awaitable[dict]:
        return await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})

pokeapi = GracefulPokeAPI()

async def main():
    try:
      pokemon = await pokeapi.get_pokemon("pikachu")
      print(pokemon)

    finally:
        pokeapi.report_status("rich")


asyncio.run(main())
"""


def test_the_simple_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With nothing but the name of the import changed, and an API made outside of any event loop."""
    monkeypatch.setitem(sys.modules, "gracy", gracy_transport)
    example = ModuleType("example")
    with respx.mock:
        route = respx.get("https://pokeapi.co/api/v2/pokemon/pikachu").respond(json={"name": "pikachu"})
        exec(compile(README, "README", "exec"), vars(example))
    assert route.call_count == 1
    printed = capsys.readouterr().out
    assert "{'name': 'pikachu'}" in printed
    assert "https://pokeapi.co/api/v2/pokemon/{NAME}" in printed


def test_the_simple_example_logs_as_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A line of its own for the response, and a warning that there is no timeout."""
    monkeypatch.setitem(sys.modules, "gracy", gracy_transport)
    caplog.set_level("DEBUG", "gracy_transport")
    with respx.mock:
        respx.get("https://pokeapi.co/api/v2/pokemon/pikachu").respond(json={})
        exec(compile(README, "README", "exec"), vars(ModuleType("example")))
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    warning, request, response = (line for line in lines if line[0] in {"WARNING", "DEBUG", "INFO"})
    assert warning[0] == "WARNING"
    assert "GracefulPokeAPI has no timeout" in warning[1]
    assert request[0] == "DEBUG"
    assert re.fullmatch(r"https://pokeapi\.co/api/v2/pokemon/pikachu took \d+\.\d+", response[1])
