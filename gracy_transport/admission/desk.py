"""Where requests wait: the queue of `lanes.py` with a lock, wake-ups and one timer per event loop.

Each loop has a *room*. One of its waiters leads: it holds the only timer, lets time pass until the next opening, and
hands out what has become free, to the waiters of every loop. When it goes, the youngest takes over, because it will
wait longest. There is no background task and no thread.

The lock is held for a decision only, never over an await. A slot can be given back from a destructor, which may run in
the middle of anything, even of a decision in the same thread: what comes back is therefore put on a deque first.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import TypeVar

import anyio

from ..clock import Clock
from ..loops import current_loop
from .gates import Gate
from .lanes import Admission, Bound, Gates, Waiter
from .refusals import DeskClosed, DeskFull, DeskLate
from .rooms import Guest, Room

__all__ = ["Desk"]

Made = TypeVar("Made")


class Desk:
    """Admits requests through gates. One desk serves any number of layers, loops and threads.

    Args:
        clock: the time the gates live by.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._admission = Admission()
        self._lock = Lock()
        self._rooms: dict[object, Room] = {}
        self._returned: deque[Gates | Guest] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait now."""
        return self._admission.waiting

    def try_now(self, gates: Gates, counted: Gates = ()) -> float | None:
        """Takes and stamps a unit of each gate if that is possible without waiting; returns the stamp, or `None`.

        `counted` are gates whose units are used as well, but never waited for.
        """
        self._lock.acquire()  # every request comes here, and `with` takes more than twice as long
        try:
            now = self.clock.now()
            is_admitted = self._admission.try_now(gates, now)
            if is_admitted and counted:
                self._admission.count_in(counted, now)
        finally:
            self._lock.release()
        if self._returned:
            self._take_back()
        return now if is_admitted else None

    async def wait(
        self,
        gates: Gates,
        counted: Gates = (),
        *,
        blocked: Callable[[Waiter, Gate], object] | None = None,
        bounds: Sequence[Bound] = (),
        until: float = math.inf,
    ) -> float:
        """Waits until all the gates let the request through, stamps its units as it goes on, and returns the stamp.

        `blocked` is called once with who waits and the gate that is waited for first, unless there is no need to wait
        after all.
        `bounds` say how many may wait at some of the gates, `until` by when it has to go, or need not go at all.

        Raises:
            DeskClosed: when the desk was closed meanwhile.
            DeskFull: at once, when as many wait already at a gate as its bound allows.
            DeskLate: when a pause began that will not be over by `until`. A wait that takes too long for any other
                reason is for the caller to end.
        """
        guest, has_company = self._enter(gates, bounds, until)
        at: float | None = None
        try:
            if has_company:
                await anyio.lowlevel.checkpoint()  # those before it are only just woken
            if blocked is not None and guest.blocked_by is not None and not guest.is_granted:
                blocked(guest, guest.blocked_by)
            while at is None:  # a pause may come between the grant and the moment when the guest really goes on
                await self._until_granted(guest)
                at, instead = self._decide(lambda admission, now: admission.use(guest, counted, now))
                if at is None:
                    self._hand_out(instead)
                    guest.is_late = any(gate.paused_until >= until for gate in gates)
        except BaseException:
            self._leave(guest)
            raise
        self._check_out(guest)
        return at

    def decide(self, decision: Callable[[float], Made]) -> Made:
        """Returns what is decided, by a callable that is told the time, while nobody else decides."""
        return self._decide(lambda _admission, now: decision(now))

    def estimate(self, gates: Gates) -> float:
        """Returns the seconds that a request which came now would wait at least, by rates and pauses."""
        return self.foresee(gates)[0]

    def foresee(self, gates: Gates) -> tuple[float, Gate]:
        """Returns the seconds that a request which came now would wait at least, and the gate that takes longest."""
        return self._decide(lambda admission, now: admission.estimate(gates, now))

    def next_permit(self, gates: Iterable[Gate]) -> float:
        """Returns the seconds until all of these gates can have room, as far as rates and pauses can tell."""

        def until_room(_admission: Admission, now: float) -> float:
            waits = [0.0 if gate.has_room(now) else (gate.opens_at(now) or now) - now for gate in gates]
            return max(waits, default=0.0)

        return self._decide(until_room)

    def release(self, gates: Gates, _error: BaseException | None = None) -> None:
        """Gives back one unit of each gate, from anywhere and for any reason, and lets whoever waits for them go on."""
        if not self._lock.acquire(False):  # noqa: FBT003 - the keyword takes twice as long
            self._returned.append(gates)
        else:
            try:
                if self._admission.waiting:
                    self._returned.append(gates)  # somebody may have to be woken
                else:
                    for gate in gates:
                        gate.give_back()
            finally:
                self._lock.release()
        if self._returned:
            self._take_back()

    def pause(self, gates: Iterable[Gate], seconds: float) -> None:
        """Lets nobody through these gates for that long; pauses do not add up, the longest holds. See `change`."""
        self._change(
            lambda admission, now: [late for gate in gates for late in admission.pause(gate, now + seconds, now)]
        )

    def change(self, *changes: tuple[Gate, Callable[[float], object]]) -> None:
        """Changes gates while nobody decides, by callables that are told the time, and lets whoever now may go on.

        Those who would have to go before a pause is over that so began raise `DeskLate`.
        """
        self._change(
            lambda admission, now: [late for gate, change in changes for late in admission.change(gate, change, now)]
        )

    def _change(self, change: Callable[[Admission, float], Iterable[Waiter]]) -> None:
        for guest in self._decide(change):
            assert isinstance(guest, Guest)
            guest.is_late = True
            guest.room.rouse(guest)
        self._hand_out([])

    def close(self) -> None:
        """Sends everybody away who waits in this event loop: they raise `DeskClosed`. Who comes later is served."""
        room = self._rooms.get(current_loop().native)
        for guest in [] if room is None else list(room.waiters):
            if not guest.is_granted:
                guest.is_closed = True
                guest.rouse()

    def _decide(self, decision: Callable[[Admission, float], Made]) -> Made:
        """Makes a decision under the lock, and sees to what was given back meanwhile."""
        with self._lock:
            made = decision(self._admission, self.clock.now())
        if self._returned:
            self._take_back()
        return made

    def _enter(self, gates: Gates, bounds: Sequence[Bound], until: float) -> tuple[Guest, bool]:
        """Lets a request line up; also tells whether it may go at once, together with others that came before it."""
        room = self._room_here()
        guest = Guest(gates, room, until)
        room.waiters[guest] = None

        def join(admission: Admission, now: float) -> list[Waiter] | Bound:
            full = next((bound for bound in bounds if bound[0].queued >= bound[1]), None)
            if full is not None or room.leader is None:
                return full or admission.enqueue(guest, now)
            admission.join(guest, now)  # a slice at a time is handed out by who leads, not by each of a crowd
            return []

        joined = self._decide(join)
        if isinstance(joined, tuple):
            self._check_out(guest)
            gate, most = joined
            raise DeskFull(gate, gate.queued, most)
        self._hand_out(joined)
        return guest, guest.is_granted and len(joined) > 1

    async def _until_granted(self, guest: Guest) -> None:
        room = guest.room
        while not guest.is_granted:
            if guest.is_closed:
                raise DeskClosed
            if guest.is_late:
                raise DeskLate
            if room.leader is None or room.leader is guest:
                room.leader = guest
                await self._lead(room, guest)
            else:
                await guest.sleep()

    async def _lead(self, room: Room, guest: Guest) -> None:
        """Lets time pass until the next opening, and hands out what it opens; once, so that the caller looks around."""
        granted, at, now = self._decide(lambda admission, now: (admission.tick(now), admission.next_opening(), now))
        room.wakes_at = math.inf if at is None else at
        try:
            self._hand_out(granted)
            if guest.is_granted:
                return
            with anyio.CancelScope() as room.scope:
                if not guest.is_roused:
                    await self.clock.sleep(room.wakes_at - now)
        finally:
            room.scope, room.wakes_at, guest.is_roused = None, math.inf, False

    def _leave(self, guest: Guest) -> None:
        """Takes a waiter out who gave up, before or after it was granted its units.

        A coroutine that was abandoned is ended by the garbage collector, so this may come in the middle of anything.
        """
        self._returned.append(guest)
        self._check_out(guest)
        self._take_back()

    def _check_out(self, guest: Guest) -> None:
        room = guest.room
        room.waiters.pop(guest, None)
        if not room.waiters:
            self._rooms.pop(room.loop.native, None)
        if room.leader is guest:
            room.leader = room.youngest
            if room.leader is not None:
                room.rouse(room.leader)

    def _take_back(self) -> None:
        """Works off what was given back. Whoever holds the lock does it for those who could not get it."""
        while self._returned and self._lock.acquire(False):  # noqa: FBT003 - the keyword takes twice as long
            try:
                granted = self._take_back_one()
            finally:
                self._lock.release()
            if self._rooms:  # whoever waits is in one
                self._wake(granted)

    def _take_back_one(self) -> list[Waiter]:
        if not self._returned:  # another thread was faster
            return []
        back = self._returned.popleft()
        if isinstance(back, Guest):
            return self._admission.leave(back, self.clock.now())
        return self._admission.release(back, self.clock.now())

    def _hand_out(self, granted: Sequence[Waiter]) -> None:
        self._wake(granted)
        if self._returned:
            self._take_back()

    def _wake(self, granted: Sequence[Waiter]) -> None:
        """Wakes those who may go, and the leaders whose timer is now too late."""
        for guest in granted:
            assert isinstance(guest, Guest)
            if not guest.room.rouse(guest):
                # Its loop has ended with it in the queue: the next one may have its units.
                self._returned.append(guest)
                self._check_out(guest)
        if self._rooms:
            self._reset_timers()

    def _reset_timers(self) -> None:
        with self._lock:  # what is given back meanwhile is the caller's to see to
            at = self._admission.next_opening()
        if at is None:
            return
        for room in list(self._rooms.values()):
            leader = room.leader
            if leader is not None and at < room.wakes_at:
                room.rouse(leader)

    def _room_here(self) -> Room:
        loop = current_loop()
        room = self._rooms.get(loop.native)
        if room is None:
            room = self._rooms[loop.native] = Room(loop)
        return room
