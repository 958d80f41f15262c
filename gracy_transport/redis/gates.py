"""The shared gates of a process, found by what the server and other processes call them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from threading import Lock
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from ..admission import Desk
from ..clock import Clock
from .gate import Change, SharedGate
from .slots import SharedSlots

__all__ = ["GateBook", "deliver"]

TICKS: Final = 5
"""Times to look after a gate where those who wait get nowhere, before it is left to the garbage collector."""

REMEMBERED: Final = 1_000
"""Limits of which it is remembered how many share them: of those with keys there may be any number."""

G = TypeVar("G", bound=SharedGate)


def deliver(gates: Iterable[SharedGate], replies: Iterable[Any], sent: Iterable[float]) -> None:
    """Hands each gate the reply to what it asked at an instant, or tells it that there is none.

    Those of one desk at once: a request that needs several gates is woken when it has all of them.
    """
    changes: dict[Desk, list[Change]] = {}
    for gate, reply, at in zip(gates, replies, sent, strict=True):
        if isinstance(reply, BaseException):
            gate.failed()
        else:
            changes.setdefault(gate.desk, []).append(gate.taking_in(reply, at, gate.desk.clock.now()))
    for desk, of_desk in changes.items():
        desk.change(*of_desk)


class GateBook:
    """The shared gates of a process, for as long as somebody else keeps them, or something is lent to them.

    How many processes share a limit is remembered longer: a gate that is made while the engine is away, for the next
    client of a worker, say, has the share of the one before it, less what was sent by those that were made meanwhile.

    Usable from any thread.
    """

    def __init__(self) -> None:
        self._gates: WeakValueDictionary[tuple[str, int], SharedGate] = WeakValueDictionary()
        self._desks: WeakKeyDictionary[Desk, int] = WeakKeyDictionary()
        self._kept: dict[SharedGate, int] = {}
        self._processes: dict[str, int] = {}
        self._sent: dict[tuple[str, Clock], deque[float]] = {}
        self._numbers = count(1)
        self._lock = Lock()

    def number_of(self, desk: Desk) -> int:
        """Returns the number of a desk: what tells its gates from those of others with the same name."""
        with self._lock:
            number = self._desks.get(desk)
            if number is None:
                number = self._desks[desk] = next(self._numbers)
            return number

    def get(self, name: str, desk: Desk, make: Callable[[], G]) -> G:
        """Returns the gate of a limit at a desk, made when there is none."""
        place = (name, self.number_of(desk))
        with self._lock:
            gate = self._gates.get(place)
            if gate is None:
                gate = self._gates[place] = make()
                gate.processes = self._processes.get(name, gate.processes)
                if gate.engine.is_away and gate.sent is not None:
                    self._go_on(gate, gate.sent)
            return gate  # type: ignore[return-value]  # one name, one kind

    def all(self) -> list[SharedGate]:
        """Returns the gates that are kept."""
        with self._lock:
            return list(self._gates.values())

    @property
    def are_needed(self) -> bool:
        """Whether anybody waits at a gate, or has something of it in use."""
        return any(gate.queued or gate.held for gate in self.all())

    @property
    def are_holding(self) -> bool:
        """Whether something is lent that has to be given back."""
        return any(gate.is_holding for gate in self.all())

    def hear(self, channel: str, message: str) -> None:
        """Passes on what was said: `pause NAME MICROSECONDS`, `wanted NAME KEPT BY`, `lent NAME LEASE…`."""
        kind, name, *rest = message.split(" ")
        if kind == "lent":
            number = int(channel.rpartition(".")[2])
            gates: Iterable[SharedGate | None] = [self._gates.get((name, number))]
        else:
            with self._lock:
                gates = [self._gates.get((name, number)) for number in self._desks.values()]
        for gate in gates:
            if kind == "pause" and gate is not None:
                gate.pause_for(int(rest[0]) / 1e6)
            elif isinstance(gate, SharedSlots):
                if kind == "lent":
                    gate.lent(rest)
                elif kind == "wanted" and rest[1] != gate.owner:
                    gate.others_wait(int(rest[0]))

    def look_after(self) -> None:
        """Lets each gate see to what is due."""
        for gate in self.all():
            if not gate.is_quiet:
                gate.desk.decide(gate.look_after)
            left = self._kept.get(gate, 0) - 1 if gate.is_deserted else TICKS
            if gate.is_holding and left > 0:
                self._kept[gate] = left
            else:
                self._kept.pop(gate, None)

    def keep(self, gates: Iterable[SharedGate]) -> None:
        """Keeps gates for as long as something is lent there: their transport may be gone before that is given back."""
        for gate in gates:
            self._remember(gate)
            if gate.is_holding:
                self._kept[gate] = TICKS

    def _remember(self, gate: SharedGate) -> None:
        """Notes how many share a limit; what was noted longest ago is forgotten."""
        with self._lock:
            self._processes.pop(gate.name, None)
            self._processes[gate.name] = gate.processes
            if len(self._processes) > REMEMBERED:
                del self._processes[next(iter(self._processes))]

    def _go_on(self, gate: SharedGate, sent: deque[float]) -> None:
        """Lets a gate count what was sent by the one before it as its own, and hands both on to the next."""
        place = (gate.name, gate.desk.clock)
        sent.extend(self._sent.pop(place, sent).copy())  # in one step: another thread may be sending there
        self._sent[place] = sent
        if len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]

    def missed_words(self) -> None:
        """Tells the gates that what other processes said may have been missed."""
        for gate in self.all():
            gate.desk.decide(gate.missed_words)

    def look_again(self) -> None:
        """Lets those who wait at any gate go on by what is so now."""
        for gate in self.all():
            gate.look_again()

    def came_back(self) -> None:
        """Tells the gates that the engine is back."""
        with self._lock:
            self._sent.clear()
        for gate in self.all():
            gate.desk.change((gate, gate.came_back))

    def after_fork(self) -> None:
        """Lets each gate begin anew, in a process that has no other thread yet."""
        self._lock = Lock()
        for gate in self.all():
            gate.forget()
        self._kept.clear()
        self._sent.clear()

    def let_go(self) -> None:
        """Lets each gate give back what it does not use."""
        for gate in self.all():
            gate.desk.decide(gate.let_go)
