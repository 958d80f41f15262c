"""What must not be shown: one list of secret names, applied wherever a URL or a header is printed or stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Final, Protocol, TypeAlias
from urllib.parse import unquote_plus

from pydantic import AfterValidator

from .matching import MOST_KEPT
from .values import one_or_many

__all__ = [
    "REDACTED",
    "SECRET_HEADERS",
    "Hidden",
    "Redacted",
    "hide",
    "is_secret_header",
    "is_secret_name",
    "plain_name",
    "printable",
    "redact_endpoint",
    "redact_query",
    "redact_url",
]

REDACTED: Final = "[redacted]"

SECRET_HEADERS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "apikey",
        "x-auth-token",
        "x-access-token",
        "x-csrf-token",
        "x-goog-api-key",
        "x-amz-security-token",
        "private-token",
        "ocp-apim-subscription-key",
        "password",
        "token",
    }
)
"""Header names (lower case) whose values are never shown."""

# The signed-query keys of OpenTelemetry's semantic conventions (AWSAccessKeyId, Signature, sig, X-Goog-Signature)
# and the names under which APIs take keys in the query.
_SECRET_NAMES: Final = frozenset(
    {
        "accesskey",
        "accesstoken",
        "apikey",
        "apitoken",
        "appkey",
        "assertion",
        "auth",
        "authkey",
        "authtoken",
        "authcode",
        "authorization",
        "awsaccesskeyid",
        "awssecretaccesskey",
        "bearer",
        "clientassertion",
        "clientsecret",
        "code",
        "codeverifier",
        "credential",
        "credentials",
        "devicecode",
        "idtoken",
        "jsessionid",
        "jwt",
        "key",
        "otp",
        "passphrase",
        "passwd",
        "password",
        "phpsessid",
        "privatekey",
        "pwd",
        "refreshtoken",
        "secret",
        "secretaccesskey",
        "secretkey",
        "session",
        "sessionid",
        "sessiontoken",
        "sig",
        "signature",
        "subscriptionkey",
        "token",
        "xamzcredential",
        "xamzsecuritytoken",
        "xamzsignature",
        "xgoogcredential",
        "xgoogsignature",
    }
)
_PLACES: Final = frozenset(
    {
        "continuationtoken",
        "cursortoken",
        "newstartpagetoken",
        "nextcontinuationtoken",
        "nextpagetoken",
        "nextsynctoken",
        "nexttoken",
        "pagetoken",
        "pagingtoken",
        "previouspagetoken",
        "prevpagetoken",
        "resumetoken",
        "startpagetoken",
        "synctoken",
    }
)
"""Names that end like a secret and say where a list goes on: redacted, all pages would look like the same request."""

_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]")
_SECRET_ENDINGS: Final = ("token", "secret", "password", "apikey", "signature")
_HEADER_ENDINGS: Final = (
    *("-apikey", "-assertion", "-passphrase", "-secret", "-sign", "-signature", "-signature-256", "-token"),
    *("access-key", "api-key", "application-key", "auth-key", "functions-key", "master-key", "subscription-key"),
)
_PLACE_ENDINGS: Final = tuple(_PLACES)
_USERINFO: Final = re.compile(r"^([a-z][a-z0-9+.-]*:)?//[^/?]*@", re.IGNORECASE)


class _Url(Protocol):
    @property
    def scheme(self) -> str: ...
    @property
    def netloc(self) -> bytes: ...
    @property
    def raw_path(self) -> bytes: ...
    @property
    def fragment(self) -> str: ...
    @property
    def userinfo(self) -> bytes: ...


def plain_name(name: str) -> str:
    """Returns a name as all ways of writing it have it: `apikey` for `API-Key` and `api_key`."""
    return _NOT_A_LETTER.sub("", name.lower())


def is_secret_name(name: str) -> bool:
    """Tells whether a query parameter or a field of that name holds a secret (`api_key`, `access-token`, `sig` …)."""
    plain = plain_name(name)
    return plain in _SECRET_NAMES or (plain.endswith(_SECRET_ENDINGS) and plain not in _PLACES)


InPlaceOf: TypeAlias = Callable[[str, str], str | None]
"""Says by the name and the value of a parameter what is shown in place of the value, or `None` for the value itself."""


def _by_name(name: str, _value: str) -> str | None:
    """Judges a parameter by its name alone: what is shown to people can do without a value too many."""
    return REDACTED if is_secret_name(name) else None


def is_secret_header(name: str) -> bool:
    """Tells whether the value of that header is a secret."""
    lowered = name.lower()
    plain = _NOT_A_LETTER.sub("", lowered.removeprefix("x-"))
    if plain.endswith(_PLACE_ENDINGS) or plain == "code":
        return False
    return lowered in SECRET_HEADERS or lowered.endswith(_HEADER_ENDINGS) or is_secret_name(plain)


Hidden: TypeAlias = tuple[re.Pattern[str], ...]
"""Patterns of a user's own, for secrets that no name tells: a token in a path."""


def _not_everywhere(patterns: Hidden) -> Hidden:
    """Refuses patterns that match nothing at all, which would be everywhere."""
    for pattern in patterns:
        if pattern.search("") is not None:
            raise ValueError(f"{pattern.pattern!r} matches even an empty text: let it match a secret, and no less")
    return patterns


Redacted: TypeAlias = Annotated[tuple[re.Pattern[str], ...], one_or_many(into=tuple), AfterValidator(_not_everywhere)]
"""How configs take such patterns: one or several, as text or compiled."""


def hide(text: str, patterns: Hidden) -> str:
    """Returns a text without what the patterns match; of one that has a group, without what its first group does."""
    for pattern in patterns:
        text = pattern.sub(_without_match, text)
    return text


def _without_match(found: re.Match[str]) -> str:
    begin, end = (place - found.start() for place in found.span(1 if found.re.groups else 0))
    return found[0] if begin < 0 else f"{found[0][:begin]}{REDACTED}{found[0][end:]}"


def redact_query(query: str, in_place_of: InPlaceOf = _by_name) -> str:
    """Returns a raw query with the values of secret parameters replaced; everything else stays as it was.

    `in_place_of` judges by name and value, both decoded; by the name alone unless given. Some servers take a semicolon
    for an ampersand; so what comes after one is judged, too, and a secret may have one in it.
    """
    return "&".join([_redact_pair(pair, in_place_of) for pair in query.split("&")])


def _redact_pair(pair: str, in_place_of: InPlaceOf) -> str:
    begin = 0
    while begin <= len(pair):
        end = pair.find(";", begin)
        name, equals, _value = pair[begin : end if end >= 0 else None].partition("=")
        value = begin + len(name) + 1
        place = in_place_of(_unquoted(name), _unquoted(pair[value:])) if equals else None
        if place is not None:
            return f"{pair[:value]}{place}"
        begin = end + 1 if end >= 0 else len(pair) + 1
    return pair


def _unquoted(text: str) -> str:
    # Most are letters and digits, for which this is all.
    return unquote_plus(text) if "%" in text or "+" in text else text


def redact_url(url: _Url, in_place_of: InPlaceOf = _by_name) -> str:
    """Returns a URL of either family as text, without its userinfo, its fragment and the secrets of its query.

    `in_place_of` is as for `redact_query`.
    """
    path, mark, query = url.raw_path.decode().partition("?")
    userinfo = f"{REDACTED}@" if url.userinfo else ""
    # `netloc` is host and port alone in both families: userinfo never is a part of it.
    origin = f"{url.scheme}://{userinfo}{url.netloc.decode()}" if url.scheme else ""
    return f"{origin}{path}{mark}{redact_query(query, in_place_of) if query else ''}"


@lru_cache(maxsize=MOST_KEPT)
def redact_endpoint(text: str) -> str:
    """Returns an endpoint or an unformatted URL on one line, without its userinfo, its fragment and its secrets.

    Secrets are the values of secret parameters, be they literal or a placeholder. Placeholders elsewhere stay.
    """
    path, mark, query = text.partition("#")[0].partition("?")
    if "@" in path:
        path = _USERINFO.sub(rf"\1//{REDACTED}@", path)
    return printable(f"{path}{mark}{redact_query(query)}")


def printable(text: str) -> str:
    """Returns a text with `%0A` for a line break, and likewise for all else that a terminal would not just show."""
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else _encoded(character) for character in text])


def _encoded(character: str) -> str:
    return "".join([f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass")])
