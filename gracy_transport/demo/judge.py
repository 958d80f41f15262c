"""What was promised and what was measured: the worst window of every rule, the most in flight, the calls.

A rule is judged by what was dispatched, which is what it promises. What the server saw is shown beside it: requests
that left one after the other may arrive together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..throttle import ThrottleRule

if TYPE_CHECKING:
    from .board import Board

__all__ = ["Finding", "Instants", "judge", "worst_window"]

Instants: TypeAlias = Sequence[tuple[float, str]]
"""When (monotonic seconds) a request for which URL was dispatched, or arrived."""


@dataclass(frozen=True)
class Finding:
    """One promise, and whether it was kept.

    Attributes:
        promise: what was promised, in words.
        subject: what it was promised for.
        most: the most there may be.
        measured: the most there was.
        at_server: the same as the server saw it, where it can tell; shown, not judged.
    """

    promise: str
    subject: str
    most: int
    measured: int
    at_server: int | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the promise was kept."""
        return self.measured <= self.most

    def __str__(self) -> str:
        """Says it in one line, for a terminal that has no tables."""
        seen = "" if self.at_server is None else f", at the server {self.at_server}"
        return f"{'kept  ' if self.is_kept else 'BROKEN'} {self.promise} ({self.subject}): {self.measured}{seen}"


def worst_window(instants: Iterable[float], period: float) -> int:
    """Returns the largest number of instants within any window of `period` seconds.

    The window is half-open, as that of a rule: what comes exactly one period later is in the next one.
    """
    ordered = sorted(instants)
    worst = oldest = 0
    for newest, instant in enumerate(ordered):
        while instant >= ordered[oldest] + period:
            oldest += 1
        worst = max(worst, newest - oldest + 1)
    return worst


def judge_rule(rule: ThrottleRule, subject: str, dispatched: Instants, arrived: Instants | None) -> Finding:
    """Returns the finding about a rate rule; `arrived` is `None` when the server could not be asked."""
    period = rule.per_time.total_seconds()
    return Finding(
        f"at most {rule.max_requests} per {rule.readable_time_range}",
        subject,
        rule.max_requests,
        worst_window(matching(rule, dispatched), period),
        None if arrived is None else worst_window(matching(rule, arrived), period),
    )


def matching(rule: ThrottleRule, instants: Instants) -> list[float]:
    """Returns when something happened to the URLs that a rule is for."""
    return [at for at, url in instants if rule.url_pattern.match(url)]


def judge(
    board: Board,
    rules: Mapping[str, ThrottleRule],
    slots: Mapping[str, int],
    arrived: Instants | None,
    *,
    is_complete: bool = True,
) -> list[Finding]:
    """Returns the findings about all promises.

    Args:
        board: what was observed on our side.
        rules: the rate rules, by what they are for.
        slots: the most that may be in flight, by endpoint.
        arrived: what the server saw; `None` when it could not be asked.
        is_complete: whether everything that was planned had its time; calls without an end are lost then.
    """
    findings = [judge_rule(rule, subject, board.dispatched, arrived) for subject, rule in rules.items()]
    for template, limit in slots.items():
        findings.append(Finding(f"at most {limit} in flight", template, limit, board.tallies[template].peak))
    total = board.total
    lost = total.planned - total.answered - total.wrong if is_complete else total.lost
    findings.append(Finding("no call lost", f"{total.asked:,} asked for", 0, lost))
    findings.append(Finding("no answer wrong", f"{total.answered:,} compared", 0, total.wrong))
    return findings
