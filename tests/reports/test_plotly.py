"""Tests of the report as a figure: what is drawn where, and what comes without plotly."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from gracy_transport.metrics import GracyReport, MetricsRegistry
from gracy_transport.reports import report_status
from gracy_transport.reports.plotly import MOST_ENDPOINTS, draw
from gracy_transport.testing import FakeClock
from tests.reports.support import LONG

BASE = "https://api.test/v1"


@pytest.fixture(autouse=True)
def plotly(request: pytest.FixtureRequest) -> None:
    """Skips these tests where plotly is absent, but those of its absence."""
    if "without_plotly" not in request.node.name:
        pytest.importorskip("plotly")


def counted(
    *facts: tuple[str, float, float, int | None], waits: tuple[tuple[float, float, int], ...] = ()
) -> GracyReport:
    """Returns the report of attempts, each a URL, when it began, how long it took and its status, and of waits."""
    registry = MetricsRegistry(FakeClock(start=0, wall=1_000_000_000))
    for url, at, took, status in facts:
        row = registry.row(url, has_template=True)
        row.count_attempt(status, at, at + took, is_success=status == 200, is_replayed=False)
    for at, waited, gate in waits:
        row = registry.row(facts[0][0], has_template=True)
        row.throttles += gate == 0
        row.remember_wait((at, waited, gate, row.number))
    return registry.report()


def traces(figure: Any, panel: int) -> dict[str, Any]:
    """Returns what is drawn in one panel, by name, without the number that the legend shows."""
    axis = "y" if panel == 1 else f"y{panel}"
    return {trace.name.partition(" (")[0]: trace for trace in figure.data if (trace.yaxis or "y") == axis}


def test_the_figure_comes_back_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asked shows it."""
    figure = report_status(counted((BASE, 0, 1, 200)), "plotly")
    assert type(figure).__name__ == "Figure"
    assert capsys.readouterr().out == ""
    assert draw(counted((BASE, 0, 1, 200))).to_json() == figure.to_json()


def test_each_attempt_is_a_bar_beside_its_endpoint() -> None:
    """From its beginning, in UTC, as long as it took; the busiest endpoint has the first line."""
    figure = draw(counted((f"{BASE}/b", 0, 0.5, 200), (f"{BASE}/a", 1, 2, 200), (f"{BASE}/a", 3.25, 0, 200)))
    bars = traces(figure, 1)["2xx"]
    assert (bars.type, bars.orientation) == ("bar", "h")
    assert list(bars.base) == ["2001-09-09 01:46:40.000", "2001-09-09 01:46:41.000", "2001-09-09 01:46:43.250"]
    assert list(bars.x) == [500, 2000, 0]
    assert list(bars.y) == [1, 0, 0]
    assert list(figure.layout.yaxis.ticktext) == ["api.test/v1/a", "api.test/v1/b"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]


def test_latencies_are_drawn_over_time() -> None:
    """At the instants at which attempts began."""
    points = traces(draw(counted((BASE, 0, 0.5, 200), (BASE, 1, 2, 200))), 2)["2xx"]
    assert list(points.x) == ["2001-09-09 01:46:40.000", "2001-09-09 01:46:41.000"]
    assert list(points.y) == [0.5, 2]


def test_how_attempts_ended_has_a_colour_and_a_shape() -> None:
    """The same in all panels, aborts drawn last so that nothing hides them; the legend counts."""
    facts = [(BASE, float(at), 1.0, status) for at, status in enumerate([None, 503, 404, 302, 200, 200, 100])]
    figure: Any = draw(counted(*facts))
    names = ["2xx", "3xx", "4xx", "5xx", "other", "aborted"]
    assert [list(traces(figure, panel)) for panel in (1, 2, 3)] == [names] * 3
    assert len({trace.marker.symbol for trace in traces(figure, 2).values()}) == 6
    for name in names:
        colors = [traces(figure, panel)[name].marker for panel in (1, 2, 3)]
        assert colors[0].line.color == colors[1].color == colors[2].color
        assert {traces(figure, panel)[name].legendgroup for panel in (1, 2, 3)} == {name}
    in_legend = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert in_legend == ["2xx (2)", "3xx (1)", "4xx (1)", "5xx (1)", "other (1)", "aborted (1)"]


def test_rates_are_those_of_whole_seconds() -> None:
    """A burst of three in a second is three per second, and never more."""
    bars = traces(draw(counted(*[(BASE, at, 0.1, 200) for at in (0.0, 0.1, 0.9, 1.0, 5.5)])), 3)["2xx"]
    assert list(bars.x) == ["2001-09-09 01:46:40.500", "2001-09-09 01:46:41.500", "2001-09-09 01:46:45.500"]
    assert list(bars.y) == [3, 1, 1]
    assert bars.width == 1000


@pytest.mark.parametrize(("span", "seconds"), [(119, 1), (3600, 30), (86_400, 900), (86_400 * 365, 86_400 * 4)])
def test_a_long_time_has_few_bars(span: float, seconds: int) -> None:
    """Each is an average over a width that people count in."""
    bars = traces(draw(counted((BASE, 0, 1, 200), (BASE, span, 1, 200))), 3)["2xx"]
    assert bars.width == 1000 * seconds
    assert bars.y[0] == 1 / seconds


def test_waits_have_a_panel_when_there_were_any() -> None:
    """Those for permits apart from those for slots."""
    assert len(draw(counted((BASE, 0, 1, 200))).layout.annotations) == 3
    figure = draw(counted((BASE, 0, 1, 200), waits=((0, 0.25, 0), (1, 0.5, 1), (2, 0.75, 0))))
    assert figure.layout.annotations[3].text == "Waited (s)"
    waits = traces(figure, 4)
    assert list(waits) == ["waited for a permit", "waited for a slot"]
    assert list(waits["waited for a permit"].y) == [0.25, 0.75]
    assert list(waits["waited for a slot"].x) == ["2001-09-09 01:46:41.000"]


def test_the_busiest_endpoints_have_lines_and_the_others_share_one() -> None:
    """More could not be told apart."""
    facts = [(f"{BASE}/{number}", 0.0, 1.0, 200) for number in range(50) for _ in range(50 - number)]
    figure = draw(counted(*facts))
    labels = figure.layout.yaxis.ticktext
    assert len(labels) == MOST_ENDPOINTS
    assert (labels[0], labels[-1]) == ("api.test/v1/0", "(other)")
    assert max(traces(figure, 1)["2xx"].y) == MOST_ENDPOINTS - 1
    assert "https://api.test/v1/49<br>" in traces(figure, 1)["2xx"].customdata[-1]


def test_a_long_label_loses_its_middle_and_the_hover_text_nothing() -> None:
    """Labels leave room for what is drawn."""
    figure = draw(counted((LONG, 0, 1, 200)))
    assert len(figure.layout.yaxis.ticktext[0]) <= 48
    assert traces(figure, 2)["2xx"].customdata[0] == f"{LONG}<br>200 after 1.000 s<br>from 2001-09-09 01:46:40.000"


def test_a_url_is_shown_as_it_is() -> None:
    """Plotly reads some HTML in labels; control characters are escaped."""
    figure = draw(counted(("https://api.test/<b>x</b>&lt;\x1b", 0, 1, None), waits=((0, 1, 0),)))
    shown = "api.test/&lt;b&gt;x&lt;/b&gt;&amp;lt;\\x1b"
    assert figure.layout.yaxis.ticktext[0] == shown
    for panel in (1, 2):
        assert traces(figure, panel)["aborted"].customdata[0].startswith(f"https://{shown}<br>aborted after 1.000 s")
    assert traces(figure, 4)["waited for a permit"].customdata[0].startswith(f"https://{shown}<br>waited 1.000 s")


@pytest.mark.parametrize(("took", "scale"), [((0.1, 1.0), None), ((0.1, 10.0), "log"), ((0.0, 10.0), None)])
def test_latencies_far_apart_have_a_logarithmic_axis(took: tuple[float, ...], scale: str | None) -> None:
    """A few time-outs would flatten all others; but a latency of zero, that of a replay, has no logarithm."""
    figure = draw(counted(*[(BASE, 0, each, 200) for each in took]))
    assert figure.layout.yaxis2.type == scale


def test_the_subtitle_says_what_is_shown() -> None:
    """All, or the last of how many, and what else happened."""
    assert draw(counted()).layout.title.subtitle.text == "No attempt has been counted yet"
    assert draw(counted((BASE, 0, 1, 200))).layout.title.subtitle.text == "1 attempt"
    shown = counted(*[(BASE, 0, 1, 200)] * 5001, waits=((0, 1, 0),))
    assert draw(shown).layout.title.subtitle.text == "The last 5,000 of 5,001 attempts; 1 throttled"


def test_a_merged_report_can_be_drawn() -> None:
    """Those of other processes come as pickles."""
    merged = GracyReport.merge([counted((BASE, 0, 1, 200)), counted((BASE, 5, 1, 503))])
    assert list(traces(draw(merged), 1)) == ["2xx", "5xx"]


def test_without_plotly_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other kinds need it not."""
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.subplots", None)
    with pytest.raises(ImportError, match=r'run pip install "gracy-transport\[plotly\]"') as raised:
        report_status(counted(), "plotly")
    assert raised.value.name == "plotly"


def test_without_plotly_being_asked_for_it_is_not_imported() -> None:
    """Neither pandas nor plotly comes with reports, and pandas does not come with a figure."""
    script = "import sys, gracy_transport.reports; sys.exit(bool({'plotly', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_pandas_is_not_needed() -> None:
    """Numbers are enough."""
    script = (
        "import sys; sys.modules['pandas'] = sys.modules['numpy'] = None\n"
        "from gracy_transport.reports import GracyReport, report_status\n"
        "report_status(GracyReport(), 'plotly').to_json()"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
