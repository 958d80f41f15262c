"""The text that a body is, in whatever charset, and the very same bytes again. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from .content import is_text, text_of

__all__ = ["Text", "read_text"]

_MARKS: Final = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_ZEROS: Final = ((b"\0\0\0", "utf-32-be"), (b"\0", "utf-16-be"))


class Text(NamedTuple):
    """The text of a body.

    Attributes:
        text: what it says; a byte that is not of the charset is a lone surrogate.
        charset: in which it is written.
        errors: how lone surrogates become bytes again.
    """

    text: str
    charset: str = "utf-8"
    errors: str = "strict"

    def encode(self, text: str) -> bytes:
        """Returns another text in the same charset."""
        return text.encode(self.charset, self.errors)


def read_text(body: bytes, media_type: str) -> Text | None:
    """Returns the text that a body is, or `None` for one that is none.

    UTF-16 and UTF-32 are known by their first bytes. What is of another charset is read as far as its letters are those
    of ASCII, if its media type says that it is text.
    """
    charset = _charset_of(body[:4]) if b"\0" in body[:4] or body.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
    if charset and (not media_type or is_text(media_type)):
        try:
            found = Text(body.decode(charset), charset)
            if found.encode(found.text) == body:
                return found
        except UnicodeError:
            pass  # it only begins like that
    text = text_of(body)
    if text is not None:
        return Text(text)
    return Text(body.decode(errors="surrogateescape"), errors="surrogateescape") if is_text(media_type) else None


def _charset_of(begins: bytes) -> str:
    """Returns the charset that a text with those first four bytes is written in; nothing when they do not tell."""
    for mark, charset in (*_MARKS, *_ZEROS):
        if begins.startswith(mark):
            return charset
    if begins[1:] == b"\0\0\0":
        return "utf-32-le"
    return "utf-16-le" if begins[1:2] == b"\0" else ""
