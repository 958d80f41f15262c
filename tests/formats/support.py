"""Recordings of any kind, and HARs in the shapes that browsers write."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from gracy_transport.replay.recording import RecordedError, RecordedRequest, RecordedResponse, Recording

_latin = st.text(st.characters(max_codepoint=255), max_size=20)
_headers = st.lists(st.tuples(_latin, _latin), max_size=4).map(tuple)
_bodies = st.binary(max_size=60) | st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))
_requests = st.builds(
    RecordedRequest,
    st.sampled_from(["GET", "POST", "HEAD", "QUERY"]),
    st.text(st.characters(codec="utf-8"), max_size=20).map(lambda rest: f"https://api.test/{rest}"),
    _headers,
    _bodies,
    st.sampled_from(["", "credential-1", "issued-3f9a1c02d4"]),
    _latin,
)
_responses = st.builds(
    RecordedResponse,
    st.integers(100, 999),
    _headers,
    _bodies,
    st.lists(st.integers(0, 99), max_size=3).map(tuple),
    st.lists(st.floats(0, 9), max_size=3).map(tuple),
)
_errors = st.builds(RecordedError, st.sampled_from(["ReadTimeout", "ReadError"]), _latin)
_dates = st.datetimes(timezones=st.just(UTC))
any_recordings = st.one_of(
    st.builds(Recording, _requests, _dates, _responses),
    st.builds(Recording, _requests, _dates, st.none(), _errors),
    st.builds(Recording, _requests, _dates, _responses, _errors),
)
"""Whatever may have been recorded, and more."""

AT = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)


def pairs(**headers: str) -> list[dict[str, str]]:
    """Returns headers as a HAR has them."""
    return [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]


def chrome_entry(url: str = "https://api.test/items/1", /, method: str = "GET", **response: Any) -> dict[str, Any]:
    """Returns an entry as Chrome writes it, over HTTP/2."""
    asked_headers = [{"name": ":authority", "value": "api.test"}, {"name": ":method", "value": method}]
    answered: dict[str, Any] = {
        "status": 200,
        "statusText": "",
        "httpVersion": "http/2.0",
        "headers": pairs(content_type="application/json", content_encoding="br", date="Sun, 22 Nov 2026 16:30:00 GMT"),
        "cookies": [],
        "content": {"size": 8, "mimeType": "application/json", "compression": 0, "text": '{"id":1}'},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
        "_transferSize": 88,
        "_error": None,
        "_fetchedViaServiceWorker": False,
    }
    return {
        "_initiator": {"type": "script"},
        "_priority": "High",
        "_resourceType": "fetch",
        "cache": {},
        "connection": "443",
        "pageref": "page_1",
        "request": {
            "method": method,
            "url": url,
            "httpVersion": "http/2.0",
            "headers": [*asked_headers, *pairs(accept="application/json")],
            "queryString": [],
            "cookies": [],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": answered | response,
        "serverIPAddress": "192.0.2.1",
        "startedDateTime": "2026-11-22T16:29:59.750Z",
        "time": 250.0,
        "timings": {"blocked": 1, "dns": -1, "ssl": -1, "connect": -1, "send": 0, "wait": 240, "receive": 9},
    }


def har_file(directory: Path, *entries: Any, creator: str = "WebInspector") -> Path:
    """Makes a HAR of entries."""
    path = directory / "session.har"
    log = {"version": "1.2", "creator": {"name": creator, "version": "537.36"}, "pages": [], "entries": list(entries)}
    path.write_text(json.dumps({"log": log}), "utf-8")
    return path
