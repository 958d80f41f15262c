"""What other processes say: a subscription that begins anew whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError, ResponseError

from .gate import as_text

if TYPE_CHECKING:
    from .gates import GateBook

__all__ = ["listen"]

logger: Final = logging.getLogger("gracy_transport.redis")

PATIENCE: Final = 1.0
"""Seconds to wait for a word before the connection is looked at again."""


async def listen(
    client: Any, namespace: str, owner: str, gates: GateBook, broke: Callable[[Exception], Awaitable[object]]
) -> None:
    """Tells the gates what other processes say, for good; `broke` is told when the connection broke."""
    is_deaf = False
    while True:
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as hearing:
                await hearing.subscribe(f"{namespace}:all")
                await hearing.psubscribe(f"{namespace}:{owner}.*")
                is_deaf = False
                gates.missed_words()
                while True:
                    message = await hearing.get_message(timeout=PATIENCE)
                    if message is not None:
                        gates.hear(as_text(message["channel"]), as_text(message["data"]))
        except (RedisError, OSError, TimeoutError) as error:
            if not is_deaf and isinstance(error, ResponseError):
                is_deaf = True  # it may be for good: no right to subscribe, say
                logger.warning(
                    "no word is heard from other processes (%s: %s): slots are handed over once a second, and pauses "
                    "that a server asks for are known with the next permit",
                    type(error).__name__,
                    error,
                )
            await broke(error)
            await asyncio.sleep(random.uniform(0.1, 0.5))
