"""Tests of the report in the log."""

from __future__ import annotations

import logging

import pytest

from gracy_transport.reports import log_report
from tests.reports.support import GENERATION, ODD, POKEMON, report, row


def test_each_row_and_the_total_are_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    """In the wording of the original library."""
    caplog.set_level(logging.INFO, "gracy_transport")
    log_report(report(row(latency=0.45), row(GENERATION, latency=0.03)))
    rest = "with a success rate of 100.00%, avg latency of {}s, and a rate of {} reqs/s."
    assert [record.getMessage() for record in caplog.records] == [
        f"Gracy tracked that '{POKEMON}' was hit 1 time(s) {rest.format('0.45', '1.0')}",
        f"Gracy tracked that '{GENERATION}' was hit 1 time(s) {rest.format('0.03', '1.0')}",
        f"Gracy tracked a total of 2 requests {rest.format('0.24', '2.0')}",
    ]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert {record.name for record in caplog.records} == {"gracy_transport"}


def test_what_happened_besides_is_added(caplog: pytest.LogCaptureFixture) -> None:
    """And only that."""
    caplog.set_level(logging.INFO, "gracy_transport")
    log_report(report(row(count=4, failures=1, aborts=1, retries=1, slot_waits=2, replays=3)))
    assert caplog.records[0].getMessage().endswith(" reqs/s. Aborts: 1, retries: 1, slot waits: 2, replays: 3.")


def test_a_record_carries_all_figures(caplog: pytest.LogCaptureFixture) -> None:
    """For whoever collects logs and does not want to parse them."""
    caplog.set_level(logging.INFO, "gracy_transport")
    shown = report(row())
    log_report(shown)
    figures = [record.__dict__["gracy"] for record in caplog.records]
    assert figures == [shown.rows[0].as_dict(), shown.total.as_dict()]


def test_braces_and_percent_signs_in_a_url_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    """A URL is no format."""
    caplog.set_level(logging.INFO, "gracy_transport")
    log_report(report(row(ODD)))
    assert f"'{ODD}'" in caplog.records[0].getMessage()


def test_nothing_is_made_when_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    """INFO is off by default."""
    caplog.set_level(logging.WARNING, "gracy_transport")
    log_report(report(row()))
    assert caplog.records == []
