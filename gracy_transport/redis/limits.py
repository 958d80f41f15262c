"""Limits that hold over all processes that use one Redis or Valkey server."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from importlib import import_module
from threading import main_thread
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from ..admission import Desk, SharedLimits
from ..forks import at_fork
from ..values import Value
from .engine import RedisEngine
from .gate import Away
from .link import CONNECT_TIMEOUT
from .names import name_of
from .permits import SharedPermits
from .slots import SharedSlots
from .urls import check_url, client_of, package, shown

__all__ = ["RedisLimits"]

MakeClient: TypeAlias = Callable[[], Any]
"""Makes a client of `redis.asyncio`."""


class RedisLimits(SharedLimits):
    """Keeps rate rules and concurrency limits over all processes that use one Redis or Valkey server.

    Give it as `shared` to a `GracefulThrottle` or a `ConcurrentRequestLimit`; nothing else changes. Processes share a
    limit when they give the same namespace, the same rule (pattern, number, period, margin, smooth) and, where it has
    one, the same key: a roll-out that changes a rule has two limits until it is over, and two rules that differ in
    nothing but what their keys mean are told apart by keys such as `("user", name)`. Two transports in one process that
    share a limit are two sharers. One object serves any number of transports, threads and event loops, of asyncio and
    of trio, by one thread with two connections: one asks, one listens.

    The promise, while the server answers:

    - Rates: no window holds more than N requests dispatched, over all processes, whatever their clocks say: time is the
      server's. A process asks for a few permits at a time and is told when each can be used, so nobody polls. A permit
      lies unused for at most 4 % of its period (10 ms and two round trips at least, 1 s at most), then it goes back:
      that, and the doubt about the server's clock of one round trip, is what sharing costs of the limit. Where there
      is plenty it may lie longer, up to a quarter of its period, as long as 4 % of the limit are so lent at most.
      A request that needs several rules asks for all of them at once; each rule is decided by itself, so that the
      nodes of a cluster share the rules between them.
    - Slots: no more in use than the limit. A slot is lent for `lease` seconds and renewed by a thread for as long as
      its request is under way, so one whose process was killed comes back after that long. A process keeps free slots
      for its next requests until somebody else waits. Then it keeps no more than its part, and goes on with one beyond
      that for a turn of 0.2 s (or 20 round trips, 0.5 s at most): nobody uses a slot while it changes hands.
    - First come, first served within a process; between processes nobody takes more than a fair part while another one
      is left wanting.
    - A server that asks for a pause (Retry-After on 429 and 503 beside a `GracefulRetry`, or more with `follow_server`)
      pauses the rule and key in every process.

    What cannot be kept: a process that is stopped between its decision and the moment the request leaves sends it
    late, one for each request that was just leaving. When the leases of a stopped process end while its requests are
    under way, others get its slots; it logs that when it goes on. Where the clock of the server is set forward, what
    was lent counts as back by as much sooner; set back it costs nothing. `smooth` spaces when permits begin, so two may
    be used closer together by what the first was late. What a server says is *left* of its limit (`follow_server`) is
    heeded in the process that heard it; the pause is what all share. What the server forgets is not kept either: give
    it `noeviction`, since a server that evicts keys evicts limits, and know that a replica that takes over lacks what
    was lent in the last moments before.

    While the server does not answer (longer than `timeout` for a command, or broken) or refuses, a warning is logged,
    `is_away` and `outages` say so to whoever collects metrics, as a call that waits does in its timeline and `unshared`
    in reports, which counts what was let through meanwhile, and `away` decides.
    With `local_share` each process keeps to N divided by the processes that were seen in the last minute, what it
    sent before counted in, and to 1 at least; so a window in which that begins can hold up to 2 N, where load was
    uneven, or N and 1 for each process where these are more than N, and a process that alone is cut off adds its share
    to the N of the others. Once the server answers again everybody goes on alone for one more period (5 s at most) and
    tells what was sent meanwhile. The same happens when the server forgot everything.
    A transport that is made while the server is away goes on with the share of the one before it in its process. Each
    that was made before has a share of its own: in a worker, keep one client for all tasks, not one for each.

    A pool that forks (Celery, gunicorn with preload) may use the limits before: each child begins with nothing of what
    its parent was lent. `close()` ends the thread, of which Python 3.12 and newer would warn at the fork.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with user, password and number of the database as usual;
            `redis+sentinel://host,host/name/0` for the primary that Sentinels name and `redis+cluster://host` for a
            cluster (`rediss+…` with TLS); or a callable that makes a client of `redis.asyncio`.
        namespace: what the keys on the server begin with.
        away: what to do while the server does not answer: `local_share`, `open` (no limit) or `closed` (requests
            wait, until it does or their deadline is over). The first unless given: a third party's limit is still
            kept, and work goes on.
        timeout: seconds for a command, 0.1 unless given: a round trip takes less than 10 ms in a data centre, and
            requests wait for it. Where one takes 30 ms or more, say 1: a time-out that is too short is an outage each
            time.
        ahead: seconds for which permits are asked in advance (and two round trips), 0.05 unless given: with more, a
            process asks less often, and what one leaves comes to the others later.
        lease: seconds for which a slot is lent at a time, 30 unless given: renewed each third of that, it outlives
            a hiccup, and what a killed process held comes back soon.
        processes: how many to count on until the server said how many there are, 1 unless given; it matters where a
            fleet starts while the server is down.

    Raises:
        ValueError: for a URL of another kind.
        TypeError: for what is neither text nor callable, `None` from an environment that has no such variable, say.
        pydantic.ValidationError: naming the argument that is wrong.
    """

    def __init__(
        self,
        url: str | MakeClient,
        *,
        namespace: str,
        away: Away = "local_share",
        timeout: float = 0.1,
        ahead: float = 0.05,
        lease: float = 30.0,
        processes: int = 1,
    ) -> None:
        given = Settings(namespace=namespace, away=away, timeout=timeout, ahead=ahead, lease=lease, processes=processes)
        self._url = url
        if not isinstance(url, str) and not callable(url):
            raise TypeError(
                f"the server of shared limits is given as {type(url).__name__}: give its URL as text, such as "
                "redis://localhost, or a callable that makes a client of redis.asyncio"
            )
        title = shown(url) if isinstance(url, str) else "the server of the shared limits"
        connect = client_maker(url, given.timeout) if isinstance(url, str) else url
        self._settings = given
        self._engine = RedisEngine(connect, title=title, **dict(given))
        weakref.finalize(self, _end, self._engine)
        at_fork(self._engine, after_in_child=RedisEngine.after_fork)

    @property
    def round_trips(self) -> int:
        """How often the server was asked up to now."""
        return self._engine.round_trips

    @property
    def outages(self) -> int:
        """How often the server did not answer up to now."""
        return self._engine.outages

    @property
    def lost_leases(self) -> int:
        """How many slots ended while they were in use, up to now."""
        return self._engine.lost_leases

    @property
    def is_away(self) -> bool:
        """Whether the server does not answer now."""
        return self._engine.is_away

    def permits(
        self, name: tuple[Hashable, ...], limit: int, period: float, *, spacing: float, subject: object, desk: Desk
    ) -> SharedPermits:
        """Returns a gate of `limit` permits in any window of `period` seconds, `spacing` seconds apart."""
        known, engine = name_of(name), self._engine

        def make() -> SharedPermits:
            return SharedPermits(known, engine, desk, limit, period, spacing=spacing, subject=subject)

        return engine.gates.get(known, desk, make)

    def slots(self, name: tuple[Hashable, ...], limit: int, *, subject: object, desk: Desk) -> SharedSlots:
        """Returns a gate of `limit` slots."""
        known, engine = name_of(name), self._engine
        return engine.gates.get(known, desk, lambda: SharedSlots(known, engine, desk, limit, subject=subject))

    def close(self) -> None:
        """Gives back what was lent and is not in use, and lets the connection go; blocks for a moment.

        Not needed at the end of a program, which does it by itself. It begins anew when it is needed again, at once
        where somebody waits or has a slot.
        """
        self._engine.stop()

    def __repr__(self) -> str:
        """Says which server, what for, and how it is."""
        engine = self._engine
        state = f"away: {engine.trouble}" if engine.is_away else f"{engine.round_trips} round trips"
        return f"<RedisLimits {engine.title} namespace={engine.namespace!r} {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Makes one for the same limits in another process."""
        return _made_again, (self._url, dict(self._settings))

    def __deepcopy__(self, _memo: object) -> RedisLimits:
        """Returns itself: whoever copies a config means the same limits."""
        return self


class Settings(Value, frozen=True):
    """The arguments of `RedisLimits` but for the URL, checked."""

    namespace: Annotated[str, Field(min_length=1, pattern=r"^[^{}\s*?\[\]\\]+$")]
    away: Away
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    ahead: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    lease: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    processes: Annotated[int, Field(gt=0)]


def client_maker(url: str, timeout: float = CONNECT_TIMEOUT) -> MakeClient:
    """Returns what makes clients for a URL, each of which has so many seconds to connect, or more."""
    check_url(url)
    asyncio_client, retry = import_module("redis.asyncio"), package().backoff.NoBackoff()
    # A command that timed out may have been carried out, so it is not sent again; only where keys move from node to
    # node it has to be, and a permit that is so lent twice goes back unused.
    again = int("+cluster://" in url)
    options = {
        "socket_connect_timeout": max(CONNECT_TIMEOUT, timeout),
        "socket_timeout": None,  # whoever asks knows better how long to wait
        "retry": asyncio_client.retry.Retry(retry, again),
        "protocol": 2,
    }
    return lambda: client_of(asyncio_client, url, options)


def _made_again(url: str | MakeClient, settings: dict[str, Any]) -> RedisLimits:
    return RedisLimits(url, **settings)


def _end(engine: RedisEngine) -> None:
    """Lets the thread end; it is waited for at the end of a program, and not in the middle of anything else."""
    engine.stop(wait=not main_thread().is_alive())
