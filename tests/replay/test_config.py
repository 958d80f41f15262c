"""The configuration of a replay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gracy_transport import GracyReplay as PublicGracyReplay
from gracy_transport.logevents import LogLevel
from gracy_transport.replay import GracyReplay, ReplayLogEvent
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
