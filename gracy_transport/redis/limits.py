"""Limits that hold over all processes that use one Redis or Valkey server."""

from __future__ import annotations

import os
import weakref
from collections.abc import Hashable

from ..admission import Desk, SharedLimits
from .client import MakeClient, client_maker, shown_url
from .engine import CONNECT_TIMEOUT, RedisEngine
from .gate import Away
from .names import name_of
from .permits import SharedPermits
from .slots import SharedSlots

__all__ = ["RedisLimits"]


class RedisLimits(SharedLimits):
    """Keeps rate rules and concurrency limits over all processes that use one Redis or Valkey server.

    Give it as `shared` to a `GracefulThrottle` or a `ConcurrentRequestLimit`.
    """

    def __init__(
        self,
        url: str | MakeClient,
        *,
        namespace: str,
        away: Away = "local_share",
        timeout: float = 0.1,
        lease: float = 30.0,
        processes: int = 1,
    ) -> None:
        connect = client_maker(url, CONNECT_TIMEOUT) if isinstance(url, str) else url
        self._title = shown_url(url) if isinstance(url, str) else "the server of the shared limits"
        self._engine = RedisEngine(
            connect,
            title=self._title,
            namespace=namespace,
            away=away,
            timeout=timeout,
            lease=lease,
            processes=processes,
        )
        self._ending = weakref.finalize(self, self._engine.stop)
        _begin_anew_in_children(self._engine)

    def permits(
        self, name: tuple[Hashable, ...], limit: int, period: float, *, spacing: float, subject: object, desk: Desk
    ) -> SharedPermits:
        """Returns a gate of `limit` permits in any window of `period` seconds, `spacing` seconds apart."""
        known, engine = name_of(name), self._engine

        def make() -> SharedPermits:
            return SharedPermits(known, engine, desk, limit, period, spacing=spacing, subject=subject)

        return self._engine.gates.get(known, desk, make)

    def slots(self, name: tuple[Hashable, ...], limit: int, *, subject: object, desk: Desk) -> SharedSlots:
        """Returns a gate of `limit` slots."""
        known, engine = name_of(name), self._engine
        return self._engine.gates.get(known, desk, lambda: SharedSlots(known, engine, desk, limit, subject=subject))

    @property
    def round_trips(self) -> int:
        """How often the server was asked."""
        return self._engine.round_trips

    def close(self) -> None:
        """Gives back what was lent, and lets the connection go. It begins anew when it is needed again."""
        self._engine.stop()

    def __repr__(self) -> str:
        """Says which server, what for, and how it is."""
        engine = self._engine
        state = f"away: {engine.trouble}" if engine.is_away else f"{engine.round_trips} round trips"
        return f"<RedisLimits {self._title} namespace={engine.namespace!r} {state}>"


def _begin_anew_in_children(engine: RedisEngine) -> None:
    """Sees to it that a process that is forked off starts with nothing of what its parent was lent."""
    found = weakref.ref(engine)

    def begin_anew() -> None:
        if (engine := found()) is not None:
            engine.after_fork()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin_anew)
