"""Tests of the report as a table: that it reads well at any width."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from rich.console import Console

from gracy_transport.metrics import GracyReport
from gracy_transport.reports import print_table, render_rich
from tests.reports.support import GENERATION, LONG, ODD, POKEMON, report, row

SAMPLE = report(
    row(POKEMON, 12_873, 0.22, failures=660, responses_4xx=396, responses_5xx=132, aborts=132, retries=264),
    row(GENERATION, 38, 1.5, throttles=3, throttle_seconds=1.2, refused=2),
    row(ODD, 2, 0.004, replays=1),
)


def shown(what: GracyReport, width: int, *, is_terminal: bool = False) -> str:
    """Returns a report as a console of that width shows it, without blanks at the ends of lines."""
    file = io.StringIO()
    Console(width=width, file=file, force_terminal=is_terminal, _environ={}).print(render_rich(what, width))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def test_at_80_columns_the_url_stands_above_its_figures() -> None:
    """Those stand two to a place, as their titles do."""
    assert shown(SAMPLE, 80) == (
        """\
                     Gracy Requests Summary Report
 ─────────────────────────────────────────────────────────────────────
    Reqs Success Avg (s) p50 (s)  p99 (s)    2xx 4xx  Aborts Throttles
   Calls    Fail Max (s) p95 (s) Reqs/sec    3xx 5xx Retries   Replays
 ─────────────────────────────────────────────────────────────────────
  https://pokeapi.co/api/v2/pokemon/{NAME}
  12,873  94.87%    0.22    0.22     0.22 12,213 396     132         0
  12,873   5.13%    0.22    0.22 12,873.0      0 132     264         0
 ─────────────────────────────────────────────────────────────────────
  https://pokeapi.co/api/v2/generation/{ID}/
      38 100.00%    1.50    1.50     1.50     38   0       0         3
      38   0.00%    1.50    1.50     38.0      0   0       0         0
 ─────────────────────────────────────────────────────────────────────
  https://search.test/[red]items[/red]/(a|b)+.*%s{URL}
       2 100.00%  0.0040  0.0040   0.0040      2   0       0         0
       2   0.00%  0.0040  0.0040      2.0      0   0       0         1
 ─────────────────────────────────────────────────────────────────────
  TOTAL
  12,913  94.89%    0.22    0.22     0.22 12,253 396     132         3
  12,913   5.11%    1.50    0.22 12,913.0      0 132     264         1
 ─────────────────────────────────────────────────────────────────────
                    Throttled (s): 1.20, Refused: 2"""
    )


def test_at_160_columns_the_url_has_a_column_and_the_titles_are_whole() -> None:
    """They are those of the original library, and what is new."""
    lines = shown(SAMPLE, 160).splitlines()
    assert lines[2:4] == [
        " " * 46 + "Total Reqs (#)  Success (%)  Avg Latency (s)  p50 (s)       p99 (s)  2xx Resps  4xx Resps"
        "   Aborts  Throttles",
        "  URL" + " " * 46 + "Calls (#)     Fail (%)  Max Latency (s)  p95 (s)  Avg Reqs/sec  3xx Resps  5xx Resps"
        "  Retries    Replays",
    ]
    assert lines[5].split() == [
        POKEMON,
        "12,873",
        "94.87%",
        "0.22",
        "0.22",
        "0.22",
        "12,213",
        "396",
        "132",
        "0",
    ]
    assert lines[6].split() == ["12,873", "5.13%", "0.22", "0.22", "12,873.0", "0", "132", "264", "0"]


@pytest.mark.parametrize("width", [*range(30, 200, 7), 80, 139, 140, 160])
def test_nothing_is_cut_off_at_any_width(width: int) -> None:
    """What does not fit stands further down."""
    huge = row(LONG, 3, 12345.678, attempts=123_456_789, responses_4xx=1_234_567)
    text = shown(report(huge, *SAMPLE.rows), width)
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= width
    for figure in ("123,456,789", "1,234,567", "12,345.68", "12,213"):
        assert figure in text
    if width < 140:
        unbroken = "".join(line.strip() for line in text.splitlines())
        assert all(url in unbroken for url in (LONG, POKEMON, GENERATION, ODD))


@pytest.mark.parametrize("width", [80, 160])
def test_a_long_url_is_broken_after_a_slash(width: int) -> None:
    """So that its parts stay readable."""
    text = shown(report(row(LONG)), width)
    for part in ("api.example.com/", "/organisations/", "{ORG}/", "{REPO}/", "{NUMBER}/", "{COMMENT}"):
        assert part in text


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_part_of_a_url_that_is_too_long_is_folded(width: int) -> None:
    """No character of it is lost, and `https://` does not stand alone."""
    host = f"https://{'a-very-long-host-name.' * 8}example.com/"
    text = shown(report(row(f"{host}x")), width)
    if width < 160:
        assert f"{host}x" in "".join(line.strip() for line in text.splitlines())
    assert "https://a-very-long-host-name" in text
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 160])
def test_control_characters_in_a_url_are_escaped(width: int) -> None:
    """They would move the cursor."""
    text = shown(report(row("https://api.test/\x1b[2J\r\u202ex")), width, is_terminal=True)
    assert "\\x1b[2J\\r\\u202ex" in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize("width", [80, 160])
def test_what_did_not_happen_is_dim(width: int) -> None:
    """So that what did catches the eye."""
    text = shown(report(row()), width, is_terminal=True)
    assert re.search(r"\x1b\[2m +0\x1b|\x1b\[2m0\x1b", text)
    assert "\x1b[31m" not in text


@pytest.mark.parametrize("width", [80, 160])
def test_brackets_in_a_url_are_no_markup(width: int) -> None:
    """They are shown, and colour nothing."""
    text = shown(report(row(ODD)), width, is_terminal=True)
    assert "https://search.test/[red]items[/red]/" in text
    assert "\x1b[31m" not in text


@pytest.mark.parametrize("width", [80, 160])
def test_trouble_is_red(width: int) -> None:
    """Failures, 4xx, 5xx and aborts, where there are any."""
    text = shown(report(row(failures=1, responses_5xx=1)), width, is_terminal=True)
    assert "\x1b[31m100.00%" in text
    assert "\x1b[1;31m" in text


@pytest.mark.parametrize("width", [80, 160])
def test_rendering_twice_gives_the_same_text(width: int) -> None:
    """The total is not one of the rows."""
    assert shown(SAMPLE, width) == shown(SAMPLE, width)
    assert shown(SAMPLE, width).count("TOTAL") == 1


def test_an_empty_report_is_a_table_with_a_total() -> None:
    """And without a caption."""
    assert "TOTAL" in shown(report(), 80)
    assert "Throttled" not in shown(report(), 80)


def test_the_width_is_that_of_the_terminal_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As rich finds it."""
    monkeypatch.setenv("COLUMNS", "170")
    assert len(render_rich(SAMPLE).columns) == 10
    monkeypatch.setenv("COLUMNS", "90")
    assert len(render_rich(SAMPLE).columns) == 1


def test_the_table_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As wide as the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    print_table(SAMPLE)
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert printed == shown(SAMPLE, 80).splitlines()


def test_rich_is_imported_only_when_a_table_is_made() -> None:
    """It costs more than the whole package."""
    script = "import sys, gracy_transport.reports; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
