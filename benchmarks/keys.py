"""Asks what very many keys cost: 100,000 tenants come by, each with a budget of its own, and most never again."""

from __future__ import annotations

import asyncio
import gc
import sys
from statistics import median
from time import thread_time
from typing import Any

import httpx

from gracy_transport.throttle import ThrottleRule, ThrottleTransport

from .figures import Figure
from .subjects import read, wire_of

TITLE = "A rule with a key, 100,000 keys one after the other"
KEYS = 100_000
WINDOW = 0.02
"""Seconds for which a rule remembers a key: short, so that most are idle before all have come."""
TURN = 1_000
WARM = 10_000
"""Keys after which all that remembers a bounded number of URLs is full."""
BOUND = 8_000
OBJECTS = 50_000
"""What comes and goes with the gates in use and the URLs remembered. One object kept for each key would be 100,000."""


async def ask(*, quick: bool) -> list[Figure]:
    """Sends a request for each key, looks what is kept on the way and in the end, and compares with one key."""
    keys = KEYS // 10 if quick else KEYS
    transport = ThrottleTransport(wire_of(httpx), ThrottleRule(".*", 5, WINDOW, key=lambda request: request.url.host))
    same = ThrottleTransport(
        wire_of(httpx), ThrottleRule(".*", 1_000_000, WINDOW, key=lambda request: request.url.host)
    )
    await _send(transport, range(TURN))
    blocks = _blocks()
    most = 0
    turns: list[tuple[float, float]] = []
    for start in range(WARM, WARM + keys, TURN):
        numbers = range(start, start + TURN)
        turns.append((await _send(transport, numbers), await _send(same, [0] * TURN)))
        most = max(most, _kept(transport))
    objects = _blocks() - blocks
    await asyncio.sleep(2 * WINDOW)
    await _send(transport, range(TURN))
    return [
        Figure("gates kept at most", most, "", at_most=BOUND, note=f"of {keys:,}; about 1,000 keys come in a window"),
        Figure("gates kept after a pause", _kept(transport), "", at_most=BOUND),
        Figure("objects more than after the first 10,000", objects, "", at_most=OBJECTS),
        Figure("a request of a new key", median(new for new, _one in turns), "µs", min(new for new, _one in turns)),
        Figure("a request of one key", median(one for _new, one in turns), "µs", min(one for _new, one in turns)),
        Figure("ratio of the two", median(new / one for new, one in turns), "×"),
    ]


def _transport(limit: int) -> ThrottleTransport:
    return ThrottleTransport(wire_of(httpx), ThrottleRule(".*", limit, WINDOW, key=lambda request: request.url.host))


async def _send(transport: Any, numbers: Any) -> float:
    """Returns the µs of processor time that a request took."""
    requests = [httpx.Request("GET", f"https://tenant-{number}.example.com/") for number in numbers]
    began = thread_time()
    for request in requests:
        await read(await transport.handle_async_request(request))
    return (thread_time() - began) / len(requests) * 1e6


def _kept(transport: ThrottleTransport) -> int:
    """Counts the gates that the rule keeps."""
    keeper: Any = transport.keepers[0]
    return sum(len(rule.all()) for rule in keeper._rules)  # noqa: SLF001 - what is kept is not for users to see


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()
