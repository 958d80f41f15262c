"""Admission: the one mechanism behind rate limits and concurrency limits.

`gates.py` is the arithmetic of one limit, `lanes.py` decides who goes next when requests need several, `desk.py` is
where they wait, `transport.py` is the layer. `pausing.py` has the gates of pauses and of what a server says of its
limits, which `server.py` listens to; `book.py` keeps the gates of limits that come and go. `sharing.py` is the seam for
limits that hold over many processes. A request takes all it
needs at once, when it can have all of it, and holds nothing while it waits.
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
