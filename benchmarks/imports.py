"""Asks how much longer a program takes to start, and to get its first answer, because it uses the library."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from .figures import Figure

TITLE = "Import time over httpx, anyio and pydantic, in processes of their own"

_BEFORE: Final = """
import asyncio, httpx, anyio, time
from pydantic import BaseModel
class Model(BaseModel):
    field: int
async def ask(transport):
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("https://example.org/")
wire = httpx.MockTransport(lambda request: httpx.Response(200))
asyncio.run(ask(wire))
before = time.perf_counter()
"""
"""What is there before the watch starts: pydantic and httpx load most of themselves when they are first used."""

_AFTER: Final = """
print((time.perf_counter() - before) * 1000)
"""

_STACK: Final = """
from gracy_transport import GracefulRetry, GracyConfig, GracyTransport, LogEvent, LogLevel, ThrottleRule
"""

_FIRST: Final = """
config = GracyConfig(retry=GracefulRetry(max_attempts=2), throttling=ThrottleRule(".*", 10), concurrent_requests=5,
                     log_errors=LogEvent(LogLevel.ERROR), strict_status_code=200)
asyncio.run(ask(GracyTransport(wire, config)))
"""

_QUESTIONS: Final[Mapping[str, tuple[str, float | None]]] = {
    "import gracy_transport": ("import gracy_transport", None),
    "import gracy_transport.stack": ("import gracy_transport, gracy_transport.stack", 25.0),
    "from gracy_transport import GracyTransport, GracyConfig, ...": (_STACK, None),
    "the same, a stack and its first answer": (_STACK + _FIRST, None),
    "from gracy_transport import Gracy": ("from gracy_transport import Gracy", None),
}
"""What is timed, and its goal in milliseconds."""


async def ask(*, quick: bool) -> list[Figure]:
    """Starts some interpreters, one after the other."""
    with TemporaryDirectory() as bytecode:
        # As an installed package has it: where writing bytecode is switched off, all would be compiled each time.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return [_figure(name, code, goal, environment, quick=quick) for name, (code, goal) in _QUESTIONS.items()]


def _figure(name: str, code: str, goal: float | None, environment: Mapping[str, str], *, quick: bool) -> Figure:
    _run(code, environment)  # writes the bytecode
    took = [_run(code, environment) for _ in range(5 if quick else 15)]
    return Figure(name, median(took), "ms", min(took), at_most=goal)


def _run(code: str, environment: Mapping[str, str]) -> float:
    command = [sys.executable, "-c", f"{_BEFORE}{code}{_AFTER}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)
