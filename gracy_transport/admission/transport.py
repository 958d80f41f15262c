"""The layer in front of the wire that admits requests through gates, whatever the gates stand for.

`ThrottleTransport` and `ConcurrencyLimitTransport` are this layer with one keeper of gates each; `GracyTransport` has
one with both, so that permits and slots are taken jointly and nothing is held by a request that waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..bodies import on_end
from ..call import Call, Observer, Wait
from ..clock import SYSTEM_CLOCK, Clock
from ..events import RequestDispatched, tell
from ..exceptions import TransportClosed
from ..family import AsyncTransport, error_for
from ..layer import Layer
from .desk import Desk, DeskClosed
from .gates import Gate
from .lanes import Gates

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

    def limit_reached(self, call: Call, gate: Gate, wait: float, at: float) -> None:
        """Logs and tells that a request has to wait at a gate, by the estimate for `wait` seconds."""
        ...

    def wait_over(self, call: Call, gate: Gate, waited: float, at: float) -> None:
        """Logs and tells that it waited there."""
        ...

    def describe(self, desk: Desk) -> tuple[str, str]:
        """Says the limits and the state of their gates, in a few words each."""
        ...


class _Waited(NamedTuple):
    """A wait that is over: until when, for how many seconds, and at which gate (none if it was over at once)."""

    until: float
    seconds: float
    gates: Sequence[Gate]


class AdmissionTransport(Layer):
    """Hands a request to the transport below once all its gates let it through.

    Args:
        inner: the transport below.
        keepers: who knows the gates to wait at.
        counted: keepers whose gates are used without waiting: a call with limits of its own still counts in the
            limits of everybody.
        desk: where requests wait; shared by layers that share gates. Made here unless given.
        clock, observers: as for every layer.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        keepers: Sequence[Keeper],
        *,
        counted: Sequence[Keeper] = (),
        desk: Desk | None = None,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.keepers = tuple(keepers)
        self.counted = tuple(counted)
        self.desk = Desk(clock) if desk is None else desk

    async def handle(self, request: Request, call: Call) -> Response:
        """Waits for permits and slots, delegates, and gives the slots back when the body is over."""
        gates, counted, slots = self._gates_for(request, call)
        if not gates and not counted:
            return await self.pass_on(request, call)
        at = self.desk.try_now(gates, counted)
        waited = None if at is not None else await self._wait(request, call, gates, counted)
        try:
            if waited is not None:
                at = self._tell_of(waited, call)
            # The stamp of the gates, not a later reading: what is told is what the rules were kept by.
            call.attempt.dispatched = at
            if call.observers and at is not None:
                tell(RequestDispatched(call, at))
            response = await self.pass_on(request, call)
            if slots:
                on_end(request, response, self._give_back, slots)
        except BaseException:
            if slots:
                self.desk.release(slots)
            raise
        return response

    def _gates_for(self, request: Request, call: Call) -> tuple[Gates, Gates, Gates]:
        """Returns the gates to wait at, those to be counted in, and which of them have slots to give back."""
        gates: Gates = ()
        counted: Gates = ()
        slots: Gates = ()
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

    async def _wait(self, request: Request, call: Call, gates: Gates, counted: Gates) -> _Waited:
        """Waits for all gates, but for the end of a pause first: what it takes is no wait for a permit."""
        pauses = tuple([gate for gate in gates if gate.kind == "pause"])
        if pauses and self.desk.next_permit(pauses) > 0:
            await self._wait_at(request, call, pauses, ())
        return await self._wait_at(request, call, gates, counted)

    async def _wait_at(self, request: Request, call: Call, gates: Gates, counted: Gates) -> _Waited:
        began = self.clock.now()
        estimate = self.desk.estimate(gates)
        waited_at: list[Gate] = []

        def blocked(gate: Gate) -> None:
            waited_at.append(gate)
            self._keeper_of(gate).limit_reached(call, gate, estimate, began)

        try:
            at = await self.desk.wait(gates, counted, blocked=blocked)
        except DeskClosed:
            message = f"{call.method} {call.url.path}: the transport was closed while the request waited for its turn"
            raise error_for(request, TransportClosed, message, call=call) from None
        finally:
            paused = self._note(call, gates, waited_at, began)
        return _Waited(at, at - began - paused, waited_at)

    def _note(self, call: Call, gates: Gates, waited_at: Sequence[Gate], began: float) -> float:
        """Puts a wait into the timeline of a call; returns for how much of it a pause that came in between stood."""
        now = self.clock.now()
        pause = max(gates, key=lambda gate: gate.paused_within(began, now)[1])
        since, paused = pause.paused_within(began, now)
        for gate in waited_at:
            if gate.kind == "pause":
                paused = 0.0
            elif paused:
                call.waits += (Wait(pause.kind, paused, str(pause.subject), since),)
            call.waits += (Wait(gate.kind, now - began - paused, str(gate.subject), began),)
        return paused

    def _tell_of(self, waited: _Waited, call: Call) -> float:
        for gate in waited.gates:
            self._keeper_of(gate).wait_over(call, gate, waited.seconds, waited.until)
        return waited.until

    def _keeper_of(self, gate: Gate) -> Keeper:
        return next(keeper for keeper in self.keepers if keeper.wait_kind == gate.kind)

    def _give_back(self, slots: Gates, _error: BaseException | None) -> None:
        self.desk.release(slots)

    async def let_go(self) -> None:
        """Sends everybody away who waits."""
        self.desk.close()

    def state(self) -> str:
        """Says the gates, who waits, and when the next permit comes."""
        words = [keeper.describe(self.desk) for keeper in self.keepers]
        return ", ".join([limits for limits, _ in words] + [f"{self.desk.waiting} waiting"] + [now for _, now in words])
