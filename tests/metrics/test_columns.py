"""Tests of how figures are written."""

from __future__ import annotations

import pytest

from gracy_transport.metrics import COLUMNS, ReportRow
from gracy_transport.metrics.columns import count, percent, rate, seconds


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (count(1), "1"),
        (count(12345), "12,345"),
        (percent(100), "100.00%"),
        (percent(99.9999), "99.99%"),
        (percent(0), "0.00%"),
        (seconds(0), "0.00"),
        (seconds(0.39), "0.39"),
        (seconds(0.0031), "0.0031"),
        (seconds(1234.5), "1,234.50"),
        (rate(0), "0.0"),
        (rate(0.03), "0.03"),
        (rate(2.44), "2.4"),
    ],
)
def test_figures_are_written_for_people(written: str, text: str) -> None:
    """Enough digits to say something, and no more."""
    assert written == text


def test_every_column_reads_a_row_and_fits_into_a_list() -> None:
    """The list has room for titles of 18 characters."""
    row = ReportRow(url="https://api.test/")
    for column in COLUMNS:
        assert column.text(row)
        assert len(column.title) <= 18
