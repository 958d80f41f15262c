"""The storages for recordings, one module each; their classes are here, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lines import JSONLinesReplayStorage
    from .memory import MemoryReplayStorage
    from .sqlite import SQLiteReplayStorage

__all__ = ["JSONLinesReplayStorage", "MemoryReplayStorage", "SQLiteReplayStorage"]

if not TYPE_CHECKING:  # who keeps lines of JSON needs no SQLite
    from ...late import loaded_late

    __getattr__, __dir__ = loaded_late(
        __name__,
        {
            "JSONLinesReplayStorage": ".lines",
            "MemoryReplayStorage": ".memory",
            "SQLiteReplayStorage": ".sqlite",
        },
    )
