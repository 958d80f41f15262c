"""Recordings in memory, under their keys and in their sequences."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from .recording import Recording
from .sequence import LAST
from .storage import ANY, Wanted

__all__ = ["Placed", "Sequence", "Shelf"]

Sequence: TypeAlias = tuple[int, str]
"""The key and the credential of recordings that follow one another."""


class Placed(Protocol):
    """A recording and where it belongs: its sequence, and its position in that."""

    @property
    def sequence(self) -> Sequence:
        """The sequence it is one of."""
        ...

    @property
    def position(self) -> int:
        """Its position in its sequence."""
        ...

    @property
    def recording(self) -> Recording:
        """The recording itself."""
        ...


T = TypeVar("T", bound=Placed)

_position: Final = attrgetter("position")


class Shelf(Generic[T]):
    """Recordings by their keys, each key's in the order of their positions. Not for several threads at once.

    Args:
        placed: the recordings to begin with.
    """

    __slots__ = ("_by_key", "_wanted")

    def __init__(self, placed: Iterable[T] = ()) -> None:
        self._by_key: dict[int, list[T]] = {}
        self._wanted: dict[int, dict[Wanted, list[T]]] = {}
        for each in placed:
            self.add(each)

    def add(self, placed: T) -> None:
        """Adds a recording at its position, behind others that have the same."""
        key = placed.sequence[0]
        kept = self._by_key.get(key)
        if kept is None:
            self._by_key[key] = [placed]
            return
        insort(kept, placed, key=_position)
        if kept[-1] is not placed:
            self._wanted.pop(key, None)
        for wanted, those in self._wanted.get(key, {}).items():
            if wanted.accepts(placed.recording):
                those.append(placed)

    def remove(self, sequence: Sequence) -> list[T]:
        """Removes a sequence and returns what was in it."""
        kept = self._by_key.get(sequence[0], [])
        removed = [each for each in kept if each.sequence == sequence]
        if removed:
            self._by_key[sequence[0]] = [each for each in kept if each.sequence != sequence]
            self._wanted.pop(sequence[0], None)
        return removed

    def drop(self, is_over: Callable[[T], bool]) -> None:
        """Removes those of which that is true."""
        self._by_key = {key: [each for each in kept if not is_over(each)] for key, kept in self._by_key.items()}
        self._wanted.clear()

    def next_position(self, key: int, credential: str | None) -> int:
        """Returns the position after the last of a key and a credential; `None` for any."""
        theirs = [each for each in self._by_key.get(key, ()) if credential in {None, each.sequence[1]}]
        return theirs[-1].position + 1 if theirs else 0

    def find(self, key: int, position: int, wanted: Wanted) -> Recording | None:
        """Returns the recording at a position among those of a key that are wanted, or `None`."""
        kept = self._by_key.get(key)
        if kept is None:
            return None
        if len(kept) == 1 and wanted != ANY:
            kept = kept if wanted.accepts(kept[0].recording) else []
        elif wanted != ANY:
            kept = self._those(key, kept, wanted)
        place = len(kept) - 1 if position == LAST else position
        return kept[place].recording if 0 <= place < len(kept) else None

    def _those(self, key: int, kept: list[T], wanted: Wanted) -> list[T]:
        # Remembered, since otherwise n answers to one request would be judged n times each.
        of_key = self._wanted.setdefault(key, {})
        those = of_key.get(wanted)
        if those is None:
            those = of_key[wanted] = [each for each in kept if wanted.accepts(each.recording)]
        return those

    def __iter__(self) -> Iterator[T]:
        """Yields what is kept, key by key in the order in which the keys came, each in its order."""
        for kept in self._by_key.values():
            yield from kept
