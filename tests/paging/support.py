"""Lists with pages, for the tests of the paginators."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from typing import Any, TypeVar

from anyio.lowlevel import checkpoint

Page = TypeVar("Page")


class Numbers:
    """The numbers from 0, in pages by offset and limit. It remembers what it was asked, and fails when told to."""

    def __init__(self, count: int) -> None:
        self.items: Sequence[int] = range(count)
        self.asked: list[dict[str, int]] = []
        self.fails = 0

    async def list(self, **params: Any) -> Any:
        """Returns a page as the README's API does."""
        await checkpoint()
        self.asked.append(params)
        if self.fails:
            self.fails -= 1
            raise ConnectionError("scripted")
        offset, limit = params["offset"], params["limit"]
        end = offset + limit
        return {"results": [*self.items[offset:end]], "next": f"?offset={end}" if end < len(self.items) else None}


async def collect(pages: AsyncIterable[Page]) -> list[Page]:
    """Returns all pages of a loop."""
    return [page async for page in pages]
