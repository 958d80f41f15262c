"""Admission: the one mechanism behind rate limits and concurrency limits.

A request takes all it needs at once, when it can have all of it, and holds nothing while it waits.

`gates` is the arithmetic of one limit, `lanes` decides who goes next when requests need several: `waiters` has those
who wait, `timers` when to look again, `foresight` how long it will be. `desk` is where they wait, in the `rooms` of
their event loops, and `refusals` is why they may have to leave. `transport` is the layer, and `queueing` what it tells
of a wait. `pausing` has the gates of pauses and of what a server says of its limits, which `server` listens to; `keyed`
keeps the gates of one limit by key, `book` those of limits that come and go. `sharing` is the seam for limits that hold
over many processes.
"""

from __future__ import annotations

from .book import Book
from .desk import Desk
from .gates import Gate
from .keyed import KeyedGates
from .lanes import Admission, Gates
from .pausing import PauseGate
from .server import HintKeeper, ServerHints
from .sharing import SharedLimits
from .transport import AdmissionTransport, Keeper

__all__ = [
    "Admission",
    "AdmissionTransport",
    "Book",
    "Desk",
    "Gate",
    "Gates",
    "HintKeeper",
    "Keeper",
    "KeyedGates",
    "PauseGate",
    "ServerHints",
    "SharedLimits",
]
