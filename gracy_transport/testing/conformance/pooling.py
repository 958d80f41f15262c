"""Promises about the connections of a real pool, to a real server on the loopback."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, Final, TypeAlias

import anyio

from ..origin import Origin, Reply
from .check import Wrap, require

ANSWER: Final = {"padding": "x" * 100_000}
"""Larger than what a socket holds, so that a body which nobody reads keeps its connection."""

Step: TypeAlias = Callable[[Any, Origin], Awaitable[object]]


def _script(origin: Origin) -> None:
    origin.on("/whole").reply(Reply(json=ANSWER))
    origin.on("/empty").reply(Reply(204))
    origin.on("/moved").reply(Reply(302, json=ANSWER, headers={"Location": "/whole"}))
    origin.on("/unknown").reply(Reply(404, json=ANSWER))
    origin.on("/down").reply(Reply(503, json=ANSWER))
    origin.on("/broken").reply(Reply(json=ANSWER, fault="truncate"))
    origin.on("/gone").reply(Reply(fault="hangup"))
    origin.on("/silent").reply(Reply(fault="stall"))
    origin.on("/silent-body").reply(Reply(json=ANSWER, fault="stall_in_body"))


async def _closed_early(client: Any, _: Origin) -> None:
    async with client.stream("GET", "/whole") as response:
        assert response.status_code


async def _cancelled(client: Any, origin: Origin, path: str) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, path)
        await origin.until(lambda: any(visit.path == path and visit.left is None for visit in origin.visits))
        tasks.cancel_scope.cancel()


STEPS: Final[dict[str, Step]] = {
    "a body that was read": lambda client, _: client.get("/whole"),
    "a response that was closed unread": _closed_early,
    "a HEAD request": lambda client, _: client.head("/whole"),
    "a 204": lambda client, _: client.get("/empty"),
    "a redirect": lambda client, _: client.get("/moved", follow_redirects=True),
    "a 404": lambda client, _: client.get("/unknown"),
    "a 503": lambda client, _: client.get("/down"),
    "a body that broke": lambda client, _: client.get("/broken"),
    "a connection that was closed": lambda client, _: client.get("/gone"),
    "a request that was cancelled": lambda client, origin: _cancelled(client, origin, "/silent"),
    "a body in which it was cancelled": lambda client, origin: _cancelled(client, origin, "/silent-body"),
}


async def leaks_no_connection(wrap: Wrap, family: ModuleType) -> None:
    """In a client with one connection, each request gives it back, however it ends, and closing closes it."""
    nothing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no certificates, which take long to load
    wire = family.AsyncHTTPTransport(verify=nothing, limits=family.Limits(max_connections=1))
    async with Origin() as origin:
        _script(origin)
        timeout = family.Timeout(5, pool=1)
        async with family.AsyncClient(transport=wrap(wire), base_url=origin.url, timeout=timeout) as client:
            for name, step in STEPS.items():
                with suppress(Exception):  # it may refuse the answer: all that counts is the connection
                    await step(client, origin)
                try:
                    response = await client.get("/whole")
                except family.PoolTimeout:
                    response = None
                require(response is not None, f"after {name} there was no connection for the next request")
                right = response is not None and response.status_code == 200 and response.json() == ANSWER
                require(right, f"after {name} the next request got {response!r}")
        try:
            await origin.until(lambda: origin.open_connections == 0, within=1.0)
        except TimeoutError:
            require(holds=False, what="a connection is open after the client was closed")
