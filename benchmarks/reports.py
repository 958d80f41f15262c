"""Asks how long a report takes after very many requests, and whether it takes longer for it."""

from __future__ import annotations

import gc
from importlib.util import find_spec
from statistics import median
from time import thread_time
from typing import Any

import httpx

from gracy_transport.metrics import MetricsTransport

from .figures import Figure
from .peers import original
from .subjects import read, wire_of

TITLE = "get_report() after many requests"
GOAL = 1.0
HOST = "https://api.example.com"


async def ask(*, quick: bool) -> list[Figure]:
    """Sends up to 1,000,000 requests to a few endpoints, and as many to ever new ones, and asks for reports."""
    many = 100_000 if quick else 1_000_000
    figures: list[Figure] = []
    for endpoints, goal in ((10, GOAL), (1_000, None)):
        transport = MetricsTransport(wire_of(httpx))
        sent, curve = 0, f"get_report(), {endpoints:,} endpoints"
        for requests in (many // 100, many // 10, many):
            await _send(transport, range(sent, requests), endpoints)
            sent = requests
            took = [_report(transport) for _ in range(15)]
            is_last = requests == many
            figures.append(
                Figure(
                    f"{endpoints:,} endpoints, {requests:,} requests",
                    *(median(took), "ms", min(took)),
                    at_most=goal if is_last else None,
                    curve=curve,
                    x=requests,
                )
            )
    return [*figures, *await _original(1_000 if quick else 10_000)]


async def _send(transport: Any, numbers: range, endpoints: int) -> None:
    for number in numbers:
        request = httpx.Request("GET", f"{HOST}/v2/{number % endpoints}")
        await read(await transport.handle_async_request(request))


def _report(transport: MetricsTransport) -> float:
    gc.collect()
    began = thread_time()
    transport.get_report()
    return (thread_time() - began) * 1e3


async def _original(requests: int) -> list[Figure]:
    """Returns what the original takes after fewer requests: each of them costs it more than the one before."""
    if find_spec("gracy") is None:
        return []
    api, get = original(wire_of(httpx), is_full=False)
    for number in range(requests):
        await get(f"{HOST}/v2/{number % 10}")
    began = thread_time()
    api.get_report()
    return [Figure(f"gracy 1.34, 10 endpoints, {requests:,} requests", (thread_time() - began) * 1e3, "ms")]
