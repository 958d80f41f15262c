"""Very many keys of one rule: what they take on the server, and whether they go."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console

from .crew import crew
from .server import Server, server

__all__ = ["keys"]

LIMIT, PERIOD = 5, 1.0
LONGEST_TTL = 70.0
"""Seconds after which everything about a key of that rule is forgotten: it is remembered for a minute who uses it."""
MOST_BYTES = 2_500
"""Bytes that a key may take on the server."""
MOST_SECONDS = 900.0


def keys(number: int, console: Console) -> list[str]:
    """Lets two processes use so many keys, prints what that takes, and returns what is wrong with it."""
    with server() as shared:
        before = memory_of(shared)
        job = {
            "server": shared.url,
            "namespace": "keys",
            "limit": LIMIT,
            "period": PERIOD,
            "tasks": 200,
            "timeout": 5.0,
        }
        with crew(2, **job, keys=number) as fleet:
            since = fleet.begin("p0", "p1")
            most, at_once, sent = 0, 0, 0
            while sent < number and time.monotonic() < since + MOST_SECONDS:
                time.sleep(1.0)
                most, at_once = max(most, memory_of(shared) - before), max(at_once, counts(shared)[0])
                sent = fleet.count("sent") // 2
            took = time.monotonic() - since
        kept, expiring, ttl = counts(shared)
    figures = f"{took:.0f} s, at most {at_once:,} keys of the server with {most / 1e6:.1f} MB"
    console.print(f"{number:,} keys of a rule, by 2 processes: {figures}; longest time to live {ttl:.0f} s")
    complaints = []
    if sent < number:
        complaints.append(f"only {sent:,} keys in {MOST_SECONDS:g} s")
    if kept != expiring:
        complaints.append(f"{kept - expiring} keys never expire")
    if ttl > LONGEST_TTL:
        complaints.append(f"a key stays for {ttl:.0f} s")
    if most > MOST_BYTES * number:
        complaints.append(f"{most / number:,.0f} bytes a key")
    for complaint in complaints:
        console.print(f"[red]{complaint}[/]")
    return complaints


def memory_of(shared: Server) -> int:
    """Returns the bytes that the server uses."""
    return int(shared.client.info("memory")["used_memory"])


def counts(shared: Server) -> tuple[int, int, float]:
    """Returns how many keys there are, how many of them expire, and the longest that one of some lives."""
    found: dict[str, Any] = shared.client.info("keyspace").get("db0", {"keys": 0, "expires": 0})
    some = [shared.client.randomkey() for _ in range(50)] if found["keys"] else []
    ttls = [shared.client.pttl(key) / 1000 for key in some if key]
    return found["keys"], found["expires"], max(ttls, default=0.0)
