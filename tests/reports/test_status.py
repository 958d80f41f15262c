"""Tests of the one function that shows a report in any way."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from gracy_transport.reports import report_status
from tests.reports.support import report, row


@pytest.mark.parametrize(("kind", "text"), [("rich", "Gracy Requests Summary Report"), ("list", "1. https://")])
def test_a_report_is_printed(kind: Any, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """To standard output."""
    report_status(report(row()), kind)
    assert text in capsys.readouterr().out


def test_a_report_is_logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """And not printed."""
    caplog.set_level(logging.INFO, "gracy_transport")
    report_status(report(row()), "logger")
    assert len(caplog.records) == 2
    assert capsys.readouterr().out == ""


def test_the_table_comes_unless_something_else_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """It is what people want to see."""
    report_status(report(row()))
    assert "Gracy Requests Summary Report" in capsys.readouterr().out


def test_an_unknown_kind_is_an_error_that_names_the_known_ones() -> None:
    """Whatever was given."""
    unknown: Any = "xml"
    with pytest.raises(ValueError, match='of the kind \'xml\': give one of "rich", "list", "logger", "plotly"'):
        report_status(report(), unknown)
