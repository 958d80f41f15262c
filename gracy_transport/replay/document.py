r"""A recording as a line of JSON, which people read and git compares, and back. Pure.

The document, version 1 (what stands in brackets is left out when there is nothing to say; here in several lines, really
in one):

    {"gracy":1,
     "request":{"method":"GET","url":"https://api.test/items?page=2"[,"headers":…][,"body":…]},
     ["position":1,]
     "at":"2026-11-22T16:30:00.123456Z",
     "response":{"status":200[,"headers":{"content-type":"application/json"}][,"body":{"json":{"id": 1}}]}}

An exchange that failed has `"error":{"kind":"ReadTimeout","message":"…"}` in place of the response. A body is

    {"json":value}   the text that was sent, to the byte, where that is JSON on one line,
    {"text":"…"}     for other UTF-8,
    {"base64":"…"}   for everything else,

so that any bytes come back identical and a person can read what can be read. Blanks at the end of JSON come before it,
as `"tail":"\n"`. Header values are Latin-1; where a name comes twice, headers are a list of pairs. Redaction is done
before: a recording never held a secret.

A request may also have `"credential":"credential-1"` (whose it was, by order of appearance) and `"match":"…"` (what it
is looked up by, where `match_on` says so); a response `"sized":1` where a Content-Length that says no more than the
length of the body stands at that place among the headers, from 0 (a body may be edited without counting), and
`"chunks":[sizes]` and `"delays":[seconds]` (how its body came in), `"reason":"…"` where the phrase beside the status
is one of the server's own. An error beside a response is what broke its body. `position` says which of the answers to
the same request it is, from 0.

Names a reader does not know are ignored; `"http_version"` in a response is reserved. Whatever an old reader would
misread raises the version, and a reader refuses a higher one than its own.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from ..exceptions import UnreadableRecording
from .content import text_of
from .headers import with_length, without_length
from .recording import (
    VERSION,
    RecordedError,
    RecordedRequest,
    RecordedResponse,
    Recording,
    manner_in,
    refuse_newer,
    text_in,
)
from .redacting import Headers
from .spans import BLANKS, fields_at, is_json

__all__ = [
    "Place",
    "content_fields",
    "content_in",
    "from_json",
    "headers_in",
    "headers_text",
    "json_text",
    "place_in",
    "placed_in",
    "to_json",
    "to_line",
]

json_text: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Returns a value as JSON without blanks."""

_OF_REQUEST: Final = ("credential", "match")

_HEADERS: Final = r'(?:,"headers":(\{(?:"[^"\\]*":"[^"\\]*",?)*\}))?'
_BEGIN: Final = (
    r'\{"gracy":1,"request":\{"method":"([A-Z]+)","url":"([^"\\]+)"(?:,"credential":"([^"\\]+)")?'
    + _HEADERS
    + r'\},(?:"position":([0-9]+),)?"at":"'
)
_PLACE: Final = re.compile(_BEGIN.encode())
"""The beginning of most lines. It tells where the recording belongs; the rest is read when it is asked for, since
reading all of 10,000 lines would take four times as long."""
_WHOLE: Final = re.compile(
    _BEGIN
    + r'([^"\\]+)","response":\{"status":([0-9]+)'
    + _HEADERS
    + r'(?:,"sized":([0-9]+))?(?:,"body":\{"json":(.+)\})?\}\}'
)
"""All of most lines. It tells apart in a fifth of the time what is read of any other line."""


class Place(NamedTuple):
    """What tells where the recording of a line belongs. The headers are JSON as it stands there, or nothing."""

    method: str
    url: str
    credential: str
    headers: str
    position: int


def to_json(recording: Recording, position: int = 0) -> str:
    """Returns the document of a recording as one line. What was asked comes first: it is what a reader looks for."""
    request, response, error = recording.request, recording.response, recording.error
    asked = [f'"method":{json_text(request.method)}', f'"url":{json_text(request.url)}']
    asked += [f'"{name}":{json_text(value)}' for name in _OF_REQUEST if (value := getattr(request, name))]
    asked += content_fields(request.headers, request.body)
    at = recording.recorded_at.astimezone(UTC).isoformat().removesuffix("+00:00")
    fields = [f'"gracy":{VERSION}', f'"request":{{{",".join(asked)}}}', f'"at":"{at}Z"']
    if position:
        fields.insert(2, f'"position":{position}')
    if response is not None:
        fields.append(f'"response":{{{",".join(_answered(response))}}}')
    if error is not None:
        fields.append(f'"error":{json_text(error.to_document())}')
    return f"{{{','.join(fields)}}}"


def to_line(recording: Recording, position: int = 0) -> bytes:
    """Returns the document of a recording as it is stored: in UTF-8, without the end of the line."""
    # A lone surrogate has no UTF-8, but an escape that JSON knows.
    return to_json(recording, position).encode(errors="backslashreplace")


def from_json(text: str) -> Recording:
    """Returns the recording that a line describes.

    Raises:
        UnreadableRecording: when it is of a newer version, or no such line.
    """
    plain = _WHOLE.fullmatch(text)
    return (None if plain is None else _read_plain(plain)) or placed_in(text)[0]


def placed_in(text: str) -> tuple[Recording, int]:
    """Returns the recording that a line describes, and its position. Raises as `from_json` does."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableRecording(
            f"this is no recording: it is not JSON ({error}); mend it or delete it, or record again"
        ) from error
    try:
        version = int(document["gracy"])
    except (KeyError, TypeError, ValueError) as none:
        raise UnreadableRecording('this is no recording: it does not begin with {"gracy":1, ...}') from none
    refuse_newer(version, "this recording")
    try:
        return _read(document, text), int(document.get("position", 0))
    except (KeyError, TypeError, ValueError, AttributeError) as broken:
        raise UnreadableRecording(f"this recording is broken ({broken!r}): record it again") from broken


def place_in(line: bytes) -> Place | None:
    """Returns where a line belongs, if that can be told by its beginning."""
    plain = _PLACE.match(line)
    if plain is None or not line.endswith(b"}"):
        return None
    method, url, credential, headers, position = plain.groups(b"")
    return Place(method.decode(), url.decode(), credential.decode(), headers.decode(), int(position or 0))


def content_fields(headers: Headers, body: bytes) -> list[str]:
    """Returns what a request and a response have in common, as fields of a JSON object."""
    fields = [f'"headers":{headers_text(headers)}'] if headers else []
    return [*fields, f'"body":{_body_text(body)}'] if body else fields


def content_in(document: Mapping[str, Any], text: str, start: int = 0) -> tuple[Headers, bytes]:
    """Returns headers and body from the object that begins there in a text, and its value.

    Raises KeyError, TypeError or ValueError for a broken one.
    """
    body: Mapping[str, Any] | None = document.get("body")
    headers = _headers_in(document.get("headers", ()))
    if body is None:
        return headers, b""
    if "json" in body:
        begin, end = fields_at(text, fields_at(text, start)["body"][0])["json"]
        return headers, (text[begin:end] + text_in(body.get("tail", ""))).encode()
    return headers, text_in(body["text"]).encode() if "text" in body else _bytes_in(text_in(body["base64"]))


@lru_cache(maxsize=256)  # many answers of an API have the same headers
def headers_text(headers: Headers) -> str:
    """Returns headers as JSON: an object, or a list of pairs where a name comes twice."""
    named = dict(headers)
    return json_text(named if len(named) == len(headers) else headers)


@lru_cache(maxsize=256)  # as above
def headers_in(text: str) -> Headers:
    """Returns headers from their JSON; none from no text. Raises TypeError or ValueError for anything else."""
    return _headers_in(json.loads(text)) if text else ()


def _headers_in(value: Any) -> Headers:
    pairs = cast("Any", value).items() if isinstance(value, dict) else value
    return tuple([(_letters(name), _letters(value)) for name, value in pairs])


def _letters(value: object) -> str:
    """Returns a text of which each letter stands for a byte, as it may not after somebody wrote in it."""
    text = text_in(value)
    if not text.isascii():
        text.encode("latin-1")
    return text


def _bytes_in(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"broken base64: {error}") from error


def _answered(response: RecordedResponse) -> list[str]:
    """Returns the fields of a response. The body comes last: it may be long."""
    headers, place = without_length(response.headers, len(response.body))
    fields = [f'"status":{response.status}']
    content = content_fields(headers, response.body)
    if headers:
        fields.append(content.pop(0))
    if place is not None:
        fields.append(f'"sized":{place}')
    return [*fields, *(f'"{name}":{json_text(value)}' for name, value in response.manner_document().items()), *content]


def _body_text(body: bytes) -> str:
    text = text_of(body)
    if text is None:
        return f'{{"base64":"{base64.b64encode(body).decode()}"}}'
    value = text.rstrip(BLANKS)
    if "\n" in value or "\r" in value or not is_json(value):
        return f'{{"text":{json_text(text)}}}'
    tail = f'"tail":{json_text(text[len(value) :])},' if len(value) < len(text) else ""
    return f'{{{tail}"json":{value}}}'


def _read_plain(plain: re.Match[str]) -> Recording | None:
    """Returns the recording of a line that looks like most, or `None` where it takes more care to read it."""
    method, url, credential, asked, _position, at, status, answered, sized, body = plain.groups("")
    if body and not is_json(body):
        return None
    try:
        content = body.encode()
        headers = _with_length(answered, int(sized), len(content)) if sized else headers_in(answered)
        # To give the fields as a tuple takes a third of the time it takes to give them one by one.
        request = RecordedRequest._make((method, url, headers_in(asked), b"", credential, ""))
        response = RecordedResponse._make((int(status), headers, content, (), (), ""))
        return Recording._make((request, _time_in(at), response, None))
    except ValueError:
        return None


@lru_cache(maxsize=256)  # as above
def _with_length(text: str, place: int, length: int) -> Headers:
    return with_length(headers_in(text), place, length)


def _read(document: Mapping[str, Any], text: str) -> Recording:
    places = fields_at(text, 0)
    asked, response, error = document["request"], document.get("response"), document.get("error")
    more = [text_in(asked.get(name, "")) for name in _OF_REQUEST]
    return Recording(
        RecordedRequest(
            text_in(asked["method"]), text_in(asked["url"]), *content_in(asked, text, places["request"][0]), *more
        ),
        _time_in(text_in(document["at"])),
        None if response is None else _read_response(response, text, places["response"][0]),
        None if error is None else RecordedError.from_document(error),
    )


def _read_response(response: Mapping[str, Any], text: str, start: int) -> RecordedResponse:
    headers, body = content_in(response, text, start)
    if "sized" in response:
        headers = with_length(headers, int(response["sized"]), len(body))
    return RecordedResponse(int(response["status"]), headers, body, *manner_in(response))


def _time_in(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
