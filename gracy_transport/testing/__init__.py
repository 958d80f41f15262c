"""The testing kit: virtual time, a scripted wire, captured events, faults, and a real origin on loopback sockets.

`FakeClock` drives every wait of the stack, `ScriptedWire` stands in for the network, `capture_events` collects what
happened, `FaultTransport` lets requests fail on purpose. Three modules are imported by themselves:

- `gracy_transport.testing.origin` is a scriptable HTTP server for tests that want real sockets.
- `gracy_transport.testing.conformance` checks any transport that wraps another, also one of your own.
- `gracy_transport.testing.cancelling` cancels a coroutine at each of its awaits in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .capturing import capture_events
    from .clock import FakeClock
    from .faults import Fault, FaultTransport
    from .wire import NEVER, ScriptedResponse, ScriptedWire, Sent

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

if not TYPE_CHECKING:  # every session of pytest loads this package, because its plugin is in it
    from ..late import loaded_late

    __getattr__, __dir__ = loaded_late(
        __name__,
        {
            "NEVER": ".wire",
            "FakeClock": ".clock",
            "Fault": ".faults",
            "FaultTransport": ".faults",
            "ScriptedResponse": ".wire",
            "ScriptedWire": ".wire",
            "Sent": ".wire",
            "capture_events": ".capturing",
        },
    )
