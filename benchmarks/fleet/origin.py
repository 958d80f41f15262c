"""The server that a fleet asks."""

from __future__ import annotations

from gracy_transport.testing.origin import Origin, Reply

__all__ = ["make"]


def make() -> Origin:
    """Returns an origin that answers after 30 ms, whatever it is asked."""
    origin = Origin(max_visits=1_000_000)
    origin.on("/{KEY}").reply(Reply(delay=0.03), cycle=True)
    return origin
