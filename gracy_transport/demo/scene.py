"""All there is to show of one run: what the views draw, and what the end is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from .alone import FEED_CODE, PLANET_CODE
from .attached import CODE as ATTACHED_CODE
from .board import Board
from .declared import CODE as DECLARED_CODE
from .judge import Finding
from .plan import Plan

__all__ = ["WAYS", "Scene", "Show", "Way"]


@dataclass(frozen=True)
class Way:
    """One of the ways to use the library: its number, its code in short, the endpoints that are asked through it."""

    number: str
    code: str
    templates: tuple[str, ...]


WAYS: Final = (
    Way("1", ATTACHED_CODE, ("/elements/{SYMBOL}",)),
    Way("2", DECLARED_CODE, ("/countries", "/countries/{CODE}")),
    Way("3", PLANET_CODE, ("/planets/{NAME}",)),
    Way(" ", FEED_CODE, ("/feed",)),
)


@dataclass
class Scene:
    """One run of the demo.

    Attributes:
        seconds, seed: as asked for.
        plan: what is asked for.
        board: what is observed.
        url: where the API is.
        naive: what became of the calls without the stack.
        phase: what is going on, in words.
        findings: what was judged, at the end.
        is_over: whether the calls have ended, and Ctrl-C changes nothing any more.
        is_interrupted: whether Ctrl-C ended them.
        is_api_gone: whether the API ended before its time.
    """

    seconds: float
    seed: int
    plan: Plan
    board: Board
    url: str = ""
    naive: Counter[str] = field(default_factory=Counter[str])
    phase: str = "starting the API"
    findings: Sequence[Finding] = ()
    is_over: bool = False
    is_interrupted: bool = False
    is_api_gone: bool = False

    @classmethod
    def of(cls, seconds: float, seed: int) -> Self:
        """Returns the scene at its beginning."""
        plan = Plan.for_seconds(seconds)
        return cls(seconds, seed, plan, Board(plan.calls))

    @property
    def broken(self) -> list[Finding]:
        """The promises that were not kept."""
        return [finding for finding in self.findings if not finding.is_kept]

    @property
    def exit_status(self) -> int:
        """1 when a promise was broken, 130 (as shells have it) when Ctrl-C ended the run, else 0."""
        if self.broken:
            return 1
        return 130 if self.is_interrupted else 0

    @property
    def verdict(self) -> str:
        """The last line: whether all promises were kept."""
        if self.broken:
            names = ", ".join(f"{finding.promise} ({finding.subject})" for finding in self.broken)
            return f"BROKEN: {names}"
        if self.is_interrupted:
            return "Interrupted. Every promise was kept until then."
        return "Every promise was kept."


class Show(Protocol):
    """Somewhere to show a scene. Entered while it goes on, closed when it is over."""

    def __enter__(self) -> object:
        """Begins to show."""
        ...

    def __exit__(self, *_: object) -> object:
        """Ends the moving part."""
        ...

    def frame(self, scene: Scene) -> None:
        """Shows how things are now; called some ten times a second."""
        ...

    def close(self, scene: Scene) -> None:
        """Shows how it ended."""
        ...
