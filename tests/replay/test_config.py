"""The configuration of a replay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gracy_transport import GracyReplay as PublicGracyReplay
from gracy_transport.logevents import LogLevel
from gracy_transport.replay import GracyReplay, GracyReplayStorage, RecordingStorage, ReplayLogEvent
from tests.replay.support import storage_in


def test_the_positional_form(tmp_path: Path) -> None:
    """As in `GracyReplay("record", storage)`; everything else is off."""
    storage = storage_in(tmp_path)
    replay = GracyReplay("record", storage)
    assert (replay.mode, replay.storage) == ("record", storage)
    assert replay.discard_replays_older_than is None
    assert not replay.discard_bad_responses
    assert not replay.disable_throttling
    assert replay.display_report
    assert (replay.log_record, replay.log_replay) == (None, None)
    assert PublicGracyReplay is GracyReplay


def test_it_is_a_value(tmp_path: Path) -> None:
    """Frozen, comparable, hashable, printable."""
    storage = storage_in(tmp_path)
    replay = GracyReplay("replay", storage, discard_bad_responses=True)
    assert replay == GracyReplay("replay", storage, discard_bad_responses=True)
    assert replay != GracyReplay("replay", storage)
    assert hash(replay) == hash(GracyReplay("replay", storage, discard_bad_responses=True))
    assert "test.sqlite3" in repr(replay)
    with pytest.raises(ValidationError):
        setattr(replay, "mode", "record")  # noqa: B010 - type checkers know that it is frozen


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("mode", "rewind"), ("storage", "file.sqlite3"), ("discard_replays_older_than", "soon"), ("log_record", 1)],
)
def test_a_wrong_value_is_named(tmp_path: Path, field: str, wrong: Any) -> None:
    """With its field."""
    facts: dict[str, Any] = {"mode": "record", "storage": storage_in(tmp_path), field: wrong}
    with pytest.raises(ValidationError, match=field):
        GracyReplay(**facts)


def test_a_date_without_a_time_zone_is_local(tmp_path: Path) -> None:
    """Because that is what `datetime.now()` gives."""
    storage = storage_in(tmp_path)
    local = datetime(2026, 11, 22, 12, 0, 0)  # noqa: DTZ001 - this is the case
    replay = GracyReplay("replay", storage, discard_replays_older_than=local)
    assert replay.discard_replays_older_than == local.astimezone(UTC)
    there = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone(timedelta(hours=9)))
    assert GracyReplay("replay", storage, discard_replays_older_than=there).discard_replays_older_than == there


def test_a_log_event_has_a_frequency() -> None:
    """1,000 unless given; zero makes no sense."""
    event = ReplayLogEvent(LogLevel.DEBUG, "{RECORDED_COUNT}", 5)
    assert (event.level, event.custom_message, event.frequency) == (LogLevel.DEBUG, "{RECORDED_COUNT}", 5)
    assert ReplayLogEvent().frequency == 1_000
    with pytest.raises(ValidationError, match="frequency"):
        ReplayLogEvent(LogLevel.INFO, frequency=0)
    with pytest.raises(ValidationError, match="RECORDED"):
        ReplayLogEvent(LogLevel.INFO, "{RECORDED_COUNTS}")


def test_an_age_counts_from_the_look_up(tmp_path: Path) -> None:
    """A date is that date, whenever it is asked for; an age is none that is negative."""
    storage, now = storage_in(tmp_path), datetime(2026, 1, 2, tzinfo=UTC)
    aged = GracyReplay("replay", storage, timedelta(days=1))
    assert aged.since(now.timestamp()) == datetime(2026, 1, 1, tzinfo=UTC)
    assert aged.since(now.timestamp() + 60) == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert GracyReplay("replay", storage, now).since(0.0) == now
    assert GracyReplay("replay", storage).since(0.0) is None
    assert GracyReplay("replay", storage, timedelta.max).since(now.timestamp()) is None  # before there were dates
    with pytest.raises(ValidationError, match="an age is not negative"):
        GracyReplay("replay", storage, timedelta(seconds=-1))


@pytest.mark.parametrize(("field", "wrong"), [("exhausted", "again"), ("timing", "slow")])
def test_a_wrong_option_is_named(tmp_path: Path, field: str, wrong: Any) -> None:
    """With its field."""
    options: dict[str, Any] = {field: wrong}
    with pytest.raises(ValidationError, match=field):
        GracyReplay("replay", storage_in(tmp_path), **options)


class Small(GracyReplayStorage):
    """A storage of somebody's own, of the small interface."""

    async def record(self, response: Any) -> None:
        """Keeps nothing."""

    async def _load(self, request: Any) -> Any:
        """Has nothing."""


class Unforgetful(RecordingStorage):
    """A storage of recordings that cannot forget."""

    async def save(self, asked: Any, recording: Any, position: int, *, is_first: bool) -> None:
        """Keeps nothing."""

    async def find(self, asked: Any, position: int, wanted: Any = None) -> None:
        """Has nothing."""

    def recordings(self) -> Any:
        """Yields nothing."""
        yield from ()


def test_some_modes_need_a_storage_of_recordings() -> None:
    """Others cannot say whether they are empty, and cannot forget."""
    for mode in ("record", "replay", "smart-replay"):
        GracyReplay(mode, Small())
    for mode in ("once", "refresh"):
        with pytest.raises(ValidationError, match=f'mode "{mode}" needs one of recordings, such as SQLite'):
            GracyReplay(mode, Small())  # type: ignore[arg-type]
    GracyReplay("once", Unforgetful())
    with pytest.raises(ValidationError, match='mode "refresh" needs one that can forget'):
        GracyReplay("refresh", Unforgetful())
