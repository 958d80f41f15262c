"""Processes that share a rule, in virtual time: real gates, the real script on a real server, a made-up network."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from redis import Redis

from gracy_transport.admission import Admission
from gracy_transport.admission.lanes import Waiter
from gracy_transport.redis.gate import Away, Order, SharedGate, as_text
from gracy_transport.redis.permits import SharedPermits
from gracy_transport.redis.slots import SharedSlots

SERVER_EPOCH = 1_800_000_000.0
TIMEOUT = 0.1

CLOCK = "local now = time[1] * 1000000 + time[2]"
VIRTUAL_CLOCK = "local now = tonumber(redis.call('GET', KEYS[5]))"
SAYS = "redis.call('PUBLISH', "
WRITES = "redis.call('RPUSH', KEYS[5] .. ':said', "


class World:
    """The time, what is due when, the server, and what every process sent. `epoch` is what its clock said at 0."""

    def __init__(self, server: Redis, namespace: str, seed: int) -> None:
        self.server = server
        self.namespace = namespace
        self.random = Random(seed)
        self.now = 0.0
        self.epoch = SERVER_EPOCH
        self.sent: list[tuple[float, str]] = []
        self.exchanges = 0
        self.processes: list[Process] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()

    def at(self, instant: float, action: Callable[[], object]) -> None:
        """Does something later."""
        heapq.heappush(self._due, (max(instant, self.now), next(self._order), action))

    def run(self, until: float) -> None:
        """Lets everything happen that is due up to an instant."""
        while self._due and self._due[0][0] <= until:
            self.now, _order, action = heapq.heappop(self._due)
            action()
        self.now = until

    def decide(self, order: Order) -> list[Any]:
        """Runs a script at the time it is."""
        tag = order.keys[0].rpartition(":")[0]
        clock = f"{tag}:clock"
        self.server.set(clock, f"{(self.epoch + self.now) * 1e6:.0f}")
        self.exchanges += 1
        text = order.script.text.replace(CLOCK, VIRTUAL_CLOCK).replace(SAYS, WRITES)
        reply: list[Any] = self.server.eval(text, 5, *order.keys, clock, *order.arguments)
        said = [as_text(each) for each in self.server.lrange(f"{clock}:said", 0, -1)]
        self.server.delete(f"{clock}:said")
        for channel, message in zip(said[::2], said[1::2], strict=True):
            for process in self.processes:
                process.overhear(channel, message)
        for key in order.keys:
            self.server.persist(key)  # it would go by the real time
        return reply


class Process:
    """A process: it is the clock, the desk and the engine of its only gate.

    Args:
        world: where it lives.
        name: of the process.
        limit, period: of the rule.
        skew: seconds its clock is off.
        delay: gives the seconds of a way to the server.
        lag: gives the seconds between an opening and the moment the process goes on.
        is_lost: tells whether an exchange is lost.
    """

    away: Away = "local_share"
    is_away = False
    processes = 1
    ahead = 0.05
    lease = 30.0
    presence = 60.0
    namespace = "simulated"

    def __init__(
        self,
        world: World,
        name: str,
        limit: int,
        period: float,
        *,
        skew: float = 0.0,
        delay: Callable[[], float] = lambda: 0.0005,
        lag: Callable[[], float] = lambda: 0.001,
        is_lost: Callable[[], bool] = lambda: False,
    ) -> None:
        self.world = world
        self.owner = name
        self.skew = skew
        self.round_trip = 0.001
        self.clock = self
        self.gates = self
        self.is_frozen = False
        self._delay = delay
        self._lag = lag
        self._is_lost = is_lost
        self._is_under_way = False
        self._is_ordered = False
        self._thawed: list[Callable[[], object]] = []
        self.admission = Admission()
        world.processes.append(self)
        self.gate = self._gate(limit, period)
        self.waiting = 0
        self.sent = 0

    def _gate(self, limit: int, period: float) -> SharedGate:
        # The process is its own engine and desk, as far as the gate knows them.
        return SharedPermits(self.world.namespace, self, self, limit, period, subject="a rule")  # type: ignore[arg-type]

    def overhear(self, channel: str, message: str) -> None:
        """Hears what the server says to processes; those that share a rate have nothing to say to each other."""

    # The clock, the desk and the engine.

    def now(self) -> float:
        """Returns what the clock of the process says."""
        return self.world.now + self.skew

    def number_of(self, _desk: object) -> int:
        """Returns the only number there is."""
        return 1

    def decide(self, decision: Callable[[float], Any]) -> Any:
        """Decides."""
        return decision(self.now())

    def change(self, gate: SharedGate, change: Callable[[float], object]) -> None:
        """Changes a gate, and lets go on who can."""
        self.admission.change(gate, change, self.now())
        self._look()

    def order(self, _gate: SharedGate) -> None:
        """Begins an exchange with the server, or one after that which is under way."""
        if self._is_under_way:
            self._is_ordered = True
            return
        self._is_under_way = True
        self.later(0.0, self._ask)

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Does something later, and not while the process is frozen."""

        def act() -> None:
            if self.is_frozen:
                self._thawed.append(action)
            else:
                action()

        self.world.at(self.world.now + seconds, act)

    def _ask(self) -> None:
        sent, order = self.now(), self.gate.order(self.now())
        there, back = self._delay(), self._delay()
        is_lost = self._is_lost()
        if is_lost:
            self.later(TIMEOUT, self._fail)
            if self.world.random.random() < 0.5:
                return  # on the way there; else on the way back

        def decide() -> None:
            reply = self.world.decide(order)
            if not is_lost:
                self.later(back, lambda: self._hear(reply, sent))

        self.world.at(self.world.now + there, decide)

    def _hear(self, reply: list[Any], sent: float) -> None:
        took = self.now() - sent
        self.round_trip = max(took, self.round_trip + (took - self.round_trip) / 8)
        self._is_under_way = False
        self.gate.delivered(reply, sent, self.now())
        self._next()

    def _fail(self) -> None:
        self._is_under_way = False
        self.gate.failed()
        self.change(self.gate, lambda _now: None)
        self._next()

    def _next(self) -> None:
        if self._is_ordered:
            self._is_ordered = False
            self.order(self.gate)

    # The requests.

    def begin(self, requests: int) -> None:
        """Lets so many requests come at once."""
        for _ in range(requests):
            if self.admission.try_now((self.gate,), self.now()):
                self._note()
            else:
                self.waiting += 1
                self._wake(self.admission.enqueue(Waiter((self.gate,)), self.now()))
        self._look()

    def freeze(self, seconds: float) -> None:
        """Stops the process for so long."""
        self.is_frozen = True

        def thaw() -> None:
            self.is_frozen = False
            thawed, self._thawed = self._thawed, []
            for action in thawed:
                action()

        self.world.at(self.world.now + seconds, thaw)

    def _look(self) -> None:
        at = self.admission.next_opening()
        if at is not None and at < float("inf"):
            self.later(max(0.0, at - self.now()), self._tick)

    def _tick(self) -> None:
        self._wake(self.admission.tick(self.now()))
        at = self.admission.next_opening()
        if at is not None:
            self.later(max(1e-4, at - self.now()), self._tick)

    def _wake(self, granted: list[Waiter]) -> None:
        for waiter in granted:
            self.later(self._lag(), lambda waiter=waiter: self._go(waiter))  # type: ignore[misc]

    def _go(self, waiter: Waiter) -> None:
        at, instead = self.admission.use(waiter, (), self.now())
        if at is not None:
            self.waiting -= 1
            self._note()
        self._wake(instead)
        self._look()

    def look_after(self) -> None:
        """Sees to what is due, each second."""
        self.gate.look_after(self.now())
        self.later(min(1.0, self.lease / 6), self.look_after)

    def _note(self) -> None:
        self.sent += 1
        self.world.sent.append((self.world.now, self.owner))


class SlotProcess(Process):
    """A process that shares slots: each request holds its own for a while.

    Args:
        takes: gives the seconds that a request takes. `lease`: those that a slot is lent for.
    """

    def __init__(
        self, world: World, name: str, limit: int, *, takes: Callable[[], float], lease: float, **more: Any
    ) -> None:
        super().__init__(world, name, limit, 0.0, **more)
        self._takes = takes
        self.lease = lease
        self.later(1.0, self.look_after)

    def _gate(self, limit: int, period: float) -> SharedGate:
        return SharedSlots(self.world.namespace, self, self, limit, subject="a limit")  # type: ignore[arg-type]

    def lost(self, _gate: SharedGate, _count: int) -> None:
        """Is told that leases ended in use."""

    def overhear(self, channel: str, message: str) -> None:
        """Hears what is said, now and then not."""
        kind, _name, *rest = message.split(" ")
        gate = self.gate
        assert isinstance(gate, SharedSlots)
        if self._is_lost():
            return
        if kind == "lent" and channel.endswith(f":{gate.owner}"):
            self.later(self._delay(), lambda: gate.lent(rest))
        elif kind == "wanted" and rest[1] != gate.owner:
            self.later(self._delay(), lambda: gate.others_wait(int(rest[0])))

    def _note(self) -> None:
        super()._note()
        self.later(self._takes(), self._end)

    def _end(self) -> None:
        self._wake(self.admission.release((self.gate,), self.now()))
        self._look()
