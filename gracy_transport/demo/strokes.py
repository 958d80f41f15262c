"""The small drawings of the view: cells, bars, boxes, and the trace of what was dispatched.

They are lines of text and not tables, because a table takes ten times as long to lay out, ten times a second, and in
the loop that makes the calls. None of them needs colour to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.text import Text

from .board import Tally

__all__ = ["bar", "beside", "block", "box", "cell", "trace"]

STEPS: Final = " ▁▂▃▄▅▆▇█"
PARTS: Final = " ▏▎▍▌▋▊▉█"

BUCKET: Final = 0.25
"""Seconds that one column of a trace stands for."""


def cell(text: Text | str, width: int, *, is_figure: bool = False) -> Text:
    """Returns a text cut or filled up to exactly that width; figures stand to the right."""
    made = Text(text) if isinstance(text, str) else text
    made.truncate(width, overflow="ellipsis")
    missing = width - made.cell_len
    if is_figure:
        made.pad_left(missing)
    else:
        made.pad_right(missing)
    return made


def bar(done: int, total: int, width: int, style: str = "green") -> Text:
    """Returns a line of that width, heavy as far as it is done."""
    filled = width if not total else min(width, done * width // total)
    return Text.assemble(("━" * filled, style), ("─" * (width - filled), "bright_black"))


def block(count: int, most: int, width: int, style: str) -> Text:
    """Returns a bar of at most that width, as long as the count beside the largest; never nothing for something."""
    eighths = 0 if not most else round(count * width * 8 / most)
    eighths = min(width * 8, max(eighths, 1 if count else 0))
    whole, part = divmod(eighths, 8)
    return cell(Text("█" * whole + (PARTS[part] if part else ""), style=style), width)


def trace(tally: Tally, now: float, width: int, limit: int, style: str = "cyan") -> Text:
    """Returns how much was dispatched in each quarter of a second, the latest on the right.

    Half the height is the rate of a steady `limit` per second; a burst of twice that and more has the full height.
    """
    end = now - now % BUCKET + BUCKET  # whole quarters: the columns move on without changing
    starts = [end - (place + 1) * BUCKET for place in reversed(range(width))]
    counts = [tally.dispatched_since(start, start + BUCKET) for start in starts]
    tallest = len(STEPS) - 1
    heights = [min(tallest, -(-count * 2 * tallest // limit)) for count in counts]
    return Text("".join(STEPS[height] for height in heights), style=style)


def box(title: str, lines: Iterable[Text], width: int, style: str) -> list[Text]:
    """Returns lines with a frame around them, of that width in all."""
    head = cell(f" {title} ", min(width - 4, len(title) + 2))
    rest = width - 3 - head.cell_len
    sides = ("│ ", style), (" │", style)
    return [
        Text.assemble(("╭─", style), (head.plain, f"bold {style}"), ("─" * rest + "╮", style)),
        *(Text.assemble(sides[0], cell(line, width - 4), sides[1]) for line in lines),
        Text("╰" + "─" * (width - 2) + "╯", style=style),
    ]


def beside(blocks: Sequence[Sequence[Text]]) -> list[Text]:
    """Returns blocks of equally many lines set side by side."""
    return [Text().join(lines) for lines in zip(*blocks, strict=True)]
