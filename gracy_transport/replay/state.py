"""What a replay knows while it runs, apart from its configuration."""

from __future__ import annotations

import logging
import sys
from collections import deque
from datetime import UTC, datetime
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal

from ..logevents import LOGGER_NAME, log_failure
from .adapter import StorageAdapter
from .apart import LARGE, InOrder
from .asked import Asked
from .config import GracyReplay
from .credentials import Credentials
from .sequence import Sequences
from .storage import RecordingStorage

if TYPE_CHECKING:
    from ..family import Request

__all__ = ["ReplayState"]

_MOST_LOST: Final = 100

_logger: Final = logging.getLogger(LOGGER_NAME)


class ReplayState:
    """What a replay knows while it runs: how often each request was asked, how many were recorded and replayed.

    One state may serve several layers. Usable from any thread.

    Args:
        config: what is recorded or replayed; its storage is prepared.

    Attributes:
        mode: what is done with a request, as far as the storage decides about it.
        run: what was recorded on its storage since that was made.
        lost: what passed and was not recorded, the last of it, a text each: which request, and why.

    Raises:
        pydantic.ValidationError: when `config` is something else.
    """

    def __init__(self, config: GracyReplay) -> None:
        self.config = config = GracyReplay.model_validate(config)
        self.recorded = 0
        self.replayed = 0
        self.lost: deque[str] = deque(maxlen=_MOST_LOST)
        self.sequences = Sequences()
        self.storage = as_recording_storage(config.storage)
        self.run = self.storage.run
        self._lock = Lock()
        self._in_order = InOrder()
        config.storage.prepare()
        self.mode = _mode_of(config, self.storage)
        # What is recorded on one storage has its names in common, else two users might get the same.
        self._terms = config.terms(Credentials() if self.mode == "replay" else self.run.credentials)

    async def asked(self, request: Request, content: bytes) -> Asked:
        """Returns a request with its body as it is looked up and recorded.

        A large body is looked through in a thread; requests come out of that in their order.
        """
        if len(content) <= LARGE:
            asked = Asked(request, content, terms=self._terms)
        else:
            self._terms.asked(request, b"")  # whose it is goes by who comes first
            asked = await self._in_order.apart(partial(self._terms.asked, request, content))
        if self.mode != "replay":
            self.run.askers.add(asked.credential)
        return asked

    def since(self, now: float) -> datetime | None:
        """Returns from which date on recordings count at that moment; the storage gets to know it, too."""
        since = self.config.since(now)
        self.run.renew_before(since)
        return since

    @cached_property
    def recorded_credentials(self) -> frozenset[str]:
        """The credentials of what was recorded when this was first asked for."""
        return self.storage.credentials()

    def count_recorded(self) -> int:
        """Counts one more and returns how many were recorded so far."""
        with self._lock:
            self.recorded += 1
            return self.recorded

    def count_replayed(self) -> int:
        """Counts one more and returns how many were replayed so far."""
        with self._lock:
            self.replayed += 1
            return self.replayed

    async def let_go(self) -> None:
        """Lets the storage write what it holds and, in mode "refresh", forget what was not recorded again."""
        await self.storage.let_go()
        run = self.run
        if self.config.mode != "refresh" or not run.has_recorded or run.since is None:
            return
        failure = sys.exception()
        if failure is not None:
            why = f"the run ended with {type(failure).__name__}"
            _logger.warning("what was not recorded again is kept in %r, because %s", self.config.storage, why)
            return
        try:
            await self.storage.forget_unrecorded(datetime.fromtimestamp(run.since, UTC))
        except Exception as error:  # noqa: BLE001 - whatever a storage raises, closing goes on
            log_failure(logging.WARNING, error, (), "what was not recorded again is still in %r", self.config.storage)


def as_recording_storage(storage: Any) -> RecordingStorage:
    """Returns the storage as one of recordings, whichever of the two interfaces it has."""
    return storage if isinstance(storage, RecordingStorage) else StorageAdapter(storage)


def _mode_of(config: GracyReplay, storage: RecordingStorage) -> Literal["record", "replay", "smart-replay"]:
    if config.mode == "refresh":
        return "record"
    if config.mode != "once":
        return config.mode
    return "record" if storage.run.began_empty(storage.is_empty) else "replay"
