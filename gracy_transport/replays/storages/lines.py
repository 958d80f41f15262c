"""Recordings as lines of JSON: `JSONLinesReplayStorage`."""

from __future__ import annotations

from ...replay.lines import JSONLinesReplayStorage

__all__ = ["JSONLinesReplayStorage"]
