"""Why somebody has to leave a desk; the layer above makes errors of the request's family of these."""

from __future__ import annotations

from .gates import Gate

__all__ = ["DeskClosed", "DeskFull", "DeskLate"]


class DeskClosed(Exception):
    """The desk was closed while somebody waited."""


class DeskLate(Exception):
    """A pause began that will not be over in time."""


class DeskFull(Exception):
    """As many wait at `gate` as may."""

    def __init__(self, gate: Gate, waiting: int, most: int) -> None:
        super().__init__(gate, waiting, most)
        self.gate = gate
        self.waiting = waiting
        self.most = most
