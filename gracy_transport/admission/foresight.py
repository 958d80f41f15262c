"""How long a newcomer will have to wait, as far as can be told: never longer than it really will.

A call that could be over in time must not be refused for a figure that was too high, so only what is certain counts:
those in the same lane, and those of other lanes whom nothing but the same gates can hold up any more. The figure is
exact for one rate, behind a pause or not, and for rates that are passed together. Slots are a wait of unknown length,
and count as none. When somebody gives up, or when a server says that there is more, it may be shorter after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from .gates import Gate
from .waiters import Gates, Lane

__all__ = ["LOOKED_AT", "foresee"]

LOOKED_AT: Final = 16
"""Other lanes of a gate that are looked at: those beyond are not counted, which keeps the figure low and quick."""


class _Line(NamedTuple):
    """Some who go one after the other, the newcomer last.

    Attributes:
        place: how many they are. `gates`: what all of them have to pass. `since`: the instant before which none goes.
    """

    place: int
    gates: Sequence[Gate]
    since: float


def foresee(gates: Gates, own: Lane | None, now: float) -> tuple[float, Gate]:
    """Returns the seconds that a newcomer in lane `own` will wait at least, and the gate that takes longest."""
    longest = max(gates, key=lambda gate: gate.paused_until)
    at = max(now, longest.paused_until)
    for line in _lines(gates, own, now):
        for gate in line.gates:
            goes = _last_at(gate, line, now)
            if goes > at:
                at, longest = goes, gate
    return at - now, longest


def _lines(gates: Gates, own: Lane | None, now: float) -> Iterator[_Line]:
    """Yields the lines that the newcomer is the last of: in its lane, and at each gate that others pass before it."""
    for gate in gates:
        gate.has_room(now)  # so that each knows what has come back
    mine = 0 if own is None else len(own.queue)
    limits = [gate for gate in gates if gate.is_limit]
    counting = [gate for gate in limits if gate.kind != "slot"]
    opens = _opens(gates)
    yield _Line(mine + 1, counting, opens)
    others: dict[Lane, float] = {}
    for gate in counting:
        for lane in islice(gate.lanes, LOOKED_AT) if gate.queued > mine else ():
            if lane is not own and _goes_first(lane, gates, limits, now):
                others[lane] = _opens(lane.gates)
    for each in dict.fromkeys([tuple(counting), *[(gate,) for gate in counting]]) if others else ():
        before = [lane for lane in others if len(counting) == 1 or all(gate in lane.gates for gate in each)]
        if before:
            since = min(opens, *[others[lane] for lane in before])
            yield _Line(mine + 1 + sum([len(lane.queue) for lane in before]), each, since)


def _goes_first(lane: Lane, gates: Gates, limits: Sequence[Gate], now: float) -> bool:
    """Tells whether all who wait in a lane go before somebody who comes now and needs other gates.

    Not where they need another limit, of which others may take what there is. Nor where they share some limits with
    those who do not need all of these: then the guard of the queue may put the younger lane first.
    """
    shared = 0
    for gate in lane.gates:
        if gate in gates:
            shared += gate.is_limit
        elif gate.is_limit or now < gate.paused_until:
            return False
    return shared == 1 or (shared == len(limits) and len({gate.queued for gate in limits}) == 1)


def _opens(gates: Sequence[Gate]) -> float:
    return max([gate.paused_until for gate in gates])


def _last_at(gate: Gate, line: _Line, now: float) -> float:
    """Returns when the last of a line passes a gate at the earliest.

    It goes one window after the one that is as many places before it as the gate has permits, whatever gate that one
    was held up at.
    """
    rounds, place = gate.rounds_before(line.place)
    if not rounds or place <= 0:
        return gate.goes_at(line.place, now, line.since)
    before = line._replace(place=place)
    assert gate.period is not None
    return max(_last_at(each, before, now) for each in line.gates) + rounds * gate.period
