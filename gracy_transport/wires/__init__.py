"""Wires other than httpx's own: what a stack talks to the network with, chosen by one word.

`GracyConfig(wire="aiohttp")` lets every transport of httpx (or httpx2) below a stack be stood for by one of aiohttp
that has the same settings; `aiohttp` says what stays the same, and what does not. `settings` reads those settings,
`exchange` is one request and its answer, `uploads` and `downloads` are their bodies, `failures` what went wrong.
Nothing here is imported before a config asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..family import is_httpx_wire

if TYPE_CHECKING:
    from ..family import AsyncTransport

__all__ = ["wired"]


def wired(inner: AsyncTransport, wire: str | None) -> AsyncTransport:
    """Returns what is to be the innermost transport of a stack whose config names that wire.

    Only an `AsyncHTTPTransport` of httpx or httpx2 is exchanged: any other transport was chosen on purpose, a mock in
    a test above all, and a subclass does what its author wants. A second stack around the same gets the same again.

    Raises:
        CompositionError: when the transport has settings that the wire cannot keep, naming them.
    """
    if wire is None or not is_httpx_wire(inner):
        return inner
    from .aiohttp import AiohttpTransport

    return AiohttpTransport(inner)
