"""The live view: what the API does to the calls, and what is left of it for the code that makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Self, TypeAlias

from rich.console import Console
from rich.live import Live
from rich.text import Text

from .board import OUTCOMES, Happening, Tally
from .closing import closing
from .plan import RULE_OF, SLOTS
from .scene import WAYS, Scene
from .strokes import bar, beside, block, box, cell, trace

__all__ = ["LiveShow", "render"]

COLOURS: Final[Mapping[str, str]] = {
    "answered": "green",
    "429": "yellow",
    "5xx": "red",
    "broken off": "magenta",
    "silent": "blue",
}

WIDE: Final = 140
"""Columns from which on there is room for more words."""

TALL: Final = 32
"""Lines from which on there is room for empty ones."""

Counted: TypeAlias = tuple[str, int, str]
"""What is counted, how often, and its colour."""


class LiveShow:
    """Draws the scene on the whole terminal while it goes on, then prints how it ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        """Takes over the screen."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the screen back as it was."""
        self._live.stop()

    def frame(self, scene: Scene) -> None:
        """Draws the scene."""
        size = self._console.size
        self._live.update(render(scene, size.width, size.height), refresh=True)

    def close(self, scene: Scene) -> None:
        """Prints the final screen."""
        self._console.print(closing(scene, self._console.width))


def render(scene: Scene, width: int, height: int) -> Text:
    """Returns the scene, drawn for so many columns and lines."""
    is_tall = height >= TALL
    lines = [heading(scene, width), progress(scene, width), *panels(scene, width)]
    lines += endpoints(scene, width, is_tall=is_tall)
    room = height - len(lines) - 1
    if room > 0:
        title = " what just happened "
        lines.append(Text(title.center(width, "─"), style="bright_black"))
        lines += happenings(scene, width, room)
    # Cropped, because a terminal may have been made narrower since its size was asked for.
    return Text("\n", no_wrap=True, overflow="crop").join(lines[:height])


def heading(scene: Scene, width: int) -> Text:
    """Says what this is, where it happens and how far it is."""
    left = Text.assemble(("gracy_transport", "bold"), " tames ", (scene.url, "cyan"))
    right = Text.assemble((scene.phase, "bold"), f" · {scene.board.age:4.1f} of ~{scene.seconds:g} s")
    if width >= WIDE:
        right = Text(f"seed {scene.seed} · ").append_text(right)
    left.pad_right(max(1, width - left.cell_len - right.cell_len))
    return left.append_text(right)


def progress(scene: Scene, width: int) -> Text:
    """Draws how many of all calls are over."""
    total = scene.board.total
    label = f" {total.settled:,} of {total.planned:,} calls"
    line = bar(total.settled, total.planned, max(1, width - len(label)))
    return line.append(label)


def panels(scene: Scene, width: int) -> list[Text]:
    """Draws the three that belong together: without the stack, what the API says, what the code sees."""
    total = scene.board.total
    digits = max(5, len(f"{2 * total.planned:,}"))
    widths = (width // 3, width // 3, width - 2 * (width // 3))
    naive = f"without: {scene.plan.naive} calls, plain httpx, all at once" if width >= WIDE else "without: plain httpx"
    contents = (
        (naive, outcomes(scene.naive), "red"),
        ("with: the API says", outcomes(total.outcomes), "yellow"),
        ("with: your code sees", calls(total), "green"),
    )
    return beside(
        [
            box(title, bars(rows, room - 4, digits), room, style)
            for (title, rows, style), room in zip(contents, widths, strict=True)
        ]
    )


def outcomes(counts: Mapping[str, int]) -> list[Counted]:
    """Returns what attempts came to."""
    return [(name, counts.get(name, 0), COLOURS[name]) for name in OUTCOMES]


def calls(total: Tally) -> list[Counted]:
    """Returns what became of the calls."""
    return [
        ("asked", total.asked, "cyan"),
        ("answered", total.answered, "green"),
        ("waiting", total.waiting, "bright_black"),
        ("wrong", total.wrong, "red"),
        ("lost", total.lost, "red"),
    ]


def bars(rows: Sequence[Counted], width: int, digits: int) -> list[Text]:
    """Draws a bar for each row, all to one scale, before figures of so many digits."""
    most = max(count for _, count, _ in rows)
    room = max(1, width - 12 - digits)
    return [
        Text(" ").join(
            (
                cell(Text(name, style=style), 10),
                block(count, most, room, style),
                cell(Text(f"{count:,}", style="bold"), digits, is_figure=True),
            )
        )
        for name, count, style in rows
    ]


def endpoints(scene: Scene, width: int, *, is_tall: bool) -> list[Text]:
    """Draws the ways, and below each what is asked through it, line by line."""
    most = max(tally.planned for tally in scene.board.tallies.values())
    done, wait = max(7, len(f"{most}/{most}")), max(4, len(str(most)))
    spare = width - 69 - done - wait
    calls_width = 8 + max(0, spare) // 3
    widths = (20, calls_width, done, 6, max(1, 18 + spare - calls_width), 6, wait, 5)
    titles = ("", "calls", "", "last s", "pace", "flight", "wait", "retry")
    lines = [_row(map(Text, titles), widths, "bright_black")]
    for way in WAYS:
        lines += [Text()] if is_tall else []
        lines.append(Text.assemble((f"{way.number} ", "bold cyan"), (way.code, "bold")))
        lines += [_row(_endpoint(scene, template, widths[1], widths[4]), widths) for template in way.templates]
    return lines


def _row(cells: Iterable[Text], widths: Sequence[int], style: str = "") -> Text:
    drawn = (
        cell(each, width, is_figure=place not in {0, 1})
        for place, (each, width) in enumerate(zip(cells, widths, strict=True))
    )
    line = Text("  ").join(drawn)
    line.stylize(style)
    return line


def _endpoint(scene: Scene, template: str, calls_width: int, trace_width: int) -> Iterable[Text]:
    tally, now = scene.board.tallies[template], scene.board.now()
    rule, slots = RULE_OF.get(template), SLOTS.get(template)
    last = tally.dispatched_since(now - 1.0)
    yield Text(f"  {template}")
    yield bar(tally.settled, tally.planned, calls_width, "red" if tally.lost or tally.wrong else "green")
    yield Text(f"{tally.settled}/{tally.planned}")
    yield Text(f"{last}/{rule.max_requests}" if rule else str(last))
    yield trace(tally, now, trace_width, limit=rule.max_requests if rule else 10)
    yield Text(f"{tally.in_flight}/{slots}" if slots else str(tally.in_flight))
    yield Text(str(tally.waiting))
    yield Text(str(tally.retries))


def happenings(scene: Scene, width: int, room: int) -> list[Text]:
    """Lists the latest happenings, the newest last."""
    return [_happening(each, width) for each in list(scene.board.happenings)[-room:]]


def _happening(each: Happening, width: int) -> Text:
    cells = (
        cell(Text(f"{each.at:.2f} s", style="bright_black"), 8, is_figure=True),
        cell(each.path, 19),
        cell(Text(each.what, style="yellow" if each.what == "429" else "red"), 19),
        Text(each.then, style="bright_black"),
    )
    return cell(Text("  ").join(cells), width)
