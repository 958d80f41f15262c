"""Recordings in a SQLite file: `SQLiteReplayStorage`."""

from __future__ import annotations

from ...replay.sqlite import SQLiteReplayStorage

__all__ = ["SQLiteReplayStorage"]
