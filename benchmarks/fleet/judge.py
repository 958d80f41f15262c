"""What the journals of a fleet say about the promise. Pure arithmetic."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["busiest_window", "most_at_once", "read", "spans"]

Entry = tuple[str, float]


def read(folder: Path) -> dict[str, list[Entry]]:
    """Returns the entries of each journal, in order."""
    journals: dict[str, list[Entry]] = {}
    for path in sorted(folder.iterdir()):
        lines = path.read_text("utf-8").splitlines()
        journals[path.name] = [(word, float(at)) for word, at in (line.split(" ") for line in lines)]
    return journals


def busiest_window(stamps: Iterable[float], period: float) -> tuple[int, float]:
    """Returns the most stamps that lie within any half-open window of that length, and when it begins."""
    ordered = sorted(stamps)
    most, since = 0, 0.0
    for place, at in enumerate(ordered):
        count = bisect_left(ordered, at + period) - place
        if count > most:
            most, since = count, at
    return most, since


def spans(entries: Sequence[Entry], begins: str, ends: str) -> list[Entry]:
    """Returns the entries of two kinds, as `+` and `-`."""
    return [("+" if word == begins else "-", at) for word, at in entries if word in {begins, ends}]


def most_at_once(changes: Iterable[Entry]) -> int:
    """Returns the most that were open at once, of `+` and `-` at their instants; what ends counts first."""
    now = most = 0
    for _at, step in sorted((at, 1 if word == "+" else -1) for word, at in changes):
        now += step
        most = max(most, now)
    return most
