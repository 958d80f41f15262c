"""The events of a while, as a list."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..events import Event
    from ..layer import Layer

__all__ = ["capture_events"]


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
