"""What is recorded or replayed, and where it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from re import Pattern
from typing import Any, Literal, TypeAlias

from pydantic import Field, ValidationInfo, field_validator

from ..logevents import LogEvent, LogLevel
from ..redaction import Redacted
from ..values import Value
from .asked import Terms
from .credentials import Credentials
from .matching import DEFAULT_PARTS, MatchOn
from .rules import Names, Rules
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
        level, custom_message: as for a `LogEvent`; `{RECORDED_COUNT}` in `log_record` and `{REPLAYED_COUNT}` in
            `log_replay` say how many there were.
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
            an error what was recorded before the run is forgotten (by one process at a time, therefore), unless the
            run recorded nothing.
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
        redact: patterns (one or several, as for `GracyConfig`) of what is left out of URLs, headers and texts, of what
            is recorded and of what is looked up alike.
        secret_names: names of headers, parameters and fields that hold secrets, beside those that everybody knows.
        public_names: names that are taken for those of secrets, and hold plain data here.
        credential: says by a request whose it is, as a text, or `None` for nobody's. Two users never get each other's
            answers; those of a single one are replayed to whoever asks, with any credential or none. Unless given, what
            authorises a request tells users apart. The text is not recorded as such; a header, parameter or field that
            it is read from is, unless `secret_names` has its name.
        match_on: by what requests are looked up: parts of them ("method", "url", "host", "path", "query", "body",
            "headers", "header:NAME"), or a function of the request without its secrets. Method, URL, body and headers
            unless given. "headers" are the few that say what is asked for: Accept (unless it is `*/*`),
            Accept-Language, Range, those that make a request conditional (If-None-Match …), Prefer, Depth, SOAPAction,
            X-HTTP-Method-Override, X-Amz-Target and X-Goog-FieldMask. All others play no part unless they are named:
            "header:Stripe-Version". Recordings are found by what they were recorded by
            (`formats.rematched` changes that).

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
    redact: Redacted = ()
    secret_names: Names = frozenset()
    public_names: Names = frozenset()
    credential: Callable[[Any], str | None] | None = None
    match_on: MatchOn = DEFAULT_PARTS

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
        redact: str | Pattern[str] | Iterable[str | Pattern[str]] = (),
        secret_names: str | Iterable[str] = (),
        public_names: str | Iterable[str] = (),
        credential: Callable[[Any], str | None] | None = None,
        match_on: str | Iterable[str] | Callable[[Any], object] = DEFAULT_PARTS,
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
            redact=redact,
            secret_names=secret_names,
            public_names=public_names,
            credential=credential,
            match_on=match_on,
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

    @field_validator("public_names")
    @classmethod
    def _are_in_one_place(cls, names: frozenset[str], info: ValidationInfo) -> frozenset[str]:
        Rules(secret_names=info.data.get("secret_names", frozenset()), public_names=names)
        return names

    def terms(self, credentials: Credentials) -> Terms:
        """Returns in which terms requests are looked up and recorded; `credentials` names their users."""
        rules = Rules(self.redact, self.secret_names, self.public_names)
        return Terms(rules, self.match_on, credentials, self.credential)

    def since(self, now: float) -> datetime | None:
        """Returns from which date on recordings count at that moment, in seconds since 1970 UTC; `None` for all."""
        limit = self.discard_replays_older_than
        if not isinstance(limit, timedelta):
            return limit
        try:
            return datetime.fromtimestamp(now, UTC) - limit
        except OverflowError:  # before the year 1, as `timedelta.max` is
            return None
