"""Those who wait: a request with the gates it needs, and the queue of all that need the same ones."""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Iterator
from itertools import takewhile
from typing import TypeAlias

from .gates import Gate

__all__ = ["Gates", "Lane", "Waiter", "busiest", "close_lane", "first_parked", "open_lane", "park", "unpark"]

Gates: TypeAlias = tuple[Gate, ...]


class Waiter:
    """A request that waits for all of its gates.

    Attributes:
        gates: what it needs. `blocked_by`: the gate its lane was parked at when it came, and once it goes the one limit
            it waited for last, a pause only where there was no other.
        until: the instant by which it has to go, or need not go at all.
        is_granted: whether it holds its units and has not used them yet.
    """

    __slots__ = ("blocked_by", "gates", "is_granted", "lane", "ticket", "until")

    def __init__(self, gates: Gates, until: float = math.inf) -> None:
        self.gates = gates
        self.until = until
        self.ticket = -1
        self.lane: Lane | None = None
        self.blocked_by: Gate | None = None
        self.is_granted = False


class Lane:
    """The waiters for one set of gates, in the order they came.

    Attributes:
        parked_at: the closed gate where the lane waits. `held_by`: the last of those that was not paused alone.
        dated: who has to go by when, as a heap; some may have gone since.
    """

    __slots__ = ("bounces", "dated", "gates", "held_by", "listed_at", "parked_at", "queue")

    def __init__(self, gates: Gates) -> None:
        self.gates = gates
        # An OrderedDict, because finding the head of a plain dict slows down as heads are removed.
        self.queue: OrderedDict[int, Waiter] = OrderedDict()
        self.parked_at: Gate | None = None
        self.held_by: Gate | None = None
        self.listed_at: set[Gate] = set()
        self.bounces = 0
        self.dated: list[tuple[float, int, Waiter]] = []

    def join(self, waiter: Waiter) -> None:
        """Puts a waiter where its ticket belongs: at the end, or before those that came after it."""
        queue, ticket = self.queue, waiter.ticket
        if waiter.until < math.inf:
            self._date(waiter)
        is_last = not queue or next(reversed(queue)) < ticket
        queue[ticket] = waiter
        if is_last:
            return
        for earlier in [ticket, *reversed(list(takewhile(ticket.__gt__, queue)))]:
            queue.move_to_end(earlier, last=False)

    def _date(self, waiter: Waiter) -> None:
        if len(self.dated) > 2 * len(self.queue) + 32:
            self.dated = [each for each in self.dated if each[1] in self.queue]
            heapq.heapify(self.dated)
        heapq.heappush(self.dated, (waiter.until, waiter.ticket, waiter))

    def late(self, at: float) -> Iterator[Waiter]:
        """Yields, and forgets the deadlines of, those who wait and have to go by that instant."""
        while self.dated and self.dated[0][0] <= at:
            _until, ticket, waiter = heapq.heappop(self.dated)
            if ticket in self.queue:
                yield waiter

    def is_paused(self, now: float) -> bool:
        """Tells whether there is a pause at any of its gates."""
        return any(now < gate.paused_until for gate in self.gates)

    def __lt__(self, _other: object) -> bool:
        """Lets equal tickets stand in a heap; they do not occur between different lanes with waiters."""
        return False

    @property
    def ticket(self) -> int:
        """The ticket of the head."""
        return next(iter(self.queue))


def open_lane(lanes: dict[Gates, Lane], gates: Gates) -> Lane:
    """Returns a new lane for a set of gates."""
    lane = lanes[gates] = Lane(gates)
    for gate in gates:
        gate.lanes[lane] = None
    return lane


def close_lane(lanes: dict[Gates, Lane], lane: Lane) -> None:
    """Forgets a lane in which nobody waits any more."""
    del lanes[lane.gates]
    for gate in lane.gates:
        gate.lanes.pop(lane, None)


def park(lane: Lane, gate: Gate) -> None:
    """Lets a lane wait at a closed gate."""
    lane.parked_at = gate
    if lane.held_by is None or gate.kind != "pause":
        lane.held_by = gate
    gate.waiting += 1
    if gate not in lane.listed_at:
        lane.listed_at.add(gate)
        tidy(gate)
        heapq.heappush(gate.parked, (lane.ticket, lane))


def first_parked(gate: Gate) -> Lane:
    """Returns the lane with the oldest head of those that wait at a gate, of which there is one at least."""
    heap = gate.parked
    while True:
        ticket, lane = heap[0]
        if lane.parked_at is not gate:
            heapq.heappop(heap)
            lane.listed_at.discard(gate)
        elif lane.ticket != ticket:
            # Tickets of a lane only grow, so a stale one is too early at worst: put it where it belongs.
            heapq.heapreplace(heap, (lane.ticket, lane))
        else:
            return lane


def busiest(gates: Gates) -> Gate:
    """Returns the gate with lanes waiting that keeps a newcomer back although there is room everywhere."""
    return max(gates, key=lambda gate: gate.waiting)


def unpark(lane: Lane, gate: Gate) -> None:
    """Takes a lane from the gate where it waits; the last one leaves nothing behind."""
    lane.parked_at = None
    gate.waiting -= 1
    if not gate.waiting:
        for _ticket, each in gate.parked:
            each.listed_at.discard(gate)
        gate.parked.clear()


def tidy(gate: Gate) -> None:
    """Forgets lanes that are no longer parked here, once they are the greater part of the heap."""
    if len(gate.parked) > 2 * gate.waiting + 32:
        for _ticket, lane in gate.parked:
            if lane.parked_at is not gate:
                lane.listed_at.discard(gate)
        gate.parked = [(ticket, lane) for ticket, lane in gate.parked if lane.parked_at is gate]
        heapq.heapify(gate.parked)
