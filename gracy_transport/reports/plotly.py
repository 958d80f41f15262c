"""The report as a figure of plotly: what happened when, to the last 5,000 attempts.

Four panels share one axis of time: each attempt as a bar beside its endpoint, latencies, attempts per second, and what
was waited for permits and slots. Colour and shape say how an attempt ended, the same in all panels.

Plotly is an extra, `pip install gracy-transport[plotly]`, and imported when a figure is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import ceil
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..metrics import OTHER, GracyReport, TimedAttempt, TimedWait, plain

if TYPE_CHECKING:
    from plotly import graph_objects  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

    Figure: TypeAlias = graph_objects.Figure

__all__ = ["Figure", "draw"]

TITLE: Final = "Gracy Requests Timeline"
MOST_ENDPOINTS: Final = 30
"""Endpoints with a line of their own, the busiest; more could not be told apart."""

_LABEL: Final = 48  # characters of an endpoint beside its line; all of them are shown when the mouse is over it
_MOST_BARS: Final = 120
_BAR_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200)
_DAY: Final = 86_400
_LINE, _PANEL, _GAP, _ABOVE, _BELOW = 24, 180, 56, 140, 60  # heights in pixels


@dataclass(frozen=True, slots=True)
class _Look:
    """How attempts that ended in one way are called and drawn: by a colour, and by a shape for whoever sees none."""

    name: str
    color: str
    symbol: str

    @property
    def pale(self) -> str:
        """The colour as thin as needed to see through some of it."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return f"rgba({red}, {green}, {blue}, 0.33)"


_ABORTED: Final = _Look("aborted", "#cc79a7", "x")
_OTHER: Final = _Look("other", "#999999", "circle-open")
_BY_CLASS: Final = {
    2: _Look("2xx", "#009e73", "circle"),
    3: _Look("3xx", "#56b4e9", "diamond"),
    4: _Look("4xx", "#e69f00", "triangle-up"),
    5: _Look("5xx", "#d55e00", "square"),
}
_LOOKS: Final = (*_BY_CLASS.values(), _OTHER, _ABORTED)
"""In the order in which they are drawn, so that trouble is never hidden."""

_GATES: Final = (_Look("permit", "#0072b2", "circle"), _Look("slot", "#8b6fc0", "diamond"))


def draw(report: GracyReport) -> Figure:
    """Returns a report as a figure of plotly, with its times in UTC.

    Raises:
        ImportError: when plotly is not installed, naming what to install.
    """
    try:
        from plotly.subplots import make_subplots  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            'a report as a figure needs plotly, which is not installed: run pip install "gracy-transport[plotly]"',
            name="plotly",
        ) from error
    attempts, waits = report.timeline.attempts, report.timeline.waits
    urls = _urls(report, attempts)
    titles = ["Attempts by endpoint", "Latency (s)", "Attempts per second", *(["Waited (s)"] if waits else [])]
    lanes = max(2, len(urls)) * _LINE
    heights = [lanes, *[_PANEL] * (len(titles) - 1)]
    inner = sum(heights) + _GAP * (len(heights) - 1)
    figure: Any = make_subplots(
        rows=len(titles),
        shared_xaxes=True,
        row_heights=heights,
        subplot_titles=titles,
        vertical_spacing=_GAP / inner,
    )
    _add_attempts(figure, attempts, urls)
    _add_rates(figure, attempts)
    _add_waits(figure, waits)
    _lay_out(figure, report, urls, inner)
    return figure


def _urls(report: GracyReport, attempts: Sequence[TimedAttempt]) -> list[str]:
    """Returns the URLs that have a line of their own, the busiest first; `(other)` last where there are more."""
    seen = {attempt.url for attempt in attempts}
    urls = [row.url for row in report.rows if row.url in seen]
    return urls if len(urls) <= MOST_ENDPOINTS else [*urls[: MOST_ENDPOINTS - 1], OTHER]


def _add_attempts(figure: Any, attempts: Sequence[TimedAttempt], urls: Sequence[str]) -> None:
    """Draws the first two panels: every attempt from its beginning to its end, and how long that was."""
    lines = {url: line for line, url in enumerate(urls)}
    for look in _LOOKS:
        ended = [attempt for attempt in attempts if _look(attempt.status) is look]
        if not ended:
            continue
        began = [_stamp(attempt.at) for attempt in ended]
        shared: dict[str, Any] = {
            "name": f"{look.name} ({len(ended):,})",
            "legendgroup": look.name,
            "customdata": [_told(attempt) for attempt in ended],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        figure.add_bar(
            orientation="h",
            base=began,
            x=[1000 * attempt.latency for attempt in ended],  # an axis of dates counts in milliseconds
            y=[lines.get(attempt.url, len(urls) - 1) for attempt in ended],
            # The outline keeps a bar visible that is thinner than a pixel, and the thin filling what is behind it.
            marker={"color": look.pale, "line": {"color": look.color, "width": 1}},
            showlegend=False,
            row=1,
            col=1,
            **shared,
        )
        figure.add_scatter(
            mode="markers",
            x=began,
            y=[attempt.latency for attempt in ended],
            marker={"color": look.color, "symbol": look.symbol, "size": 6, "opacity": 0.75},
            row=2,
            col=1,
            **shared,
        )


def _add_rates(figure: Any, attempts: Sequence[TimedAttempt]) -> None:
    """Draws the third panel: attempts by the second in which they began, on an average where time is long."""
    if not attempts:
        return
    begun = [attempt.at for attempt in attempts]
    width = _bar_seconds(max(begun) - min(begun))
    for look in _LOOKS:
        counts = Counter(attempt.at // width for attempt in attempts if _look(attempt.status) is look)
        if not counts:
            continue
        bars = sorted(counts.items())
        figure.add_bar(
            name=look.name,
            legendgroup=look.name,
            showlegend=False,
            x=[_stamp((bar + 0.5) * width) for bar, _count in bars],
            y=[count / width for _bar, count in bars],
            width=1000 * width,
            customdata=[f"{look.name}: {count:,} in {width:,} s" for _bar, count in bars],
            hovertemplate="%{customdata}<br>%{y:.2f} per second<extra></extra>",
            marker={"color": look.color, "line": {"width": 0}},
            row=3,
            col=1,
        )


def _add_waits(figure: Any, waits: Sequence[TimedWait]) -> None:
    """Draws the fourth panel: what requests waited before they could go out, where any did."""
    for look in _GATES:
        over = [wait for wait in waits if wait.gate == look.name]
        if not over:
            continue
        figure.add_scatter(
            name=f"waited for a {look.name} ({len(over):,})",
            mode="markers",
            x=[_stamp(wait.at) for wait in over],
            y=[wait.waited for wait in over],
            customdata=[
                f"{escape(plain(wait.url))}<br>waited {wait.waited:.3f} s for a {look.name}<br>from {_stamp(wait.at)}"
                for wait in over
            ],
            hovertemplate="%{customdata}<extra></extra>",
            marker={"color": look.color, "symbol": look.symbol, "size": 5, "opacity": 0.6},
            row=4,
            col=1,
        )


def _lay_out(figure: Any, report: GracyReport, urls: Sequence[str], inner: int) -> None:
    """Gives the figure its title, its labels and its size; colours of the ground are left to the theme."""
    height = _ABOVE + inner + _BELOW
    figure.update_layout(
        title={"text": TITLE, "subtitle": {"text": _subtitle(report)}, "y": 1 - 20 / height, "yanchor": "top"},
        barmode="stack",
        bargap=0.25,
        height=height,
        margin={"t": _ABOVE, "b": _BELOW},
        hovermode="closest",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1 + 32 / inner, "itemsizing": "constant"},
    )
    figure.update_yaxes(
        tickvals=list(range(len(urls))),
        ticktext=[_label(url) for url in urls],
        range=[max(len(urls), 1) - 0.5, -0.5],  # the busiest on top
        automargin=True,
        row=1,
        col=1,
    )
    latencies = [attempt.latency for attempt in report.timeline.attempts]
    if latencies and min(latencies) > 0 and max(latencies) > 50 * min(latencies):
        figure.update_yaxes(type="log", row=2, col=1)  # else a few time-outs would flatten everything else
    else:
        figure.update_yaxes(rangemode="tozero", row=2, col=1)
    figure.update_xaxes(type="date", showticklabels=True)
    figure.update_xaxes(title={"text": "UTC"}, row=4 if report.timeline.waited else 3, col=1)


def _subtitle(report: GracyReport) -> str:
    total, shown = report.total, len(report.timeline.attempted)
    if not shown:
        return "No attempt has been counted yet"
    plural = "" if total.attempts == 1 else "s"
    told = f"{shown:,}" if shown >= total.attempts else f"The last {shown:,} of {total.attempts:,}"
    besides = [
        f"{count:,} {word}"
        for count, word in ((total.retries, "retried"), (total.throttles, "throttled"), (total.replays, "replayed"))
        if count
    ]
    return f"{told} attempt{plural}; {', '.join(besides)}" if besides else f"{told} attempt{plural}"


def _look(status: int) -> _Look:
    return _BY_CLASS.get(status // 100, _OTHER) if status else _ABORTED


def _told(attempt: TimedAttempt) -> str:
    ended = str(attempt.status) if attempt.status else "aborted"
    return f"{escape(plain(attempt.url))}<br>{ended} after {attempt.latency:.3f} s<br>from {_stamp(attempt.at)}"


def _label(url: str) -> str:
    """Returns a URL as it stands beside its line: without its scheme, its middle left out when it is long."""
    text = plain(url).partition("://")[2] or plain(url)
    half = (_LABEL - 1) // 2
    return escape(text if len(text) <= _LABEL else f"{text[:half]}…{text[-half:]}")


def _stamp(at: float) -> str:
    """Writes an instant as plotly reads it: in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")


def _bar_seconds(span: float) -> int:
    """Returns how many seconds a bar stands for: one at least, so that no burst reads as more than it was."""
    least = span / _MOST_BARS
    return next((seconds for seconds in _BAR_SECONDS if seconds >= least), ceil(least / _DAY) * _DAY)
