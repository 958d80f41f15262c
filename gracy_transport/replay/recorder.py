"""Sending requests and recording what comes of them: an answer, an error, or an answer that broke."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from ..bodies import content_of
from ..call import Call
from ..clock import Clock
from ..events import ResponseRecorded, tell
from ..family import family_of
from ..logevents import LOGGER_NAME, log, log_failure
from ..showing import hidden_in, shown_url
from .apart import LARGE, apart
from .asked import Asked
from .config import ReplayLogEvent
from .content import media_type_of
from .exchange import decoded_answer, read_answer, reason_of, recording_of
from .failures import kind_of
from .headers import pairs_of
from .pieces import Piece, is_stream, pace_of
from .recording import RecordedError, Recording
from .redacting import Headers
from .state import ReplayState
from .tee import BodyCopy, copy_request, copy_response
from .texts import redact_text

if TYPE_CHECKING:
    from ..family import Request, Response

__all__ = ["Exchange", "Recorder", "Send", "log_every", "warn"]

Send: TypeAlias = "Callable[[Request, Call], Awaitable[Response]]"
"""Hands a request to the transport below."""

_RECORDED: Final = "{RECORDED_COUNT} responses recorded, the newest {METHOD} {URL}"

_PACKED: Final = 8
"""About so many times as large is a body without its content encoding."""

_logger = logging.getLogger(LOGGER_NAME)


class Exchange(NamedTuple):
    """An exchange that is being recorded: who asks what.

    Attributes:
        asked: what is asked, or the copy that sending it makes of its body.
        position: the place of the answer among those to the request; `None` while nobody knows what is asked.
    """

    call: Call
    request: Request
    asked: Asked | BodyCopy
    position: int | None = None


class _Head(NamedTuple):
    """What comes before the body of an answer."""

    status: int
    headers: Headers
    reason: str


class Recorder:
    """Records exchanges. Whatever goes wrong in that is a warning and no more.

    Args:
        replay: where to, and what of it.
        clock: what the recordings are stamped by, and the pauses in bodies measured.
    """

    def __init__(self, replay: ReplayState, clock: Clock) -> None:
        self.replay = replay
        self._clock = clock

    async def begin(self, request: Request, call: Call) -> Exchange | None:
        """Returns the exchange that a request begins, or `None` for one that is too large to be recorded."""
        content = content_of(request)
        if content is None:
            sent, copy = await copy_request(request)
            return Exchange(call, sent, copy)
        if len(content) > BodyCopy.CAP:
            return None
        asked = await self.replay.asked(request, content)
        return Exchange(call, request, asked, self.replay.run.take(asked.sequence))

    async def send(self, exchange: Exchange, send: Send) -> Response:
        """Sends a request and records what comes of it. Raises whatever sending raises."""
        self.replay.run.start(self._clock.wall())
        request = exchange.request
        try:
            response = await send(request, exchange.call)
        except Exception as error:
            await self._store_failure(exchange, error)
            raise
        except BaseException:  # the caller has given it up: nothing to warn about, but a replay will not know it
            self._note_lost(request, "was not recorded: it was given up before there was an answer")
            raise
        status, discards_bad = response.status_code, self.replay.config.discard_bad_responses
        if status == 101 or request.method == "CONNECT" or (status >= 400 and discards_bad):
            return response
        head = _Head(status, pairs_of(response.headers), reason_of(response))
        if response.is_closed:
            await self._store(exchange, head, BodyCopy(response.content), is_read=True)
            return response
        timing = self.replay.config.timing
        keeps_pieces = timing or is_stream(media_type_of(head.headers))
        copy = BodyCopy(keeps_pieces=keeps_pieces, clock=self._clock if timing else None)
        is_short = status >= 300 or status == 204 or request.method == "HEAD"
        await copy_response(request, response, copy, partial(self._store, exchange, head), ahead=is_short)
        return response

    async def _store(self, exchange: Exchange, head: _Head, copy: BodyCopy, *, is_read: bool = False) -> None:
        """Stores an exchange whose answer is over."""
        request, error, headers = exchange.request, copy.error, head.headers
        kind = "" if error is None else kind_of(request, error)
        if kind and self.replay.config.discard_bad_responses:
            return
        if copy.lost and not kind:
            self._lose(request, f"was not recorded: its body {copy.lost}")
            return

        def record(asked: Asked, at: datetime, position: int) -> Recording:
            content = copy.content or b""
            answer = read_answer(headers, content) if is_read else decoded_answer(request, headers, content)
            recording = recording_of(asked, head.status, answer, at, position, reason=head.reason)
            if copy.pieces or copy.waits:
                recording = _with_pace(recording, answer[1], _pieces(request, headers, copy, answer[1]))
            return recording if error is None else recording._replace(error=_recorded(kind, error, asked))

        size = len(copy.content or b"")
        if size * _PACKED > LARGE and not is_read and any(name.lower() == "content-encoding" for name, _ in headers):
            size *= _PACKED
        await self._save(exchange, record, size)

    async def _store_failure(self, exchange: Exchange, error: Exception) -> None:
        """Stores an exchange that ended with an error in place of an answer."""
        kind = kind_of(exchange.request, error)
        if kind and not self.replay.config.discard_bad_responses:
            await self._save(
                exchange, lambda asked, at, _position: Recording(asked.facts, at, error=_recorded(kind, error, asked))
            )

    async def _save(
        self, exchange: Exchange, record: Callable[[Asked, datetime, int], Recording], size: int = 0
    ) -> None:
        """Stores what `record` makes of an exchange, an answer of about that many bytes."""
        request, asked = exchange.request, exchange.asked
        if isinstance(asked, BodyCopy) and asked.lost:
            return self._lose(request, f"was not recorded: the body of the request {asked.lost}")
        run = self.replay.run
        try:
            if isinstance(asked, BodyCopy):
                asked = await self.replay.asked(request, asked.content or b"")
            position = run.take(asked.sequence) if exchange.position is None else exchange.position
            now = self._clock.wall()
            self.replay.since(now)
            # The time of day may be set back, and nothing of this run may look as if it was of an earlier one.
            at = datetime.fromtimestamp(max(now, run.start(now)), UTC)
            make = partial(record, asked, at, position)
            recording = make() if size <= LARGE else await apart(make)
            await self._store_at(asked, recording, position)
        except Exception as error:  # noqa: BLE001 - no failure of a storage may look like one of the request
            return self._lose(request, "was not recorded; its answer is not affected", error)
        return self._tell_recorded(exchange.call)

    async def _store_at(self, asked: Asked, recording: Recording, position: int) -> None:
        run, storage = self.replay.run, self.replay.storage
        if not run.begin(asked.sequence):
            await run.first_is_saved(asked.sequence)
            return await storage.save(asked, recording, position, is_first=False)
        try:
            await storage.save(asked, recording, position, is_first=True)
        finally:
            run.has_saved_first(asked.sequence)

    def _lose(self, request: Request, why: str, error: Exception | None = None) -> None:
        self._note_lost(request, why)
        warn(request, why, error)

    def _note_lost(self, request: Request, why: str) -> None:
        self.replay.lost.append(f"{request.method} {shown_url(request)} {why}")

    def _tell_recorded(self, call: Call) -> None:
        count = self.replay.count_recorded()
        if call.observers:
            tell(ResponseRecorded(call, self._clock.now()))
        event = self.replay.config.log_record
        if event is not None:
            log_every(event, count, _RECORDED, call, RECORDED_COUNT=f"{count:,}")


def _recorded(kind: str, error: Exception, asked: Asked) -> RecordedError:
    return RecordedError(kind, redact_text(str(error), asked.secrets))


def _with_pace(recording: Recording, content: bytes, pieces: list[Piece]) -> Recording:
    """Returns a recording that says in which pieces its body came."""
    answer = recording.response
    if answer is None:
        return recording
    chunks, delays = pace_of(pieces, content, answer.body)
    return recording._replace(response=answer._replace(chunks=chunks, delays=delays))


def _pieces(request: Request, headers: Headers, copy: BodyCopy, content: bytes) -> list[Piece]:
    """Returns the pieces that a body came in, as large as they are decoded, and at last the wait for its end."""
    sizes = [len(piece) for piece in copy.pieces]
    if content != copy.content:
        sizes = _decoded_sizes(request, headers, copy.pieces)
    return list(zip([*sizes, 0], copy.waits or [0.0] * (len(sizes) + 1), strict=True))


def _decoded_sizes(request: Request, headers: Headers, pieces: list[bytes]) -> list[int]:
    sizes, place = [0] * len(pieces), 0

    def feed() -> Iterator[bytes]:
        nonlocal place
        for place, piece in enumerate(pieces):  # noqa: B007 - read below
            yield piece

    for chunk in family_of(request).Response(200, headers=headers, content=feed()).iter_bytes():
        sizes[place] += len(chunk)
    return sizes


def warn(request: Request, what: str, error: Exception | None = None) -> None:
    """Logs a warning about a request, with what went wrong."""
    where = (request.method, shown_url(request))
    if error is None:
        _logger.warning("%s %s %s", *where, what)
    else:
        log_failure(logging.WARNING, error, hidden_in(request), "%s %s %s", *where, what)


def log_every(
    event: ReplayLogEvent, count: int, default: str, call: Call, response: Any = None, **values: object
) -> None:
    """Logs an event when the count is a multiple of its frequency."""
    if count % event.frequency == 0:
        log(event, default, call, response, **values)
