"""What the journals of a fleet say about the promise. Pure arithmetic."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Entry", "Findings", "Journals", "Limits", "busiest_window", "find", "most_at_once", "read"]


class Entry(NamedTuple):
    """A line of a journal.

    Attributes:
        word: what happened: a request was `sent` (by the stamp of its permit), really went `in` to the wire, was
            `out` of it, or `failed`; `trips`, `outages` and `lost` are counts.
        at: when, by the clock that all processes share.
        detail: the number of a request, a count, the name of an error.
    """

    word: str
    at: float
    detail: str = ""


AT_ONCE: Final = 0.25
"""Seconds, or that part of a period if it is less, within which those are sent whom one word wakes: they go on in
whichever order their event loop has."""

Journals = Mapping[str, Sequence[Entry]]


@dataclass(frozen=True)
class Limits:
    """What was to be kept: `limit` requests in any `period`, and `slots` at once; none with 0."""

    limit: int = 0
    period: float = 1.0
    slots: int = 0


@dataclass(frozen=True)
class Findings:
    """What became of it.

    Attributes:
        sent: how many requests were dispatched, those of the beginning and the end too.
        busiest: the most that were dispatched within a window, by their stamps. `busiest_at`: when it began.
        late: the most that really left within a window, beyond the limit: what had stopped between both.
        most_slots: the most that were in flight at once.
        used: which part of the limit was used once all had begun: of the permits, or of the time of the slots.
        least_share: what the process got that got least, as a part of what each should have, of those undisturbed.
        overtaken: how many requests were sent a while (see `AT_ONCE`) before one that came earlier in their process.
        trips: how often the server was asked for each request.
        outages: how often the server was away for a process, by what the processes saw.
        failed: how many requests came to nothing, by the names of the errors.
        lost: slots that ended while they were in use, as the processes told.
    """

    sent: int
    busiest: int
    busiest_at: float
    late: int
    most_slots: int
    used: float
    least_share: float
    overtaken: int
    trips: float
    outages: int
    failed: Mapping[str, int]
    lost: int


def read(folder: Path) -> dict[str, list[Entry]]:
    """Returns the entries of each journal, in order."""
    return {path.name: list(_entries(path.read_text("utf-8"))) for path in sorted(folder.iterdir())}


def _entries(text: str) -> Iterable[Entry]:
    for line in text.splitlines():
        word, at, detail = line.split(" ", 2)
        yield Entry(word, float(at), detail)


def find(
    journals: Journals,
    limits: Limits,
    since: float,
    until: float,
    *,
    undisturbed: Collection[str],
    killed: Mapping[str, float],
) -> Findings:
    """Returns what happened between two instants."""
    stamps = {name: _instants(entries, "sent") for name, entries in journals.items()}
    busiest, busiest_at = busiest_window((at for each in stamps.values() for at in each), limits.period)
    leaving = busiest_window((at for each in journals.values() for at in _instants(each, "in")), limits.period)[0]
    flights = [flight for name, entries in journals.items() for flight in _flights(entries, killed.get(name, until))]
    steady = since + limits.period
    if limits.slots:  # until then some of them start, and have no use for slots
        last = max((stamps[name][0] for name in undisturbed if stamps[name]), default=since)
        steady = max(steady, min(last, (since + until) / 2))
    counts = {name: sum(steady <= at < until for at in each) for name, each in stamps.items()}
    sent = sum(map(len, stamps.values()))
    fair = sum(counts[name] for name in undisturbed) / max(1, len(undisturbed))
    return Findings(
        sent=sent,
        busiest=busiest,
        busiest_at=busiest_at - since,
        late=max(0, leaving - limits.limit) if limits.limit else 0,
        most_slots=most_at_once(flights),
        used=_used(limits, sum(counts.values()), flights, steady, until),
        least_share=min((counts[name] for name in undisturbed), default=0) / fair if fair else 0.0,
        overtaken=sum(_overtaken(entries, AT_ONCE * min(1.0, limits.period)) for entries in journals.values()),
        trips=sum(_last_count(entries, "trips") for entries in journals.values()) / max(1, sent),
        outages=sum(_last_count(entries, "outages") for entries in journals.values()),
        failed=Counter(entry.detail for each in journals.values() for entry in each if entry.word == "failed"),
        lost=sum(_last_count(entries, "lost") for entries in journals.values()),
    )


def busiest_window(stamps: Iterable[float], period: float) -> tuple[int, float]:
    """Returns the most stamps that lie within any half-open window of that length, and when it begins."""
    ordered = sorted(stamps)
    most, since = 0, 0.0
    for place, at in enumerate(ordered):
        count = bisect_left(ordered, at + period) - place
        if count > most:
            most, since = count, at
    return most, since


def most_at_once(flights: Iterable[tuple[float, float]]) -> int:
    """Returns the most that were in flight at once; at the same instant what ends does so first."""
    changes = sorted(change for begun, over in flights for change in ((begun, 1), (over, -1)))
    now = most = 0
    for _at, step in changes:
        now += step
        most = max(most, now)
    return most


def _used(limits: Limits, sent: int, flights: Iterable[tuple[float, float]], since: float, until: float) -> float:
    seconds = max(1e-9, until - since)
    if limits.limit:
        return sent / (limits.limit * seconds / limits.period)
    busy = sum(max(0.0, min(over, until) - max(begun, since)) for begun, over in flights)
    return busy / (limits.slots * seconds) if limits.slots else 0.0


def _instants(entries: Iterable[Entry], word: str) -> list[float]:
    return [entry.at for entry in entries if entry.word == word]


def _flights(entries: Iterable[Entry], until: float) -> Iterable[tuple[float, float]]:
    """Returns when requests were in flight; they are alike, so it is the oldest that is over."""
    begun: defaultdict[str, list[float]] = defaultdict(list)
    for entry in entries:
        begun[entry.word].append(entry.at)
    starts, ends = begun["in"], begun["out"]
    return zip(starts, ends + [until] * (len(starts) - len(ends)), strict=True)


def _overtaken(entries: Iterable[Entry], tolerance: float) -> int:
    stamped = sorted((int(entry.detail), entry.at) for entry in entries if entry.word == "sent")
    latest, count = float("-inf"), 0
    for _number, at in stamped:
        count += at < latest - tolerance
        latest = max(latest, at)
    return count


def _last_count(entries: Iterable[Entry], word: str) -> int:
    return max((int(entry.detail) for entry in entries if entry.word == word), default=0)
