"""The command `convert-recordings`: recordings of one kind made into recordings of another.

`sources` tells what a file is and reads it, `targets` writes one, `servers` knows those on Redis, `convert` says what
could not be converted. What the original library recorded is pickled: `reader` runs in a process of its own and reads
the file: `pickled` reads a pickle without running it, `exchanges` finds in it what was asked and answered. `child`
talks to that process and outlives it, `originals` makes recordings of what was read.
"""

from __future__ import annotations

from .convert import convert_recordings

__all__ = ["convert_recordings"]
