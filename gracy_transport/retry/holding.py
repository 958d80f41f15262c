"""Reading the body of a response as part of the attempt, so that one that breaks off has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..bodies import BODY_CAP, buffer, has_end, read
from .verdict import is_unwanted

if TYPE_CHECKING:
    from ..call import Call
    from ..family import Request, Response
    from .config import GracefulRetry

__all__ = ["can_be_read", "hold"]

_MOST_DIGITS: Final = 20
"""Digits of a length that is looked at: no body is that long, and of thousands Python makes no number."""


async def hold(request: Request, call: Call, config: GracefulRetry, response: Response) -> None:
    """Reads the body of a response that will be accepted. Raises whatever breaks it."""
    is_followed = call.options.is_followed
    if not has_end(request, response) or is_unwanted(config, response.status_code, is_followed=is_followed):
        return
    if call.options.reads_body:
        await read(request, response)  # the caller will hold all of it anyway
    elif _is_holdable(response):
        await buffer(request, response)


def _is_holdable(response: Response) -> bool:
    """Tells whether a body may be expected to end, and within the cap."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > _MOST_DIGITS or int(length) > BODY_CAP):
        return False
    return not response.headers.get("content-type", "").lower().startswith("text/event-stream")


def can_be_read(response: Response) -> bool:
    """Tells whether a caller can still get the body: it is open, or it is in memory already."""
    return not response.is_closed or hasattr(response, "_content")
