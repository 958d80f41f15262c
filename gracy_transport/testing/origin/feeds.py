"""Handlers that serve data: pages of a list, and server-sent events."""

from __future__ import annotations

from itertools import islice
from json import dumps
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from .reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .visit import Visit

MOST_DIGITS = 18
"""Digits of a number that every platform can count up to."""


class Paginated:
    """Serves a list in pages: `{"count", "next", "previous", "results"}`, asked for by `offset` and `limit`.

    `next` and `previous` are absolute URLs, or null; other parameters of the query are carried along. A page
    outside the list is empty, an `offset` or `limit` that is no natural number gets a 400.
    """

    def __init__(self, items: Iterable[object], page_size: int = 20, *, max_page_size: int | None = None) -> None:
        """Serves `items`, which JSON can encode.

        `page_size` is the limit of a request that names none, and `max_page_size` caps the others. Raises
        `ValueError` when `page_size` is below 1.
        """
        if page_size < 1:
            message = f"page_size={page_size!r} makes no pages: give at least 1"
            raise ValueError(message)
        self.items: Sequence[object] = tuple(items)
        self.page_size = page_size
        self.max_page_size = max_page_size

    def __call__(self, visit: Visit) -> Reply:
        """Answers a visit."""
        query = visit.query
        given = query.get("offset", "0"), query.get("limit", str(self.page_size))
        offset, limit = map(_natural, given)
        if offset is None or not limit:
            error = f"offset={given[0]!r} limit={given[1]!r} is no page: give natural numbers, limit > 0"
            return Reply(400, json={"error": error})
        limit = min(limit, self.max_page_size or limit)
        total = len(self.items)
        page = {
            "count": total,
            "next": _page(visit, query, offset + limit, limit) if offset + limit < total else None,
            "previous": _page(visit, query, max(0, offset - limit), limit) if offset else None,
            "results": self.items[offset : offset + limit],
        }
        return Reply(json=page)


def _page(visit: Visit, query: dict[str, str], offset: int, limit: int) -> str:
    parameters = {**query, "offset": str(offset), "limit": str(limit)}
    return f"{visit.url.partition('?')[0]}?{urlencode(parameters)}"


def _natural(text: str) -> int | None:
    """Returns a number as clients write it, or `None` for what is none, or larger than any place in a list."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None


class EventStream:
    """Serves server-sent events, one chunk for each, numbered from 1 by their `id`.

    A client that comes again with `Last-Event-ID` gets the events after that one.
    """

    def __init__(
        self,
        events: Iterable[str | Mapping[str, object]],
        interval: float = 0.0,
        *,
        cut_after: int | None = None,
    ) -> None:
        """Serves `events`, a mapping as JSON, with `interval` seconds between them.

        `cut_after=n` resets each connection after n events, unless it has come to the last one.
        """
        self.events = [event if isinstance(event, str) else dumps(event, ensure_ascii=False) for event in events]
        self.interval = interval
        self.cut_after = cut_after

    def __call__(self, visit: Visit) -> Reply:
        """Answers a visit."""
        seen = _natural(visit.headers.get("last-event-id", "")) or 0
        chunks = list(islice(self._chunks(), seen, None))
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        reply = Reply(headers=headers, chunks=chunks, chunk_delay=self.interval)
        if self.cut_after is None or self.cut_after >= len(chunks):
            return reply
        cut = sum(map(len, chunks[: self.cut_after]))
        return Reply(headers=headers, chunks=chunks, chunk_delay=self.interval, fault="reset_in_body", fault_at=cut)

    def _chunks(self) -> Iterator[bytes]:
        for number, event in enumerate(self.events, start=1):
            lines = "".join(f"data: {line}\n" for line in event.split("\n"))
            yield f"id: {number}\n{lines}\n".encode()
