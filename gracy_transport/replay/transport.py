"""The layer that remembers exchanges and plays them again."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..bodies import content_of
from ..call import Call, Observer
from ..clock import SYSTEM_CLOCK, Clock
from ..events import ResponseRecorded, ResponseReplayed, tell
from ..exceptions import GracyReplayRequestNotFound
from ..family import AsyncTransport, error_for
from ..layer import Layer
from ..logevents import LOGGER_NAME, log, log_failure
from ..redaction import hide
from ..showing import hidden_in, shown_url
from .config import GracyReplay, ReplayLogEvent
from .exchange import Asked, decoded_answer, read_answer, recording_of, response_from
from .recording import Recording
from .sequence import LAST
from .state import ReplayState
from .storage import ANY
from .tee import BodyCopy, copy_request, copy_response

if TYPE_CHECKING:
    from ..family import Request, Response

__all__ = ["ReplayState", "ReplayTransport"]

_RECORDED: Final = "{RECORDED_COUNT} responses recorded, the newest {METHOD} {URL}"
_REPLAYED: Final = "{REPLAYED_COUNT} responses replayed, the newest {METHOD} {URL}"

_logger = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """An exchange that is being recorded: who asked what, and how the answer began."""

    call: Call
    request: Request
    asked: Asked | BodyCopy
    position: int | None
    status: int
    headers: Any


class ReplayTransport(Layer):
    """Records what passes, or answers from what was recorded.

    ```python
    transport = ReplayTransport(httpx.AsyncHTTPTransport(), GracyReplay("record", SQLiteReplayStorage("api.sqlite3")))
    ```

    Recording changes nothing for the caller: bodies are copied while they are read, a body that is not read to its
    end is not stored, and whatever goes wrong in storing is a warning in the log. Only the bodies of redirects and
    errors (3xx, 4xx, 5xx) are read at once, because a retry throws them away unread and yet they belong to the
    sequence; so are those that are empty anyway (204, HEAD). A replay touches no network.

    Args:
        inner: the transport below.
        replay: what is recorded or replayed, or a `ReplayState` to share with other layers.
        clock: where time comes from.
        observers: callables that hear the events of every call.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        replay: GracyReplay | ReplayState,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.replay = replay if isinstance(replay, ReplayState) else ReplayState(replay)

    async def handle(self, request: Request, call: Call) -> Response:
        """Answers from the storage, or from below and records that.

        Raises:
            GracyReplayRequestNotFound: in replay mode, when nothing is recorded for the request.
        """
        if self.replay.config.mode == "record":
            return await self._record(request, call)
        content = content_of(request)
        if content is None:
            # From here on it is a request of our own, because the body of the caller's can be read only once.
            request, copy = await copy_request(request, ahead=True)
            content = copy.content
        if content is None or len(content) > BodyCopy.CAP:
            return await self._too_large(request, call)
        asked = Asked(request, content)
        position = self.replay.sequences.take(asked.sequence)
        found = await self._find(asked, position)
        if found is not None:
            return self._replayed(request, call, found)
        if self.replay.config.mode == "replay":
            self.replay.sequences.forget(asked.sequence)
            message = hide(await self._why_not(asked), call.hidden)
            raise error_for(request, GracyReplayRequestNotFound, message, call=call)
        return await self._recorded(request, call, asked, max(position, 0))

    async def let_go(self) -> None:
        """Lets the storage write what it still holds."""
        await self.replay.storage.let_go()

    def state(self) -> str:
        """Says the mode and how many were recorded and replayed."""
        replay = self.replay
        return f"{replay.config.mode}, {replay.recorded} recorded, {replay.replayed} replayed"

    async def _find(self, asked: Asked, position: int) -> Recording | None:
        """Returns the recording to answer with; in smart-replay a storage that fails is one that has nothing."""
        storage, wanted = self.replay.storage, self.replay.wanted
        try:
            found = await storage.find(asked, position, wanted)
            if found is None and position > 0:
                found = await storage.find(asked, LAST, wanted)
                if found is not None:
                    self.replay.sequences.end(asked.sequence)
        except Exception as error:
            if self.replay.config.mode == "replay":
                raise
            _warn(asked.live, "is sent, because looking for a recording failed", error)
            return None
        return found

    def _replayed(self, request: Request, call: Call, recording: Recording) -> Response:
        call.is_replayed = True
        count = self.replay.count_replayed()
        if call.observers:
            tell(ResponseReplayed(call, self.clock.now()))
        response = response_from(recording, request)
        _log_every(self.replay.config.log_replay, count, _REPLAYED, call, response, REPLAYED_COUNT=f"{count:,}")
        return response

    async def _too_large(self, request: Request, call: Call) -> Response:
        why = f"its body is larger than {BodyCopy.CAP} bytes, and such requests are not recorded"
        if self.replay.config.mode == "replay":
            message = f"{request.method} {shown_url(request)} cannot be replayed: {why}; send it without replay"
            raise error_for(request, GracyReplayRequestNotFound, message, call=call)
        _warn(request, f"is sent and not recorded: {why}")
        return await self.pass_on(request, call)

    async def _why_not(self, asked: Asked) -> str:
        """Says that nothing is recorded for a request, what comes nearest, and what to do."""
        storage = self.replay.storage
        unwanted = None if self.replay.wanted == ANY else await storage.find(asked, LAST)
        if unwanted is not None and unwanted.is_good:
            near = f"it was recorded on {unwanted.recorded_at:%Y-%m-%d %H:%M} UTC, before discard_replays_older_than"
        elif unwanted is not None:
            near = "what was recorded is a bad response or too old, and those are discarded"
        else:
            near = await storage.hint(asked)
        advice = 'record it with GracyReplay("record", ...), or let mode "smart-replay" send what is missing'
        return f"nothing is recorded for {asked}{'; ' if near else ''}{near}; {advice}"

    async def _record(self, request: Request, call: Call) -> Response:
        """Sends a request and records what comes of it."""
        content = content_of(request)
        if content is None:
            sent, copy = await copy_request(request)
            return await self._recorded(sent, call, copy, None)
        if len(content) > BodyCopy.CAP:
            return await self._too_large(request, call)
        asked = Asked(request, content)
        return await self._recorded(request, call, asked, self.replay.sequences.take(asked.sequence))

    async def _recorded(self, request: Request, call: Call, asked: Asked | BodyCopy, position: int | None) -> Response:
        response = await self.pass_on(request, call)
        status = response.status_code
        is_bad = status >= 400
        if status == 101 or request.method == "CONNECT" or (is_bad and self.replay.config.discard_bad_responses):
            return response
        exchange = _Exchange(call, request, asked, position, status, response.headers)
        if response.is_closed:
            await self._store(exchange, BodyCopy(response.content), is_read=True)
        else:
            is_short = status >= 300 or status == 204 or request.method == "HEAD"
            await copy_response(request, response, partial(self._store, exchange), ahead=is_short)
        return response

    async def _store(self, exchange: _Exchange, copy: BodyCopy, *, is_read: bool = False) -> None:
        """Stores an exchange whose answer is over; whatever goes wrong is a warning and no more."""
        request, asked, headers = exchange.request, exchange.asked, exchange.headers
        if isinstance(asked, BodyCopy) and asked.lost:
            return _warn(request, f"was not recorded: the body of the request {asked.lost}")
        if copy.lost:
            return _warn(request, f"was not recorded: its body {copy.lost}")
        try:
            if isinstance(asked, BodyCopy):
                asked = Asked(request, asked.content or b"")
            content = copy.content or b""
            answer = read_answer(headers, content) if is_read else decoded_answer(request, headers, content)
            at = datetime.fromtimestamp(self.clock.wall(), UTC)
            await self._save(asked, recording_of(asked, exchange.status, answer, at), exchange.position)
        except Exception as error:  # noqa: BLE001 - no failure of a storage may look like one of the request
            return _warn(request, "was not recorded; its answer is not affected", error)
        return self._tell_recorded(exchange.call)

    async def _save(self, asked: Asked, recording: Recording, position: int | None) -> None:
        sequences = self.replay.sequences
        place = sequences.take(asked.sequence) if position is None else position
        await self.replay.storage.save(asked, recording, place, is_first=sequences.begin(asked.sequence))

    def _tell_recorded(self, call: Call) -> None:
        count = self.replay.count_recorded()
        if call.observers:
            tell(ResponseRecorded(call, self.clock.now()))
        _log_every(self.replay.config.log_record, count, _RECORDED, call, RECORDED_COUNT=f"{count:,}")


def _warn(request: Request, what: str, error: Exception | None = None) -> None:
    where = (request.method, shown_url(request))
    if error is None:
        _logger.warning("%s %s %s", *where, what)
    else:
        log_failure(logging.WARNING, error, hidden_in(request), "%s %s %s", *where, what)


def _log_every(
    event: ReplayLogEvent | None, count: int, default: str, call: Call, response: Any = None, **values: object
) -> None:
    """Logs an event when the count is a multiple of its frequency."""
    if event is not None and count % event.frequency == 0:
        log(event, default, call, response, **values)
