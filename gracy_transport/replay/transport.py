"""The layer that remembers exchanges and plays them again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ..bodies import content_of
from ..call import Call, Observer
from ..clock import SYSTEM_CLOCK, Clock
from ..events import ResponseReplayed, tell
from ..exceptions import GracyException, GracyReplayExhausted, GracyReplayRequestNotFound, UnreadableRecording
from ..family import AsyncTransport, error_for
from ..layer import Layer
from ..redaction import hide
from ..showing import shown_url
from .asked import Asked
from .config import GracyReplay
from .exchange import response_from
from .lookup import Exhausted, LookUp
from .recorder import Exchange, Recorder, log_every, warn
from .recording import Recording
from .state import ReplayState
from .tee import BodyCopy, copy_request

if TYPE_CHECKING:
    from ..family import Request, Response

__all__ = ["ReplayState", "ReplayTransport"]

_REPLAYED: Final = "{REPLAYED_COUNT} responses replayed, the newest {METHOD} {URL}"


_NAMED: Final = 3
"""How many names of redacted fields a message lists."""


class ReplayTransport(Layer):
    """Records what passes, or answers from what was recorded.

    ```python
    transport = ReplayTransport(httpx.AsyncHTTPTransport(), GracyReplay("record", SQLiteReplayStorage("api.sqlite3")))
    ```

    Recording changes nothing for the caller: bodies are copied while they are read, and whatever goes wrong in storing
    is a warning in the log. So is a body that is left before its end or is larger than 10 MiB: it is not stored. Only
    the bodies of redirects and errors (3xx, 4xx, 5xx) are read at once, because a retry throws them away unread and
    yet they belong to the sequence; so are those that are empty anyway (204, HEAD). An error that the transport below
    raises (a timeout, a broken connection) is recorded like an answer, also when it breaks a body. A replay touches no
    network.

    Args:
        inner: the transport below.
        replay: what is recorded or replayed, or a `ReplayState` to share with other layers.
        clock: where time comes from.
        observers: callables that hear the events of every call.

    Attributes:
        advice: what a message says that is to be done about a request which nothing is recorded for.
    """

    advice: str = 'record it with GracyReplay("record", ...), or let mode "smart-replay" send what is missing'

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
        self._look_up = LookUp(self.replay, clock)
        self._recorder = Recorder(self.replay, clock)

    async def handle(self, request: Request, call: Call) -> Response:
        """Answers from the storage, or from below and records that.

        Raises:
            GracyReplayRequestNotFound: when nothing is recorded for the request and it may not be sent.
            GracyReplayExhausted: when it was asked more often than was recorded and the last answer is not repeated.
            UnreadableRecording: when nothing may be sent and the storage fails.
        """
        if self.replay.mode == "record":
            return await self._record(request, call)
        content = content_of(request)
        if content is None:
            # From here on it is a request of our own, because the body of the caller's can be read only once.
            request, copy = await copy_request(request, ahead=True)
            content = copy.content
        if content is None or len(content) > BodyCopy.CAP:
            return await self._too_large(request, call)
        asked = await self.replay.asked(request, content)
        try:
            found = await self._look_up.find(asked)
        except Exception as error:  # noqa: BLE001 - whatever a storage of the user's own raises
            self._nothing_found(asked, error)
            found = None
        if isinstance(found, Recording):
            return self._replayed(request, call, found)
        if self.replay.mode == "replay":
            return await self._refuse(asked, call, found)
        position = await self._place_for(asked, found)
        return await self._recorder.send(Exchange(call, request, asked, position), self.pass_on)

    async def let_go(self) -> None:
        """Lets the storage write what it still holds, and forget what the mode "refresh" did not record again."""
        await self.replay.let_go()

    def state(self) -> str:
        """Says the mode and how many were recorded and replayed, and of late not recorded."""
        replay = self.replay
        lost = f", {len(replay.lost)} not recorded" if replay.lost else ""
        return f"{replay.config.mode}, {replay.recorded} recorded, {replay.replayed} replayed{lost}"

    async def _record(self, request: Request, call: Call) -> Response:
        exchange = await self._recorder.begin(request, call)
        if exchange is None:
            return await self._too_large(request, call)
        return await self._recorder.send(exchange, self.pass_on)

    def _nothing_found(self, asked: Asked, error: Exception) -> None:
        """Lets a request be sent when looking for a recording failed: a storage that fails has nothing.

        Raises:
            UnreadableRecording: when nothing may be sent.
        """
        if self.replay.mode != "replay":
            warn(asked.live, "is sent, because looking for a recording failed", error)
            return
        if isinstance(error, GracyException):
            raise error
        raise UnreadableRecording(
            f"looking for {asked} in {self.replay.config.storage!r} failed with a {type(error).__name__}; mend the "
            "storage, whose _load returns None, or raises GracyReplayRequestNotFound, for what it has not"
        ) from error

    def _replayed(self, request: Request, call: Call, recording: Recording) -> Response:
        call.is_replayed = True
        config, count = self.replay.config, self.replay.count_replayed()
        if call.observers:
            tell(ResponseReplayed(call, self.clock.now()))
        response = response_from(recording, request, self.clock if config.timing else None)
        if config.log_replay is not None:
            log_every(config.log_replay, count, _REPLAYED, call, response, REPLAYED_COUNT=f"{count:,}")
        return response

    async def _place_for(self, asked: Asked, found: Exhausted | None) -> int:
        """Returns the position of the answer to come; after all answers of earlier runs where those were given."""
        storage, run = self.replay.storage, self.replay.run
        if found is not None and not run.has_begun(asked.sequence):
            try:
                run.follow(asked.sequence, await storage.next_position(asked, found.wanted.credential))
            except Exception as error:  # noqa: BLE001 - as above
                warn(asked.live, "is sent and replaces what was recorded, because looking for its place failed", error)
        return run.take(asked.sequence)

    async def _too_large(self, request: Request, call: Call) -> Response:
        why = f"its body is larger than {BodyCopy.CAP} bytes, and such requests are not recorded"
        if self.replay.mode == "replay":
            message = f"{request.method} {shown_url(request)} cannot be replayed: {why}; send it without replay"
            raise error_for(request, GracyReplayRequestNotFound, message, call=call)
        warn(request, f"is sent and not recorded: {why}")
        return await self.pass_on(request, call)

    async def _refuse(self, asked: Asked, call: Call, found: Exhausted | None) -> Response:
        """Raises that there is no answer to a request, what comes nearest, and what to do."""
        if found is not None:
            message = (
                f"all recorded answers to {asked} were replayed, and it is asked once more{_hidden_in(asked)}; record "
                'it again, or let GracyReplay(exhausted="repeat") give the last one again'
            )
            raise error_for(asked.live, GracyReplayExhausted, hide(message, call.hidden), call=call)
        near = await self._look_up.near_miss(asked)
        message = f"nothing is recorded for {asked}{'; ' if near else ''}{near}; {self.advice}"
        raise error_for(asked.live, GracyReplayRequestNotFound, hide(message, call.hidden), call=call)


def _hidden_in(asked: Asked) -> str:
    """Says what in a request tells it apart from no other, as a part of a sentence; nothing where that is nothing."""
    names = ", ".join([repr(name) for name in asked.hidden_names[:_NAMED]])
    return f" (what is redacted tells requests not apart: if {names} is plain data, set public_names)" if names else ""
