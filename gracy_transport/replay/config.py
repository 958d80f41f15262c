"""What is recorded or replayed, and where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from pydantic import Field, ValidationInfo, field_validator

from ..logevents import LogEvent, LogLevel
from ..values import Value
from .storage import GracyReplayStorage, RecordingStorage

__all__ = ["Exhausted", "GracyReplay", "Mode", "ReplayLogEvent"]

Mode: TypeAlias = Literal["record", "replay", "smart-replay", "once", "refresh"]
"""`record` sends everything and stores it, `replay` sends nothing, `smart-replay` sends and stores what is missing,
`once` records while there is nothing yet and replays from then on, `refresh` records and forgets the rest."""

Exhausted: TypeAlias = Literal["repeat", "error"]
"""What comes after the last answer to a request: that one again, or an error."""


class ReplayLogEvent(LogEvent, frozen=True):
    """How recording or replaying is logged: not each time, but every so often.

    Args:
        level, custom_message: as for a `LogEvent`; `{RECORDED_COUNT}` and `{REPLAYED_COUNT}` say how many there were.
        frequency: it is logged each time the count is a multiple of this; 1,000 unless given.
    """

    frequency: int = Field(default=1_000, ge=1)

    def __init__(
        self,
        level: LogLevel | int = LogLevel.INFO,
        custom_message: str | Callable[..., str] | None = None,
        frequency: int = 1_000,
    ) -> None:
        Value.__init__(self, level=level, custom_message=custom_message, frequency=frequency)


class GracyReplay(Value, frozen=True):
    """Recording and replaying, as a value; what was counted is kept by the transport.

    The same request asked several times replays its answers in the order in which they were recorded; after the last
    that one is repeated. Recording a request again replaces what an earlier run recorded for it; a run is all that
    one storage object records. Timeouts and other errors of the connection are recorded and replayed like answers.

    Args:
        mode: "record" sends every request and stores the answers, "replay" answers from the storage and sends nothing,
            "smart-replay" sends and stores only what the storage does not have. "once" is "record" when the storage
            is empty as the run begins, else "replay". "refresh" is "record", and when the transport is closed without
            an error what was recorded before the run is forgotten (by one process at a time, therefore).
        storage: where recordings are kept.
        discard_replays_older_than: recordings from before that date are as good as none. A date without a time zone is
            taken as local time, which is what `datetime.now()` gives. A `timedelta` goes back from each look-up.
        discard_bad_responses: neither record nor replay answers of status 4xx and 5xx, and errors. (Redirects are
            kept: a replay could not follow them otherwise.)
        disable_throttling: whether replays are free of throttling and concurrency limits; they wait like any request
            unless this is set.
        display_report: taken for the sake of existing code; reports have their column of replays either way.
        log_record: logged every so many recordings.
        log_replay: logged every so many replays.
        exhausted: "repeat" gives the last answer again, as often as it is asked for; with "error" a replay raises
            `GracyReplayExhausted`, and "smart-replay" sends what is asked more often and stores it too.
        timing: record the pauses in which bodies come in, and replay them. Else a replay comes at once.

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    mode: Mode
    storage: GracyReplayStorage
    discard_replays_older_than: datetime | timedelta | None = None
    discard_bad_responses: bool = False
    disable_throttling: bool = False
    display_report: bool = True
    log_record: ReplayLogEvent | None = None
    log_replay: ReplayLogEvent | None = None
    exhausted: Exhausted = "repeat"
    timing: bool = False

    def __init__(  # noqa: PLR0917 - by position in the original
        self,
        mode: Mode,
        storage: GracyReplayStorage,
        discard_replays_older_than: datetime | timedelta | None = None,
        discard_bad_responses: bool = False,  # noqa: FBT001, FBT002 - by position in the original
        disable_throttling: bool = False,  # noqa: FBT001, FBT002 - likewise
        display_report: bool = True,  # noqa: FBT001, FBT002 - likewise
        log_record: ReplayLogEvent | None = None,
        log_replay: ReplayLogEvent | None = None,
        *,
        exhausted: Exhausted = "repeat",
        timing: bool = False,
    ) -> None:
        super().__init__(
            mode=mode,
            storage=storage,
            discard_replays_older_than=discard_replays_older_than,
            discard_bad_responses=discard_bad_responses,
            disable_throttling=disable_throttling,
            display_report=display_report,
            log_record=log_record,
            log_replay=log_replay,
            exhausted=exhausted,
            timing=timing,
        )

    @field_validator("storage")
    @classmethod
    def _can_do_it(cls, storage: GracyReplayStorage, info: ValidationInfo) -> GracyReplayStorage:
        mode = info.data.get("mode")
        if mode in {"once", "refresh"} and not isinstance(storage, RecordingStorage):
            raise ValueError(f'mode "{mode}" needs one of recordings, such as SQLiteReplayStorage')
        forget = getattr(type(storage), "forget_unrecorded", None)
        if mode == "refresh" and forget is RecordingStorage.forget_unrecorded:
            raise ValueError('mode "refresh" needs one that can forget: give it a method forget_unrecorded')
        return storage

    @field_validator("discard_replays_older_than")
    @classmethod
    def _is_clear(cls, limit: datetime | timedelta | None) -> datetime | timedelta | None:
        if isinstance(limit, timedelta):
            if limit < timedelta(0):
                raise ValueError("an age is not negative: give a timedelta of zero or more")
            return limit
        return limit.astimezone() if limit is not None and limit.tzinfo is None else limit

    def since(self, now: float) -> datetime | None:
        """Returns from which date on recordings count at that moment, in seconds since 1970 UTC; `None` for all."""
        limit = self.discard_replays_older_than
        return datetime.fromtimestamp(now, UTC) - limit if isinstance(limit, timedelta) else limit
