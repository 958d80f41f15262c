"""What is drawn, on terminals of several sizes."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from gracy_transport.demo.board import Tally
from gracy_transport.demo.closing import closing
from gracy_transport.demo.strokes import bar, block, box, cell, trace
from gracy_transport.demo.view import LiveShow, render
from gracy_transport.testing import FakeClock
from tests.demo.scenes import a_scene, at_the_end, in_the_middle


def drawn(picture: RenderableType, width: int, height: int = 24) -> list[str]:
    """Returns the lines that a terminal of that size would show."""
    console = Console(file=StringIO(), record=True, width=width, height=height, force_terminal=True)
    console.print(picture)
    return console.export_text().splitlines()


SIZES = [(80, 24), (100, 30), (160, 45), (240, 70)]


@pytest.mark.parametrize("seconds", [2.0, 15.0, 600.0])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_view_fits_its_terminal(clock: FakeClock, width: int, height: int, seconds: float) -> None:
    """No line is too long, there are not too many, and none was cut short."""
    lines = drawn(render(in_the_middle(clock, seconds), width, height), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines).replace("(…", "").replace("…)", "")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_view_fills_its_terminal_with_happenings(clock: FakeClock, width: int, height: int) -> None:
    """The newest is at the bottom."""
    lines = drawn(render(in_the_middle(clock), width, height), width, height)
    assert len(lines) == min(height, 24 + 40)
    assert lines[-1].rstrip().endswith("again in 3.90 s, as it asks")


def test_the_view_shows_every_figure(clock: FakeClock) -> None:
    """Progress, rate, flight, waits and retries, by endpoint; and both sides of the taming."""
    scene = in_the_middle(clock)
    text = "\n".join(drawn(render(scene, 80, 24), 80))
    elements = scene.board.tallies["/elements/{SYMBOL}"]
    row = next(line for line in text.splitlines() if "/elements/{SYMBOL}" in line)
    assert f"{elements.answered}/{elements.planned}" in row
    assert "10/50" in row
    assert " 2/12 " in row
    assert row.split()[-2:] == [str(elements.waiting), "7"]
    assert "without: plain httpx" in text
    assert "with the stack ·  4.0 of ~15 s" in text
    for way in ("1 attach(client", "2 class Atlas(Gracy", "3 RetryTransport(Throttle", "  ConcurrencyLimitTransport("):
        assert f"\n{way}" in text


def test_the_view_at_the_beginning_shows_that_nothing_happened(clock: FakeClock) -> None:
    """All bars are empty, and nothing is divided by nothing."""
    text = "\n".join(drawn(render(a_scene(clock), 80, 24), 80))
    assert "█" not in text
    assert "━" not in text


def test_a_view_on_a_low_terminal_is_cut_at_the_bottom(clock: FakeClock) -> None:
    """As when it was made smaller after the start."""
    assert len(drawn(render(in_the_middle(clock), 80, 12), 80, 12)) == 12


def test_lost_calls_turn_a_bar_red(clock: FakeClock) -> None:
    """It is the only colour that is needed."""
    scene = in_the_middle(clock)
    scene.board.tallies["/feed"].lost = 1
    line = next(line for line in render(scene, 80, 24).split("\n") if "/feed" in line.plain)
    assert "red" in {str(span.style) for span in line.spans}


@pytest.mark.parametrize("width", [80, 160])
def test_the_final_screen_says_what_was_asked_and_kept(clock: FakeClock, width: int) -> None:
    """Calls, both sides, promises, the report and the verdict; no line is too long."""
    scene = at_the_end(clock)
    lines = drawn(closing(scene, width), width)
    text = "\n".join(lines)
    total = scene.board.total
    assert max(len(line) for line in lines) <= width
    assert f"{total.planned:,} calls asked for  {total.planned:,} answered  0 wrong  0 lost" in text
    assert "43 % of 180 calls answered, plain httpx at once" in text
    assert f"100 % of {total.planned:,} calls answered, in" in text
    promise = next(line for line in lines if "at most 50 per second" in line)
    assert promise.split()[0] == "✓"
    assert promise.split()[-2:] == ["3", "3"]
    assert "Gracy Requests Summary Report" in text
    assert lines[-2].strip() == "Every promise was kept."
    assert "✗" not in text


def test_the_final_screen_names_what_was_broken(clock: FakeClock) -> None:
    """In the table and in the last line."""
    scene = at_the_end(clock)
    scene.board.tallies["/feed"].peak = 4
    scene.findings = [*scene.findings[:-3], type(scene.findings[0])("at most 3 in flight", "/feed", 3, 4)]
    lines = drawn(closing(scene, 80), 80)
    assert next(line for line in lines if "✗" in line).split()[-1] == "4"
    assert lines[-2].strip() == "BROKEN: at most 3 in flight (/feed)"


def test_an_interrupted_run_says_what_it_did_not_wait_for(clock: FakeClock) -> None:
    """The share is that of the calls which were over."""
    scene = in_the_middle(clock)
    scene.is_interrupted = True
    total = scene.board.total
    text = "\n".join(drawn(closing(scene, 80), 80))
    assert f"{total.asked - total.settled:,} not waited for" in text
    assert f"100 % of {total.settled:,} calls answered" in text
    assert "Interrupted. Every promise was kept until then." in text


def test_a_run_that_was_interrupted_at_once_is_shown_too(clock: FakeClock) -> None:
    """Nothing was asked: that is no share of anything."""
    scene = a_scene(clock)
    scene.is_interrupted = True
    assert "0 % of 0 calls answered" in "\n".join(drawn(closing(scene, 80), 80))


def test_the_live_show_gives_the_screen_back(clock: FakeClock) -> None:
    """It draws on the alternate screen, and prints the end on the ordinary one."""
    out = StringIO()
    show = LiveShow(Console(file=out, width=80, height=24, force_terminal=True))
    with show as entered:
        assert entered is show
        show.frame(in_the_middle(clock))
    assert "\x1b[?1049h" in out.getvalue()
    assert out.getvalue().count("\x1b[?1049l") == 1
    before = len(out.getvalue())
    show.close(at_the_end(clock))
    assert "Every promise was kept." in out.getvalue()[before:]


@pytest.mark.parametrize(
    ("done", "total", "line"),
    [(0, 4, "────"), (1, 4, "━───"), (3, 4, "━━━─"), (4, 4, "━━━━"), (9, 4, "━━━━"), (0, 0, "━━━━")],
)
def test_a_bar_is_heavy_as_far_as_it_is_done(done: int, total: int, line: str) -> None:
    """It can be read without colours."""
    assert bar(done, total, 4).plain == line


@pytest.mark.parametrize(
    ("count", "most", "line"), [(0, 0, "  "), (0, 9, "  "), (9, 9, "██"), (1, 2, "█ "), (1, 16, "▏ "), (1, 999, "▏ ")]
)
def test_a_block_is_as_long_as_its_share(count: int, most: int, line: str) -> None:
    """Something is never drawn as nothing."""
    assert block(count, most, 2, "green").plain == line


def test_a_trace_shows_quarters_of_a_second() -> None:
    """Half the height is a steady rate at the limit; a burst has the full height; the latest is on the right."""
    tally = Tally(dispatched=[10.0, *[10.25] * 8, *[10.6] * 2])
    assert trace(tally, 10.74, 5, limit=8).plain == "  ▂█▄"
    assert trace(Tally(), 10.74, 5, limit=8).plain == "     "


def test_a_cell_has_exactly_its_width() -> None:
    """Figures stand to the right, text to the left; what is too long ends with an ellipsis."""
    assert cell("ab", 4).plain == "ab  "
    assert cell("12", 4, is_figure=True).plain == "  12"
    assert cell("abcdef", 4).plain == "abc…"


def test_a_box_has_exactly_its_width() -> None:
    """Also when its title does not fit."""
    lines = box("a title that is too long", [Text("x")], 12, "red")
    assert [line.plain for line in lines] == ["╭─ a titl…─╮", "│ x        │", "╰──────────╯"]
