"""What both kinds of shared gates have in common: where their units come from, and what they do while it is away."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from ..admission import Gate

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

    from ..admission import Desk
    from .scripts import Script

__all__ = ["MEANWHILE", "Away", "Change", "Engine", "Order", "SharedGate", "as_text", "microseconds", "tick"]


Change: TypeAlias = tuple[Gate, Callable[[float], object]]
"""A gate, and what changes it while nobody decides; it is told the time."""


Away = Literal["local_share", "open", "closed"]
"""What a process does while the engine does not answer."""


MEANWHILE: Final = {
    "local_share": "each process keeps to its share of the limits until it does",
    "open": "requests are not limited until it does",
    "closed": "requests wait until it does",
}
"""The same in words."""


class Order(NamedTuple):
    """A script to be run.

    Attributes:
        script: what decides. `keys`, `arguments`: what it is given.
    """

    script: Script
    keys: Sequence[str]
    arguments: Sequence[str | int]


class GateNumbers(Protocol):
    """Tells the gates of one process with the same name apart."""

    def number_of(self, desk: Desk) -> int:
        """Returns the number of a desk."""
        ...


class Engine(Protocol):
    """What all processes ask, as the gates of one process see it."""

    owner: str
    namespace: str
    away: Away
    processes: int
    is_away: bool
    ahead: float
    lease: float
    presence: float

    @property
    def round_trip(self) -> float:
        """Seconds of a round trip, smoothed from above."""
        ...

    @property
    def gates(self) -> GateNumbers:
        """Tells gates with the same name apart."""
        ...

    def order(self, gate: SharedGate) -> None:
        """Sees to it that the order of a gate is carried out soon; may be called from anywhere at any moment."""
        ...

    def pause(self, gate: SharedGate, seconds: float) -> None:
        """Tells all processes that nobody may pass a gate for so long."""
        ...

    def lost(self, gate: SharedGate, count: int) -> None:
        """Tells that leases ended while they were in use."""
        ...


class SharedGate(Gate, ABC):
    """A gate whose units are lent by an engine.

    Args:
        name: what processes know the limit by.
        engine: where the units come from.
        desk: where the requests wait.
        limit, period, subject: as for every gate.

    Attributes:
        processes: how many share the limit, as the engine last said.
        is_asked: whether an order is under way.
        sent: the instants at which something was sent here, oldest first; `None` where the past does not matter.
    """

    __slots__ = ("desk", "engine", "is_asked", "name", "processes", "sent", "tag")

    def __init__(
        self, name: str, engine: Engine, desk: Desk, limit: int, period: float | None = None, *, subject: object
    ) -> None:
        super().__init__(limit, period, subject=subject)
        self.name = name
        self.tag = f"{{{engine.namespace}:{name}}}"
        self.engine = engine
        self.desk = desk
        self.processes = engine.processes
        self.is_asked = False
        self.sent: deque[float] | None = None

    @property
    def owner(self) -> str:
        """What the engine knows the requests of this gate by."""
        return f"{self.engine.owner}.{self.engine.gates.number_of(self.desk)}"

    @property
    def title(self) -> str:
        """Says the limit, and what it is kept by while the engine is away."""
        if not self.is_alone(self.desk.clock.now()):
            return f"{self.subject}, shared"
        if self.engine.away == "local_share":
            return f"{self.subject}, a share of 1/{self.processes} while the shared limits cannot be reached"
        return f"{self.subject}, while the shared limits cannot be reached"

    @property
    @abstractmethod
    def is_quiet(self) -> bool:
        """Whether nothing is held or waited for here."""

    @property
    @abstractmethod
    def is_holding(self) -> bool:
        """Whether something is lent that has to be given back, even when nobody comes here any more."""

    @property
    @abstractmethod
    def is_deserted(self) -> bool:
        """Whether it looks as if those who wait here have lost their event loop: nobody uses anything."""

    def is_alone(self, now: float) -> bool:
        """Tells whether this process keeps to the limit without the engine now."""
        return self.engine.is_away

    @abstractmethod
    def order(self, now: float) -> Order:
        """Returns what the engine is to decide now."""

    def missed_words(self, now: float) -> None:
        """Is told that what other processes said may have been missed."""

    @abstractmethod
    def came_back(self, now: float) -> None:
        """Is told that the engine is back."""

    @abstractmethod
    def taking_in(self, reply: list[Any], sent: float, received: float) -> Change:
        """Returns what takes in what the engine decided between two instants."""

    @abstractmethod
    def look_after(self, now: float) -> None:
        """Sees at each `tick` to what is due."""

    @abstractmethod
    def let_go(self, now: float) -> None:
        """Gives back what nobody uses."""

    @abstractmethod
    def forget(self) -> None:
        """Begins anew, in a process that was forked off: what its parent was lent is not its own."""

    def failed(self) -> None:
        """Is told that an order came to nothing."""
        self.is_asked = False

    def look_again(self) -> None:
        """Lets those who wait go on by what is so now."""
        self.desk.change((self, lambda _now: None))

    def pause_elsewhere(self, seconds: float) -> None:
        """Lets nobody pass for so long in any process."""
        self.engine.pause(self, seconds)

    def pause_for(self, seconds: float) -> None:
        """Lets nobody pass for so long, because another process was told so."""
        self.desk.pause((self,), seconds)

    def has_room(self, now: float, spared: int = 0) -> bool:
        """Tells whether a unit can be taken now, when `spared` units are to be left for somebody else."""
        at = self.opens_at(now, spared)
        return at is not None and at <= now

    def opens_at(self, now: float, spared: int = 0) -> float | None:
        """Returns the earliest instant at which a unit can be taken, or `None` when only the engine can tell."""
        if not self.is_alone(now):
            at = self._lent_at(now, spared)
        elif self.engine.away == "local_share":
            at = self._own_at(now, spared)
        else:
            at = now if self.engine.away == "open" else None
        return None if at is None else max(at, now, self.paused_until)

    def rounds_before(self, place: int) -> tuple[int, int]:
        """Returns that no window passes for sure: what others leave is not known here."""
        return 0, place

    def goes_at(self, place: int, now: float, since: float) -> float:
        """Returns when the request at that place of the queue goes at the earliest."""
        return max(now, since, self.paused_until)

    def return_of(self, count: int, now: float) -> float | None:
        """Returns when the `count`-th unit from now comes back, as far as is known."""
        return self.opens_at(now, count - 1)

    @abstractmethod
    def _lent_at(self, now: float, spared: int) -> float | None: ...

    @abstractmethod
    def _own_at(self, now: float, spared: int) -> float | None: ...


def as_text(word: bytes | str) -> str:
    """Returns what the server said as text, whether or not the client decodes answers."""
    return word.decode() if isinstance(word, bytes) else word


def microseconds(seconds: float) -> int:
    """Returns whole microseconds, rounded up: no limit is ever cut short by rounding."""
    return math.ceil(seconds * 1e6)


def tick(lease: float) -> float:
    """Returns the seconds between two looks at what is held and waited for: one, or less where leases are short."""
    return min(1.0, lease / 6)
