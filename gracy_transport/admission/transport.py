"""The layer in front of the wire that admits requests through gates, whatever the gates stand for.

`ThrottleTransport` and `ConcurrencyLimitTransport` are this layer with one keeper of gates each; `GracyTransport` has
one with both, so that permits and slots are taken jointly and nothing is held by a request that waits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..bodies import discard
from ..call import Call, Observer
from ..clock import SYSTEM_CLOCK, Clock
from ..events import RequestDispatched, tell
from ..exceptions import QueueFull, TransportClosed
from ..family import AsyncTransport, error_for
from ..layer import Layer
from ..overtime import given_up, not_begun, within
from ..showing import shown_url
from ..watching import on_end
from .desk import Desk
from .gates import Gate
from .lanes import Bound, Gates
from .pausing import HintGate
from .queueing import Queueing, words
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
    def is_bounded(self) -> bool:
        """Whether it bounds how many may wait at any of its gates."""
        ...

    @property
    def foretells(self) -> bool:
        """Whether it logs that a request has to wait, which it is told then with an estimate for how long."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether any of its limits holds over many processes."""
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
        self._keeper_of = {keeper.wait_kind: keeper for keeper in keepers}
        self._finders = tuple([(keeper.gates_for, keeper.has_slots) for keeper in keepers])
        self.may_refuse = any(keeper.is_bounded for keeper in keepers)
        self._is_shared = any(keeper.is_shared for keeper in keepers)
        self._foretells = any(keeper.foretells for keeper in (*keepers, *(() if hints is None else (hints,))))
        self.counted = tuple(counted)
        self.hints = hints
        self.desk = Desk(clock) if desk is None else desk

    async def handle(self, request: Request, call: Call) -> Response:
        """Waits for permits and slots, delegates, and gives the slots back when the body is over."""
        hints = self.hints
        hinted = None if hints is None else hints.gate_of(request, call)
        gates, counted, slots = self._gates_for(request, call, hinted)
        if not gates and not counted:
            self._tell_unheld(call)
            response = await self.pass_on(request, call)
            if hints is not None and hints.has_a_word(response):
                await self._heed(request, call, response, None, 0, gates=gates)
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
            call.attempt.was_unshared = self._is_shared and any_alone(gates, at)
            if call.observers and at is not None:
                tell(RequestDispatched(call, at))
            number = 0 if hinted is None else hinted.sent
            response = await self.pass_on(request, call)
            if hints is not None and hints.has_a_word(response):
                await self._heed(request, call, response, hinted, number, gates=gates)
            if slots:
                on_end(request, response, self.desk.release, slots)
        except BaseException:
            if slots:
                self.desk.release(slots)
            raise
        return response

    def _tell_unheld(self, call: Call) -> None:
        """Tells that an attempt goes on for which there is no gate to pass."""
        if call.observers:
            tell(RequestDispatched(call, self.clock.now()))

    async def _heed(
        self, request: Request, call: Call, response: Response, hinted: HintGate | None, number: int, *, gates: Gates
    ) -> None:
        """Takes in what an answer says of limits."""
        assert self.hints is not None
        try:
            paused = self.hints.heed(request, call, response, hinted, number)
            if paused:
                for gate in gates:
                    gate.pause_elsewhere(paused)
        except BaseException:  # the `key` of a rule is the user's own, and nobody would close the response
            await discard(response)
            raise

    def _gates_for(self, request: Request, call: Call, hinted: Gate | None) -> tuple[Gates, Gates, Gates]:
        """Returns the gates to wait at, those to be counted in, and which of them have slots to give back."""
        gates: Gates = ()
        slots: Gates = ()
        for gates_for, has_slots in self._finders:
            found = gates_for(request, call)
            gates += found
            if has_slots:
                slots += found
        if hinted is None and not self.counted:
            return gates, (), slots  # as for most
        counted: Gates = ()
        if hinted is not None and call.options.is_bare:
            counted = (hinted,)
        elif hinted is not None:
            gates = (hinted, *gates)
        for keeper in self.counted:
            found = tuple([gate for gate in keeper.gates_for(request, call) if gate not in gates])
            counted += found
            if keeper.has_slots:
                slots += found
        return gates, counted, slots

    async def _wait(self, request: Request, call: Call, gates: Gates, counted: Gates) -> Queueing:
        if self.hints is not None and not call.options.is_bare:
            hinted = self.hints.hints.gate(request, call)  # what a server says while it waits is for it, too
            gates = gates if hinted in gates else (hinted, *gates)
        is_foretold = self._foretells or call.deadline is not None or bool(call.observers)
        queueing = Queueing(self, call, gates, is_foretold=is_foretold)
        if call.deadline is not None:
            estimate, longest = queueing.foresee()
            if queueing.began + estimate >= call.deadline:
                raise not_begun(request, call, queueing.began, estimate, words(longest))
        bounds = self._bounds_of(gates) if self.may_refuse else ()
        try:
            until = math.inf if call.deadline is None else call.deadline
            queueing.until = await self.desk.wait(gates, counted, blocked=queueing.begin, bounds=bounds, until=until)
        except DeskClosed:
            message = (
                f"{call.method} {shown_url(request)}: the transport was closed while the request waited for its turn"
            )
            raise error_for(request, TransportClosed, message, call=call) from None
        except DeskFull as full:
            raise queue_full(request, call, full, queueing.foresee()[0]) from None
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

    def _bounds_of(self, gates: Gates) -> Sequence[Bound]:
        return [(gate, most) for gate in gates if (most := self.keeper_of(gate).most_waiting(gate)) is not None]

    def keeper_of(self, gate: Gate) -> Keeper:
        """Returns who knows a gate."""
        if isinstance(gate, HintGate) and self.hints is not None:
            return self.hints
        return self._keeper_of[gate.kind]

    async def let_go(self) -> None:
        """Sends everybody away who waits."""
        self.desk.close()

    def state(self) -> str:
        """Says the gates, who waits, and when the next permit comes."""
        keepers = self.keepers if self.hints is None else (*self.keepers, self.hints)
        words = [keeper.describe(self.desk) for keeper in keepers]
        return ", ".join([limits for limits, _ in words] + [f"{self.desk.waiting} waiting"] + [now for _, now in words])


def any_alone(gates: Gates, at: float | None) -> bool:
    """Tells whether any limit of many processes was kept by this one alone at an instant."""
    return at is not None and any(gate.is_alone(at) for gate in gates)


def queue_full(request: Request, call: Call, full: DeskFull, estimate: float) -> QueueFull:
    """Returns the error for a request that may not even wait."""
    limit = str(full.gate.subject)
    wait = f"; it would have waited about {estimate:.1f} s" if estimate else ""
    message = (
        f"{call.method} {shown_url(request)}: {full.waiting} requests wait already for {limit}, and max_waiting lets "
        f"no more{wait}. Try again later, start fewer at once, or raise max_waiting"
    )
    facts = {"waits_for": limit, "waiting": full.waiting, "would_wait": estimate or None}
    return error_for(request, QueueFull, message, call=call, **facts)
