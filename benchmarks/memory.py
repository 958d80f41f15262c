"""Asks whether anything stays behind: memory after many requests, compared with memory after some."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable

import httpx

from .figures import Figure
from .subjects import EVERYTHING, read, stack_on, wire_of

TITLE = "Memory kept"
CYCLE = 4096
"""URLs a rule remembers its answer for, before it starts anew: both looks fall on the same point of that."""


async def ask(*, quick: bool) -> list[Figure]:
    """Sends 102,400 and then 1,024,000 requests through the stack, to one URL and to as many; quickly, a tenth."""
    some, many = (2 if quick else 25) * CYCLE, (25 if quick else 250) * CYCLE
    figures: list[Figure] = []
    for name, url_of in (("one URL", _one), ("every URL another", _distinct)):
        kept, before, after = await _kept(url_of, some, many)
        # Not quite nought: the buckets of latencies that are rare fill up late. Their number has an end.
        note = f"from request {some:,} to {many:,}"
        figures.append(Figure(f"{name}: objects kept for 1,000 requests", kept, "", at_most=1.0, note=note))
        growth = (after - before) / 1024
        figures.append(
            Figure(f"{name}: growth of the process", growth, "kB", note="of resident memory, as the system sees it")
        )
    return figures


async def _kept(url_of: Callable[[int], str], some: int, many: int) -> tuple[float, int, int]:
    transport = stack_on(wire_of(httpx))

    async def send(begin: int, end: int) -> tuple[int, int]:
        for number in range(begin, end):
            await read(await transport.handle_async_request(httpx.Request("GET", url_of(number))))
        # A rule remembers what it let through in its window; that is over soon.
        await asyncio.sleep(max(rule.period for rule in EVERYTHING.value_of("throttling").rules))
        await read(await transport.handle_async_request(httpx.Request("GET", url_of(end - 1))))
        gc.collect()
        return sys.getallocatedblocks(), _resident()

    blocks, resident = await send(0, some)
    more_blocks, more_resident = await send(some, many)
    return (more_blocks - blocks) / (many - some) * 1000, resident, more_resident


def _one(_number: int) -> str:
    return "https://api.example.com/v2/pokemon/pikachu"


def _distinct(number: int) -> str:
    return f"https://api.example.com/v2/pokemon/{number}"


def _resident() -> int:
    """Returns the bytes of memory this process has in use; 0 where the system does not tell as Linux does."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - not a file on a disk
            return int(statm.read().split()[1]) * 4096
    except OSError:
        return 0
