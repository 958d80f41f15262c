"""Recording and replaying: exchanges are remembered once and answered from memory afterwards."""

from __future__ import annotations

from .config import GracyReplay, ReplayLogEvent
from .recording import RecordedError, RecordedRequest, RecordedResponse, Recording
from .state import ReplayState
from .storage import GracyReplayStorage, RecordingStorage
from .transport import ReplayTransport

__all__ = [
    "GracyReplay",
    "GracyReplayStorage",
    "RecordedError",
    "RecordedRequest",
    "RecordedResponse",
    "Recording",
    "RecordingStorage",
    "ReplayLogEvent",
    "ReplayState",
    "ReplayTransport",
]
