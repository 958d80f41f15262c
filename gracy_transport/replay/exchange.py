"""Between live requests and responses of either family and the plain values that are recorded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..family import family_of
from .asked import Asked
from .coding import without_encoding
from .cookies import keep_cookies
from .failures import error_from
from .headers import headers_of, pairs_of
from .playing import played
from .recording import RecordedResponse, Recording
from .redacting import Headers, redact_answer

if TYPE_CHECKING:
    from ..clock import Clock
    from ..family import Request, Response

__all__ = ["Asked", "decoded_answer", "read_answer", "recording_of", "response_from"]


def decoded_answer(request: Request, headers: Any, raw: bytes) -> tuple[Headers, bytes]:
    """Returns headers and body of an answer as it came from the wire, decoded where it can be.

    `Content-Encoding` goes with the encoding (a body in an unknown or broken one stays as it is), `Transfer-Encoding`
    always, and a `Content-Length` becomes that of the decoded body. The header of an answer without a body, such as
    that to a HEAD, keeps what it says of the body it would have.
    """
    pairs = pairs_of(headers)
    encoding = ", ".join([value for name, value in pairs if name.lower() == "content-encoding"])
    content = without_encoding(request, encoding, raw) if encoding and raw else raw
    return (_without(pairs, "transfer-encoding"), raw) if content == raw else (_plain(pairs, len(content)), content)


def read_answer(headers: Any, content: bytes) -> tuple[Headers, bytes]:
    """Returns headers and body of an answer that was decoded by reading it, as `decoded_answer` does."""
    pairs = pairs_of(headers)
    return _plain(pairs, len(content)) if content else _without(pairs, "transfer-encoding"), content


def recording_of(
    asked: Asked, status: int, answer: tuple[Headers, bytes], at: datetime, position: int = 0
) -> Recording:
    """Returns the recording of a decoded answer, its secrets replaced.

    `position` is the one it gets in its sequence: what stands in place of a token depends on it.
    """
    headers, content = redact_answer(*answer, asked.secrets_for_answer(position))
    if len(content) != len(answer[1]):
        headers = _with_length(headers, len(content))
    return Recording(asked.facts, at, RecordedResponse(status, headers, content))


def response_from(recording: Recording, request: Request, clock: Clock | None = None) -> Response:
    """Returns a recorded response as one of the request's family, its body unread; raises a recorded error.

    The body comes in the pieces that were recorded, if any, and breaks where it broke; with a clock also in the pauses.
    """
    family, answer = family_of(request), recording.response
    if answer is None:
        raise error_from(recording.error, request)
    is_whole = recording.error is None and not answer.chunks and (clock is None or not answer.delays)
    stream = family.ByteStream(answer.body) if is_whole else played(recording, answer, request, clock)
    headers = headers_of(family, keep_cookies(answer.headers, recording.recorded_at))
    return family.Response(answer.status, headers=headers, stream=stream)


def _without(headers: Headers, *dropped: str) -> Headers:
    return tuple([pair for pair in headers if pair[0].lower() not in dropped])


def _plain(headers: Headers, length: int) -> Headers:
    return _with_length(_without(headers, "transfer-encoding", "content-encoding"), length)


def _with_length(headers: Headers, length: int) -> Headers:
    return tuple((name, str(length) if name.lower() == "content-length" else value) for name, value in headers)
