"""What a call is made of: attempts, one after the other, and waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["Attempt", "Fate", "Wait"]

Fate: TypeAlias = Literal["never_sent", "maybe_applied", "answered"]
"""What became of a request at the server, as far as the client can know.

- `never_sent`: not one byte can have reached it, so that sending it again does no harm.
- `maybe_applied`: it was handed to the wire, and no answer came: the server may have carried it out.
- `answered`: a response came, whatever its status, even if its body broke off.
"""


@dataclass(slots=True)
class Attempt:
    """One pass below the retry layer. Instants are monotonic seconds, `None` until they have come.

    Attributes:
        number: from 1, over all hops of the call.
        started: when it began.
        dispatched: when the gates let it through.
        ended: when its body was over (its headers there, where no layer looks at bodies), or an error came.
        status: the status code of its response.
        error: the name of the class of the error that ended it.
        was_sent: `False` once it is known that nothing of it can have reached the server.
        was_unshared: whether a limit of many processes was kept by this one alone when it was let through, since the
            server of that limit was away.
        was_answered: whether a response came, also one whose body broke so that there is no status.
    """

    number: int
    started: float
    dispatched: float | None = None
    ended: float | None = None
    status: int | None = None
    error: str | None = None
    was_sent: bool = True
    was_answered: bool = False
    was_unshared: bool = False

    @property
    def began(self) -> float:
        """When its latency begins: at its dispatch, or at its start when no gate stood in between."""
        return self.started if self.dispatched is None else self.dispatched

    @property
    def latency(self) -> float | None:
        """Seconds from dispatch (or the start, when no gate stood in between) to the end of the body."""
        return None if self.ended is None else self.ended - self.began

    @property
    def fate(self) -> Fate:
        """What became of it at the server: "never_sent", "maybe_applied" or "answered"."""
        if self.was_answered or self.status is not None:
            return "answered"
        return "maybe_applied" if self.was_sent else "never_sent"


class Wait(NamedTuple):
    """One wait of a call.

    Attributes:
        kind: "throttle", "slot", "pause" or "back-off".
        seconds: how long it really took, without the pauses that fell into it: they are waits of their own.
        reason: the rule, the limit or the failure that it was for; of several limits, the first that was in the way.
        began: when, in monotonic seconds.
    """

    kind: str
    seconds: float
    reason: str
    began: float
