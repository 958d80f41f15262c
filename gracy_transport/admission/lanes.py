"""Who goes next: requests that need several gates at once take all their units together or none, and none starves.

A *lane* is a first-in-first-out queue of the requests that need exactly the same gates. Only the heads of lanes
compete, by the ticket they drew on arrival, so one slow limit never holds up requests that do not need it. A lane that
waits is parked at *one* closed gate of its set. When that gate opens, the lane with the oldest head is tried first: if
all its gates have room it takes a unit of each, else it moves to the next closed gate.

There are no priorities, and there is room for them: the ticket is all that decides between lanes, and the place in the
queue all that decides within one. A priority would make the ticket a pair, (priority, number), and lanes would be told
apart by gates and priority. How long the low ones may wait would need a bound, for which the guard below is the place.

Two gates that never open at the same moment could keep a lane moving for ever. After `BOUNCES` moves it is guarded: one
unit at each of its gates is left for it, until it went, or is paused. One at a time, since two could block each other.

Everything here is pure: methods are told the time and return the waiters that may go. They must not be called from two
threads at once; `Desk` sees to that.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from itertools import count
from typing import Final, TypeAlias

from .foresight import foresee
from .gates import Gate
from .timers import Timers
from .waiters import Gates, Lane, Waiter, busiest, close_lane, first_parked, open_lane, park, unpark

__all__ = ["BOUNCES", "SLICE", "Admission", "Bound", "Gates", "Lane", "Waiter"]

Bound: TypeAlias = tuple[Gate, int]
"""A gate and how many requests that need it may wait."""

BOUNCES: Final = 8
"""Moves after which a lane is guarded: few enough to be quick, many enough to be rare."""

SLICE: Final = 16
"""Grants handed out in one turn of a loop. Whoever sleeps for a moment waits for up to three turns: 16 make it late by
about 5 ms, where 25 took 8 and 100 took 30. What more turns cost is too little to measure."""


class Admission:
    """The queue in front of any number of gates. See the module for how it decides."""

    def __init__(self) -> None:
        self._lanes: dict[Gates, Lane] = {}
        self._tickets = count()
        self._timers = Timers()
        self._guarded: Lane | None = None
        self.waiting = 0

    def try_now(self, gates: Gates, now: float) -> bool:
        """Takes and stamps a unit of each gate if all have room and nobody who waits would be passed."""
        if self._guarded is not None and self._closed_gate(gates, now, None) is not None:
            return False
        for gate in gates:
            if gate.waiting or not gate.has_room(now):
                return False
        for gate in gates:
            gate.use(now)
        return True

    def count_in(self, gates: Iterable[Gate], now: float) -> None:
        """Uses a unit of each gate without asking whether there is one: later requests wait the longer for it."""
        for gate in gates:
            gate.use(now)

    def enqueue(self, waiter: Waiter, now: float) -> list[Waiter]:
        """Puts a waiter at the end of its lane; returns who may go now, which may include it."""
        self.join(waiter, now)
        return self.tick(now)

    def join(self, waiter: Waiter, now: float) -> None:
        """Puts a waiter at the end of its lane, and leaves it to the next `tick` who may go."""
        waiter.ticket = next(self._tickets)
        self._line_up(waiter, now)

    def _line_up(self, waiter: Waiter, now: float) -> None:
        lane = self._lanes.get(waiter.gates)
        if lane is None:
            lane = open_lane(self._lanes, waiter.gates)
        waiter.lane = lane
        lane.join(waiter)
        self.waiting += 1
        for gate in waiter.gates:
            gate.queued += 1
        if lane.parked_at is None:
            gate = self._closed_gate(lane.gates, now, lane) or busiest(waiter.gates)
            park(lane, gate)
            self._ask(lane, now)
            self._arm(gate, now)
        elif lane.ticket == waiter.ticket:  # put back, in front of those who were in the lane
            heapq.heappush(lane.parked_at.parked, (lane.ticket, lane))
        waiter.blocked_by = lane.parked_at

    def leave(self, waiter: Waiter, now: float) -> list[Waiter]:
        """Takes a waiter out: removes it from its lane, or gives back what it was granted and did not use."""
        if waiter.is_granted:
            waiter.is_granted = False
            return self.release(waiter.gates, now)
        lane = waiter.lane
        if lane is None or lane.queue.pop(waiter.ticket, None) is None:
            return []
        self._gone(waiter)
        waiter.blocked_by = lane.held_by
        if lane.queue:
            return []
        if lane.parked_at is not None:
            unpark(lane, lane.parked_at)
        close_lane(self._lanes, lane)
        return self._serve(self._lift_guard(lane), now)

    def stamp(self, gates: Iterable[Gate], now: float) -> None:
        """Notes that granted units are used from now on."""
        for gate in gates:
            gate.stamp(now)

    def use(self, waiter: Waiter, counted: Iterable[Gate], now: float) -> tuple[float | None, list[Waiter]]:
        """Notes that granted units are used from now on, and those of the counted gates; returns the stamp.

        When a gate was shut since the grant, the waiter is put back to where it was: there is no stamp then, but
        there may be others who can go instead.
        """
        for gate in waiter.gates:
            if gate.is_shut(now):
                return None, self._take_back(waiter, now)
        waiter.is_granted = False
        self.stamp(waiter.gates, now)
        self.count_in(counted, now)
        return now, []

    def _take_back(self, waiter: Waiter, now: float) -> list[Waiter]:
        waiter.is_granted = False
        self.give_back(waiter.gates)
        self._line_up(waiter, now)
        return self._serve(waiter.gates, now)

    def release(self, gates: Gates, now: float) -> list[Waiter]:
        """Gives back one unit of each gate (slots, or permits that were not used); returns who may go now."""
        return self._serve(gates, now) if self.give_back(gates) else []

    def give_back(self, gates: Gates) -> bool:
        """Gives back one unit of each gate; tells whether somebody waits at one of them."""
        is_wanted = False
        for gate in gates:
            gate.give_back()
            is_wanted = is_wanted or gate.waiting > 0
        return is_wanted

    def pause(self, gate: Gate, until: float, now: float) -> list[Waiter]:
        """Lets nobody through a gate before that instant; an earlier pause is never shortened. See `change`."""
        return self.change(gate, lambda at: gate.pause(until, at), now)

    def change(self, gate: Gate, change: Callable[[float], object], now: float) -> list[Waiter]:
        """Changes when a gate opens; returns who waits and would have to go before a new pause is over, each once."""
        before = gate.paused_until
        change(now)
        for each in (gate, *self._lift_vain_guard(now)):
            self._arm(each, now)
        lanes = gate.lanes if gate.paused_until > before else ()
        return [waiter for lane in lanes for waiter in lane.late(gate.paused_until)]

    def tick(self, now: float) -> list[Waiter]:
        """Returns the waiters that may go because time has passed, at most `SLICE` at once."""
        if self._guarded is None and not self._timers.is_due(now):
            return []  # as for most who come and have to wait
        return self._serve((), now)

    def next_opening(self) -> float | None:
        """Returns when `tick` has to be called next, or `None` when only a release can change anything."""
        return self._timers.next()

    def estimate(self, gates: Gates, now: float) -> tuple[float, Gate]:
        """Returns the seconds that a newcomer will wait at least, and the gate that takes longest."""
        return foresee(gates, self._lanes.get(gates), now)

    def _has_room(self, gate: Gate, now: float, lane: Lane | None) -> bool:
        guarded = self._guarded
        is_spared = guarded is not None and guarded is not lane and gate in guarded.gates
        return gate.has_room(now, 1 if is_spared else 0)

    def _closed_gate(self, gates: Gates, now: float, lane: Lane | None) -> Gate | None:
        return next((gate for gate in gates if not self._has_room(gate, now, lane)), None)

    @staticmethod
    def _ask(lane: Lane, now: float) -> None:
        """Lets each gate of a lane see to its units: one after the other, the first would be gone before the last."""
        for gate in lane.gates:
            gate.ask(now)

    def _arm(self, gate: Gate, now: float) -> None:
        """Sets the timer of a gate with waiters to when it can open; a timer that is too early is set again then."""
        if not gate.waiting:
            return
        gate.ask(now)
        guarded = self._guarded
        is_spared = guarded is not None and guarded.parked_at is not gate and gate in guarded.gates
        at = gate.opens_at(now, 1 if is_spared else 0)
        if at is not None:
            self._timers.set(gate, at)

    def _serve(self, gates: Iterable[Gate], now: float) -> list[Waiter]:
        """Lets waiters through these gates, and those that are due, while there is room, the oldest of all first."""
        granted: list[Waiter] = []
        touched = {*gates, *self._timers.due(now), *self._lift_vain_guard(now)}
        offers = [(self._first_at(gate).ticket, id(gate), gate) for gate in touched if gate.waiting]
        heapq.heapify(offers)
        while offers and len(granted) < SLICE:
            gate = heapq.heappop(offers)[2]
            lane = self._first_at(gate) if gate.waiting else None
            if lane is None or not self._has_room(gate, now, lane):
                continue
            freed = self._try_lane(lane, gate, now, granted)
            touched.update(freed)
            for each in (gate, *freed):
                if each.waiting:
                    heapq.heappush(offers, (self._first_at(each).ticket, id(each), each))
        for gate in touched:
            self._arm(gate, now)
        return granted

    def _try_lane(self, lane: Lane, gate: Gate, now: float, granted: list[Waiter]) -> Gates:
        """Lets the head of a lane go, or moves the lane to the next closed gate; returns gates that so got room."""
        unpark(lane, gate)
        closed = self._closed_gate(lane.gates, now, lane)
        if closed is not None:
            if not lane.is_paused(now):
                self._bounce(lane)
            park(lane, closed)
            self._ask(lane, now)
            self._arm(closed, now)
            return ()
        granted.append(self._grant(lane))
        freed = self._lift_guard(lane)
        if lane.queue:
            park(lane, gate)
        else:
            close_lane(self._lanes, lane)
        return freed

    def _grant(self, lane: Lane) -> Waiter:
        _ticket, waiter = lane.queue.popitem(last=False)
        self._gone(waiter)
        waiter.is_granted, waiter.blocked_by = True, lane.held_by
        for gate in lane.gates:
            gate.take()
        lane.bounces = 0
        return waiter

    def _gone(self, waiter: Waiter) -> None:
        self.waiting -= 1
        for gate in waiter.gates:
            gate.queued -= 1
        if not self.waiting:
            self._timers.clear()

    def _bounce(self, lane: Lane) -> None:
        lane.bounces += 1
        if lane.bounces >= BOUNCES and self._guarded is None:
            self._guarded = lane

    def _lift_guard(self, lane: Lane) -> Gates:
        """Ends the guard of a lane that went or emptied; returns the gates where others may find room now."""
        if self._guarded is not lane:
            return ()
        self._guarded = None
        return lane.gates

    def _lift_vain_guard(self, now: float) -> Gates:
        """Ends the guard of a lane that could not go anyway; returns the gates where others may find room now."""
        guarded = self._guarded
        return self._lift_guard(guarded) if guarded is not None and guarded.is_paused(now) else ()

    def _first_at(self, gate: Gate) -> Lane:
        """Returns the lane to be tried next at a gate where at least one is parked."""
        if self._guarded is not None and self._guarded.parked_at is gate:
            return self._guarded
        return first_parked(gate)
