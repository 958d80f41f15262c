"""Asks how much longer a program takes to start because it imports the library."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from .figures import Figure

TITLE = "Import time over httpx, anyio and pydantic, in processes of their own"

_PROBE = """
import httpx, anyio, time
from pydantic import BaseModel
class Model(BaseModel):
    field: int
before = time.perf_counter()
import gracy_transport, gracy_transport.stack
print((time.perf_counter() - before) * 1000)
"""
"""A first model is made before the watch starts: pydantic loads most of itself only then."""


async def ask(*, quick: bool) -> list[Figure]:
    """Starts some interpreters, one after the other."""
    took = [_run() for _ in range(5 if quick else 15)]
    return [Figure("import gracy_transport", median(took), "ms", min(took), at_most=25.0)]


def _run() -> float:
    done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    return float(done.stdout)
