"""The layer in front of the wire that admits requests through gates, whatever the gates stand for.

`ThrottleTransport` and `ConcurrencyLimitTransport` are this layer with one keeper of gates each; `GracyTransport` has
one with both, so that permits and slots are taken jointly and nothing is held by a request that waits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ..bodies import on_end
from ..call import Call, Observer, Wait
from ..clock import SYSTEM_CLOCK, Clock
from ..events import RequestDispatched, tell
from ..exceptions import QueueFull, TransportClosed
from ..family import AsyncTransport, error_for
from ..layer import Layer
from ..overtime import given_up, not_begun, within
from ..showing import shown_path
from .desk import Desk
from .gates import Gate
from .lanes import Gates, Waiter
from .pausing import HintGate
from .refusals import DeskClosed, DeskFull, DeskLate
from .server import HintKeeper

if TYPE_CHECKING:
    from ..family import Request, Response

__all__ = ["AdmissionTransport", "Keeper"]


class Keeper(Protocol):
    """Knows the gates of one concern. It holds their state and outlives the layers that ask it."""

    @property
    def wait_kind(self) -> str:
        """What a wait at these gates is called in the timeline of a call: "throttle", "slot" or "pause"."""
        ...

    @property
    def has_slots(self) -> bool:
        """Whether units have to be given back at the end of the body."""
        ...

    def gates_for(self, request: Request, call: Call) -> Gates:
        """Returns the gates that a request has to pass."""
        ...

    def most_waiting(self, gate: Gate) -> int | None:
        """Returns how many requests may wait that need a gate, `None` for any number."""
        ...

    def limit_reached(self, call: Call, gate: Gate, wait: float, at: float) -> None:
        """Logs and tells that a request has to wait at a gate, by the estimate for `wait` seconds."""
        ...

    def wait_over(self, call: Call, gate: Gate, waited: float, at: float) -> None:
        """Logs and tells that it waited there."""
        ...

    def describe(self, desk: Desk) -> tuple[str, str]:
        """Says the limits and the state of their gates, in a few words each."""
        ...


_INSTANT: Final = 1e-6
"""Seconds that are no wait: differences of what a clock says are not exact."""


class _Queueing:
    """One wait: what is told as it begins and as it is over, and what the timeline of the call says of it."""

    __slots__ = (
        "_before",
        "_call",
        "_first",
        "_gates",
        "_layer",
        "_rest",
        "_waiter",
        "began",
        "estimate",
        "longest",
        "until",
    )

    def __init__(self, layer: AdmissionTransport, call: Call, gates: Gates) -> None:
        self._layer, self._call, self._gates = layer, call, gates
        self.began = self.until = layer.clock.now()
        self.estimate, self.longest = layer.desk.foresee(gates)
        self._before = [gate.paused_for(self.began) for gate in gates]
        self._waiter: Waiter | None = None
        self._first: Gate | None = None
        self._rest: tuple[Gate, float, float] | None = None

    def begin(self, waiter: Waiter, gate: Gate) -> None:
        """Tells of the gate that is waited for first."""
        self._waiter, self._first = waiter, gate
        # What comes after a pause is told when the pause is over.
        is_pause = gate.kind == "pause" and gate.paused_until > self.began
        wait = gate.paused_until - self.began if is_pause else self.estimate
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
            call.waits += (Wait(gate.kind, now - self.began, str(gate.subject), self.began),)
            self._rest = (first, now - self.began, self.began)
            return
        if paused:
            call.waits += (Wait("pause", paused, str(at.subject), since),)
        # What came while a pause stood has waited for the limit since its end.
        is_after = first.kind == "pause" or (paused and since == self.began)
        began = now - rest if is_after else self.began
        call.waits += (Wait(gate.kind, rest, str(gate.subject), began),)
        self._rest = (gate, rest, began)

    def _paused(self, now: float) -> tuple[float, float, Gate]:
        """Returns for how many of these seconds a pause stood, since when, and at which gate."""
        taken = [gate.paused_for(now) - before for gate, before in zip(self._gates, self._before, strict=True)]
        paused = max(taken)
        gate = self._gates[taken.index(paused)]
        return paused, max(self.began, gate.paused_from), gate

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


class AdmissionTransport(Layer):
    """Hands a request to the transport below once all its gates let it through.

    Args:
        inner: the transport below.
        keepers: who knows the gates to wait at.
        counted: keepers whose gates are used without waiting: a call with limits of its own still counts in the
            limits of everybody.
        hints: listens to what servers say of their limits, and knows the gates for that; nobody does unless given.
        desk: where requests wait; shared by layers that share gates. Made here unless given.
        clock, observers: as for every layer.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        keepers: Sequence[Keeper],
        *,
        counted: Sequence[Keeper] = (),
        hints: HintKeeper | None = None,
        desk: Desk | None = None,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.keepers = tuple(keepers)
        self.counted = tuple(counted)
        self.hints = hints
        self.desk = Desk(clock) if desk is None else desk

    async def handle(self, request: Request, call: Call) -> Response:
        """Waits for permits and slots, delegates, and gives the slots back when the body is over."""
        hints = self.hints
        hinted = None if hints is None else hints.gate_of(request, call)
        gates, counted, slots = self._gates_for(request, call, hinted)
        if not gates and not counted:
            response = await self.pass_on(request, call)
            if hints is not None and hints.has_a_word(response.status_code):
                hints.heed(request, call, response, None, 0)
            return response
        at = self.desk.try_now(gates, counted)
        waited = None if at is not None else await self._wait(request, call, gates, counted)
        try:
            if waited is not None:
                at = waited.until
                waited.end()
                if call.deadline is not None:
                    request = within(request, call.deadline - at)
            # The stamp of the gates, not a later reading: what is told is what the rules were kept by.
            call.attempt.dispatched = at
            if call.observers and at is not None:
                tell(RequestDispatched(call, at))
            number = 0 if hinted is None else hinted.sent
            response = await self.pass_on(request, call)
            if hints is not None and hints.has_a_word(response.status_code):
                hints.heed(request, call, response, hinted, number)
            if slots:
                on_end(request, response, self._give_back, slots)
        except BaseException:
            if slots:
                self.desk.release(slots)
            raise
        return response

    def _gates_for(self, request: Request, call: Call, hinted: Gate | None) -> tuple[Gates, Gates, Gates]:
        """Returns the gates to wait at, those to be counted in, and which of them have slots to give back."""
        gates: Gates = ()
        counted: Gates = ()
        slots: Gates = ()
        if hinted is not None and call.options.is_bare:
            counted = (hinted,)
        elif hinted is not None:
            gates = (hinted,)
        for keeper in self.keepers:
            found = keeper.gates_for(request, call)
            gates += found
            if keeper.has_slots:
                slots += found
        for keeper in self.counted:
            found = tuple([gate for gate in keeper.gates_for(request, call) if gate not in gates])
            counted += found
            if keeper.has_slots:
                slots += found
        return gates, counted, slots

    async def _wait(self, request: Request, call: Call, gates: Gates, counted: Gates) -> _Queueing:
        if self.hints is not None and not call.options.is_bare:
            hinted = self.hints.hints.gate(request, call)  # what a server says while it waits is for it, too
            gates = gates if hinted in gates else (hinted, *gates)
        queueing = _Queueing(self, call, gates)
        if call.deadline is not None and queueing.began + queueing.estimate >= call.deadline:
            raise not_begun(request, call, queueing.began, queueing.estimate, words(queueing.longest))
        bounds = [(gate, most) for gate in gates if (most := self.keeper_of(gate).most_waiting(gate)) is not None]
        try:
            until = math.inf if call.deadline is None else call.deadline
            queueing.until = await self.desk.wait(gates, counted, blocked=queueing.begin, bounds=bounds, until=until)
        except DeskClosed:
            message = (
                f"{call.method} {shown_path(request)}: the transport was closed while the request waited for its turn"
            )
            raise error_for(request, TransportClosed, message, call=call) from None
        except DeskFull as full:
            raise queue_full(request, call, full, queueing.estimate) from None
        except DeskLate:
            now = self.clock.now()
            paused = max(gates, key=lambda gate: gate.paused_until)
            raise given_up(request, call, now, paused.paused_until - now, words(paused)) from None
        except BaseException:
            call.waits_for = words(queueing.cut_short())  # a deadline that has cancelled it will want to say this
            raise
        finally:
            queueing.note()
        return queueing

    def keeper_of(self, gate: Gate) -> Keeper:
        """Returns who knows a gate."""
        if isinstance(gate, HintGate) and self.hints is not None:
            return self.hints
        return next(keeper for keeper in self.keepers if keeper.wait_kind == gate.kind)

    def _give_back(self, slots: Gates, _error: BaseException | None) -> None:
        self.desk.release(slots)

    async def let_go(self) -> None:
        """Sends everybody away who waits."""
        self.desk.close()

    def state(self) -> str:
        """Says the gates, who waits, and when the next permit comes."""
        keepers = self.keepers if self.hints is None else (*self.keepers, self.hints)
        words = [keeper.describe(self.desk) for keeper in keepers]
        return ", ".join([limits for limits, _ in words] + [f"{self.desk.waiting} waiting"] + [now for _, now in words])


def queue_full(request: Request, call: Call, full: DeskFull, estimate: float) -> QueueFull:
    """Returns the error for a request that may not even wait."""
    limit = str(full.gate.subject)
    wait = f"; it would have waited about {estimate:.1f} s" if estimate else ""
    message = (
        f"{call.method} {shown_path(request)}: {full.waiting} requests wait already for {limit}, and max_waiting lets "
        f"no more{wait}. Try again later, start fewer at once, or raise max_waiting"
    )
    facts = {"waits_for": limit, "waiting": full.waiting, "would_wait": estimate or None}
    return error_for(request, QueueFull, message, call=call, **facts)


def words(gate: Gate) -> str:
    """Says what a wait at a gate is for: `throttle, 2 requests per second`, `a slot of 5 requests at once`."""
    return f"a slot of {gate.subject}" if gate.kind == "slot" else f"{gate.kind}, {gate.subject}"
