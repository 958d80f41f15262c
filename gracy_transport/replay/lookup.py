"""What is replayed for a request: the next of its answers, the last again, or none."""

from __future__ import annotations

from dataclasses import dataclass

from ..clock import Clock
from .exchange import Asked
from .recording import Recording
from .sequence import LAST
from .state import ReplayState
from .storage import ANY, Wanted

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

    async def find(self, asked: Asked) -> Recording | Exhausted | None:
        """Returns the recording to answer with; `None` when nothing fit to be replayed is recorded for the request."""
        replay = self.replay
        position = replay.sequences.take(asked.sequence)
        wanted = self._wanted(asked)
        found = await replay.storage.find(asked, position, wanted)
        if found is not None:
            return found
        last = await self._last(asked, position, wanted)
        if last is None:
            self._begin_anew(asked, position)
        return last

    async def near_miss(self, asked: Asked) -> str:
        """Returns why nothing fit to be replayed is recorded, in words."""
        config, storage = self.replay.config, self.replay.storage
        unwanted = None if self._wanted(asked) == ANY else await storage.find(asked, LAST)
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
            self.replay.storage.run.begin_anew(asked.sequence)
        elif self.replay.mode != "replay":
            return
        self.replay.sequences.forget(asked.sequence)

    def _wanted(self, asked: Asked) -> Wanted:
        config = self.replay.config
        return Wanted(config.since(self._clock.wall()), only_good=config.discard_bad_responses)
