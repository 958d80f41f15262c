"""The waiters of one event loop, and how each of them is woken."""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import suppress
from typing import Any

import anyio

from ..loops import Loop
from .waiters import Gates, Waiter

__all__ = ["Guest", "Room"]


class Room:
    """The waiters of one event loop."""

    __slots__ = ("leader", "loop", "scope", "waiters", "wakes_at")

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.waiters: OrderedDict[Guest, None] = OrderedDict()
        self.leader: Guest | None = None
        self.scope: anyio.CancelScope | None = None
        self.wakes_at = math.inf

    @property
    def youngest(self) -> Guest | None:
        """The waiter that came last, if there is one."""
        while True:
            with suppress(RuntimeError):  # another thread, or a destructor, has taken one out in this very moment
                return next(reversed(self.waiters), None)

    def rouse(self, guest: Guest) -> bool:
        """Lets a waiter look around again; False when its loop has ended."""
        return self.loop.call(guest.rouse)


class Guest(Waiter):
    """A waiter with the means to wake it.

    Attributes:
        is_roused: whether it was since it last looked around. A destructor may do it before it sleeps.
    """

    __slots__ = ("bed", "is_closed", "is_late", "is_roused", "room")

    def __init__(self, gates: Gates, room: Room, until: float = math.inf) -> None:
        super().__init__(gates, until)
        self.room = room
        self.bed: Any = None
        self.is_closed = False
        self.is_late = False
        self.is_roused = False

    def rouse(self) -> None:
        """Ends its sleep: that of the leader on the timer, that of the others in their beds; else it does not begin."""
        self.is_roused = True
        if self.room.leader is self and self.room.scope is not None:
            self.room.scope.cancel()
        elif self.bed is not None:
            self.room.loop.wake(self.bed)

    async def sleep(self) -> None:
        """Waits until it is roused."""
        loop = self.room.loop
        self.bed = loop.bed()
        if not self.is_roused:
            await loop.sleep(self.bed)
        self.bed, self.is_roused = None, False
