"""What the tests of reports share."""

from __future__ import annotations

from gracy_transport.metrics import GracyReport, LatencySketch, ReportRow

POKEMON = "https://pokeapi.co/api/v2/pokemon/{NAME}"
GENERATION = "https://pokeapi.co/api/v2/generation/{ID}/"
ODD = "https://search.test/[red]items[/red]/(a|b)+.*%s{URL}"
LONG = "https://api.example.com/v1/organisations/{ORG}/repositories/{REPO}/pulls/{NUMBER}/comments/{COMMENT}"


def row(url: str = POKEMON, count: int = 1, latency: float = 0.39, **counters: float) -> ReportRow:
    """Returns a row of successful attempts that all took the same time and began in the same instant."""
    sketch = LatencySketch()
    for _ in range(count):
        sketch.record(latency)
    failures = int(counters.pop("failures", 0))
    figures = {
        "calls": count,
        "attempts": count,
        "successes": count - failures,
        "failures": failures,
        "responses_2xx": count - failures,
        "first_at": 1000.0,
        "last_at": 1000.0,
        **counters,
    }
    return ReportRow(url=url, latencies=sketch.snapshot(), **figures)  # type: ignore[arg-type]


def report(*rows: ReportRow) -> GracyReport:
    """Returns a report of these rows."""
    return GracyReport.of(rows)
