"""What can be said of the body of a request before it is sent a second time; it is not read for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exceptions import BodyConsumed
from .family import error_for, family_of
from .showing import shown_url

if TYPE_CHECKING:
    from .call import Call
    from .family import Request

__all__ = ["body_of", "can_resend", "refuse_consumed"]


def body_of(request: Request) -> object:
    """Returns what stands for the body of a request: the same object where the same body is sent."""
    return request.stream


def can_resend(request: Request) -> bool:
    """Tells whether sending the request again would send the same body.

    True for bytes, text, JSON and forms, for multipart with seekable files, and for iterables that start anew each
    time. False for generators, iterators and open files, and for streams that cannot be seen through.
    """
    stream: Any = request.stream
    if hasattr(request, "_content") or isinstance(stream, type(family_of(request).ByteStream(b""))):
        return True
    fields = getattr(stream, "fields", None)
    if fields is not None:
        return all(_can_rewind(field.file) for field in fields if hasattr(field, "file"))
    is_made_by_client = type(stream).__module__.partition(".")[0] == family_of(request).name
    source = getattr(stream, "_stream", None) if is_made_by_client else None
    if source is None or hasattr(source, "read") or hasattr(source, "aread"):
        return False
    if isinstance(source, family_of(request).AsyncByteStream):
        return False  # most are good for one time: the body of another response, say
    return hasattr(source, "__aiter__") and not hasattr(source, "__anext__")


def _can_rewind(file: Any) -> bool:
    if isinstance(file, str | bytes):
        return True
    try:
        if getattr(file, "seekable", None) is not None:
            return bool(file.seekable()) and hasattr(file, "seek")
        file.seek(0)  # it does not say: the client is about to do this, too, and would go on if it failed
    except Exception:  # noqa: BLE001 - a closed file, one that cannot seek, an object of the user's own
        return False
    return True


def refuse_consumed(request: Request, call: Call) -> None:
    """Raises when a later hop of a call would send a body that the hop before has used up.

    A client that follows a redirect, or answers a challenge, sends what is left of an open file, which is nothing.

    Raises:
        BodyConsumed: saying what to give instead.
    """
    stream: Any = request.stream
    # A multipart knows no more than that its files cannot be rewound; a stream of the user's own is the user's matter.
    is_consumed = hasattr(stream, "fields") or getattr(stream, "_is_stream_consumed", False)
    if is_consumed and not can_resend(request):
        raise error_for(
            request,
            BodyConsumed,
            f"{request.method} {shown_url(request)}: not sent on after a redirect or a challenge, as its body "
            "could be read only once; give bytes or a seekable file, or send it where the redirect points",
            call=call,
        )
