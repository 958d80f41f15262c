"""The key by which a server recognises a request that it has seen before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

from ..bodies import variant
from ..resending import body_of
from .config import IDEMPOTENT
from .verdict import has_key

if TYPE_CHECKING:
    from ..call import Call
    from ..family import Request
    from .config import GracefulRetry

__all__ = ["with_key"]

_HEADER: Final = "Idempotency-Key"


class MintedKey(NamedTuple):
    """A key that was made for a call, and what it stands for: it must not be seen with anything else."""

    text: str
    origin: str
    method: str
    body: object


def with_key(request: Request, call: Call, config: GracefulRetry) -> Request:
    """Returns the request to send in place of the caller's: with a key, if it needs one and has none.

    The key is the call's: the same for each attempt, and after a redirect or a challenge if the same is asked of the
    same origin. Another origin never sees it, nor one of its own: it was not that server the user wrote of.
    """
    if request.method in IDEMPOTENT or has_key(request.headers):
        return request
    minted = call.minted
    if isinstance(minted, MintedKey):
        if minted.origin != call.origin:
            return request
        if minted.method == request.method and minted.body is body_of(request):
            return _keyed(request, minted.text)
    text = str(uuid4())
    if config.idempotency_key != "bare":
        text = f'"{text}"'  # a String of Structured Fields (RFC 9651), as the draft wants it
    call.minted = MintedKey(text, call.origin, request.method, body_of(request))
    return _keyed(request, text)


def _keyed(request: Request, text: str) -> Request:
    headers = request.headers.copy()
    headers[_HEADER] = text
    return variant(request, headers=headers)
