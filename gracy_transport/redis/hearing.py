"""What other processes say: a subscription that begins anew whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..logevents import LOGGER_NAME
from .gate import as_text

if TYPE_CHECKING:
    from .gates import GateBook

__all__ = ["listen"]

_logger: Final = logging.getLogger(LOGGER_NAME)

PATIENCE: Final = 1.0
"""Seconds to wait for a word before the connection is looked at again."""

STRIKES: Final = 3
"""Subscriptions that have to break one after the other, each within that time, before nothing is expected any more."""

DEAF: Final = 10.0
"""How many times as long to wait where the server does not let us listen."""


async def listen(
    hearing_of: Callable[[], Awaitable[Any]],
    namespace: str,
    owner: str,
    gates: GateBook,
    broke: Callable[[Exception], Awaitable[bool]],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Tells the gates what other processes say, for good.

    Args:
        hearing_of: makes a subscription.
        namespace, owner: whose words to listen to.
        gates: who is told.
        broke: is told that a subscription broke, and tells whether the server answers all the same.
        sleep: lets time pass.
    """
    strikes = 0
    while True:
        began = time.monotonic()
        try:
            async with await hearing_of() as hearing:
                await hearing.subscribe(f"{namespace}:all")
                await hearing.psubscribe(f"{namespace}:{owner}.*")
                gates.missed_words()
                while True:
                    message = await hearing.get_message(timeout=PATIENCE)
                    if message is not None:
                        hear(message, gates)
        except Exception as error:  # noqa: BLE001 - of which kind depends on the client, as in `link`
            strikes = strikes + 1 if time.monotonic() - began < PATIENCE else 1
            if await broke(error) and strikes == STRIKES:  # it may be for good: no right to subscribe, say
                _logger.warning(
                    "no word is heard from other processes (%s: %s): slots are handed over once a second, and pauses "
                    "that a server asks for are known with the next permit. See that the server lets its user listen "
                    "to the channels %s:*",
                    type(error).__name__,
                    error,
                    namespace,
                )
            await sleep(random.uniform(0.1, 0.5) * (DEAF if strikes >= STRIKES else 1.0))


def hear(message: Mapping[str, Any], gates: GateBook) -> None:
    """Tells the gates what one message says; it need not be one of ours."""
    try:
        gates.hear(as_text(message["channel"]), as_text(message["data"]))
    except (ValueError, IndexError):
        _logger.warning(
            "%r carried a word that nobody here understands: see that all processes run the same version of "
            "gracy_transport, and that nothing else uses the namespace",
            message["channel"],
        )
