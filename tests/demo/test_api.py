"""The API of the demo: flaky in the same way each time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from gracy_transport.demo.api import SCRIPT, make_origin
from gracy_transport.demo.data import countries, elements

pytestmark = pytest.mark.anyio

STEADY = 3
"""A seed whose first answers, for what is asked here, are no faults."""


async def at_once(_seconds: float) -> None:
    """Stands in for the sleep of the API, which need not be slow to be tested."""
    await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def asking(seed: int = STEADY) -> AsyncGenerator[httpx.AsyncClient]:
    """Gives a client of the API, its script at the beginning."""
    async with make_origin(at_once) as origin, httpx.AsyncClient(base_url=origin.url, timeout=0.2) as client:
        response = await client.put(SCRIPT, params={"seed": seed})
        assert response.status_code == 204
        yield client


async def status_of(client: httpx.AsyncClient, path: str) -> int | str:
    try:
        return (await client.get(path)).status_code
    except httpx.TransportError as error:
        return type(error).__name__


async def test_it_serves_what_is_true() -> None:
    """One by one, and 404 for what there is not."""
    async with asking() as client:
        assert (await client.get("/elements/Au")).json() == elements()["Au"]
        assert (await client.get("/countries/IS")).json() == countries()["IS"]
        assert (await client.get("/planets/mars")).json()["period_days"] == 687.0
        assert (await client.get("/countries/UK")).status_code == 404


async def test_it_serves_all_countries_in_pages() -> None:
    """Twenty to a page."""
    async with asking() as client:
        page = (await client.get("/countries", params={"offset": 240, "limit": 20})).json()
    assert page["count"] == 249
    assert page["results"] == list(countries().values())[240:]


async def test_its_feed_is_cut_and_goes_on_where_it_is_asked_to() -> None:
    """After 50 events; the last 18 come whole."""
    async with asking() as client:
        with pytest.raises(httpx.ReadError):
            await client.get("/feed")
        rest = await client.get("/feed", headers={"Last-Event-ID": "100"})
    assert rest.text.count("data: ") == 18


async def test_the_planets_are_fewer_than_their_documentation_says() -> None:
    """Fourteen a second; the others are told how long to wait."""
    async with asking() as client:
        answers = [await client.get("/planets/earth") for _ in range(16)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 2
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}


async def test_the_same_seed_is_the_same_script() -> None:
    """Whatever is asked in between; and beginning anew forgets what was asked."""
    paths = [f"/elements/{symbol}" for symbol in list(elements())[:20]]
    scripts = []
    async with asking() as client:
        for seed in (7, 7, 8):
            await client.put(SCRIPT, params={"seed": seed})
            scripts.append([await status_of(client, path) for path in paths])
    assert scripts[0] == scripts[1]
    assert scripts[0] != scripts[2]


async def test_some_bodies_break_off() -> None:
    """Countries are torn in the middle, now and then."""
    async with asking(seed=7) as client:
        fates = {await status_of(client, f"/countries/{code}") for code in list(countries())[:24]}
    assert "ReadError" in fates
