"""What a call went through: its attempts and waits, one after the other, and the whole of it in one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .attempts import Attempt, Wait

__all__ = ["CallTimeline", "Step", "timeline_of"]


class Step(NamedTuple):
    """A wait or an attempt in the timeline of a call. A plain value.

    Attributes:
        kind: "attempt", or the kind of a wait.
        at: seconds from the start of the call until it began.
        seconds: how long it took; of a wait, without the pauses that fell into it, which are steps of their own.
        what: the status code or the error of an attempt; what a wait was for.
    """

    kind: str
    at: float
    seconds: float
    what: str

    def __str__(self) -> str:
        """Reads `at 0.0 s: throttle 30.0 s, 2 requests per 60 seconds …`."""
        return f"at {self.at:.1f} s: {self.kind} {self.seconds:.1f} s, {self.what}"


class CallTimeline(NamedTuple):
    """What a call went through until now. A plain value without secrets, which can be kept and pickled.

    `str` of it is one line: `GET /pokemon/ditto 200 in 41.2 s: throttle 30.0, back-off 6.1, 3 attempts`.

    Attributes:
        asked: method and unformatted endpoint.
        result: the last status code or error, both where a good status did not make a good answer (`200 ReadError`);
            "under way" before there is one.
        seconds: from the start of the call to its last step.
        steps: waits and attempts in the order in which they began.
    """

    asked: str
    result: str
    seconds: float
    steps: tuple[Step, ...]

    def total(self, kind: str) -> float:
        """Returns the seconds that all steps of a kind took together."""
        return sum(step.seconds for step in self.steps if step.kind == kind)

    def __str__(self) -> str:
        """Says in one line what was asked, what came and where the time went."""
        waits = dict.fromkeys(step.kind for step in self.steps if step.kind != "attempt")
        spent = [f"{kind} {self.total(kind):.1f}" for kind in sorted(waits, key=_PLACES.index) if self.total(kind)]
        count = sum(step.kind == "attempt" for step in self.steps)
        spent.append(f"{count} attempt{'' if count == 1 else 's'}")
        return f"{self.asked} {self.result} in {self.seconds:.1f} s: {', '.join(spent)}"


_PLACES = ("throttle", "slot", "pause", "back-off")


def timeline_of(asked: str, started: float, attempts: Iterable[Attempt], waits: Iterable[Wait]) -> CallTimeline:
    """Returns the timeline of a call that started at that instant."""
    attempts = tuple(attempts)
    last = attempts[-1]
    result = _result_of(last)
    waits = tuple(waits)
    until = last.started if last.ended is None else last.ended
    until = max([until, *[wait.began + wait.seconds for wait in waits]])  # a back-off may be the last of all
    told = [Step(wait.kind, wait.began - started, wait.seconds, wait.reason) for wait in waits]
    steps = _in_order([_step_of(attempt, started) for attempt in attempts], sorted(told, key=lambda step: step.at))
    return CallTimeline(asked, result, until - started, steps)


def _in_order(attempts: Iterable[Step], waits: list[Step]) -> tuple[Step, ...]:
    """Returns the steps of both in the order in which they began, also of those that began at the same instant."""
    steps: list[Step] = []
    waits.reverse()  # the next one is the last
    for attempt in attempts:
        while waits and _comes_first(waits[-1], attempt, steps):
            steps.append(waits.pop())
        steps.append(attempt)
    return (*steps, *reversed(waits))


def _comes_first(wait: Step, attempt: Step, steps: list[Step]) -> bool:
    if wait.at != attempt.at:
        return wait.at < attempt.at
    # One back-off stands between two attempts; a wait at the gates comes before its attempt.
    return wait.kind != "back-off" or bool(steps and steps[-1].kind == "attempt")


def _step_of(attempt: Attempt, started: float) -> Step:
    began, took = attempt.began, attempt.latency or 0.0
    if attempt.dispatched is None and attempt.ended is not None and not attempt.was_sent:
        began, took = attempt.ended, 0.0  # it went no further than the wait before it
    return Step("attempt", began - started, took, _result_of(attempt))


def _result_of(attempt: Attempt) -> str:
    """Says what came of an attempt; what an error status says need not be said again by its error."""
    if attempt.status is None or attempt.error is None or attempt.status >= 400:
        return str(attempt.status or attempt.error or "under way")
    return f"{attempt.status} {attempt.error}"
