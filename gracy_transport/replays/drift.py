"""What an API answers now, held against what was recorded of it: `find_drift`, and `compare` for two answers."""

from __future__ import annotations

from ..drift import Change, Drift, Drifted, Skipped, compare, find_drift

__all__ = ["Change", "Drift", "Drifted", "Skipped", "compare", "find_drift"]
