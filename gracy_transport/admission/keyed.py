"""Gates by key, made when first asked for and dropped when idle, so that any number of keys may come and go."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final

from ..clock import Clock
from .gates import Gate

__all__ = ["KeyedGates"]

_FEWEST: Final = 64


class KeyedGates:
    """The gates of one limit that is split by a key: an origin, an endpoint, a tenant.

    Each time their number has doubled, idle gates move to the old ones, and the old ones that were not asked for since
    the last time are dropped. That costs a constant amount a key, keeps memory within a small multiple of what is in
    use, and never drops a gate that somebody is just about to pass.

    Args:
        make: makes the gate of a key.
        clock: tells idle gates from used ones.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_gates",
        "_lock",
        "_make",
        "_old",
        "_sweep_at",
    )

    def __init__(self, make: Callable[[Hashable], Gate], clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._gates: dict[Hashable, Gate] = {}
        self._old: dict[Hashable, Gate] = {}
        self._sweep_at = _FEWEST
        self._lock = Lock()

    def __len__(self) -> int:
        """Counts the gates that are kept."""
        return len(self._gates) + len(self._old)

    def get(self, key: Hashable) -> Gate:
        """Returns the gate of a key."""
        return self._gates.get(key) or self._find_or_make(key)

    def _find_or_make(self, key: Hashable) -> Gate:
        with self._lock:
            if len(self._gates) >= self._sweep_at:
                self._sweep(self._clock.now())
            gate = self._gates.get(key) or self._old.pop(key, None)
            if gate is None:
                gate = self._make(key)
            self._gates[key] = gate
            return gate

    def is_idle(self, now: float) -> bool:
        """Tells whether new gates would behave the same."""
        return all(gate.is_idle(now) for gate in self.all())

    def all(self) -> list[Gate]:
        """Returns the gates that are kept."""
        return [*self._gates.values(), *self._old.values()]

    def _sweep(self, now: float) -> None:
        gates = list(self._gates.items())
        self._old = {key: gate for key, gate in gates if gate.is_idle(now)}
        self._gates = {key: gate for key, gate in gates if key not in self._old}
        self._sweep_at = max(_FEWEST, 2 * len(self._gates))
