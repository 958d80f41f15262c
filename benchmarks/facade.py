"""Asks what a request through a `Gracy` class takes, with every concern on and a parser, against a bare client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from gracy_transport.config import GracyConfig
from gracy_transport.facade import BaseEndpoint, Gracy

from .figures import Figure
from .harness import race
from .subjects import EVERYTHING, families, wire_of

TITLE = "api.get(ENDPOINT, {...}) with a parser against client.get(url) and response.json()"
BASE = "https://api.example.com/v2"


class Endpoint(BaseEndpoint):
    POKEMON = "/pokemon/{NAME}"


async def ask(*, quick: bool) -> list[Figure]:
    """Compares an API class with bare clients: one URL again and again, another each time, and a body of JSON."""
    return [figure for family in families() for figure in await _of_family(family, quick=quick)]


async def _of_family(family: ModuleType, *, quick: bool) -> list[Figure]:
    client = family.AsyncClient(transport=wire_of(family))
    api = _api(family)
    figures = []
    for what, (bare, ours, names), goal in (
        ("one URL", _getting(client, api, lambda count: ["pikachu"] * count), 1.0),
        ("every URL different", _getting(client, api, _different), 1.1),
        ("POST of JSON", _posting(client, api), None),
    ):
        took = await race({"bare": bare, "api": ours}, names, rounds=9 if quick else 41, steps=300)
        ratio, best = took["api"].ratio_to(took["bare"])
        figures.append(Figure(f"{family.__name__}, {what}", ratio, "×", best, at_most=goal))
    await client.aclose()
    await api.aclose()
    return figures


def _getting(client: Any, api: Any, names: Callable[[int], Sequence[Any]]) -> tuple[Any, Any, Any]:
    async def bare(name: str) -> Any:
        return (await client.get(f"{BASE}/pokemon/{name}")).json()

    async def ours(name: str) -> Any:
        return await api.get(Endpoint.POKEMON, {"NAME": name})

    return bare, ours, names


def _posting(client: Any, api: Any) -> tuple[Any, Any, Any]:
    async def bare(name: str) -> Any:
        return (await client.post(f"{BASE}/pokemon/{name}", json={"level": 5})).json()

    async def ours(name: str) -> Any:
        return await api.post(Endpoint.POKEMON, {"NAME": name}, json={"level": 5})

    return bare, ours, lambda count: ["pikachu"] * count


_asked = iter(range(10**12))


def _different(count: int) -> Sequence[Any]:
    return [f"pikachu-{next(_asked)}" for _ in range(count)]


def _api(family: ModuleType) -> Any:
    class Api(Gracy[Endpoint]):
        class Config:
            BASE_URL = BASE
            SETTINGS = EVERYTHING.merged(GracyConfig(parser={"default": lambda response: response.json()}))

        def _create_client(self) -> Any:
            return family.AsyncClient(transport=wire_of(family), base_url=BASE)

    return Api()
