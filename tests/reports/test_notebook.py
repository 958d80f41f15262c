"""Tests of the report in a notebook: a table that any theme shows well, and that runs nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from gracy_transport.reports.notebook import render_html
from tests.reports.support import GENERATION, POKEMON, report, row


class Cells(HTMLParser):
    """Collects the texts of cells by row, and the names of all elements and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.names: set[str] = set()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _value in attrs)}
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_there_is_a_row_for_each_endpoint_and_the_total() -> None:
    """Under the titles of the README, and new ones between them."""
    table = Cells(render_html(report(row(POKEMON, 1_234), row(GENERATION, latency=0.04))))
    assert not table.open
    assert [cells[:3] for cells in table.rows] == [
        ["URL", "Total Reqs (#)", "Success (%)"],
        [POKEMON, "1,234", "100.00%"],
        [GENERATION, "1", "100.00%"],
        ["TOTAL", "1,235", "100.00%"],
    ]
    assert len({len(cells) for cells in table.rows}) == 1


def test_what_seldom_happens_has_a_column_only_when_it_did() -> None:
    """A table of 24 columns is too wide to read."""
    titles, *_ = Cells(render_html(report(row()))).rows
    assert {"Throttled (s)", "Refused", "Cancelled", "Slot Waits"} & set(titles) == set()
    titles, *_ = Cells(render_html(report(row(refused=1)))).rows
    assert {"Throttled (s)", "Refused", "Cancelled", "Slot Waits"} & set(titles) == {"Refused"}


def test_a_url_is_escaped() -> None:
    """It is somebody else's text: neither elements, nor attributes, nor control characters come from it."""
    url = "https://api.test/<script>alert('1')</script>\"&amp;\x1b[0m\u202e"
    html = render_html(report(row(url)))
    table = Cells(html)
    assert table.rows[1][0] == url.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert table.names == {
        *("div", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
        *("style", "scope"),
    }


def test_the_colours_are_those_of_the_theme() -> None:
    """No background, and no colour of text but the red of trouble."""
    html = render_html(report(row(failures=1, responses_5xx=1)))
    assert "background" not in html
    assert set(re.findall(r"(?<![-\w])color: ([^;\"]+)", html)) == {"#e5484d"}
    assert "color:" not in render_html(report(row()))


def test_rendering_twice_gives_the_same_text() -> None:
    """And an empty report has a total."""
    assert render_html(report(row())) == render_html(report(row()))
    assert [cells[:2] for cells in Cells(render_html(report())).rows] == [["URL", "Total Reqs (#)"], ["TOTAL", "0"]]
