"""What came of asking again: as values, as plain lines, and for rich."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..redaction import printable
from .compare import Change

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Drift", "Drifted", "Skipped"]


@dataclass(frozen=True, slots=True)
class Drifted:
    """A request whose answer is not as it was recorded.

    Attributes:
        method, url: what was asked, without secrets.
        changes: what is different.
    """

    method: str
    url: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A recorded request that was not asked again.

    Attributes:
        method, url: what was asked, without secrets.
        why: the reason, as the end of a sentence.
    """

    method: str
    url: str
    why: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What came of asking again. `print` it, or give it to rich; it holds no secrets and no values of bodies.

    Attributes:
        asked: how many requests were sent.
        drifted: those whose answers changed.
        skipped: recorded requests that could not be asked again.
        bare: how many of those that were sent went without what the client adds, since nothing was recorded with
            credentials on their hosts.
    """

    asked: int
    drifted: tuple[Drifted, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    bare: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether everything that was asked is as it was recorded."""
        return not self.drifted

    @property
    def exit_status(self) -> int:
        """0 when nothing changed, 1 when something did, 2 when nothing could be asked."""
        if not self.asked:
            return 2
        return 0 if self.is_clean else 1

    def lines(self) -> list[str]:
        """Returns the report as plain lines, the sum at the end."""
        lines: list[str] = []
        for each in self.drifted:
            lines += [f"{each.method} {each.url}", *(f"  {change}" for change in each.changes)]
        lines += [f"{each.method} {each.url}: not asked, {each.why}" for each in self.skipped]
        if self.bare:
            lines.append(
                f"{self.bare} went without what the client adds: nothing was recorded with credentials on their hosts"
            )
        return [printable(line) for line in [*lines, self._sum()]]

    def __str__(self) -> str:
        """Returns the plain lines as one text."""
        return "\n".join(self.lines())

    def __rich__(self) -> RenderableType:
        """Returns the report as rich shows it: a table of what changed, and the rest below."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table("Request", "Where", "Recorded", "Live", title="Drift", title_justify="left")
        for each in self.drifted:
            name = f"{each.method} {each.url}"
            for change in each.changes:
                cells = (name, f"{change.what} {change.where}".strip(), change.recorded, change.live)
                table.add_row(*(Text(printable(cell)) for cell in cells))
                name = ""
        rest = [Text(printable(f"{each.method} {each.url}: not asked, {each.why}")) for each in self.skipped]
        total = Text(self._sum(), style="green" if self.exit_status == 0 else "red")
        return Group(*([table] if self.drifted else []), *rest, total)

    def _sum(self) -> str:
        skipped = f", {len(self.skipped)} not asked" if self.skipped else ""
        return f"{len(self.drifted)} of {self.asked} changed{skipped}"
