"""What the clock of a server says, as far as one can tell from here. Pure arithmetic.

A server's answer with its time in it left here at one instant of ours and was back at another; the server read its
clock in between. So the difference of the clocks lies in an interval as long as the round trip, and each further answer
narrows it. Nothing here reads the calendar time of this machine, which may be wrong by any amount.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ServerTime"]

DRIFT: Final = 200e-6
"""Seconds by which two clocks may part in a second. Crystals keep to 100e-6 each."""


class ServerTime:
    """The time of a server, as an interval that holds it. All figures are seconds."""

    __slots__ = ("_high", "_low", "_noted")

    def __init__(self) -> None:
        self._low = float("-inf")
        self._high = float("inf")
        self._noted = 0.0

    def note(self, sent: float, received: float, server: float) -> None:
        """Takes in that the server read `server` from its clock between two instants of ours.

        When that contradicts what was known, the server's clock was set, or it is another server: only the newest
        word counts then.
        """
        drifted = DRIFT * max(0.0, received - self._noted)
        low = max(self._low - drifted, server - received)
        high = min(self._high + drifted, server - sent)
        if low > high:
            low, high = server - received, server - sent
        self._low, self._high, self._noted = low, high, received

    @property
    def is_known(self) -> bool:
        """Whether the server said anything at all yet."""
        return self._high < float("inf")

    def not_before(self, server: float) -> float:
        """Returns the instant here from which on the server's time is surely past `server`."""
        return server - self._low

    def not_after(self, server: float) -> float:
        """Returns the last instant here at which the server's time surely is not past `server`."""
        return server - self._high

    def latest(self, here: float) -> float:
        """Returns the latest that the server's clock can say at an instant here."""
        return here + self._high
