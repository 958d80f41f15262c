"""Asks what a retry costs: the answer is 503, and 200 when asked again at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx

from gracy_transport.config import GracyConfig
from gracy_transport.retry import GracefulRetry, RetryTransport
from gracy_transport.stack import GracyTransport

from .figures import Figure
from .harness import Step, race
from .peers import installed, retrying
from .subjects import EVERYTHING, URL, wire_of

TITLE = "client.get that is retried once without a delay, against one that is answered at once"
RETRY = GracefulRetry(delay=0, max_attempts=3)
GOAL = 0.6


class FlakyWire(httpx.AsyncBaseTransport):
    """Turns every other request down."""

    def __init__(self) -> None:
        self._wire = wire_of(httpx)
        self._is_up = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._is_up = not self._is_up
        response: httpx.Response = await self._wire.handle_async_request(request)
        if not self._is_up:
            response.status_code = 503
        return response


async def ask(*, quick: bool) -> list[Figure]:
    """Compares the layer, the stack and the peers with a bare client; the second answer is part of the cost."""
    peers = installed(retrying())
    ours: dict[str, Callable[[Any], Any]] = {
        "RetryTransport": lambda wire: RetryTransport(wire, RETRY),
        "the stack with a retry": lambda wire: GracyTransport(wire, GracyConfig(retry=RETRY)),
        "the stack with everything on": lambda wire: GracyTransport(wire, EVERYTHING.merged(GracyConfig(retry=RETRY))),
    }
    steps: dict[str, Step] = {"bare": httpx.AsyncClient(transport=wire_of(httpx)).get}
    steps |= {name: httpx.AsyncClient(transport=make(FlakyWire())).get for name, make in ours.items()}
    steps |= {peer.name: peer.open(FlakyWire()) for peer in peers}
    for name, step in steps.items():
        response: Any = await step(URL)
        assert response.status_code == 200, f"{name} did not retry"
    took = await race(steps, _urls, rounds=9 if quick else 41, steps=200)
    bare = took.pop("bare")
    notes = {peer.name: peer.note for peer in peers}
    figures = [Figure("one bare request", bare.median, "µs", bare.best)]
    for name, timing in took.items():
        added, best = timing.added_to(bare)
        figures.append(Figure(f"{name}: a retry", added, "µs", best, note=notes.get(name, "")))
    theirs = took.get("httpx-retries")
    if theirs is not None:
        for name in ours:
            goal = GOAL if name == "RetryTransport" else None
            added, best = took[name].added_ratio(theirs, bare)
            figures.append(Figure(f"{name}: against httpx-retries", added, "×", best, at_most=goal))
    return figures


def _urls(count: int) -> Sequence[Any]:
    return [URL] * count
