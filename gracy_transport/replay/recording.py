r"""One remembered exchange, as a plain value and as a JSON document.

The document, version 1 (what stands in brackets is left out when there is nothing to say):

    {"gracy": 1,
     "recorded_at": "2026-11-22T16:30:00.123456+00:00",
     "request": {"method": "GET", "url": "https://api.test/items?page=2", ["headers": …,] ["body": …]},
     "response": {"status": 200, ["headers": [["content-type", "application/json"]],] ["body": {"json": {"id": 1}}]}}

An exchange that failed has `"error": {"kind": "ReadTimeout", "message": "…"}` in place of the response. A body is

    {"json": value [, "style": "spaced"] [, "tail": "\n"]}   where writing the value again gives the very same bytes,
    {"text": "…"}                                            for other UTF-8,
    {"base64": "…"}                                          for everything else,

so that any bytes come back identical and a person can read what can be read. Header values are Latin-1.
Redaction is done before: a recording never held a secret.

A request may also have `"credential": "credential-1"` (whose it was, by order of appearance) and `"match": "…"` (what
it is looked up by, where `match_on` says so); a response `"chunks": [sizes]` and `"delays":
[seconds]` (how its body came in), and `"sized": 1` where a Content-Length that says no more than the length of the body
stands at that place among the headers, from 0: a body may be edited without counting. An error beside a response is
what broke its body.

Names a reader does not know are ignored; `"reason"` and `"http_version"` in a response are reserved. Whatever an old
reader would misread raises the version, and a reader refuses a higher one than its own.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ..exceptions import UnreadableRecording
from .content import STYLES, JsonText, json_of, text_of
from .headers import with_length, without_length
from .redacting import Headers

__all__ = ["VERSION", "RecordedError", "RecordedRequest", "RecordedResponse", "Recording"]

VERSION: Final = 1
"""The version of the document that is written, and the highest that is read."""

Document = dict[str, Any]

_OF_REQUEST: Final = ("credential", "match")


class RecordedRequest(NamedTuple):
    """What was asked, without secrets: the URL redacted, the headers that matter, the body.

    Attributes:
        credential: whose request it was, as `credential-1`; empty for nobody's.
        match: what it is looked up by; empty for what requests are looked up by unless told otherwise.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    credential: str = ""
    match: str = ""

    def to_document(self) -> Document:
        """Returns the request as a JSON document."""
        document: Document = {"method": self.method, "url": self.url}
        document.update({name: value for name in _OF_REQUEST if (value := getattr(self, name))})
        return document | content_document(self.headers, self.body)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RecordedRequest:
        """Returns the request a document describes. Raises KeyError, TypeError or ValueError for a broken one."""
        more = [_text(document.get(name, "")) for name in _OF_REQUEST]
        return cls(_text(document["method"]), _text(document["url"]), *content_in(document), *more)

    @property
    def media_type(self) -> str:
        """The content type, empty when there is none."""
        return next((value for name, value in self.headers if name == "content-type"), "")


class RecordedResponse(NamedTuple):
    """What was answered, without secrets, its body decoded: no Content-Encoding or Transfer-Encoding is left.

    Attributes:
        chunks: the sizes of the pieces the body came in, in bytes; empty when that does not matter.
        delays: the seconds before each piece; empty when they do not matter.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    chunks: tuple[int, ...] = ()
    delays: tuple[float, ...] = ()

    def to_document(self) -> Document:
        """Returns the response as a JSON document."""
        headers, place = without_length(self.headers, len(self.body))
        document: Document = {"status": self.status, **content_document(headers, self.body)}
        if place is not None:
            document["sized"] = place
        return document | self.pace_document()

    def pace_document(self) -> Document:
        """Returns how the body came in as a part of the document."""
        pace = {"chunks": list(self.chunks), "delays": list(self.delays)}
        return {name: value for name, value in pace.items() if value}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RecordedResponse:
        """Returns the response a document describes. Raises KeyError, TypeError or ValueError for a broken one."""
        headers, body = content_in(document)
        if "sized" in document:
            headers = with_length(headers, int(document["sized"]), len(body))
        return cls(int(document["status"]), headers, body, *pace_in(document))


class RecordedError(NamedTuple):
    """The error that came in place of an answer: the name of its class in httpx, and what it said."""

    kind: str
    message: str = ""

    def to_document(self) -> Document:
        """Returns the error as a JSON document."""
        return {"kind": self.kind, "message": self.message}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RecordedError:
        """Returns the error a document describes. Raises KeyError, TypeError or ValueError for a broken one."""
        return cls(_text(document["kind"]), _text(document.get("message", "")))


class Recording(NamedTuple):
    """One remembered exchange: what was asked, and the response or the error that came of it.

    Attributes:
        request: what was asked.
        recorded_at: when the answer came, in UTC.
        response: the answer, or `None` when there was an error.
        error: the error, or `None` when there was none; beside a response it is what broke its body.
    """

    request: RecordedRequest
    recorded_at: datetime
    response: RecordedResponse | None = None
    error: RecordedError | None = None

    @property
    def is_good(self) -> bool:
        """Whether the answer is no error and its status neither 4xx nor 5xx."""
        return self.error is None and self.response is not None and self.response.status < 400

    def to_document(self) -> Document:
        """Returns the recording as a JSON document, its names in a fixed order."""
        document: Document = {
            "gracy": VERSION,
            "recorded_at": self.recorded_at.astimezone(UTC).isoformat(),
            "request": self.request.to_document(),
        }
        if self.response is not None:
            document["response"] = self.response.to_document()
        if self.error is not None:
            document["error"] = self.error.to_document()
        return document

    @classmethod
    def from_document(cls, document: Any) -> Recording:
        """Returns the recording a document describes.

        Raises:
            UnreadableRecording: when it is of a newer version, or no such document.
        """
        try:
            version = int(document["gracy"])
        except (KeyError, TypeError, ValueError) as none:
            raise UnreadableRecording('this is no recording: it does not begin with {"gracy": 1, ...}') from none
        refuse_newer(version, "this recording")
        try:
            response, error = document.get("response"), document.get("error")
            return cls(
                RecordedRequest.from_document(document["request"]),
                datetime.fromisoformat(document["recorded_at"]).astimezone(UTC),
                None if response is None else RecordedResponse.from_document(response),
                None if error is None else RecordedError.from_document(error),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as broken:
            raise UnreadableRecording(f"this recording is broken ({broken!r}): record it again") from broken

    def to_json(self) -> str:
        """Returns the document as one line of JSON."""
        return json.dumps(self.to_document(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Recording:
        """Returns the recording a line of JSON describes.

        Raises:
            UnreadableRecording: when it is of a newer version, or no such line.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise UnreadableRecording(f"this is no recording: it is not JSON ({error})") from error
        return cls.from_document(document)


def refuse_newer(version: int, what: str) -> None:
    """Raises when something is of a newer version than this library reads.

    Raises:
        UnreadableRecording: naming both versions.
    """
    if version > VERSION:
        raise UnreadableRecording(
            f"{what} is of version {version} and this gracy_transport reads up to {VERSION}: "
            "upgrade gracy_transport, or record again"
        )


def body_document(body: bytes) -> Document:
    """Returns a body as a JSON document from which `body_of` makes the very same bytes."""
    text = text_of(body)
    if text is None:
        return {"base64": base64.b64encode(body).decode()}
    found = json_of(text)
    if found is None:
        return {"text": text}
    document: Document = {"json": found.value}
    if found.style != "compact":
        document["style"] = found.style
    if found.tail:
        document["tail"] = found.tail
    return document


def body_of(document: Mapping[str, Any]) -> bytes:
    """Returns the bytes a body's document stands for. Raises KeyError, TypeError or ValueError for a broken one."""
    if "json" in document:
        style = document.get("style", "compact")
        if style not in STYLES:
            raise ValueError(f"JSON of the unknown style {style!r}")
        return JsonText(document["json"], style, document.get("tail", "")).write().encode()
    if "text" in document:
        return _text(document["text"]).encode()
    try:
        return base64.b64decode(_text(document["base64"]), validate=True)
    except binascii.Error as error:
        raise ValueError(f"broken base64: {error}") from error


def content_document(headers: Headers, body: bytes) -> Document:
    """Returns what a request and a response have in common as a JSON document."""
    document: Document = {}
    if headers:
        document["headers"] = [list(pair) for pair in headers]
    if body:
        document["body"] = body_document(body)
    return document


def content_in(document: Mapping[str, Any]) -> tuple[Headers, bytes]:
    """Returns headers and body from a document. Raises KeyError, TypeError or ValueError for a broken one."""
    body = document.get("body")
    return headers_of(document.get("headers", ())), b"" if body is None else body_of(body)


def pace_in(document: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Returns the sizes and delays of a body's pieces from a document. Raises TypeError or ValueError for others."""
    chunks, delays = document.get("chunks", ()), document.get("delays", ())
    return tuple([int(size) for size in chunks]), tuple([float(seconds) for seconds in delays])


def headers_of(pairs: Any) -> Headers:
    """Returns headers from a document's list of pairs. Raises TypeError or ValueError for anything else."""
    return tuple([(_bytes(name), _bytes(value)) for name, value in pairs])


def _bytes(value: object) -> str:
    """Returns a text of which each letter stands for a byte, as it may not after somebody wrote in it."""
    text = _text(value)
    if not text.isascii():
        text.encode("latin-1")
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
