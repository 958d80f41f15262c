"""Drift: recorded answers held against live ones, to see whether an API is still what was recorded.

`compare` says what differs in two answers and `shape` what the shape of JSON is, both pure; `asking` asks again,
`report` shows what came of it, `command` is the command line.
"""

from __future__ import annotations

from .asking import find_drift
from .compare import Change, compare
from .report import Drift, Drifted, Skipped

__all__ = ["Change", "Drift", "Drifted", "Skipped", "compare", "find_drift"]
