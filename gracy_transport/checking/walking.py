"""Goes through a document of any format and finds what looks like a secret in it. Pure.

A document is what JSON or YAML holds: our own recordings, entries of a HAR, interactions of a cassette. Bodies in it
are looked into: text that is JSON again, events and lines, base64, gzip.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from .shapes import (
    cookies_in,
    every_shape_in,
    header_value,
    looks_secret,
    named_in,
    recorded_without,
    without_placeholders,
)

__all__ = ["Secret", "masked", "secrets_in", "secrets_in_line"]

_LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a compressed body that are looked at."""
_GZIP: Final = b"\x1f\x8b"
_HIDDEN: Final = "[…]"


@dataclass(frozen=True, slots=True)
class Secret:
    """What looks like a secret.

    Attributes:
        where: the place in the document, as `response.body.json.items[0].token`.
        kind: what it looks like.
        value: the secret itself, which must not be shown.
    """

    where: str
    kind: str
    value: str


def secrets_in(document: Any) -> Iterator[Secret]:
    """Yields what looks like a secret in a document, each value once in each place."""
    yield from dict.fromkeys(_walk("", document))


def secrets_in_line(line: str) -> Iterator[Secret]:
    """Yields what looks like a secret in a line of any text."""
    text = without_placeholders(line)
    found = dict.fromkeys(value for _kind, value in every_shape_in(text))
    yield from _shaped("", text)
    for name, value in named_in(text, is_line=True):
        if not any(value in other or other in value for other in found):
            yield Secret("", f"value of {name}", value)


def masked(text: str) -> str:
    """Returns a text without what looks like a secret in it, for places that are named."""
    for secret in sorted(secrets_in_line(text), key=lambda each: len(each.value), reverse=True):
        text = text.replace(secret.value, _HIDDEN)
    return text


def _walk(where: str, value: Any, *, are_headers: bool = False) -> Iterator[Secret]:
    if isinstance(value, dict):
        yield from _fields(where, cast("dict[str, Any]", value), are_headers=are_headers)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(cast("Iterable[Any]", value)):
            pair = _pair(each)
            if are_headers and pair is not None:
                yield from _header(f"{where}.{pair[0]}", *pair)
            elif are_headers and isinstance(each, dict):
                yield from _fields(where, cast("dict[str, Any]", each), are_headers=True)
            else:
                yield from _walk(f"{where}[{number}]", each)
    elif isinstance(value, str):
        yield from _text(where, value)
    elif isinstance(value, bytes):
        yield from _bytes(where, value)


def _fields(where: str, fields: dict[str, Any], *, are_headers: bool) -> Iterator[Secret]:
    named, encoded = _named(fields), _encoded(fields)
    if named is not None:
        yield from (_header if are_headers else _field)(f"{where}.{named[0]}", *named)
        fields = {name: value for name, value in fields.items() if name != "value"}
        are_headers = False
    for name, value in fields.items():
        path = f"{where}.{name}" if where else str(name)
        if encoded is not None and value is encoded:
            yield from _bytes(path, _from_base64(encoded))
        elif are_headers:
            for each in cast("Iterable[Any]", value if isinstance(value, list | tuple) else [value]):
                yield from _header(path, str(name), _as_text(each))
        elif isinstance(value, str):
            yield from _field(path, str(name), value)
        else:
            yield from _walk(path, value, are_headers="headers" in str(name).lower())
        yield from _shaped(path, str(name))


def _field(where: str, name: str, value: str) -> Iterator[Secret]:
    text = without_placeholders(value)
    yield from _named_secret(where, name, text) if looks_secret(name, text) else _text(where, value)


def _header(where: str, name: str, value: str) -> Iterator[Secret]:
    text, lowered = without_placeholders(value), name.lower()
    secret = header_value(lowered, text)
    if secret:
        yield from _named_secret(where, name, secret)
    elif lowered in {"cookie", "set-cookie"}:
        for cookie, each in cookies_in(lowered, text):
            yield from _named_secret(f"{where}.{cookie}", cookie, each)
    else:
        yield from _text(where, value)


def _named_secret(where: str, name: str, value: str) -> Iterator[Secret]:
    """Yields the value of a secret's name, by its shape if it has one."""
    kind = next((kind for kind, shaped in every_shape_in(value) if shaped in value), f"value of {name}")
    yield Secret(where, kind, value)


def _text(where: str, value: str) -> Iterator[Secret]:
    text = without_placeholders(value)
    if len(text) < 8:
        return
    inner = _json_in(text)
    if inner is not None:
        yield from _walk(where, inner)
        return
    lines = text.split("\n")
    if len(lines) > 1 and any(_begins_json(line) for line in lines):
        for number, line in enumerate(lines, 1):
            yield from _text(f"{where}:{number}", line.removeprefix("data:").strip())
        return
    yield from _shaped(where, text)
    for name, secret in (*named_in(text), *recorded_without(text)):
        yield Secret(f"{where}.{name}", f"value of {name}", secret)


def _shaped(where: str, text: str) -> Iterator[Secret]:
    for kind, value in every_shape_in(text):
        yield Secret(where, kind, value)


def _bytes(where: str, value: bytes) -> Iterator[Secret]:
    if value.startswith(_GZIP):
        with suppress(zlib.error):
            value = zlib.decompressobj(31).decompress(value, _LARGEST)
    yield from _text(where, _as_text(value))


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _json_in(text: str) -> Any:
    if not _begins_json(text):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _begins_json(text: str) -> bool:
    return text.removeprefix("data:").lstrip()[:1] in {"{", "["}


def _pair(value: Any) -> tuple[str, str] | None:
    """Returns name and value of a header as recordings have it."""
    if isinstance(value, list | tuple):
        those = tuple(cast("Iterable[Any]", value))
        if len(those) == 2 and isinstance(those[0], str):
            return those[0], _as_text(those[1])
    return None


def _named(fields: dict[str, Any]) -> tuple[str, str] | None:
    """Returns name and value of a header, a parameter or a cookie as a HAR has it."""
    name, value = fields.get("name"), fields.get("value")
    return (name, value) if isinstance(name, str) and isinstance(value, str) else None


def _encoded(fields: dict[str, Any]) -> str | None:
    """Returns the text that is base64 in the body of a recording, a HAR or a cassette."""
    is_base64 = "base64" in {fields.get("encoding"), fields.get("_encoding")}
    found = fields.get("text") if is_base64 else fields.get("base64", fields.get("base64_string"))
    return found if isinstance(found, str) else None


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")
