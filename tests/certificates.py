"""A certificate authority that lives as long as the test run, and the contexts of both sides."""

from __future__ import annotations

import ssl
from functools import cache

import trustme


@cache
def authority() -> trustme.CA:
    """Returns the one that issues; nobody but our clients trusts it."""
    return trustme.CA()


@cache
def of_server(*protocols: str) -> ssl.SSLContext:
    """Returns the context of a server on 127.0.0.1 that offers those protocols by ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(list(protocols))
    return context


def of_client(*, trusts: bool = True) -> ssl.SSLContext:
    """Returns a context that verifies, of a client that trusts the authority or nobody; the client sets its ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusts:
        authority().configure_trust(context)
    return context
