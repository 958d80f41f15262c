"""The demo: a flaky API on a loopback socket, tamed in three ways at once, and judged.

`api` is the API, which runs in its own process and serves the tables of `data`; `plan` says how many calls there are
and within which limits. `naive` makes them with plain httpx; `attached`, `declared` and `alone` make them in the three
ways of the library, and are meant to be read. `crowd` makes many of them at once. `board` hears what happens, `meter`
counts what is in flight, `judge` compares it with what was promised. `scene` is all there is to show, `lines`, `view`,
`closing` and `strokes` show it; `run` puts everything together.
"""

from __future__ import annotations

from .run import run_demo

__all__ = ["run_demo"]
