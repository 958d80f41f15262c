"""The connections of a process to the server: what runs scripts there, and what hears words from there.

Whatever a client raises is an answer here: which errors it knows depends on its version, on the kind of server, and on
what comes between.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import NoScriptError

from .patience import in_time

if TYPE_CHECKING:
    from .gate import Order

__all__ = ["CONNECT_TIMEOUT", "Link"]

CONNECT_TIMEOUT: Final = 1.0
"""Seconds to connect, log in and be answered for the first time, at least: a handshake of TLS and a look-up of names
are in it."""


class Link:
    """A client of `redis.asyncio`, made anew for each event loop that enters.

    Args:
        connect: makes the client.
        timeout: seconds for a command.

    Attributes:
        connect_timeout: seconds until it is answered for the first time.
        round_trip: seconds of one, smoothed from above. `round_trips`: how many there were.
    """

    def __init__(self, connect: Callable[[], Any], timeout: float) -> None:
        self.round_trip = 0.0
        self.round_trips = 0
        self._connect = connect
        self.connect_timeout = max(CONNECT_TIMEOUT, timeout)
        self._timeout = timeout
        self._client: Any = None

    async def __aenter__(self) -> Self:
        """Makes the client."""
        self._client = self._connect()
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Lets the connections go."""
        await self.drop()

    async def drop(self) -> None:
        """Closes all connections; who asks next opens others, which may lead to another server of that name."""
        pool = getattr(self._client, "connection_pool", None)
        for client in (self._client, *getattr(getattr(pool, "sentinel_manager", None), "sentinels", ())):
            with contextlib.suppress(Exception):  # what is broken cannot always be closed
                await in_time(client.aclose(), self._timeout)

    async def greet(self, order: Order) -> Exception | None:
        """Returns why a script could not be run, or nothing; it may take longer than a command, to connect."""
        try:
            [reply] = await in_time(self._evaluate([order], "EVAL"), self.connect_timeout)
        except Exception as error:  # noqa: BLE001 - see the module
            return error
        return reply if isinstance(reply, Exception) else None

    async def run(self, orders: Sequence[Order]) -> list[Any]:
        """Returns for each script what it answered, or the error; in one round trip, two where it was not known."""
        began = time.monotonic()
        try:
            replies = await in_time(self._evaluate(orders, "EVALSHA"), self._timeout)
            unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:
                again = await in_time(self._evaluate([orders[place] for place in unknown], "EVAL"), self._timeout)
                for place, reply in zip(unknown, again, strict=True):
                    replies[place] = reply
        except Exception as error:  # noqa: BLE001 - see the module
            return [error] * len(orders)
        if not any(isinstance(reply, Exception) for reply in replies):
            took = time.monotonic() - began
            # Up at once and down little by little: a permit that lies too short a time is of no use.
            self.round_trip = max(took, self.round_trip + (took - self.round_trip) / 8)
        return replies

    async def _evaluate(self, orders: Sequence[Order], how: str) -> list[Any]:
        self.round_trips += 1
        pipeline = self._client.pipeline(transaction=False)
        for ran, keys, arguments in orders:
            # Not by the method of that name, which the client of a cluster has not got.
            pipeline.execute_command(how, ran.sha if how == "EVALSHA" else ran.text, len(keys), *keys, *arguments)
        return list(await pipeline.execute(raise_on_error=False))

    async def hearing(self) -> Any:
        """Returns a subscription to what is said on the server; in a cluster any node hears what is said at all."""
        client = self._client
        if hasattr(client, "get_random_node"):
            await client.initialize()
            node = client.get_random_node()
            pool: Any = ConnectionPool(connection_class=node.connection_class, **node.connection_kwargs)
            alone: Any = Redis.from_pool(pool)
            client = alone
        return client.pubsub(ignore_subscribe_messages=True)
