"""One wait at the gates, as it is told: to observers and logs, in the timeline of its call, and in an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..call import Call, Wait
from .gates import Gate
from .lanes import Gates, Waiter

if TYPE_CHECKING:
    from .transport import AdmissionTransport

__all__ = ["Queueing", "words"]

_INSTANT: Final = 1e-6
"""Seconds that are no wait: differences of what a clock says are not exact."""


class Queueing:
    """One wait: what is told as it begins and as it is over, and what the timeline of the call says of it.

    Args:
        layer: where it waits. `call`: who does.
        gates: what for.
        is_foretold: whether somebody will be told how long it will be: nobody looks ahead unless it is.
    """

    __slots__ = (
        "_before",
        "_call",
        "_first",
        "_foreseen",
        "_gates",
        "_layer",
        "_rest",
        "_waiter",
        "began",
        "until",
    )

    def __init__(self, layer: AdmissionTransport, call: Call, gates: Gates, *, is_foretold: bool) -> None:
        self._layer, self._call, self._gates = layer, call, gates
        self.began = self.until = layer.clock.now()
        self._foreseen = layer.desk.foresee(gates) if is_foretold else None
        self._before = [gate.paused_for(self.began) for gate in gates]
        self._waiter: Waiter | None = None
        self._first: Gate | None = None
        self._rest: tuple[Gate, float, float] | None = None

    def foresee(self) -> tuple[float, Gate]:
        """Returns the seconds that it will take at least, and the gate that takes longest."""
        if self._foreseen is None:
            self._foreseen = self._layer.desk.foresee(self._gates)
        return self._foreseen

    def begin(self, waiter: Waiter, gate: Gate) -> None:
        """Tells of the gate that is waited for first."""
        self._waiter, self._first = waiter, gate
        if self._foreseen is None:
            return
        # What comes after a pause is told when the pause is over.
        is_pause = gate.kind == "pause" and gate.paused_until > self.began
        wait = gate.paused_until - self.began if is_pause else self._foreseen[0]
        self._layer.keeper_of(gate).limit_reached(self._call, gate, wait, self.began)

    def note(self) -> None:
        """Puts the wait into the timeline: what pauses took of it apart from the rest, which one limit is named for."""
        first, call = self._first, self._call
        if first is None or self._waiter is None:
            return
        now = self._layer.clock.now()
        paused, since, at = self._paused(now)
        rest = now - self.began - paused
        gate = first
        if first.kind == "pause" and rest > _INSTANT:
            gate = self._waiter.blocked_by or first
        if gate.kind == "pause":
            call.waits += (Wait(gate.kind, now - self.began, gate.title, self.began),)
            self._rest = (first, now - self.began, self.began)
            return
        if paused:
            call.waits += (Wait("pause", paused, at.title, since),)
        # What came while a pause stood has waited for the limit since its end.
        is_after = first.kind == "pause" or (paused and since == self.began)
        began = now - rest if is_after else self.began
        call.waits += (Wait(gate.kind, rest, gate.title, began),)
        self._rest = (gate, rest, began)

    def _paused(self, now: float) -> tuple[float, float, Gate]:
        """Returns for how many of these seconds a pause stood, since when, and at which gate."""
        taken = [gate.paused_for(now) - before for gate, before in zip(self._gates, self._before, strict=True)]
        paused = max(taken)
        gate = self._gates[taken.index(paused)]
        since = max(self.began, gate.paused_from)
        if paused > now - since + _INSTANT:  # there was another before it: they are told as one
            since = self.began if self._first is not None and self._first.kind == "pause" else now - paused
        return paused, since, gate

    def cut_short(self) -> Gate:
        """Returns which gate was waited for when the wait ends too soon: a slot or a pause before any rate."""
        # Without the lock of the desk: the garbage collector may end a wait in the middle of anything.
        now = self._layer.clock.now()
        for gate in self._gates:
            if gate.paused_until > now or (gate.kind == "slot" and gate.free <= 0):
                return gate
        return self._first or self._gates[0]

    def end(self) -> None:
        """Tells that it is over, and of a limit that was reached only after a pause."""
        if self._rest is not None:
            gate, seconds, since = self._rest
            keeper = self._layer.keeper_of(gate)
            if gate is not self._first and self._first is not None:
                pause = self._layer.keeper_of(self._first)
                pause.wait_over(self._call, self._first, since - self.began, since)
                keeper.limit_reached(self._call, gate, seconds, since)
            keeper.wait_over(self._call, gate, seconds, self.until)


def words(gate: Gate) -> str:
    """Says what a wait at a gate is for: `throttle, 2 requests per second`, `a slot of 5 requests at once`."""
    return f"a slot of {gate.title}" if gate.kind == "slot" else f"{gate.kind}, {gate.title}"
