"""Between live requests and responses of either family and the plain values that are recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..bodies import stream_of
from ..call import extensions_of
from ..family import Family, family_of
from ..reading import response_in_memory
from .asked import Asked
from .coding import without_encoding
from .cookies import keep_cookies, may_expire
from .failures import error_from
from .headers import headers_of, pairs_of
from .pieces import pieces_in
from .recording import RecordedResponse, Recording
from .redacting import Headers, redact_answer

if TYPE_CHECKING:
    from ..clock import Clock
    from ..family import AsyncByteStream, Request, Response

__all__ = ["decoded_answer", "read_answer", "reason_of", "recording_of", "response_from"]


def decoded_answer(request: Request, headers: Any, raw: bytes) -> tuple[Headers, bytes]:
    """Returns headers and body of an answer as it came from the wire, decoded where it can be.

    `Content-Encoding` goes with the encoding (a body in an unknown or broken one stays as it is), `Transfer-Encoding`
    always, and a `Content-Length` becomes that of the decoded body. The header of an answer without a body, such as
    that to a HEAD, keeps what it says of the body it would have.
    """
    pairs = pairs_of(headers)
    if not _say_how_it_was_sent(tuple([name for name, _value in pairs])):
        return pairs, raw
    encoding = ", ".join([value for name, value in pairs if name.lower() == "content-encoding"])
    content = without_encoding(request, encoding, raw) if encoding and raw else raw
    return (_without(pairs, "transfer-encoding"), raw) if content == raw else (_plain(pairs, len(content)), content)


@lru_cache(maxsize=256)  # many answers of an API have the same headers
def _say_how_it_was_sent(names: tuple[str, ...]) -> bool:
    return any(name.lower() in {"content-encoding", "transfer-encoding"} for name in names)


def read_answer(headers: Any, content: bytes) -> tuple[Headers, bytes]:
    """Returns headers and body of an answer that was decoded by reading it, as `decoded_answer` does."""
    pairs = pairs_of(headers)
    return _plain(pairs, len(content)) if content else _without(pairs, "transfer-encoding"), content


def recording_of(
    asked: Asked, status: int, answer: tuple[Headers, bytes], at: datetime, position: int = 0, *, reason: str = ""
) -> Recording:
    """Returns the recording of a decoded answer, its secrets replaced.

    `position` is the one it gets in its sequence: what stands in place of a token depends on it. `reason` is the
    phrase beside the status.
    """
    secrets = asked.secrets_for_answer(position)
    headers, content = redact_answer(*answer, secrets)
    if len(content) != len(answer[1]):
        headers = _with_length(headers, len(content))
    response = RecordedResponse(status, headers, content)
    if reason and reason != _usual_reason(family_of(asked.live), status):
        response = response._replace(reason=secrets.remove_from(reason))
    return Recording(asked.facts, at, response)


def reason_of(response: Response) -> str:
    """Returns the phrase beside the status as the wire said it, if it did."""
    said: bytes = extensions_of(response).get("reason_phrase", b"")
    return said.decode("ascii", "ignore")


@lru_cache(maxsize=256)  # there are a hundred
def _usual_reason(family: Family, status: int) -> str:
    usual: str = family.module.codes.get_reason_phrase(status)
    return usual


def response_from(recording: Recording, request: Request, clock: Clock | None = None) -> Response:
    """Returns a recorded response as one of the request's family, its body unread; raises a recorded error.

    The body comes in the pieces that were recorded, if any, and breaks where it broke; with a clock also in the pauses.
    """
    family, answer = family_of(request), recording.response
    if answer is None:
        raise error_from(recording.error, request)
    headers = _plain_headers(family, answer.headers)
    if headers is None:
        headers = headers_of(family, keep_cookies(answer.headers, recording.recorded_at))
    said = {"reason_phrase": answer.reason.encode("ascii", "ignore")} if answer.reason else None
    if recording.error is None and not answer.chunks and (clock is None or not answer.delays):
        return response_in_memory(family, answer.status, headers, answer.body, said)
    stream = _played(recording, answer, request, clock)
    return family.Response(answer.status, headers=headers, stream=stream, extensions=said)


@lru_cache(maxsize=256)  # as above
def _plain_headers(family: Family, headers: Headers) -> Any:
    """Returns headers as those of a family; `None` where there is a cookie that may be over."""
    return None if may_expire(headers) else headers_of(family, headers)


def _without(headers: Headers, *dropped: str) -> Headers:
    return tuple([pair for pair in headers if pair[0].lower() not in dropped])


def _plain(headers: Headers, length: int) -> Headers:
    return _with_length(_without(headers, "transfer-encoding", "content-encoding"), length)


def _with_length(headers: Headers, length: int) -> Headers:
    return tuple((name, str(length) if name.lower() == "content-length" else value) for name, value in headers)


class _PlayedStream:
    """The body of a replayed answer."""

    def __init__(self, pieces: Iterator[tuple[bytes, float]], clock: Clock | None, error: Exception | None) -> None:
        self._pieces, self._clock, self._error = pieces, clock, error

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece, delay in self._pieces:
            if delay and self._clock is not None:
                await self._clock.sleep(delay)
            if piece:
                return piece
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration


def _played(recording: Recording, answer: RecordedResponse, request: Request, clock: Clock | None) -> AsyncByteStream:
    """Returns the body of a recorded answer as a stream of the request's family; without a clock it knows no pauses."""
    error = None if recording.error is None else error_from(recording.error, request)
    stream: Any = stream_of(request, _PlayedStream)
    body: AsyncByteStream = stream(pieces_in(answer), clock, error)
    return body
