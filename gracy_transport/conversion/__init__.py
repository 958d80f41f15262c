"""The command `convert-recordings`: recordings of the original library, which are pickled, made into ours.

`reader` runs in a process of its own and reads the old file, `child` talks to that process and outlives it, `convert`
makes recordings of what was read and says what could not be.
"""

from __future__ import annotations

from .convert import convert_recordings

__all__ = ["convert_recordings"]
