"""Recordings in memory: `MemoryReplayStorage`."""

from __future__ import annotations

from ...replay.memory import MemoryReplayStorage

__all__ = ["MemoryReplayStorage"]
