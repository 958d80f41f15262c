"""What became of the recordings in a session, in one process or gathered from several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .wishes import FOLDER, Wish, own_path, wants_recording

if TYPE_CHECKING:
    import pytest

    from ...replay.config import Mode

__all__ = ["MODES", "Fate", "Ledger"]

MODES: Final = ("none", "once", "new", "all")

Fate: TypeAlias = str
"""What became of a file: the words of `_FATES`."""
_FATES: Final = {
    "replayed": "{} replayed",
    "unchanged": "{} unchanged",
    "kept": "{} left as they were because their tests failed",
    "changed": "{} changed",
    "new": "{} new",
}
"""In this order: of a file to which several things happened, the last is told."""


class Ledger:
    """What became of the recordings in a session.

    Args:
        mode: what `--gracy-record` says.
        is_whole: whether whole modules are collected, so that what no test of theirs uses is used by none.
    """

    def __init__(self, mode: str, *, is_whole: bool) -> None:
        self.mode = mode
        self._is_whole = is_whole
        self._fates: dict[str, Fate] = {}
        self._lost: list[str] = []
        self._unused: set[str] = set()
        self._modules: set[Path] = set()
        self._used: set[Path] = set()
        self._absent: set[Path] = set()

    def collect(self, item: pytest.Item) -> None:
        """Notes a test, and that it has no recordings yet, before any test runs."""
        self._modules.add(item.path)
        if not wants_recording(item):
            return
        files = [mark.kwargs["file"] for mark in item.iter_markers("recording") if mark.kwargs.get("file")]
        path = item.path.parent / str(files[0]) if files else own_path(item)
        self._used.add(path)
        if not path.exists():
            self._absent.add(path)

    def mode_for(self, wish: Wish) -> Mode:
        """Returns what is done with the requests of a test, in the words of `GracyReplay`.

        A file that tests have in common is not there yet for any of them when it was not there for the first.
        """
        if self.mode == "once":
            return "record" if wish.path in self._absent or not wish.path.exists() else "replay"
        modes: dict[str, Mode] = {"none": "replay", "new": "smart-replay", "all": "record"}
        return modes[self.mode]

    def note(self, path: Path, fate: Fate) -> None:
        """Notes what became of a file."""
        self._note(str(path), fate)

    def note_lost(self, test: str, lost: Iterable[str]) -> None:
        """Notes what a test that went through sent, and what was not recorded of it."""
        self._lost += [f"{test}: {each}" for each in lost]

    def to_plain(self) -> dict[str, Any]:
        """Returns what a process tells the one that started it."""
        return {"fates": self._fates, "lost": self._lost, "unused": sorted(self._unused | self._left_over())}

    def take_in(self, plain: dict[str, Any]) -> None:
        """Adds what another process tells."""
        for path, fate in plain["fates"].items():
            self._note(path, fate)
        self._lost += plain["lost"]
        self._unused.update(plain["unused"])

    def summary(self, root: Path) -> Iterable[str]:
        """Yields what is to be said at the end of a session in which something could be recorded."""
        if self.mode == "none":
            return
        counts = Counter(self._fates.values())
        told = [words.format(counts[fate]) for fate, words in reversed(_FATES.items()) if counts[fate]]
        if told:
            yield f"recordings (--gracy-record={self.mode}): {', '.join(told)}"
        yield from sorted(self._lost)
        unused = sorted((self._unused | self._left_over()) - set(self._fates))
        if unused:
            names = [_shown(Path(path), root) for path in unused]
            yield f"no test uses these recordings any more, delete them: {', '.join(names)}"

    def _note(self, path: str, fate: Fate) -> None:
        order = list(_FATES)
        self._fates[path] = max(fate, self._fates.get(path, fate), key=order.index)

    def _left_over(self) -> set[str]:
        """Returns the files beside the modules that none of their tests uses."""
        if self.mode != "all" or not self._is_whole:
            return set()
        found: set[Path] = set()
        for beside in {module.parent for module in self._modules}:
            for path in (beside / FOLDER).glob("*/*.jsonl"):
                module = beside / f"{path.parent.name}.py"
                if module in self._modules or not module.exists():
                    found.add(path)
        return {str(path) for path in found - self._used}


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
