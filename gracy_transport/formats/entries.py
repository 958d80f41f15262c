"""A recording as an entry of a HAR, and back. Pure.

What HAR has no field for stands in `_gracy`: the version of the document, the exact date, whose the request was and
what it is looked up by, the pieces of the body, the error. An entry with it is taken as it is; the encoding of a
request's body that is no text stands in `postData._encoding`.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from ..exceptions import UnreadableRecording
from ..replay.content import media_type_of, text_of
from ..replay.recording import (
    VERSION,
    RecordedError,
    RecordedRequest,
    RecordedResponse,
    Recording,
    manner_in,
    refuse_newer,
)
from ..replay.redacting import Headers
from .found import first_value

__all__ = ["OURS", "entry_of", "recording_in"]

OURS: Final = "_gracy"
"""The field of an entry that holds our own facts."""

_UNKNOWN: Final = "x-unknown"
_BROKEN: Final = (KeyError, TypeError, ValueError, AttributeError)


def entry_of(recording: Recording) -> dict[str, Any]:
    """Returns a recording as an entry of a HAR."""
    request, response, error = recording.request, recording.response, recording.error
    delays = () if response is None else response.delays
    milliseconds = round(sum(delays) * 1000, 3)
    answer = _response(response or RecordedResponse(0))
    if error is not None:
        answer["_error"] = f"{error.kind}: {error.message}"
    own: dict[str, Any] = {"version": VERSION, "recorded_at": recording.recorded_at.astimezone(UTC).isoformat()}
    own |= {name: value for name in ("credential", "match") if (value := getattr(request, name))}
    own |= {} if response is None else response.manner_document()
    own |= {} if error is None else {"error": error.to_document()}
    return {
        "startedDateTime": _before(recording.recorded_at, milliseconds).isoformat(),
        "time": milliseconds,
        "request": _request(request),
        "response": answer,
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": milliseconds},
        OURS: own,
    }


def recording_in(entry: dict[str, Any]) -> Recording:
    """Returns the recording that an entry with our own facts describes.

    Raises:
        UnreadableRecording: when it is of a newer version, or broken.
    """
    try:
        own, asked, answered = entry[OURS], entry["request"], entry["response"]
        refuse_newer(int(own["version"]), "this entry")
        data = asked.get("postData")
        body = b"" if data is None else _bytes(data["text"], data.get("_encoding"))
        credential, match = str(own.get("credential", "")), str(own.get("match", ""))
        request = RecordedRequest(asked["method"], asked["url"], _pairs(asked["headers"]), body, credential, match)
        content, status = answered["content"], int(answered["status"])
        text = _bytes(content.get("text", ""), content.get("encoding"))
        response = RecordedResponse(status, _pairs(answered["headers"]), text, *manner_in(own)) if status else None
        error = RecordedError.from_document(own["error"]) if "error" in own else None
        return Recording(request, datetime.fromisoformat(own["recorded_at"]).astimezone(UTC), response, error)
    except _BROKEN as broken:
        raise UnreadableRecording(f"this entry is broken ({broken!r}): record it again") from broken


def _request(request: RecordedRequest) -> dict[str, Any]:
    query = request.url.partition("#")[0].partition("?")[2]
    asked: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "httpVersion": "unknown",
        "cookies": [],
        "headers": _named(request.headers),
        "queryString": _named(tuple(parse_qsl(query, keep_blank_values=True, errors="replace"))),
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if request.body:
        text, encoding = _text(request.body)
        asked["postData"] = {"mimeType": request.media_type or _UNKNOWN, "text": text}
        asked["postData"] |= {"_encoding": encoding} if encoding else {}
    return asked


def _response(response: RecordedResponse) -> dict[str, Any]:
    media_type = media_type_of(response.headers) or _UNKNOWN
    content: dict[str, Any] = {"size": len(response.body), "mimeType": media_type}
    if response.body:
        content["text"], encoding = _text(response.body)
        content |= {"encoding": encoding} if encoding else {}
    return {
        "status": response.status,
        "statusText": response.reason or _phrase(response.status),
        "httpVersion": "unknown",
        "cookies": [],
        "headers": _named(response.headers),
        "content": content,
        "redirectURL": first_value(response.headers, "location"),
        "headersSize": -1,
        "bodySize": len(response.body),
    }


def _before(at: datetime, milliseconds: float) -> datetime:
    try:
        return at.astimezone(UTC) - timedelta(milliseconds=milliseconds)
    except OverflowError:  # there is no such date
        return at.astimezone(UTC)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _named(pairs: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _pairs(named: Any) -> Headers:
    return tuple([(str(each["name"]), str(each["value"])) for each in named])


def _text(body: bytes) -> tuple[str, str]:
    text = text_of(body)
    return (base64.b64encode(body).decode(), "base64") if text is None else (text, "")


def _bytes(text: str, encoding: str | None) -> bytes:
    return base64.b64decode(text, validate=True) if encoding == "base64" else text.encode()
