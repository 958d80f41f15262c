"""The testing kit: virtual time, a scripted wire, captured events, faults, and a real origin on loopback sockets.

`FakeClock` drives every wait of the stack, `ScriptedWire` stands in for the network, `capture_events` collects what
happened, `FaultTransport` lets requests fail on purpose. Three modules are imported by themselves:

- `gracy_transport.testing.origin` is a scriptable HTTP server for tests that want real sockets.
- `gracy_transport.testing.conformance` checks any transport that wraps another, also one of your own.
- `gracy_transport.testing.cancelling` cancels a coroutine at each of its awaits in turn.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .clock import FakeClock
from .faults import Fault, FaultTransport
from .wire import NEVER, ScriptedResponse, ScriptedWire, Sent

if TYPE_CHECKING:
    from ..events import Event
    from ..layer import Layer

__all__ = [
    "NEVER",
    "FakeClock",
    "Fault",
    "FaultTransport",
    "ScriptedResponse",
    "ScriptedWire",
    "Sent",
    "capture_events",
]


@contextmanager
def capture_events(layer: Layer) -> Generator[list[Event]]:
    """Collects the events of all calls that pass a layer (a `GracyTransport`, say) while the block runs.

    Blocks may overlap in any way, in tasks for example: each ends its own collection only.
    """
    events: list[Event] = []
    note = events.append
    layer.observers = (*layer.observers, note)
    try:
        yield events
    finally:
        layer.observers = tuple(each for each in layer.observers if each is not note)
