"""What servers say of their limits, and the gates that hold everybody to it.

A hint is about requests like the one that was answered: to the same origin and, where rate rules tell requests apart,
under the same rules and keys. All of them wait, not only the one that was told, and nothing adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final, Protocol

from ..call import Call
from ..glance import mentions
from ..retry_after import ASKING, NAMES
from .desk import Desk
from .gates import Gate
from .keyed import KeyedGates
from .lanes import Gates
from .pausing import HintGate

if TYPE_CHECKING:
    from ..family import Request, Response

__all__ = ["HintKeeper", "ServerHints"]

SUBJECT: Final = "what the server asked for"

_NAMES: Final = frozenset(name.encode() for name in NAMES)

KeyOf = Callable[["Request", Call], Hashable]


class Logs(Protocol):
    """Who logs that a request has to wait: the keeper of the rate rules, which is told what to say."""

    @property
    def foretells(self) -> bool:
        """Whether it logs that, and is to be told how long it will be."""
        ...

    def limit_reached(self, call: Call, gate: Gate, wait: float, at: float) -> None:
        """Logs that a request has to wait."""
        ...

    def wait_over(self, call: Call, gate: Gate, waited: float, at: float) -> None:
        """Logs that it waited."""
        ...


class ServerHints:
    """The gates of all servers that a stack talks to, made when first needed and dropped when idle.

    Args:
        desk: where the requests wait.
        key_of: tells the requests to one origin apart, as the rate rules do; not at all unless given.
    """

    def __init__(self, desk: Desk, key_of: KeyOf | None = None) -> None:
        self.desk = desk
        self.is_used = False
        self._key_of = key_of
        self._gates = KeyedGates(lambda _server: HintGate(subject=SUBJECT), desk)

    def gate(self, request: Request, call: Call) -> HintGate:
        """Returns the gate of requests like this one."""
        self.is_used = True
        key_of = self._key_of
        gate = self._gates.get(call.origin if key_of is None else (call.origin, key_of(request, call)))
        assert isinstance(gate, HintGate)
        return gate

    def paused(self) -> int:
        """Counts the gates that are closed now."""
        return sum(self.desk.next_permit((gate,)) > 0 for gate in self._gates.all())


class HintKeeper:
    """Listens to the answers of servers and knows the gates at which requests wait for it.

    Args:
        hints: the gates, shared by all calls of a stack.
        follows: heed all headers about limits, on every answer. Without it a Retry-After on a 429 or a 503 alone.
        longest: seconds; no server may hold requests up for longer at a time.
        logs: logs that a request waits; nobody does unless given.
    """

    wait_kind = "pause"
    has_slots = False
    is_bounded = False
    is_shared = False

    def __init__(self, hints: ServerHints, *, follows: bool, longest: float, logs: Logs | None = None) -> None:
        self.hints = hints
        self.follows = follows
        self.longest = longest
        self.logs = logs
        self.foretells = logs is not None and logs.foretells

    def gate_of(self, request: Request, call: Call) -> HintGate | None:
        """Returns the gate of a request, or `None` while no server said anything."""
        # A pause needs no count of what went before it, so that nobody has to look for a gate until there is one.
        return self.hints.gate(request, call) if self.follows or self.hints.is_used else None

    def has_a_word(self, response: Response) -> bool:
        """Tells whether an answer is to be listened to."""
        if self.follows or response.status_code not in ASKING:
            return self.follows
        return self.hints.is_used or mentions(response.headers, _NAMES)

    def heed(self, request: Request, call: Call, response: Response, passed: HintGate | None, number: int) -> float:
        """Takes in what an answer says; `passed` is the gate the request went through, as the `number`-th.

        Returns for how many seconds nobody may send now because of it.
        """
        if call.is_replayed:
            return 0.0
        from ..hints import hints_in, pause_asked  # most programs never hear a word

        wall = self.hints.desk.clock.wall()
        if not self.follows:
            hints = pause_asked(response.headers, wall)
        else:
            hints = hints_in(response.status_code, response.headers, wall)
        if passed is None and not hints:
            return 0.0
        gate = self.hints.gate(request, call)
        if gate is not passed:
            number = gate.sent  # it was made meanwhile: what went out before counts as known to the server
        gate.answered(number)
        if not hints:
            return 0.0
        before = gate.paused_until
        self.hints.desk.change((gate, lambda now: gate.heed(hints, number, now, self.longest)))
        return max(0.0, gate.paused_until - self.hints.desk.clock.now()) if gate.paused_until > before else 0.0

    def gates_for(self, request: Request, call: Call) -> Gates:
        """Returns the gate of a request, as other keepers do."""
        gate = self.gate_of(request, call)
        return () if gate is None else (gate,)

    def most_waiting(self, gate: Gate) -> int | None:
        """Returns `None`: a pause itself lets any number wait."""

    def limit_reached(self, call: Call, gate: Gate, wait: float, at: float) -> None:
        """Logs that a request has to wait."""
        if self.logs is not None:
            self.logs.limit_reached(call, gate, wait, at)

    def wait_over(self, call: Call, gate: Gate, waited: float, at: float) -> None:
        """Logs that it waited."""
        if self.logs is not None:
            self.logs.wait_over(call, gate, waited, at)

    def describe(self, desk: Desk) -> tuple[str, str]:
        """Says that it listens, and how many servers want a pause now."""
        paused = self.hints.paused()
        return "server hints", f"{paused} paused by their server" if paused else "not paused by a server"
