"""A scriptable HTTP server on real loopback sockets, to test clients against flaky APIs.

```python
async with Origin() as origin:
    origin.on("GET", "/flaky").reply(
        Reply(503),
        Reply(429, headers={"Retry-After": "2"}),
        Reply(json={"ok": True}),  # the last one repeats
    )
    origin.on("GET", "/broken").reply(Reply(text="never whole", fault="reset_in_body", fault_at=5))
    origin.on("/pokemon").handle(RateLimited(10, per=1.0, then=Paginated(["ditto", "pikachu"])))

    async with httpx.AsyncClient(base_url=origin.url) as client:
        response = await client.get("/flaky")

    assert [visit.status for visit in origin.visits] == [503]
```

It needs anyio and h11, which httpx brings, and runs on asyncio and trio. `origin_process` serves one in
another process.
"""

from __future__ import annotations

from .behaviours import Flaky, RateLimited
from .feeds import EventStream, Paginated
from .process import Arrival, OriginProcess, origin_process
from .reply import Fault, Reply
from .script import Handler, Route
from .server import Origin
from .visit import Visit

__all__ = [
    "Arrival",
    "EventStream",
    "Fault",
    "Flaky",
    "Handler",
    "Origin",
    "OriginProcess",
    "Paginated",
    "RateLimited",
    "Reply",
    "Route",
    "Visit",
    "origin_process",
]
