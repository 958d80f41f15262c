"""Asks how much longer `client.get` takes with the whole stack in front of a wire that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import httpx

from gracy_transport.stack import GracyTransport

from .figures import Figure
from .harness import Step, race
from .peers import everything_on, installed
from .subjects import URL, families, stack_on, wire_of

TITLE = "client.get on a wire that does nothing"


async def ask(*, quick: bool) -> list[Figure]:
    """Compares bare clients of each family with clients that have the stack, and those of httpx with the peers."""
    return [figure for family in families() for figure in await _of_family(family, quick=quick)]


async def _of_family(family: ModuleType, *, quick: bool) -> list[Figure]:
    wire = wire_of(family)
    clients = {
        "bare": family.AsyncClient(transport=wire),
        "nothing": family.AsyncClient(transport=GracyTransport(wire)),
        "everything": family.AsyncClient(transport=stack_on(wire)),
    }
    peers = installed(everything_on()) if family is httpx else []
    steps: dict[str, Step] = {name: client.get for name, client in clients.items()}
    steps |= {peer.name: peer.open(wire) for peer in peers}
    took = await race(steps, _urls, rounds=9 if quick else 41, steps=300)
    bare = took["bare"]
    for client in clients.values():
        await client.aclose()
    name = family.__name__
    return [
        Figure(f"{name}, bare", bare.median, "µs", bare.best),
        Figure(f"{name}, a stack without config", *_ratio(took["nothing"].ratio_to(bare)), note="it counts"),
        Figure(
            f"{name}, everything on",
            *_ratio(took["everything"].ratio_to(bare)),
            at_most=1.12,
            note="throttle, concurrency, retry, validation, logging (level off), metrics",
        ),
        Figure(f"{name}, everything on, added", *_added(took["everything"].added_to(bare))),
        *(Figure(peer.name, *_ratio(took[peer.name].ratio_to(bare)), note=peer.note) for peer in peers),
    ]


def _ratio(pair: tuple[float, float]) -> tuple[float, str, float]:
    return pair[0], "×", pair[1]


def _added(pair: tuple[float, float]) -> tuple[float, str, float]:
    return pair[0], "µs", pair[1]


def _urls(count: int) -> Sequence[Any]:
    return [URL] * count
