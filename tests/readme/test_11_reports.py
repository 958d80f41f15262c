"""README, "Reports": the four ways to see what happened."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from gracy_transport import BaseEndpoint, GracefulRetry, GracyConfig
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.readme.support import BASE, OnWire, lines, wire_of

pytestmark = pytest.mark.anyio

BANNER_AND_LIST = r"""
   ____
  / ___|_ __ __ _  ___ _   _
 | |  _| '__/ _` |/ __| | | |
 | |_| | | | (_| | (__| |_| |
  \____|_|  \__,_|\___|\__, |
                       |___/  Requests Summary Report


1. https://pokeapi.co/api/v2/pokemon/{NAME}
    Total Reqs (#): 1
       Success (%): 100.00%
          Fail (%): 0.00%
   Avg Latency (s): 0.40
   Max Latency (s): 0.40
         2xx Resps: 1
         3xx Resps: 0
         4xx Resps: 0
         5xx Resps: 0
      Avg Reqs/sec: 1.0 reqs/s


2. https://pokeapi.co/api/v2/generation/{ID}/
    Total Reqs (#): 1
       Success (%): 100.00%
          Fail (%): 0.00%
   Avg Latency (s): 0.04
   Max Latency (s): 0.04
         2xx Resps: 1
         3xx Resps: 0
         4xx Resps: 0
         5xx Resps: 0
      Avg Reqs/sec: 1.0 reqs/s


TOTAL
    Total Reqs (#): 2
       Success (%): 100.00%
          Fail (%): 0.00%
   Avg Latency (s): 0.22
   Max Latency (s): 0.40
         2xx Resps: 2
         3xx Resps: 0
         4xx Resps: 0
         5xx Resps: 0
      Avg Reqs/sec: 1.4 reqs/s
"""
"""The README's, with the latencies of the test, and in the last part what the original got wrong there: the longest
latency (it prints 0.00) and the rate of all requests (it prints the average of the averages)."""


class Endpoint(BaseEndpoint):
    GET_POKEMON = "/pokemon/{NAME}"
    GET_GENERATION = "/generation/{ID}/"


class GracefulPokeAPI(OnWire):
    async def get_generation(self, number: int) -> Any:
        return await self.get(Endpoint.GET_GENERATION, {"ID": number})


async def used(family: ModuleType) -> GracefulPokeAPI:
    """Returns an API that a pokemon was got from, and then a generation."""
    wire = wire_of(ScriptedResponse(delay=0.4), ScriptedResponse(delay=0.04))
    async with GracefulPokeAPI(family, wire) as pokeapi:
        await pokeapi.get_pokemon()
        await pokeapi.get_generation(1)
    return pokeapi


async def test_logger(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """A short summary, in the words of the README."""
    pokeapi = await used(family)
    caplog.set_level("INFO", "gracy_transport")
    pokeapi.report_status("logger")
    assert [level for level, _ in lines(caplog)] == ["INFO", "INFO"]
    rates = "with a success rate of 100.00%, avg latency of"
    assert [text for _, text in lines(caplog)] == [
        f"Gracy tracked that '{BASE}/pokemon/{{NAME}}' was hit 1 time(s) {rates} 0.40s, and a rate of 1.0 reqs/s.",
        f"Gracy tracked a total of 2 requests {rates} 0.22s, and a rate of 1.4 reqs/s.",
    ]


async def test_list(family: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """All attributes: every line of the README in its order, and lines for what it has no word for."""
    (await used(family)).report_status("list")
    printed = iter(capsys.readouterr().out.splitlines())
    missing = [line for line in BANNER_AND_LIST.strip("\n").splitlines() if line not in printed]
    assert missing == []


@pytest.mark.parametrize("kind", ["list", "rich"])
async def test_what_went_wrong_is_in_it(
    family: ModuleType, kind: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry after a connection that failed, and the status that came of it."""
    monkeypatch.setenv("COLUMNS", "200")

    class API(OnWire):
        class Config(OnWire.Config):
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=1, max_attempts=1), allowed_status_code=404)

    async with API(family, wire_of(family.ConnectError, 404)) as pokeapi:
        await pokeapi.get_pokemon()
    pokeapi.report_status(kind)
    printed = capsys.readouterr().out
    for title in ("Aborts", "Retries", "Throttles", "Replays", "p95 (s)"):
        assert title in printed
    total = pokeapi.get_report().total
    assert (total.attempts, total.aborts, total.retries, total.responses_4xx) == (2, 1, 1, 1)
    assert (total.successes, total.calls) == (1, 1)  # the allowed 404


async def test_table(family: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the columns of the list, a row for each endpoint, and the total."""
    monkeypatch.setenv("COLUMNS", "200")
    (await used(family)).report_status("rich")
    printed = capsys.readouterr().out
    titles = [line.split(":")[0].strip() for line in BANNER_AND_LIST.splitlines() if ": " in line]
    assert len(titles) == 30
    # The titles of a table are broken where its columns are narrow, so each of their words has to be there.
    words = set(printed.replace("│", " ").split())
    assert {word for title in titles for word in title.split()} <= words
    assert {f"{BASE}/pokemon/{{NAME}}", f"{BASE}/generation/{{ID}}/", "TOTAL"} <= words


async def test_plotly(family: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A figure that can be shown; nothing is printed."""
    graphs = pytest.importorskip("plotly.graph_objects")
    plotly_fig = (await used(family)).report_status("plotly")
    assert isinstance(plotly_fig, graphs.Figure)
    assert callable(plotly_fig.show)
    assert f"{BASE}/pokemon/{{NAME}}" in repr(plotly_fig.to_dict())
    assert capsys.readouterr().out == ""


async def test_a_report_is_of_one_api(family: ModuleType) -> None:
    """`pokeapi.report_status(...)` is about `pokeapi`; another object of the same class has a report of its own."""
    pokeapi = await used(family)
    async with GracefulPokeAPI(family, ScriptedWire(clock=pokeapi.wire.clock)) as other:
        await other.get_pokemon()
    assert [row.url for row in other.get_report().rows] == [f"{BASE}/pokemon/{{NAME}}"]
    assert pokeapi.get_report().total.attempts == 2


@pytest.mark.parametrize("kind", ["list", "rich"])
async def test_showing_it_twice_shows_the_same(
    family: ModuleType, kind: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking at a report changes nothing."""
    pokeapi = await used(family)
    pokeapi.report_status(kind)
    first = capsys.readouterr().out
    pokeapi.report_status(kind)
    assert capsys.readouterr().out == first


async def test_an_api_without_requests_has_a_report(family: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that ends before its first request, in the `finally` of the first example, too."""
    async with OnWire(family, wire_of()) as pokeapi:
        pokeapi.report_status("list")
    assert "TOTAL" in capsys.readouterr().out
