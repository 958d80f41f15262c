"""Tests of the report as a list."""

from __future__ import annotations

import io

import pytest

from gracy_transport.reports import print_list
from tests.reports.support import GENERATION, ODD, POKEMON, report, row


def test_the_list_names_every_figure_of_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    """In the wording and order of the original library, with what is new in between."""
    print_list(report(row(POKEMON), row(GENERATION, latency=0.04)))
    banner, _, text = capsys.readouterr().out.partition("\n\n\n")
    assert banner == (
        "   ____\n"
        "  / ___|_ __ __ _  ___ _   _\n"
        " | |  _| '__/ _` |/ __| | | |\n"
        " | |_| | | | (_| | (__| |_| |\n"
        "  \\____|_|  \\__,_|\\___|\\__, |\n"
        "                       |___/  Requests Summary Report"
    )
    assert text.isascii()
    assert text.startswith(
        f"1. {POKEMON}\n"
        "    Total Reqs (#): 1\n"
        "       Success (%): 100.00%\n"
        "          Fail (%): 0.00%\n"
        "   Avg Latency (s): 0.39\n"
        "   Max Latency (s): 0.39\n"
        "           p50 (s): 0.39\n"
        "           p95 (s): 0.39\n"
        "           p99 (s): 0.39\n"
        "         2xx Resps: 1\n"
        "         3xx Resps: 0\n"
        "         4xx Resps: 0\n"
        "         5xx Resps: 0\n"
        "            Aborts: 0\n"
        "           Retries: 0\n"
        "         Throttles: 0\n"
        "     Throttled (s): 0.00\n"
        "        Slot Waits: 0\n"
        "    Slot Waits (s): 0.00\n"
        "           Replays: 0\n"
        "          Unshared: 0\n"
        "           Refused: 0\n"
        "         Cancelled: 0\n"
        "         Calls (#): 1\n"
        "      Avg Reqs/sec: 1.0 reqs/s\n"
        "\n\n"
        f"2. {GENERATION}\n"
        "    Total Reqs (#): 1\n"
    )
    assert "\n\n\nTOTAL\n    Total Reqs (#): 2\n" in text
    assert "   Avg Latency (s): 0.21\n   Max Latency (s): 0.39\n" in text.partition("TOTAL")[2]
    assert text.endswith("      Avg Reqs/sec: 2.0 reqs/s\n")


def test_the_list_can_go_to_a_file() -> None:
    """Anything that can be written to."""
    file = io.StringIO()
    print_list(report(row(ODD)), file)
    assert f"1. {ODD}\n" in file.getvalue()


def test_control_characters_in_a_url_are_escaped() -> None:
    """They would move the cursor, or colour the terminal of whoever reads the list."""
    file = io.StringIO()
    print_list(report(row("https://api.test/\x1b[31m\r\u202etxt.exe\nTOTAL")), file)
    assert "1. https://api.test/\\x1b[31m\\r\\u202etxt.exe\\nTOTAL\n" in file.getvalue()


def test_printing_twice_gives_the_same_text(capsys: pytest.CaptureFixture[str]) -> None:
    """The total is not one of the rows."""
    shown = report(row(), row(GENERATION))
    print_list(shown)
    first = capsys.readouterr().out
    print_list(shown)
    assert capsys.readouterr().out == first
    assert first.count("TOTAL") == 1


def test_an_empty_report_has_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was asked for yet."""
    print_list(report())
    assert "\nTOTAL\n    Total Reqs (#): 0\n       Success (%): 0.00%\n" in capsys.readouterr().out
