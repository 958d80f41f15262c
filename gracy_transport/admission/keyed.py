"""Gates by key, made when first asked for and dropped when idle, so that any number of keys may come and go."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

from .desk import Desk
from .gates import Gate

__all__ = ["KeyedGates"]

_FEWEST: Final = 64


class KeyedGates:
    """The gates of one limit that is split by a key: an origin, an endpoint, a tenant.

    Each time their number has doubled, those are dropped that are idle and in nobody's hands. That costs a constant
    amount a key, keeps memory within a small multiple of what is in use, and never drops a gate that somebody is just
    about to pass, however long its thread stops before it does.

    Args:
        make: makes the gate of a key.
        desk: where requests wait at the gates; while it is looked which are idle, nobody passes one.
    """

    __slots__ = (
        "__weakref__",
        "_desk",
        "_gates",
        "_lock",
        "_make",
        "_sweep_at",
    )

    def __init__(self, make: Callable[[Hashable], Gate], desk: Desk) -> None:
        self._make = make
        self._desk = desk
        self._gates: dict[Hashable, Gate] = {}
        self._sweep_at = _FEWEST
        self._lock = Lock()

    def __len__(self) -> int:
        """Counts the gates that are kept."""
        return len(self._gates)

    def get(self, key: Hashable) -> Gate:
        """Returns the gate of a key."""
        return self._gates.get(key) or self._find_or_make(key)

    def _find_or_make(self, key: Hashable) -> Gate:
        with self._lock:
            if len(self._gates) >= self._sweep_at:
                self._desk.decide(self._sweep)
            gate = self._gates.get(key)
            if gate is None:
                gate = self._gates[key] = self._make(key)
            return gate

    def is_idle(self, now: float) -> bool:
        """Tells whether new gates would behave the same."""
        return all(gate.is_idle(now) for gate in self.all())

    def all(self) -> list[Gate]:
        """Returns the gates that are kept."""
        return list(self._gates.values())

    def _sweep(self, now: float) -> None:
        idle = WeakValueDictionary({key: gate for key, gate in self._gates.items() if gate.is_idle(now)})
        self._gates = {key: gate for key, gate in self._gates.items() if key not in idle}
        self._gates.update(idle.items())  # what is left of them is what somebody holds
        self._sweep_at = max(_FEWEST, 2 * len(self._gates))
