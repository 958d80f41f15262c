"""Processes that share rules, in virtual time: real gates, the real script on a real server, a made-up network."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any

from redis import Redis

from gracy_transport.admission import Admission, Gates
from gracy_transport.admission.lanes import Waiter
from gracy_transport.redis.gate import Away, Change, Order, SharedGate, as_text, tick
from gracy_transport.redis.permits import SharedPermits
from gracy_transport.redis.slots import SharedSlots

SERVER_EPOCH = 1_800_000_000.0
TIMEOUT = 0.1

CLOCK = "local now = time[1] * 1000000 + time[2]"
VIRTUAL_CLOCK = "local now = tonumber(redis.call('GET', KEYS[5]))"
SAYS = "redis.call('PUBLISH', "
WRITES = "redis.call('RPUSH', KEYS[5] .. ':said', "


class World:
    """The time, what is due when, the server, and what every process sent.

    `epoch` is what its clock said at 0. `sent` holds all requests, `passed` those that passed each gate, by its name.
    """

    def __init__(self, server: Redis, namespace: str, seed: int) -> None:
        self.server = server
        self.namespace = namespace
        self.random = Random(seed)
        self.now = 0.0
        self.epoch = SERVER_EPOCH
        self.sent: list[tuple[float, str]] = []
        self.passed: defaultdict[str, list[float]] = defaultdict(list)
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
    """A process: it is the clock, the desk and the engine of its gates.

    Args:
        world: where it lives.
        name: of the process.
        limit, period: of the rule. `more`: of further ones, if any.
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
        more: Sequence[tuple[int, float]] = (),
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
        self._ordered: dict[SharedGate, None] = {}
        self._thawed: list[Callable[[], object]] = []
        self.admission = Admission()
        world.processes.append(self)
        self.gate = self._gate(limit, period)
        others = [self._gate(*each, name=f"{world.namespace}-{place}") for place, each in enumerate(more)]
        self.gates_here = (self.gate, *others)
        self.waiting = 0
        self.sent = 0

    def _gate(self, limit: int, period: float, name: str = "") -> SharedGate:
        # The process is its own engine and desk, as far as the gate knows them.
        return SharedPermits(name or self.world.namespace, self, self, limit, period, subject="a rule")  # type: ignore[arg-type]

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

    def change(self, *changes: Change) -> None:
        """Changes gates, and lets go on who can."""
        for gate, change in changes:
            self.admission.change(gate, change, self.now())
        self._look()

    def order(self, gate: SharedGate) -> None:
        """Begins an exchange with the server, or one after that which is under way."""
        self._ordered[gate] = None
        if not self._is_under_way:
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
        sent, gates = self.now(), list(self._ordered)
        self._ordered.clear()
        orders = [gate.order(sent) for gate in gates]
        there, back = self._delay(), self._delay()
        is_lost = self._is_lost()
        if is_lost:
            self.later(TIMEOUT, lambda: self._fail(gates))
            if self.world.random.random() < 0.5:
                return  # on the way there; else on the way back

        def decide() -> None:
            replies = [self.world.decide(order) for order in orders]
            if not is_lost:
                self.later(back, lambda: self._hear(gates, replies, sent))

        self.world.at(self.world.now + there, decide)

    def _hear(self, gates: Sequence[SharedGate], replies: Sequence[list[Any]], sent: float) -> None:
        took = self.now() - sent
        self.round_trip = max(took, self.round_trip + (took - self.round_trip) / 8)
        self._is_under_way = False
        self.change(*[gate.taking_in(reply, sent, self.now()) for gate, reply in zip(gates, replies, strict=True)])
        self._next()

    def _fail(self, gates: Sequence[SharedGate]) -> None:
        self._is_under_way = False
        for gate in gates:
            gate.failed()
        self.change(*[(gate, lambda _now: None) for gate in gates])
        self._next()

    def _next(self) -> None:
        if self._ordered and not self._is_under_way:
            self._is_under_way = True
            self.later(0.0, self._ask)

    # The requests.

    def begin(self, requests: int, gates: Sequence[SharedGate] = ()) -> None:
        """Lets so many requests come at once, which need some gates; all there are unless given."""
        needed = tuple(gates) or self.gates_here
        for _ in range(requests):
            if self.admission.try_now(needed, self.now()):
                self._note(needed)
            else:
                self.waiting += 1
                self._wake(self.admission.enqueue(Waiter(needed), self.now()))
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
            self._note(waiter.gates)
        self._wake(instead)
        self._look()

    def look_after(self) -> None:
        """Sees to what is due, each second."""
        for gate in self.gates_here:
            gate.look_after(self.now())
        self.later(tick(self.lease), self.look_after)

    def _note(self, gates: Gates) -> None:
        self.sent += 1
        self.world.sent.append((self.world.now, self.owner))
        for gate in gates:
            assert isinstance(gate, SharedGate)
            self.world.passed[gate.name].append(self.world.now)


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
        self.later(tick(lease), self.look_after)

    def _gate(self, limit: int, period: float, name: str = "") -> SharedGate:
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

    def _note(self, gates: Gates) -> None:
        super()._note(gates)
        self.later(self._takes(), self._end)

    def _end(self) -> None:
        self._wake(self.admission.release((self.gate,), self.now()))
        self._look()
