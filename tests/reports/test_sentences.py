"""Tests of the report in the log."""

from __future__ import annotations

import logging

import pytest

from gracy_transport.metrics import GracyReport, ReportRow
from gracy_transport.reports import log_report
from tests.reports.support import GENERATION, ODD, POKEMON, report, row


def test_the_busiest_endpoint_and_the_total_are_a_sentence_each(caplog: pytest.LogCaptureFixture) -> None:
    """In the wording of the original library: a summary, however many endpoints there are."""
    caplog.set_level(logging.INFO, "gracy_transport")
    log_report(report(row(latency=0.45), row(GENERATION, latency=0.03)))
    rest = "with a success rate of 100.00%, avg latency of {}s, and a rate of {} reqs/s."
    assert [record.getMessage() for record in caplog.records] == [
        f"Gracy tracked that '{POKEMON}' was hit 1 time(s) {rest.format('0.45', '1.0')}",
        f"Gracy tracked a total of 2 requests {rest.format('0.24', '2.0')}",
    ]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert {record.name for record in caplog.records} == {"gracy_transport"}


def test_the_other_endpoints_are_told_to_whoever_debugs(caplog: pytest.LogCaptureFixture) -> None:
    """Between the busiest and the total."""
    caplog.set_level(logging.DEBUG, "gracy_transport")
    log_report(report(row(count=3), row(GENERATION, 1_234)))
    assert [(each.levelno, each.getMessage().partition(" with ")[0]) for each in caplog.records] == [
        (logging.INFO, f"Gracy tracked that '{GENERATION}' was hit 1,234 time(s)"),
        (logging.DEBUG, f"Gracy tracked that '{POKEMON}' was hit 3 time(s)"),
        (logging.INFO, "Gracy tracked a total of 1,237 requests"),
    ]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (report(), "Gracy tracked a total of 0 requests."),
        (report(ReportRow(url=POKEMON, calls=2, refused=2)), "Gracy tracked a total of 0 requests. Refused: 2."),
    ],
)
def test_without_requests_there_is_no_rate_of_success(
    shown: GracyReport, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A success rate of 0 % would read as bad news."""
    caplog.set_level(logging.INFO, "gracy_transport")
    log_report(shown)
    assert caplog.records[-1].getMessage() == text


def test_one_request_is_in_the_singular(caplog: pytest.LogCaptureFixture) -> None:
    """In the total; an endpoint was hit some `time(s)`, as the README has it."""
    caplog.set_level(logging.INFO, "gracy_transport")
    log_report(report(row()))
    assert caplog.records[-1].getMessage().startswith("Gracy tracked a total of 1 request with a success rate of ")


def test_control_characters_in_a_url_are_escaped(caplog: pytest.LogCaptureFixture) -> None:
    """A URL cannot forge a line of the log."""
    caplog.set_level(logging.INFO, "gracy_transport")
    log_report(report(row("https://api.test/\nCRITICAL all is lost\x1b[2J")))
    assert "'https://api.test/\\nCRITICAL all is lost\\x1b[2J'" in caplog.records[0].getMessage()


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
