"""The demo as plain lines, for a pipe, a log, a small or a simple terminal: ASCII only, one fact a line."""

from __future__ import annotations

import sys
from typing import Final, Self, TextIO
from urllib.parse import urlsplit

from ..metrics import ReportRow
from .board import OUTCOMES
from .plan import RULES
from .scene import Scene

__all__ = ["PlainShow"]

EVERY: Final = 1.0
"""Seconds between two lines, or a tenth of the run where that is longer."""


class PlainShow:
    """Prints a line now and then, and how it ended.

    Args:
        file: where to print; standard output unless given.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stdout if file is None else file
        self._next = 0.0
        self._phase = ""

    def __enter__(self) -> Self:
        """Begins with nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends with nothing: `close` prints the end."""

    def frame(self, scene: Scene) -> None:
        """Prints how things are when it is time, or when something new begins."""
        age = scene.board.age
        if not self._phase:
            self._say(f"gracy_transport tames {scene.url}, seed {scene.seed}, in about {scene.seconds:g} s")
        if scene.phase == self._phase and age < self._next:
            return
        self._say(f"{age:5.1f} s  {scene.phase}: {progress(scene)}")
        self._phase = scene.phase
        self._next = age + max(EVERY, scene.seconds / 10)

    def close(self, scene: Scene) -> None:
        """Prints the final figures."""
        for line in ending(scene):
            self._say(line)

    def _say(self, line: str) -> None:
        print(line, file=self._file, flush=True)


def progress(scene: Scene) -> str:
    """Returns how things are, in one line."""
    if not scene.board.is_started:
        return f"{scene.naive.total()} of {scene.plan.naive} calls, {outcomes(scene.naive)}"
    total, now = scene.board.total, scene.board.now()
    rates = (
        f"{scene.board.tallies[template].dispatched_since(now - 1.0)}/{rule.max_requests}"
        for template, rule in RULES.items()
        if template in scene.board.tallies
    )
    return (
        f"{total.settled} of {total.planned} calls, {total.in_flight} in flight, {total.waiting} waiting, "
        f"{total.retries} retries, {' '.join(rates)} in the last second"
    )


def ending(scene: Scene) -> list[str]:
    """Returns the final figures, line by line."""
    total = scene.board.total
    lines = ["", "without the stack: " + outcomes(scene.naive), "with the stack:    " + outcomes(total.outcomes), ""]
    lines += [row(each) for each in scene.board.report.rows]
    lines += ["", *map(str, scene.findings), ""]
    calls = f"{total.asked} calls asked for, {total.answered} answered, {total.wrong} wrong, {total.lost} lost"
    if scene.is_interrupted:
        calls += f", {total.asked - total.settled} not waited for"
    return [*lines, f"{calls}, in {scene.board.elapsed:.1f} s", scene.verdict]


def outcomes(counts: dict[str, int]) -> str:
    """Returns what attempts came to."""
    return ", ".join(f"{counts.get(name, 0)} {name}" for name in OUTCOMES)


def row(each: ReportRow) -> str:
    """Returns one endpoint of the report."""
    path = urlsplit(each.url).path
    return (
        f"{path}: {each.calls} calls, {each.attempts} attempts, {each.retries} retries, "
        f"p50 {each.p50:.2f} s, p95 {each.p95:.2f} s, {each.requests_per_second:.1f} a second"
    )
