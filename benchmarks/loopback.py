"""Asks what many requests at once cost on a real socket: bare, behind a limit of the stack, on the wire of aiohttp.

Every client may have a hundred connections, as httpx has it unless told, and keeps all of them: whoever lets a hundred
tasks loose sets that. Unless told, httpx keeps 20 and makes the others anew each time, which has a row of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

from gracy_transport.config import GracyConfig
from gracy_transport.stack import GracyTransport
from gracy_transport.throttle import ThrottleRule

from .figures import Figure
from .harness import Step, Timing, race
from .subjects import BODY, EVERYTHING, families

TITLE = "requests at once over loopback, to a server in a process of its own: × the throughput of bare httpx"
AT_ONCE = (1, 10, 100, 1_000)
ROOM = 100
GATE = 10
"""Requests that a limit lets through to the pool of httpx, which is slow when many ask it."""
ALL_ON = EVERYTHING.merged(GracyConfig(throttling=ThrottleRule(".*", 1_000_000, 0.5)))
BEHIND_A_LIMIT = ALL_ON.merged(GracyConfig(concurrent_requests=GATE))
OVER_AIOHTTP = ALL_ON.merged(GracyConfig(concurrent_requests=ROOM, wire="aiohttp"))
ROUNDS = {1: (21, 20), 10: (21, 10), 100: (7, 4), 1_000: (1, 1)}
"""How many rounds, and how many crowds in a turn, by tasks: at 1,000 a bare client takes minutes of a busy machine."""
GOALS = {
    "whole stack, limit of 10": {1: 0.97, 10: 0.97, 100: 3.0, 1_000: 3.0},
    "whole stack on aiohttp": {10: 3.0, 100: 15.0},
}


async def ask(*, quick: bool) -> list[Figure]:
    """Lets tasks start a request each, all at once, through each client by turns, and again when all are answered."""
    at_once = AT_ONCE[:-1] if quick else AT_ONCE
    with _server() as url:
        return [figure for tasks in at_once for figure in await _with(tasks, url, quick=quick)]


async def _with(tasks: int, url: str, *, quick: bool) -> list[Figure]:
    clients = _clients()
    took: dict[str, list[float]] = {name: [] for name in clients}
    steps = {name: _crowd(client.get, tasks, took[name]) for name, client in clients.items()}
    rounds, crowds = ROUNDS[tasks]
    rounds = max(1, rounds // 2) if quick else rounds
    used = await race(steps, lambda count: [url] * count, rounds=rounds, steps=crowds)
    for client in clients.values():
        await client.aclose()
    waited = {name: _by_round(each, crowds) for name, each in took.items()}
    bare, their_cpu = waited.pop("bare"), used["bare"]
    figures = [Figure(f"{tasks:,} at once, bare", bare.median, "µs", bare.best, note="for each request")]
    for name, mine in waited.items():
        ratio, best = bare.ratio_to(mine)
        cpu, _best = their_cpu.ratio_to(used[name])
        goal = GOALS.get(name, {}).get(tasks)
        note = f"{cpu:.1f} × as many for the same processor time"
        figures.append(Figure(f"{tasks:,} at once, {name}", ratio, "×", best, at_least=goal, note=note))
    return figures


def _by_round(took: list[float], crowds: int) -> Timing:
    turns = [took[at : at + crowds] for at in range(0, len(took), crowds)]
    return Timing(tuple(sum(turn) / crowds for turn in turns[1:]))  # the first was to warm up


def _clients() -> dict[str, Any]:
    """Returns the clients, of which none has a timeout."""

    def client(family: Any, config: GracyConfig | None, kept: int = ROOM) -> Any:
        limits = family.Limits(max_connections=ROOM, max_keepalive_connections=kept, keepalive_expiry=None)
        inner = family.AsyncHTTPTransport(limits=limits)
        return family.AsyncClient(transport=inner if config is None else GracyTransport(inner, config), timeout=None)

    httpx, *others = families()
    return {
        "bare": client(httpx, None),
        "whole stack, limit of 10": client(httpx, BEHIND_A_LIMIT),
        "whole stack on aiohttp": client(httpx, OVER_AIOHTTP),
        "bare, 20 connections kept": client(httpx, None, 20),
        **{f"{other.__name__}, bare": client(other, None) for other in others},
        **{f"{other.__name__}, whole stack on aiohttp": client(other, OVER_AIOHTTP) for other in others},
    }


def _crowd(get: Callable[[str], Awaitable[Any]], tasks: int, took: list[float]) -> Step:
    async def step(url: str) -> None:
        began = perf_counter()
        await asyncio.gather(*[get(url) for _ in range(tasks)])
        took.append((perf_counter() - began) / tasks * 1e6)

    return step


class _Answering(asyncio.Protocol):
    """Answers any GET at once, with as little work as can be: what is measured is the client."""

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        if requests:
            self._transport.write(_ANSWER * len(requests))


_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def _serve(ready: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0, backlog=2_000)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def _server() -> Generator[str]:
    """Gives the URL of a server that ends with the block, or with this process."""
    spawning = get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v2/pokemon/pikachu"
    finally:
        process.terminate()
        process.join()
