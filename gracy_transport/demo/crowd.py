"""Many calls at once, as code makes them that leaves the limits to the stack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

import anyio

from .board import Board

__all__ = ["Crowd"]

MOST_AT_ONCE: Final = 500
"""Calls that may be without an answer; who has more to ask waits for the first answers, as a real program would."""


class Crowd:
    """Asks without waiting for answers, and lets the block end when the last one is there.

    Args:
        board: books what becomes of each call.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._room = anyio.Semaphore(MOST_AT_ONCE)
        self._tasks = anyio.create_task_group()

    async def ask(self, template: str, call: Callable[[], Awaitable[object]], expected: object) -> None:
        """Begins a call; its answer is compared with the expected one."""
        await self._room.acquire()
        self._tasks.start_soon(self._settle, template, call, expected)

    async def _settle(self, template: str, call: Callable[[], Awaitable[object]], expected: object) -> None:
        try:
            await self._board.ask(template, call, expected)
        finally:
            self._room.release()

    async def __aenter__(self) -> Self:
        """Opens the group of tasks."""
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Waits for all answers."""
        return await self._tasks.__aexit__(kind, error, trace)
