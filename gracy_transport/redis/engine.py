"""The one thread of a process that talks to the server, for the gates of all its event loops.

A thread of its own, because a lease has to be renewed while an event loop is busy, a time-out of 100 ms has to mean
the server and not the loop, and what is under way must not end with the request that happened to ask for it. So event
loops, of asyncio and of trio alike, may come and go.

What gates ask for while a round trip is under way goes out together with the next: one connection, one pipeline.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

from redis.exceptions import NoScriptError, RedisError

from .gate import MEANWHILE, Order, tick
from .gates import GateBook, deliver
from .hearing import listen
from .patience import in_time, words
from .scripts import script
from .thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .gate import Away, SharedGate

__all__ = ["RedisEngine"]

logger: Final = logging.getLogger("gracy_transport.redis")

CONNECT_TIMEOUT: Final = 1.0
"""Seconds to connect, log in and be answered for the first time: more than a command gets, since a handshake of TLS and
a look-up of names are in it."""

LONGEST_BACKOFF: Final = 2.0
"""Seconds between two attempts to reach a server that is away, at most."""

TOGETHER: Final = 128
"""Orders in one pipeline: few enough for the server to decide within a few milliseconds."""

PRESENCE: Final = 60.0
"""Seconds for which a process counts as one of those that share a limit, once it asked for something."""

CALM: Final = 10.0
"""Seconds a server has to answer for before the next time that it is away counts as a first one."""

LISTENING: Final = 1.0
"""Seconds to listen in one go."""


class RedisEngine:
    """Carries out what the gates of this process ask for.

    Args:
        connect: makes a client of `redis.asyncio`; called in the thread.
        title: what the server is called in logs, without secrets. `namespace`: what all keys begin with.
        away: what to do while the server does not answer.
        timeout: seconds for a command. `ahead`: for which permits are asked in advance, besides two round trips.
        lease: seconds for which a slot is lent. `processes`: how many share the limits until the server says so.

    Attributes:
        owner: what the server knows this process by.
        is_away: whether the server does not answer now, `trouble` why not, `away_since` since when.
        round_trip: seconds of one, smoothed from above.
        presence: seconds for which a process counts as one of those that share a limit.
        round_trips, outages, lost_leases: how many there were.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        *,
        title: str,
        namespace: str,
        away: Away,
        timeout: float,
        ahead: float,
        lease: float,
        processes: int,
    ) -> None:
        self.title = title
        self.namespace = namespace
        self.away: Away = away
        self.timeout = timeout
        self.ahead = ahead
        self.lease = lease
        self.processes = processes
        self.presence = PRESENCE
        self.gates = GateBook()
        self.owner = uuid4().hex[:16]
        self.is_away = False
        self.trouble = ""
        self.away_since = 0.0
        self.round_trip = 0.0
        self.round_trips = 0
        self.lost_leases = 0
        self.outages = 0
        self._connect = connect
        self._client: Any = None
        self._orders: deque[SharedGate] = deque()
        self._pauses: deque[tuple[SharedGate, float]] = deque()
        self._went_away = asyncio.Event()
        self._thread = LoopThread("gracy-shared-limits", self._main)

    # Called from anywhere.

    def order(self, gate: SharedGate) -> None:
        """Sees to it that the order of a gate is carried out soon; may be called from anywhere at any moment."""
        self._orders.append(gate)
        self._thread.rouse()

    def pause(self, gate: SharedGate, seconds: float) -> None:
        """Tells all processes that nobody may pass a gate for so long."""
        self._pauses.append((gate, time.monotonic() + seconds))
        self._thread.rouse()

    def lost(self, gate: SharedGate, count: int) -> None:
        """Tells that leases ended while they were in use."""
        logger.warning(
            "%s: %d slots of %s ended before they were given back, after %g s without a word from here: more requests "
            "than the limit may be in flight",
            self.title,
            count,
            gate.subject,
            self.lease,
        )
        self.lost_leases += count  # whoever sees that finds it in the logs

    def stop(self, *, wait: bool = True) -> None:
        """Gives back what was lent and ends the thread; it begins anew when it is needed again."""
        self._thread.stop(wait=wait)
        if wait and self._orders:
            self._thread.rouse()  # somebody came meanwhile

    def after_fork(self) -> None:
        """Begins anew in a child process, which has neither the thread nor what was lent to its parent."""
        self.owner = uuid4().hex[:16]
        self.is_away = False
        self._thread.after_fork()
        self._orders.clear()
        self._pauses.clear()
        self.gates.after_fork()

    # In the thread.

    async def _main(self, wake: asyncio.Event) -> None:
        try:
            await self._work(wake)
        except Exception:
            logger.exception("%s: the thread of the shared limits failed", self.title)
            self._go_away("its thread failed")

    async def _work(self, wake: asyncio.Event) -> None:
        self._client = self._connect()
        self._went_away = asyncio.Event()  # each loop has its own
        if self.is_away:  # so it was when the thread ended
            self._went_away.set()
        try:
            if not await self._is_reached():
                self._go_away("no answer to the first command")
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(work()) for work in (self._look_after, self._listen, self._recover)]
                await self._serve(wake)
                for task in others:
                    task.cancel()
        finally:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await in_time(self._client.aclose(), self.timeout)

    async def _serve(self, wake: asyncio.Event) -> None:
        while not self._thread.is_stopping:
            await wake.wait()
            wake.clear()
            while self._pauses and not self.is_away:
                await self._tell_of_pause(*self._pauses.popleft())
            await self._work_off()
        self.gates.let_go()
        await self._work_off()

    async def _work_off(self) -> None:
        """Carries out what was ordered up to now, and meanwhile."""
        while self._orders:
            gates = dict.fromkeys(self._orders.popleft() for _ in range(min(TOGETHER, len(self._orders))))
            if self.is_away:
                for gate in gates:
                    gate.failed()
            else:
                await self._carry_out(list(gates))

    async def _carry_out(self, gates: Sequence[SharedGate]) -> None:
        """Runs the scripts of some gates in one round trip, and hands each its reply."""
        orders = [gate.desk.decide(gate.order) for gate in gates]
        sent = [gate.desk.clock.now() for gate in gates]
        deliver(gates, await self._run_scripts(orders), sent)

    async def _run_scripts(self, runs: Sequence[Order]) -> list[Any]:
        """Returns what the scripts answer, or the errors; an error means that the server is away now."""
        began = time.monotonic()
        try:
            replies = await in_time(self._evaluate(runs, "evalsha"), self.timeout)
            unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:
                again = await in_time(self._evaluate([runs[place] for place in unknown], "eval"), self.timeout)
                for place, reply in zip(unknown, again, strict=True):
                    replies[place] = reply
        except (RedisError, OSError, TimeoutError) as error:
            replies = [error] * len(runs)
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        if errors:
            self._go_away(words(errors[0], self.timeout))
        else:
            took = time.monotonic() - began
            # Up at once and down little by little: a permit that lies too short a time is of no use.
            self.round_trip = max(took, self.round_trip + (took - self.round_trip) / 8)
        return replies

    async def _evaluate(self, runs: Sequence[Order], how: Literal["eval", "evalsha"]) -> list[Any]:
        self.round_trips += 1
        pipeline = self._client.pipeline(transaction=False)
        for ran, keys, arguments in runs:
            getattr(pipeline, how)(ran.sha if how == "evalsha" else ran.text, len(keys), *keys, *arguments)
        return list(await pipeline.execute(raise_on_error=False))

    async def _tell_of_pause(self, gate: SharedGate, until: float) -> None:
        seconds = until - time.monotonic()
        if seconds <= 0:
            return
        arguments: list[str | int] = [round(seconds * 1e6), f"{self.namespace}:all", gate.name]
        await self._run_scripts([Order(script("pause"), [f"{gate.tag}:state"], arguments)])

    async def _look_after(self) -> None:
        """Sees now and then to what is due: leases to renew, and answers that never came."""
        while True:
            await asyncio.sleep(tick(self.lease))
            if not self.is_away:
                self.gates.look_after()

    async def _listen(self) -> None:
        """Hears what other processes have to say."""

        async def look(error: Exception) -> None:
            if not self.is_away and not await self._is_reached():
                self._go_away(words(error, self.timeout))

        await listen(self._client, self.namespace, self.owner, self.gates, look)

    # When the server is away.

    def _go_away(self, trouble: str) -> None:
        if self.is_away:
            return
        self.is_away, self.trouble, self.away_since = True, trouble, time.monotonic()
        self._went_away.set()
        self.outages += 1
        logger.warning("%s does not answer (%s): %s", self.title, trouble, MEANWHILE[self.away])
        self.gates.look_again()

    async def _recover(self) -> None:
        """Tries to reach a server that is away, at intervals that grow and differ between processes."""
        pause, back_at = self.timeout, 0.0
        while True:
            await self._went_away.wait()
            if time.monotonic() - back_at > CALM:  # else it comes and goes, and each return is a bother
                pause = self.timeout
            while not await self._is_reached():
                await asyncio.sleep(random.uniform(0, pause))
                pause = min(LONGEST_BACKOFF, 2 * pause)
            self._went_away.clear()
            self.is_away, back_at = False, time.monotonic()
            logger.info("%s answers again after %.1f s", self.title, back_at - self.away_since)
            self.gates.came_back()
            await asyncio.sleep(random.uniform(0, pause))

    async def _is_reached(self) -> bool:
        # By a script, as everything goes: it makes the connection ready, and shows that scripts are allowed.
        hello = Order(script("hello"), [f"{{{self.namespace}}}"], [])
        try:
            answers = await in_time(self._evaluate([hello], "eval"), CONNECT_TIMEOUT)
        except (RedisError, OSError, TimeoutError) as error:
            answers = [error]
        if isinstance(answers[0], Exception):
            self.trouble = words(answers[0], CONNECT_TIMEOUT)
        return not isinstance(answers[0], Exception)
