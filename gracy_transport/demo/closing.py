"""The final screen: what was asked and answered, which promises were kept, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..reports import render_rich
from .board import OUTCOMES
from .judge import Finding
from .scene import Scene
from .strokes import bar

__all__ = ["closing"]

BUNCHING: Final = (
    "A rule promises what is dispatched, so that is judged; what was sent apart may arrive together. "
    "ThrottleRule(margin=…) widens the window to absorb that: /countries/* has one."
)

CONNECTIONS: Final = "The report counts every connection of a feed as a call."


def closing(scene: Scene, width: int) -> RenderableType:
    """Returns the final screen, drawn for so many columns."""
    style = "red" if scene.broken else "green"
    return Group(
        "",
        Panel(
            headline(scene), title=f"{scene.board.elapsed:.1f} s, seed {scene.seed}", border_style=style, padding=(0, 2)
        ),
        comparison(scene),
        promises(scene),
        Padding(Text(BUNCHING, style="bright_black"), (0, 1)),
        "",
        render_rich(scene.board.report, width),
        Padding(Text(CONNECTIONS, style="bright_black"), (0, 1)),
        Padding(Text(scene.verdict, style=f"bold {style}"), (1, 1)),
    )


def headline(scene: Scene) -> Text:
    """Says the figures that matter most."""
    total = scene.board.total
    figures = [
        (total.asked, "calls asked for", "bold"),
        (total.answered, "answered", "bold green"),
        (total.wrong, "wrong", "bold red" if total.wrong else "bold"),
        (total.lost, "lost", "bold red" if total.lost else "bold"),
    ]
    if scene.is_interrupted:
        figures.append((total.asked - total.settled, "not waited for", "bold"))
    return Text("  ").join(Text.assemble((f"{count:,}", style), f" {name}") for count, name, style in figures)


def comparison(scene: Scene) -> Table:
    """Sets the calls without the stack beside those with it."""
    table = Table.grid(padding=(0, 1, 0, 1))
    asked, total = sum(scene.naive.values()), scene.board.total
    awaited = total.settled if scene.is_interrupted else total.asked
    answered, attempts = scene.naive["answered"], sum(total.outcomes.values())
    table.add_row(
        Text("without the stack", style="bold"),
        bar(answered, asked, 10, "red"),
        f"{percent(answered, asked)} of {asked:,} calls answered, plain httpx at once",
    )
    table.add_row("", "", Text(failures(scene.naive), style="bright_black"))
    table.add_row(
        Text("with the stack", style="bold"),
        bar(total.answered, awaited, 10),
        f"{percent(total.answered, awaited)} of {awaited:,} calls answered, in {attempts:,} attempts",
    )
    table.add_row("", "", Text(failures(total.outcomes), style="bright_black"))
    waits = f"{total.retries:,} retries; all calls together waited {total.waited:,.0f} s"
    table.add_row("", "", Text(waits, style="bright_black"))
    return table


def percent(part: int, whole: int) -> str:
    """Returns a share in whole percent, rounded down so that 100 means all."""
    return f"{100 * part // whole if whole else 0} %"


def failures(outcomes: Mapping[str, int]) -> str:
    """Lists how often it was something else than an answer."""
    return ", ".join(f"{outcomes.get(name, 0)} × {name}" for name in OUTCOMES[1:])


def promises(scene: Scene) -> Table:
    """Lists the promises, what was measured, and what the API saw."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), header_style="bold")
    table.add_column("", width=1)
    table.add_column("promise", no_wrap=True)
    table.add_column("for", no_wrap=True)
    table.add_column("worst\n(judged)", justify="right")
    table.add_column("at the API\n(shown)", justify="right")
    for finding in scene.findings:
        table.add_row(*_finding(finding))
    return table


def _finding(finding: Finding) -> tuple[Text, ...]:
    style = "green" if finding.is_kept else "bold red"
    seen = "" if finding.at_server is None else f"{finding.at_server:,}"
    return (
        Text("✓" if finding.is_kept else "✗", style=style),
        Text(finding.promise),
        Text(finding.subject, style="bright_black"),
        Text(f"{finding.measured:,}", style=style),
        Text(seen, style="bright_black"),
    )
