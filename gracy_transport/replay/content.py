"""What is in a body: JSON, a form, a multipart upload or just bytes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = [
    "BOUNDARY",
    "boundary_of",
    "has_json",
    "is_form",
    "is_text",
    "is_xml",
    "media_type_of",
    "text_of",
    "with_plain_boundary",
]

BOUNDARY: Final = "gracy"
"""What stands for the boundary of every recorded multipart body: the real ones are random and mean nothing."""

_BOUNDARY: Final = re.compile(r'(boundary=)(?:"([^"]+)"|([^;\s"]+))', re.IGNORECASE)
_TEXT: Final = re.compile(r"^\s*text/|json|xml(?!formats)|javascript|urlencoded|charset=", re.IGNORECASE)
"""Rather too many than a secret in one too few; but `openxmlformats` are zipped files of an office."""


def text_of(body: bytes) -> str | None:
    """Returns the body as text when it is UTF-8, else `None`."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def media_type_of(headers: Iterable[tuple[str, str]]) -> str:
    """Returns the content type that headers name, as it is written; empty when they name none."""
    for name, value in headers:  # a generator takes three times as long, and this is done for every answer
        if name.lower() == "content-type":
            return value
    return ""


def has_json(body: bytes, media_type: str) -> bool:
    """Tells whether a body is to be searched for JSON: by its media type, or because it begins like it."""
    kind = media_type.partition(";")[0].strip().lower()
    return body.lstrip()[:1] in {b"{", b"["} or kind.endswith("json") or kind == "text/event-stream"


def is_text(media_type: str) -> bool:
    """Tells whether the media type is that of text, in whatever charset."""
    return _TEXT.search(media_type) is not None


def is_xml(media_type: str) -> bool:
    """Tells whether the media type is that of XML, of whatever kind."""
    return media_type.partition(";")[0].strip().lower().endswith("xml")


def is_form(media_type: str) -> bool:
    """Tells whether the media type is that of a form."""
    return media_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def boundary_of(media_type: str) -> str | None:
    """Returns the boundary of a multipart media type, or `None` for any other."""
    if not media_type.lstrip().lower().startswith("multipart/"):
        return None
    match = _BOUNDARY.search(media_type)
    return None if match is None else match[2] or match[3]


def with_plain_boundary(media_type: str) -> str:
    """Returns a multipart media type with the boundary that recordings use; any other as it is."""
    if boundary_of(media_type) is None:
        return media_type
    return _BOUNDARY.sub(rf"\g<1>{BOUNDARY}", media_type, count=1)
