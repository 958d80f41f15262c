"""Where the recordings of a test are kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from gracy_transport.redis import RedisReplayStorage
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from tests.replay.support import Home, sqlite_in


@pytest.fixture(params=["sqlite", "lines", "redis"])
def home(request: pytest.FixtureRequest, tmp_path: Path, namespace: str) -> Home:
    """Gives storages on the same recordings, in files and on a real server."""
    if request.param == "sqlite":
        return partial(sqlite_in, tmp_path)
    if request.param == "lines":
        return partial(JSONLinesReplayStorage, tmp_path)
    return partial(RedisReplayStorage, request.getfixturevalue("valkey"), namespace=namespace)
