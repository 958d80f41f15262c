"""The process that reads an old file, seen from outside: what it says, and what becomes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Final, Self

from ..redaction import redact_endpoint

__all__ = ["PATIENCE", "Command", "Row", "Unfit", "reading", "rows_of"]

PATIENCE: Final = 30.0
"""Seconds for which nothing may come from the process; a row takes some milliseconds."""

_BEFORE_ALL: Final = -(2**63)

# The package itself is not imported there: what reads the file needs nothing but Python, and gets nothing else.
_PROGRAM: Final = """
import sys, types
from importlib import import_module
package = types.ModuleType("conversion")
package.__path__ = [sys.argv[1]]
sys.modules["conversion"] = package
reader = import_module("conversion.reader")
try:
    import resource
except ImportError:
    resource = None
reader.confine(resource)
reader.main(sys.argv[2:])
"""


class Unfit(Exception):
    """The file cannot be converted at all; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was found in one row.

    Attributes:
        number: its rowid.
        method, url: of the request, secrets and all.
        at: when it was recorded, as it stands there.
        exchanges: what was asked and answered, as the process gave it.
        problem: why there is nothing, or empty.
    """

    number: int
    method: str
    url: str
    at: str = ""
    exchanges: tuple[dict[str, Any], ...] = ()
    problem: str = ""

    def __str__(self) -> str:
        """Names the row as messages do, without secrets."""
        return f"row {self.number}, {self.method} {redact_endpoint(self.url)}".replace(",  ", ", ")


Command = Callable[[Path, int], Sequence[str]]


def reading(path: Path, after: int) -> Sequence[str]:
    """Returns the command that reads a file after a row: isolated, without the packages that are installed."""
    here = str(Path(__file__).parent)
    return [sys.executable, "-I", "-S", "-c", _PROGRAM, here, str(path), str(after)]


def rows_of(path: Path, *, patience: float = PATIENCE, command: Command = reading) -> Iterator[Row]:
    """Yields each row of a file, read by a process of its own.

    When the process crashes or stands still at a row, that is the row's problem, and another goes on after it.

    Args:
        path: the file.
        patience: seconds for which nothing may come from the process.
        command: the process to start.

    Raises:
        Unfit: when the file is not of the original library, or cannot be read.
    """
    after = _BEFORE_ALL
    while True:
        begun: Row | None = None
        with _Process(command(path, after)) as process:
            for document in process.documents(patience):
                if "end" in document:
                    return
                if "damaged" in document and after > _BEFORE_ALL:
                    yield Row(after + 1, "", "and all after it", problem=f"the file is damaged ({document['damaged']})")
                    return
                begun = _heard(document, begun)
                if begun.exchanges or begun.problem:
                    yield begun
                    after, begun = begun.number, None
        if begun is None or begun.number <= after:
            raise Unfit(f"cannot be read: the process that reads it {process.end}")
        yield Row(begun.number, begun.method, begun.url, problem=f"the process that reads it {process.end}")
        after = begun.number


def _heard(document: dict[str, Any], begun: Row | None) -> Row:
    """Returns what is known of a row after another document about it."""
    if "unfit" in document:
        raise Unfit(document["unfit"])
    if "damaged" in document:
        raise Unfit(f"is damaged ({document['damaged']})")
    if begun is None:
        return Row(document["row"], document["method"], document["url"])
    exchanges = tuple(document.get("exchanges", ()))
    return Row(begun.number, begun.method, begun.url, document.get("at", ""), exchanges, document.get("problem", ""))


class _Process:
    """A process that writes a JSON document a line; it is killed when it takes too long or is no longer needed.

    Attributes:
        end: what became of it, as the end of a sentence.
    """

    def __init__(self, command: Sequence[str]) -> None:
        nobody = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=nobody, stdout=subprocess.PIPE, stderr=nobody)  # noqa: S603 - our own
        self._is_late = False
        self.end = "was not waited for"

    def __enter__(self) -> Self:
        """Lets it run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends it, whatever it is doing."""
        self._process.kill()
        self._process.communicate()

    def documents(self, patience: float) -> Iterator[dict[str, Any]]:
        """Yields its documents until it ends or takes more than that many seconds for one."""
        while True:
            line = self._line(patience)
            if self._is_late:
                self.end = f"said nothing for {patience:g} seconds and was stopped"
                return
            if not line.endswith(b"\n"):
                self.end = f"crashed (exit status {self._process.wait()})"
                return
            yield json.loads(line)

    def _line(self, patience: float) -> bytes:
        assert self._process.stdout is not None
        watchdog = Timer(patience, self._give_up)
        watchdog.start()
        try:
            return self._process.stdout.readline()
        finally:
            watchdog.cancel()

    def _give_up(self) -> None:
        self._is_late = True
        self._process.kill()
