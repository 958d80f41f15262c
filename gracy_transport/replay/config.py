"""What is recorded or replayed, and where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import Field, field_validator

from ..logevents import LogEvent, LogLevel
from ..values import Value
from .storage import GracyReplayStorage, Wanted

__all__ = ["GracyReplay", "Mode", "ReplayLogEvent"]

Mode: TypeAlias = Literal["record", "replay", "smart-replay"]
"""`record` sends everything and stores it, `replay` sends nothing, `smart-replay` sends and stores what is missing."""


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
    that one is repeated. Recording a request again replaces what an earlier run recorded for it.

    Args:
        mode: "record" sends every request and stores the answers, "replay" answers from the storage and sends nothing,
            "smart-replay" sends and stores only what the storage does not have.
        storage: where recordings are kept.
        discard_replays_older_than: recordings from before that date are as good as none. A date without a time zone is
            taken as local time, which is what `datetime.now()` gives.
        discard_bad_responses: neither record nor replay answers of status 4xx and 5xx. (Redirects are kept: a replay
            could not follow them otherwise.)
        disable_throttling: whether replays are free of throttling and concurrency limits; they wait like any request
            unless this is set.
        display_report: taken for the sake of existing code; reports have their column of replays either way.
        log_record: logged every so many recordings.
        log_replay: logged every so many replays.

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    mode: Mode
    storage: GracyReplayStorage
    discard_replays_older_than: datetime | None = None
    discard_bad_responses: bool = False
    disable_throttling: bool = False
    display_report: bool = True
    log_record: ReplayLogEvent | None = None
    log_replay: ReplayLogEvent | None = None

    def __init__(  # noqa: PLR0917 - by position in the original
        self,
        mode: Mode,
        storage: GracyReplayStorage,
        discard_replays_older_than: datetime | None = None,
        discard_bad_responses: bool = False,  # noqa: FBT001, FBT002 - by position in the original
        disable_throttling: bool = False,  # noqa: FBT001, FBT002 - likewise
        display_report: bool = True,  # noqa: FBT001, FBT002 - likewise
        log_record: ReplayLogEvent | None = None,
        log_replay: ReplayLogEvent | None = None,
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
        )

    @field_validator("discard_replays_older_than")
    @classmethod
    def _has_a_time_zone(cls, date: datetime | None) -> datetime | None:
        return date.astimezone() if date is not None and date.tzinfo is None else date

    def wanted(self) -> Wanted:
        """Returns which recordings this replays."""
        return Wanted(self.discard_replays_older_than, only_good=self.discard_bad_responses)
