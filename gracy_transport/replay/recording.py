"""One remembered exchange, as a plain value. `document` says what it is in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from ..exceptions import UnreadableRecording
from .redacting import Headers

__all__ = [
    "VERSION",
    "RecordedError",
    "RecordedRequest",
    "RecordedResponse",
    "Recording",
    "manner_in",
    "refuse_newer",
    "text_in",
]

VERSION: Final = 1
"""The version of the document that is written, and the highest that is read."""

Document = dict[str, Any]


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

    @property
    def media_type(self) -> str:
        """The content type, empty when there is none."""
        return next((value for name, value in self.headers if name == "content-type"), "")


class RecordedResponse(NamedTuple):
    """What was answered, without secrets, its body decoded: no Content-Encoding or Transfer-Encoding is left.

    Attributes:
        chunks: the sizes of the pieces the body came in, in bytes; empty when that does not matter.
        delays: the seconds before each piece; empty when they do not matter.
        reason: the phrase beside the status; empty for the one that the status always has.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    chunks: tuple[int, ...] = ()
    delays: tuple[float, ...] = ()
    reason: str = ""

    def manner_document(self) -> Document:
        """Returns how the answer came in, which most answers do not say, as a part of the document."""
        if not self.chunks and not self.delays and not self.reason:  # as most
            return {}
        manner = {"chunks": list(self.chunks), "delays": list(self.delays), "reason": self.reason}
        return {name: value for name, value in manner.items() if value}


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
        return cls(text_in(document["kind"]), text_in(document.get("message", "")))


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


def manner_in(document: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[float, ...], str]:
    """Returns the sizes and delays of a body's pieces, and the phrase. Raises TypeError or ValueError for others."""
    chunks, delays, reason = document.get("chunks", ()), document.get("delays", ()), document.get("reason", "")
    return tuple([int(size) for size in chunks]), tuple([float(seconds) for seconds in delays]), text_in(reason)


def text_in(value: object) -> str:
    """Returns a text from a document. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
