"""What each process has of a storage."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gracy_transport.replay.books import Books
from gracy_transport.replay.lines import JSONLinesReplayStorage
from gracy_transport.replay.sqlite import SQLiteReplayStorage, _Files
from tests.replay.support import sqlite_in


@pytest.mark.parametrize(("kind", "storage_in"), [(_Files, sqlite_in), (Books, JSONLinesReplayStorage)])
def test_threads_that_come_first_in_a_child_write_together(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    storage_in: Callable[[Path], SQLiteReplayStorage | JSONLinesReplayStorage],
) -> None:
    """Else what one of them records first would replace what the other has recorded after it."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(storage._here()))

    def overtaken(self: Any, *args: Any, **options: Any) -> None:
        if os.getpid() == 1 and not thread.ident:
            thread.start()
            thread.join(30)
        made(self, *args, **options)

    made = kind.__init__
    monkeypatch.setattr(kind, "__init__", overtaken)
    storage = storage_in(tmp_path)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    found.append(storage._here())
    assert found[0] is found[1] is storage._here()
