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
from threading import main_thread
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from ..logevents import LOGGER_NAME
from .gate import MEANWHILE, Order, tick
from .gates import GateBook, deliver
from .hearing import listen
from .link import Link
from .patience import words
from .scripts import script
from .thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .gate import Away, SharedGate

__all__ = ["RedisEngine"]

_logger: Final = logging.getLogger(LOGGER_NAME)

LONGEST_BACKOFF: Final = 2.0
"""Seconds between two attempts to reach a server that is away, at most."""

TOGETHER: Final = 128
"""Orders in one pipeline: few enough for the server to decide within a few milliseconds."""

PRESENCE: Final = 60.0
"""Seconds for which a process counts as one of those that share a limit, once it asked for something."""

CALM: Final = 10.0
"""Seconds a server has to answer for before the next time that it is away counts as a first one."""


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
        presence: seconds for which a process counts as one of those that share a limit.
        outages, lost_leases: how many there were.
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
        self.lost_leases = 0
        self.outages = 0
        self._link = Link(connect, timeout)
        self._refused: SharedGate | None = None
        self._orders: deque[SharedGate] = deque()
        self._pauses: deque[tuple[SharedGate, float]] = deque()
        self._went_away = asyncio.Event()
        self._thread = LoopThread("gracy-shared-limits", self._main)

    @property
    def round_trip(self) -> float:
        """Seconds of a round trip, smoothed from above."""
        return self._link.round_trip

    @property
    def round_trips(self) -> int:
        """How many there were."""
        return self._link.round_trips

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
        _logger.warning(
            "%s: %d of the slots in use here ended too soon (%s): more requests than the limit may be in flight. "
            "Either this process was silent for %g s, the lease, or the server forgot them",
            self.title,
            count,
            gate.subject,
            self.lease,
        )
        self.lost_leases += count  # whoever sees that finds it in the logs

    def stop(self, *, wait: bool = True) -> None:
        """Gives back what was lent and is not in use, and ends the thread; it begins anew when it is needed."""
        self._thread.stop(wait=wait)
        is_over = not (self._orders or self.gates.are_needed or self._has_to_give_back)
        if wait and main_thread().is_alive() and not is_over:
            self._thread.rouse()  # somebody came meanwhile, or is not through yet

    def after_fork(self) -> None:
        """Begins anew in a child process, which has neither the thread nor what was lent to its parent."""
        self.owner = uuid4().hex[:16]
        self.is_away = False
        self._orders.clear()
        self._pauses.clear()
        self.gates.after_fork()

    @property
    def _has_to_give_back(self) -> bool:
        return not self.is_away and self.gates.are_holding

    # In the thread.

    async def _main(self, wake: asyncio.Event) -> None:
        is_needed = not self._thread.is_stopping or self._has_to_give_back
        while is_needed:
            try:
                await self._work(wake)
            except Exception:
                _logger.exception("%s: the thread of the shared limits failed, and begins anew soon", self.title)
                self._go_away("its thread failed")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CALM):
                        while not self._thread.is_stopping:
                            await wake.wait()
                            wake.clear()
            is_needed = not self._thread.is_stopping

    async def _work(self, wake: asyncio.Event) -> None:
        self._went_away = asyncio.Event()  # each loop has its own
        if self.is_away:  # so it was when the thread ended
            self._went_away.set()
        async with self._link:
            if not await self._is_reached():
                self._go_away(self.trouble)
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(work()) for work in (self._look_after, self._listen, self._recover)]
                await self._serve(wake)
                for task in others:
                    task.cancel()

    async def _serve(self, wake: asyncio.Event) -> None:
        while not self._thread.is_stopping:
            await wake.wait()
            wake.clear()
            while self._pauses and not self.is_away and await self._is_told_of_pause(*self._pauses[0]):
                self._pauses.popleft()
            await self._work_off()
        for _ in range(2):  # the answers to the first may bring what was asked for before
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
        replies = await self._run_scripts(orders)
        self._refused = next(
            (gate for gate, reply in zip(gates, replies, strict=True) if isinstance(reply, Exception)), self._refused
        )
        deliver(gates, replies, sent)
        self.gates.keep(gates)

    async def _run_scripts(self, runs: Sequence[Order]) -> list[Any]:
        """Returns what the scripts answer, or the errors; an error means that the server is away now."""
        replies = await self._link.run(runs)
        error = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if error is not None:
            self._go_away(words(error, self.timeout))
        return replies

    async def _is_told_of_pause(self, gate: SharedGate, until: float) -> bool:
        seconds = until - time.monotonic()
        if seconds <= 0:
            return True
        arguments: list[str | int] = [round(seconds * 1e6), f"{self.namespace}:all", gate.name]
        [reply] = await self._run_scripts([Order(script("pause"), [f"{gate.tag}:state"], arguments)])
        return not isinstance(reply, Exception)

    async def _look_after(self) -> None:
        """Sees now and then to what is due: leases to renew, and answers that never came."""
        while True:
            await asyncio.sleep(tick(self.lease))
            if not self.is_away:
                self.gates.look_after()

    async def _listen(self) -> None:
        """Hears what other processes have to say."""

        async def look(error: Exception) -> bool:
            if not self.is_away and not await self._is_reached():
                self._go_away(words(error, self.timeout))
            return not self.is_away

        await listen(self._link.hearing, self.namespace, self.owner, self.gates, look)

    # When the server is away.

    def _go_away(self, trouble: str) -> None:
        self.trouble = trouble
        if self.is_away:
            return
        self.is_away, self.away_since = True, time.monotonic()
        self._went_away.set()
        self.outages += 1
        _logger.warning("%s does not answer (%s): %s", self.title, trouble, MEANWHILE[self.away])
        self.gates.look_again()

    async def _recover(self) -> None:
        """Tries to reach a server that is away, at intervals that grow and differ between processes."""
        pause, back_at = 0.0, 0.0
        while True:
            await self._went_away.wait()
            if time.monotonic() - back_at > CALM:  # else it comes and goes, and each return is a bother
                pause = min(self.timeout, LONGEST_BACKOFF)
            while not await self._is_reached() or not await self._is_of_use():
                await self._link.drop()
                await asyncio.sleep(random.uniform(0, pause))
                pause = min(LONGEST_BACKOFF, 2 * pause)
            self._went_away.clear()
            self.is_away, back_at = False, time.monotonic()
            _logger.info("%s answers again after %.1f s", self.title, back_at - self.away_since)
            self.gates.came_back()
            self._thread.rouse()  # for the pauses that could not be told
            await asyncio.sleep(random.uniform(0, pause))

    async def _is_reached(self) -> bool:
        # By a script, as everything goes: it makes the connection ready, and shows that scripts are allowed.
        error = await self._link.greet(Order(script("hello"), [f"{{{self.namespace}}}"], []))
        if error is not None:
            self.trouble = words(error, self._link.connect_timeout)
        return error is None

    async def _is_of_use(self) -> bool:
        """Tells whether the server does what it did not do last: it may be a replica now, or be full."""
        gate = self._refused
        if gate is None:
            return True
        self._refused = None
        await self._carry_out([gate])
        return self._refused is None
