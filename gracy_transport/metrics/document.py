"""A report as a JSON document: how processes, and days, hand each other what they counted.

The document, version 1 (a counter that is 0, and whatever else says nothing, is left out):

    {"gracy_report": 1, "accuracy": 0.02,
     "rows": [{"url": "https://pokeapi.co/api/v2/pokemon/{NAME}", "calls": 2, "attempts": 3, "successes": 2, …,
               "first_at": 1795368600.5, "last_at": 1795368601.25,
               "latencies": {"total": 0.61, "longest": 0.39, "buckets": [[297, 2], [322, 1]]}}],
     "timeline": {"urls": […], "attempts": [[at, latency, status, url], …], "waits": [[at, waited, gate, url], …]}}

Latencies are the counts of the buckets of `sketch.py`, and so they add up. What a bucket stands for depends on the
accuracy: one report is never read with the buckets of another. Names that a reader does not know are ignored; whatever
an old reader would misread raises the version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from .report import COUNTED, SECONDS, GracyReport, ReportRow
from .ring import Moment, Timeline
from .sketch import ACCURACY, Latencies, refuse_other

__all__ = ["from_json", "to_json"]

VERSION: Final = 1
"""The version of the document, the only one that is read."""

_INSTANTS: Final = ("first_at", "last_at")


def to_json(report: GracyReport, *, with_timeline: bool) -> str:
    """Returns a report as one line of JSON."""
    rows = [_row_document(row) for row in report.rows]
    document: dict[str, Any] = {"gracy_report": VERSION, "accuracy": ACCURACY, "rows": rows}
    if with_timeline:
        document["timeline"] = _timeline_document(report.timeline)
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def from_json(text: str | bytes) -> GracyReport:
    """Returns the report that a document holds.

    Raises:
        ValueError: when it is no such document, of another version, or counted with another accuracy.
    """
    try:
        document: Any = json.loads(text)
        version, accuracy = document["gracy_report"], document["accuracy"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError('this is no report: it does not begin with {"gracy_report": 1, ...}') from error
    if version != VERSION:
        raise ValueError(
            f"this report is of version {version!r} and this gracy_transport reads version {VERSION}: "
            "run the same version wherever reports are made and merged"
        )
    refuse_other(accuracy)
    try:
        timeline = _timeline_in(document["timeline"]) if "timeline" in document else Timeline()
        return GracyReport(tuple([_row_in(row) for row in document["rows"]]), timeline)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as broken:
        raise ValueError(f"this report is broken ({broken!r}): make it again with to_json") from broken


def _row_document(row: ReportRow) -> dict[str, Any]:
    names = (*COUNTED, *SECONDS, *_INSTANTS)
    known = {name: value for name in names if (value := getattr(row, name)) or (name in _INSTANTS and value == 0)}
    latencies = row.latencies
    if latencies.count:
        buckets = [list(pair) for pair in latencies.buckets]
        known["latencies"] = {"total": latencies.total, "longest": latencies.longest, "buckets": buckets}
    return {"url": row.url, **known}


def _row_in(document: Mapping[str, Any]) -> ReportRow:
    facts: dict[str, Any] = {name: _whole(document.get(name, 0)) for name in COUNTED}
    facts |= {name: _number(document.get(name, 0.0)) for name in SECONDS}
    facts |= {name: _number(document[name]) for name in _INSTANTS if name in document}
    if "latencies" in document:
        facts["latencies"] = _latencies_in(document["latencies"])
    return ReportRow(url=_text(document["url"]), **facts)


def _latencies_in(document: Mapping[str, Any]) -> Latencies:
    buckets = tuple(sorted([(_whole(bucket), _whole(count)) for bucket, count in document["buckets"]]))
    total, longest = _number(document["total"]), _number(document["longest"])
    return Latencies(sum([count for _bucket, count in buckets]), total, longest, buckets)


def _timeline_document(timeline: Timeline) -> dict[str, Any]:
    plain = Timeline.merged([timeline])  # its instants are dates, its rows numbered from 0
    urls = [url for _number, url in plain.urls]
    return {"urls": urls, "attempts": list(plain.attempted), "waits": list(plain.waited)}


def _timeline_in(document: Mapping[str, Any]) -> Timeline:
    urls = tuple(enumerate([_text(url) for url in document["urls"]]))
    attempts, waits = ([_moment(each, len(urls)) for each in document[name]] for name in ("attempts", "waits"))
    if not {gate for _at, _waited, gate, _row in waits} <= {0, 1}:
        raise ValueError("a wait that is neither for a permit nor for a slot")
    return Timeline(urls, 0.0, tuple(attempts), tuple(waits))


def _moment(value: Any, rows: int) -> Moment:
    at, took, kind, row = value
    if not 0 <= _whole(row) < rows:
        raise ValueError(f"no URL of the number {row}")
    return _number(at), _number(took), _whole(kind), row


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value


def _number(value: object) -> float:
    if type(value) not in {int, float}:
        raise TypeError(f"{value!r} is no number")
    return float(cast("float", value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
