"""The pieces a body comes in: of which bodies they matter, and where they end once secrets are replaced. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, TypeAlias

from .recording import RecordedResponse

__all__ = ["Piece", "is_stream", "pace_of", "pieces_in"]

Piece: TypeAlias = tuple[int, float]
"""The size of a piece in bytes, and the seconds that were waited for it."""

_STREAMS: Final = frozenset(
    {
        "application/json-seq",
        "application/jsonl",
        "application/stream+json",
        "application/x-ndjson",
        "multipart/x-mixed-replace",
        "text/event-stream",
    }
)
_DIGITS: Final = 3
"""Of the seconds that are recorded: shorter pauses are those of the machine."""


def is_stream(media_type: str) -> bool:
    """Tells whether a body of that type comes piece by piece on purpose, and not as the network happens to cut it."""
    return media_type.partition(";")[0].strip().lower() in _STREAMS


def pace_of(pieces: Sequence[Piece], before: bytes, after: bytes) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Returns the sizes and delays of the pieces of a body whose secrets were replaced.

    An end of a piece that moved is found again by the line end it stands behind; else it goes, and the piece is one
    with the next. There may be one delay more than sizes: that before the end, or before what broke the body. Nothing
    is said of a body in one piece, and no delays where there were none.
    """
    places = None if before == after else _Places(before, after)
    sizes, delays = list[int](), list[float]()
    came, begins, waited = 0, 0, 0.0
    for size, wait in pieces:
        came, waited = came + size, waited + wait
        end = came if places is None else places.find(came)
        if end is not None and end > begins:
            sizes.append(end - begins)
            delays.append(round(waited, _DIGITS))
            begins, waited = end, 0.0
    if round(waited, _DIGITS):
        delays.append(round(waited, _DIGITS))
    return tuple(sizes) if len(sizes) > 1 else (), tuple(delays) if any(delays) else ()


def pieces_in(answer: RecordedResponse) -> Iterator[tuple[bytes, float]]:
    """Yields the pieces of a recorded body with the delay before each; the last is empty where one follows on them.

    Sizes that are not those of the body, as when it was edited by hand, do not matter: all of it comes.
    """
    begins, whole = 0, len(answer.body)
    for size, wait in zip_longest(answer.chunks or (whole,), answer.delays, fillvalue=None):
        end = begins + max(size or 0, 0)
        yield answer.body[begins:end], wait or 0.0
        begins = end
    if begins < whole:
        yield answer.body[begins:], 0.0


class _Places:
    """Where the places of a text, asked for in their order, are in another that differs from it in some lines."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        shorter = min(len(before), len(after))
        self._same = bisect_left(range(1, shorter + 1), 1, key=lambda size: before[:size] != after[:size])
        self._has_same_lines = before.count(b"\n") == after.count(b"\n")
        self._line_end = self._found = 0

    def find(self, place: int) -> int | None:
        """Returns where a place is found again, or `None`."""
        if place <= self._same:
            return place
        if place >= len(self._before):
            return len(self._after)
        if not self._has_same_lines or self._before[place - 1 : place] != b"\n":
            return None
        while self._line_end < place:
            self._line_end = self._before.index(b"\n", self._line_end) + 1
            self._found = self._after.index(b"\n", self._found) + 1
        return self._found
