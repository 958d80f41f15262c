"""Pages: one after the other by hand, or all of them in an `async for`.

`base` holds `GracyPaginator`, for any kind of token. `offset` counts items, `cursor` hands back what the server gave,
`link` follows the URL of the next page. `walk` is one way through the pages: where it stands, and how it goes on.
"""

from __future__ import annotations

from .base import GracyPaginator
from .cursor import GracyCursorPaginator
from .link import GracyLinkPaginator
from .offset import GracyOffsetPaginator

__all__ = ["GracyCursorPaginator", "GracyLinkPaginator", "GracyOffsetPaginator", "GracyPaginator"]
