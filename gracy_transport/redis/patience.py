"""How long the engine waits for an answer, and what it says when none came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

__all__ = ["in_time", "words"]

T = TypeVar("T")

LATE: Final = 1.5
"""Times a time-out after which it was this process that was late: stopped, or on a machine that does too much."""

TO_DO: Final = {
    "AuthenticationError": "see that user and password in its URL are right",
    "NoPermissionError": "let its user run scripts, on keys and channels that begin with the namespace",
    "ReadOnlyError": "it is a replica: give the URL of the primary, or that of Sentinels, who know it",
    "MovedError": "it is one of a cluster: begin its URL with redis+cluster://",
}
"""What to do about an error, by its name, where that is known."""

LONGEST: Final = 200
"""Characters of what went wrong: the client may quote the script."""

PATIENCE: Final = 5
"""Rounds of the event loop in which what has arrived is read: a few calls deep in the client."""


async def in_time(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Returns what comes of some work in that time.

    When this thread got no turn for so long, what has arrived by then is still read before it counts as late.

    Raises:
        TimeoutError: when it took longer.
    """
    task = asyncio.ensure_future(work)
    try:
        began = time.monotonic()
        await asyncio.wait({task}, timeout=seconds)
        if time.monotonic() - began > LATE * seconds:
            await asyncio.wait({task}, timeout=seconds)
        for _ in range(PATIENCE):
            if task.done():
                return task.result()
            await asyncio.sleep(0)
    finally:
        task.cancel()
    raise TimeoutError


def words(error: BaseException, timeout: float) -> str:
    """Says what went wrong, in a line without secrets."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    name = type(error).__name__
    said, to_do = f"{name}: {error}".splitlines()[0][:LONGEST], TO_DO.get(name)
    return f"{said.rstrip('.')}; {to_do}" if to_do else said
