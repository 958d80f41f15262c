"""Pauses that somebody asks for: nothing goes out for that long, to any endpoint or to one.

Every request that has not gone out yet waits for the end, retries and those in the queue of a rate limit too, and they
leave at the rate the limits allow. Pauses do not add up, the longest holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .admission import Desk, Gate, Gates, KeyedGates, PauseGate
from .call import Call

if TYPE_CHECKING:
    from .family import Request

__all__ = ["PauseKeeper"]

ALL: Final = "a pause of all requests"
ENDPOINT: Final = "a pause of the endpoint"


class PauseKeeper:
    """Knows the pauses of a client: one gate for all of its requests, and one for each endpoint.

    Args:
        desk: where the requests wait.
    """

    wait_kind = "pause"
    has_slots = False
    is_bounded = False
    foretells = False
    is_shared = False

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._for_all = PauseGate(subject=ALL)
        self._by_endpoint = KeyedGates(lambda _endpoint: PauseGate(subject=ENDPOINT), desk)

    def pause(self, seconds: float, endpoint: str | None = None) -> None:
        """Lets no request go out for that long, or none to the endpoint with that unformatted URL."""
        gate: Gate = self._for_all
        if endpoint is not None:
            gate = self._by_endpoint.get(endpoint)
        self.desk.pause((gate,), seconds)

    def gates_for(self, request: Request, call: Call) -> Gates:
        """Returns the two gates of a request; none for one that is made inside a hook, which never waits."""
        if call.options.is_bare:
            return ()
        return (self._for_all, self._by_endpoint.get(call.unformatted_url))

    def most_waiting(self, gate: Gate) -> int | None:
        """Returns `None`: a pause itself lets any number wait."""

    def limit_reached(self, call: Call, gate: Gate, wait: float, at: float) -> None:
        """Says nothing: who asked for the pause has said why."""

    def wait_over(self, call: Call, gate: Gate, waited: float, at: float) -> None:
        """Says nothing, as above."""

    def describe(self, desk: Desk) -> tuple[str, str]:
        """Says `pauses`, and for how long all requests are paused: `paused for 12.00s` or `not paused`."""
        left = desk.next_permit((self._for_all,))
        return "pauses", f"paused for {left:.2f}s" if left > 0 else "not paused"
