"""Draws the curves, as pages to look at in a browser: plotly, because points want to be pointed at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from itertools import groupby
from pathlib import Path

from .figures import Figure


def plot(answers: Mapping[str, Iterable[Figure]], folder: Path) -> list[Path]:
    """Writes a page for each question that has curves, and returns the pages."""
    pages = []
    for question, figures in answers.items():
        curves = {title: list(points) for title, points in groupby(figures, key=lambda figure: figure.curve) if title}
        if curves:
            folder.mkdir(parents=True, exist_ok=True)
            pages.append(folder / f"{question}.html")
            _write(curves, pages[-1])
    return pages


def _write(curves: Mapping[str, list[Figure]], page: Path) -> None:
    """Draws each curve from nought upwards, so that a flat one looks flat, over a logarithmic axis."""
    scatter = import_module("plotly.graph_objects").Scatter  # without types
    make_subplots = import_module("plotly.subplots").make_subplots
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    chart = make_subplots(rows=rows, cols=columns, subplot_titles=list(curves))
    for place, points in enumerate(curves.values()):
        x = [point.x for point in points]
        line = scatter(
            x=x,
            y=[point.value for point in points],
            text=[point.name for point in points],
            mode="lines+markers",
            hovertemplate="%{text}: %{y:.2f} " + points[0].unit + "<extra></extra>",
        )
        where = {"row": place // columns + 1, "col": place % columns + 1}
        chart.add_trace(line, **where)
        chart.update_xaxes(type="log", tickvals=x, **where)
        chart.update_yaxes(rangemode="tozero", title=points[0].unit, **where)
    chart.update_layout(showlegend=False, height=320 * rows)
    chart.write_html(page, include_plotlyjs=True)
