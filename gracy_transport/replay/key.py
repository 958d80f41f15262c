"""The look-up key: under which number a request is remembered. Pure.

Two requests have the same key when they ask for the same thing: the same method, the same URL (however it is escaped,
whatever the order of its parameters), a body that says the same, and the same of the few headers that say what is asked
for (`TELLING`). In JSON the order of the fields does not matter, in a form the order of the names, in a multipart
upload the boundary. No other header plays a part, so credentials do not either; secrets elsewhere are replaced before,
so that a recording is found with any of them. That is also why requests that differ in nothing but a secret are one and
the same here: their answers come in the order in which they were recorded.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from .content import boundary_of, has_json, is_form

if TYPE_CHECKING:
    from .recording import RecordedRequest

__all__ = [
    "ANY_TASTE",
    "OF_TASTE",
    "TELLING",
    "key_of",
    "key_of_match",
    "key_of_recorded",
    "normal_body",
    "normal_headers",
    "normal_url",
    "places_of_telling",
]

TELLING: Final = frozenset(
    {
        *("accept", "accept-language", "depth", "prefer", "range", "soapaction", "x-amz-target", "x-goog-fieldmask"),
        *("if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since"),
        *("x-http-method", "x-http-method-override", "x-method-override"),
    }
)
"""Headers that say what is asked for, in lower case: two answers to one URL differ by them. What a server does with
any other header nobody knows; most say something of the client, and are not the same on the next machine."""

OF_TASTE: Final = frozenset({"accept", "accept-language"})
"""Those of them that a server may leave aside: answers that were recorded elsewhere may do for any of their values."""
ANY_TASTE: Final = ("accept", "*/*")
"""The header that lets a recording answer whatever kind and language is asked for. No client's own is recorded."""
_ANYTHING: Final = {"accept": "*/*", "accept-language": "*"}
"""What asks for anything, which is as good as nothing."""
_AS_WRITTEN: Final = frozenset(
    {"if-match", "if-none-match", "if-range", "soapaction", "x-amz-target", "x-goog-fieldmask"}
)
"""Those of them in which upper and lower case matter."""
_BLANKS: Final = re.compile(r"\s*([,;=])\s*")

_NUMBER: Final = Struct(">q")
_NORMAL: Final = re.compile(r"https?://[a-z0-9.-]+/[A-Za-z0-9_.~/-]*+(?:\Z|\?[A-Za-z0-9_.~-]++=[A-Za-z0-9_.~-]*+\Z)")
_PORTS: Final = {"http": ":80", "https": ":443"}
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~/-]*")
_PLAIN_QUERY: Final = re.compile(r"(?:[A-Za-z0-9_.~-]+=[A-Za-z0-9_.~-]*(?:&|\Z))*(?<!&)")


def key_of(method: str, url: str, body: bytes, media_type: str, headers: str = "") -> int:
    """Returns the key of a request whose URL and body hold no secrets any more: a signed number of 64 bits.

    `headers` are those that tell something, as `normal_headers` has them. Among ten million different requests the
    odds are about 1 in 370,000 that any two share one.
    """
    # A body says of what kind it is, so that it cannot be taken for a header.
    asked = f"{method.upper()} {normal_url(url)}\n{headers}".encode()
    if body:
        asked += normal_body(body, media_type)
    return _number(asked)


def key_of_match(match: str) -> int:
    """Returns the key of a request that is looked up by a text of its own."""
    return _number(f"match {match}".encode(errors="surrogatepass"))


def key_of_recorded(request: RecordedRequest) -> int:
    """Returns the key under which a request was recorded, which a storage can make of the recording alone."""
    if request.match:
        return key_of_match(request.match)
    return key_of(request.method, request.url, request.body, request.media_type, normal_headers(request.headers))


def _number(asked: bytes) -> int:
    number: int = _NUMBER.unpack(blake2b(asked, digest_size=8).digest())[0]
    return number


def normal_url(url: str) -> str:
    """Returns a URL in the one form that all ways of writing it have: no userinfo, parameters sorted by name."""
    if _NORMAL.match(url):  # as most are
        return url
    origin, slashes, rest = url.partition("://")
    authority, slash, target = rest.partition("/")
    path, _mark, query = target.partition("?")
    if "@" in authority or ":" in authority:
        authority = authority.rpartition("@")[2].removesuffix(_PORTS.get(origin, " "))
    if not _PLAIN.fullmatch(path):
        path = "/".join(_escaped(segment) for segment in path.split("/"))
    ordered = normal_query(query)
    return f"{origin}{slashes}{authority.lower()}{slash}{path}{'?' if ordered else ''}{ordered}"


def normal_query(query: str) -> str:
    """Returns a query or form in the one form that all ways of writing it have; equal names keep their order."""
    if _PLAIN_QUERY.fullmatch(query):  # nothing to escape, and nothing that was
        return "&".join(sorted(query.split("&"), key=_name_in)) if "&" in query else query
    pairs = [part.replace("+", " ").partition("=") for part in query.split("&") if part]
    ordered = sorted(((_escaped(name), _escaped(value)) for name, _equals, value in pairs), key=itemgetter(0))
    return "&".join(f"{name}={value}" for name, value in ordered)


def _name_in(part: str) -> str:
    return part.partition("=")[0]


def places_of_telling(cased: tuple[bytes, ...]) -> tuple[tuple[int, str], ...]:
    """Returns the places, and the names in lower case, of those of the headers that say what is asked for."""
    names = [name.decode("latin-1").lower() for name in cased]
    return tuple([(place, name) for place, name in enumerate(names) if name in TELLING])


@lru_cache(maxsize=256)  # most requests of a program ask for the same kinds of answers
def normal_headers(headers: tuple[tuple[str, str], ...]) -> str:
    """Returns the headers that say what is asked for, in the one form that all ways of writing them have."""
    found: dict[str, list[str]] = {}
    for cased, value in headers:
        name = cased.lower()
        if name in TELLING:
            found.setdefault(name, []).append(value)
    lines = [(name, _normal_value(name, ",".join(found[name]))) for name in sorted(found)]
    return "".join([f"{name}: {value}\n" for name, value in lines if value])


def _normal_value(name: str, value: str) -> str:
    value = _BLANKS.sub(r"\1", value.strip())
    if name == "soapaction":
        return value.strip('"')
    if name not in _AS_WRITTEN:
        value = value.lower()
    return "" if value.partition(";")[0] == _ANYTHING.get(name) and "," not in value else value


def normal_body(body: bytes, media_type: str) -> bytes:
    """Returns a body in the one form that all bodies have which say the same."""
    if boundary_of(media_type) is not None:
        return b"multipart " + body  # its boundary is the plain one already
    if is_form(media_type):
        return b"form " + normal_query(body.decode("latin-1")).encode()
    if has_json(body, media_type):
        try:
            value = json.loads(body)
            return b"json " + json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            pass  # it only looks like JSON, so it is the same only when it is so to the byte
    return b"bytes " + body


def _escaped(text: str) -> str:
    # Most are letters and digits, for which this is all.
    return text if text.isalnum() and text.isascii() else quote(unquote_to_bytes(text), safe="")
