"""Bodies in a content encoding, such as gzip, and what they are without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..bodies import BODY_CAP
from ..family import family_of

if TYPE_CHECKING:
    from ..family import Request

__all__ = ["without_encoding"]

_PIECE: Final = 16 * 1024
"""Bytes that are decoded at a time: compressed at most about 1,000 : 1, so that the cap on what comes out can hold."""


def without_encoding(request: Request, encoding: str, raw: bytes) -> bytes:
    """Returns the decoded body, or the raw one when it cannot be decoded or would be over the cap.

    Args:
        request: one of the family that decodes it.
        encoding: what `Content-Encoding` says.
        raw: the body as it is on the wire.
    """
    family = family_of(request)
    pieces = (raw[start : start + _PIECE] for start in range(0, len(raw), _PIECE))
    view = family.Response(200, headers={"content-encoding": encoding}, content=pieces)
    content = bytearray()
    try:
        for chunk in view.iter_bytes():
            content += chunk
            if len(content) > BODY_CAP:
                return raw
    except family.module.DecodingError:
        return raw
    return bytes(content)
