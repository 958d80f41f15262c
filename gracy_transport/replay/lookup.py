"""What is replayed for a request: the next of its answers, the last again, or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ..clock import Clock
from .asked import Asked
from .key import ANY_TASTE
from .recording import Recording
from .sequence import LAST
from .state import ReplayState
from .storage import Wanted

__all__ = ["Exhausted", "LookUp"]


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Every answer to a request was given, and the last is not to be repeated."""

    wanted: Wanted


class LookUp:
    """Looks for recordings.

    Args:
        replay: whose recordings, and what was replayed of them.
        clock: what tells how old they are.
    """

    def __init__(self, replay: ReplayState, clock: Clock) -> None:
        self.replay = replay
        self._clock = clock
        self._usual: dict[str | None, Wanted] = {}

    async def find(self, asked: Asked) -> Recording | Exhausted | None:
        """Returns the recording to answer with; `None` when nothing fit to be replayed is recorded for the request."""
        position = self.replay.sequences.take(asked.sequence)
        wanted = self._usual.get(asked.credential) or self._wanted(asked.credential)
        found = await self.replay.storage.find(asked, position, wanted)
        return await self._find_other(asked, position, wanted) if found is None else found

    async def _find_other(self, asked: Asked, position: int, wanted: Wanted) -> Recording | Exhausted | None:
        """Returns what answers in place of a recording that is not there."""
        other = await self._last(asked, position, wanted)
        if other is None and self._may_be_of_others(asked.credential):
            other = await self._find_of_others(asked, position)
        if other is not None:
            return other
        self._begin_anew(asked, position)
        twin = asked.of_any_taste()
        if twin is None:
            return None
        last = await self.replay.storage.find(twin, LAST)
        is_for_any = last is not None and ANY_TASTE in last.request.headers
        return await self.find(twin) if is_for_any else None

    async def near_miss(self, asked: Asked) -> str:
        """Returns why nothing fit to be replayed is recorded, in words."""
        config, storage = self.replay.config, self.replay.storage
        since = self.replay.since(self._clock.wall())
        if since is None and not config.discard_bad_responses:
            return await storage.hint(asked)
        unwanted = await storage.find(asked, LAST, Wanted(credential=asked.credential))
        if unwanted is None and self._may_be_of_others(asked.credential):
            unwanted = await storage.find(asked, LAST)
        if unwanted is None:
            return await storage.hint(asked)
        if unwanted.is_good or not config.discard_bad_responses:
            at = f"{unwanted.recorded_at:%Y-%m-%d %H:%M} UTC"
            return f"it was recorded on {at}, before discard_replays_older_than"
        return "what was recorded is a bad response or too old, and those are discarded"

    async def _last(self, asked: Asked, position: int, wanted: Wanted) -> Recording | Exhausted | None:
        replay = self.replay
        if position in {0, LAST}:
            return None
        last = await replay.storage.find(asked, LAST, wanted)
        if last is None:
            return None
        if replay.config.exhausted == "error":
            return Exhausted(wanted)
        replay.sequences.end(asked.sequence)
        return last

    def _begin_anew(self, asked: Asked, position: int) -> None:
        """Lets a request without an answer leave nothing behind, unless it is about to get its first."""
        if position == LAST:  # its answers have become too old meanwhile
            self.replay.run.begin_anew(asked.sequence)
        elif self.replay.mode != "replay":
            return
        self.replay.sequences.forget(asked.sequence)

    async def _find_of_others(self, asked: Asked, position: int) -> Recording | Exhausted | None:
        wanted = self._usual.get(None) or self._wanted(None)
        found = await self.replay.storage.find(asked, position, wanted)
        return await self._last(asked, position, wanted) if found is None else found

    def _may_be_of_others(self, credential: str) -> bool:
        """Tells whether a recording may answer a request of somebody else: not where there could be two users."""
        replay = self.replay
        if replay.mode != "replay" and replay.run.askers - {credential}:
            return False
        return len(replay.recorded_credentials) <= 1

    def _wanted(self, credential: str | None) -> Wanted:
        config = self.replay.config
        since = self.replay.since(self._clock.wall())
        wanted = Wanted(since, only_good=config.discard_bad_responses, credential=credential)
        if not isinstance(config.discard_replays_older_than, timedelta):
            self._usual[credential] = wanted
        return wanted
