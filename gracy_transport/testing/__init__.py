"""The testing kit: virtual time, a scripted wire, captured events, and a real origin on loopback sockets.

`FakeClock` drives every wait of the stack, `ScriptedWire` stands in for the network, `capture_events` collects what
happened. `gracy_transport.testing.origin` is a scriptable HTTP server for tests that want real sockets.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .clock import FakeClock
from .wire import NEVER, ScriptedResponse, ScriptedWire, Sent

if TYPE_CHECKING:
    from ..events import Event
    from ..layer import Layer

__all__ = ["NEVER", "FakeClock", "ScriptedResponse", "ScriptedWire", "Sent", "capture_events"]


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
