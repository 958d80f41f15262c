"""The command `check-recordings`: looks in recordings for what looks like a secret that redaction missed.

`shapes` knows what secrets look like, `walking` goes through a document, `scanning` through a file of whatever kind,
`check` says what was found, and never the secret itself.
"""

from __future__ import annotations

from .check import check_recordings

__all__ = ["check_recordings"]
