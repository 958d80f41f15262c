"""Whose a request is: what tells one user from another, and the name that goes by instead.

Two users must never share an answer, and yet a recording must hold no credential and replay with any. So a credential
is known by its order of appearance, `credential-1`, `credential-2`, when recording and when replaying. One that an
answer issued is known by what was asked for it, `issued-3f9a1c02d4`, which its placeholder in the recording tells: who
replays a login and goes on with the token it was given says whose that is.

What differs with each request is no part of it: signatures, nonces, dates, tokens against forgery.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from threading import Lock
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote

from ..secret_names import plain_name
from .placeholders import holder_of, is_placeholder, issued, told_back
from .rules import Rules
from .secrets import basic_pair

__all__ = ["Credentials", "Issuer", "credential_in"]

Pairs: TypeAlias = Iterable[tuple[str, str]]

MOST_KNOWN: Final = 10_000
"""Tokens that are remembered one by one, the last of them: an answer may issue thousands."""

_ISSUED: Final = "issued-"

_SIGNED: Final = re.compile(r"(?:^|[\s,;&])(?:oauth_)?(?:signature|response|mac|nonce)\s*=", re.IGNORECASE)
_WHO: Final = re.compile(
    r"\b(?:username|credential|oauth_consumer_key|oauth_token|keyid|id|client_token|access_token|access_key)"
    r'\s*=\s*"?([^"\s,;&]+)',
    re.IGNORECASE,
)
_KEY_AND_SIGNATURE: Final = frozenset({"aws", "goog1", "obs", "oss", "qbox", "qiniu", "sharedkey", "sharedkeylite"})
"""Schemes that put the name of the key and a signature of the request into one word, with a colon between."""

_HANDSHAKES: Final = frozenset({"gssapi", "negotiate", "ntlm"})
"""Schemes that say something else with each request."""

_SESSION: Final = re.compile(r"sess|sid$|auth|token|jwt|login|loggedin|identity|remember")
_PASSING: Final = re.compile(
    r"csrf|xsrf|forgery|verification|nonce|sig$|sign$|signature(?:256)?$|securitytoken$|assertion$|timestamp$|date$"
    r"|^code$|codeverifier$|devicecode$|authcode$|otp$|^proxy"
)
"""Names of secrets that say nothing of who asks: they are made for one request, or a few."""

_BEARER: Final = re.compile(r"token$|apikey$|^key$|accesskey$|authkey$|^session$|sessionid$|^jwt$")
"""Names of what a body may hold in place of a credential. A password has the name of its user beside it."""

_PASSING_CLAIMS: Final = frozenset({"at_hash", "auth_time", "exp", "iat", "nbf", "nonce"})


def credential_in(headers: Pairs, userinfo: bytes, parameters: Pairs, fields: Pairs, rules: Rules) -> str:
    """Returns what tells the user of a request from others, one secret a line; nothing when it is nobody's.

    Args:
        headers: the headers that hold secrets, their names in lower case.
        userinfo: the one of the URL, as it stands there.
        parameters: the secret parameters of the URL.
        fields: the secret fields of the body.
        rules: what counts as a secret.

    Session cookies count where there is nothing else, and the tokens of a body where there are none of those either.
    """
    pairs = tuple(headers)
    found = [*_in_headers(pairs), *_in_parameters(parameters)]
    if userinfo and not any(name == "authorization" for name, _value in pairs):
        found += unquote(userinfo.decode("latin-1")).split(":", 1)
    if not found:
        found = [value for name, cookies in pairs if name == "cookie" for value in _in_cookies(cookies, rules)]
    if not found:
        found = [value for name, value in fields if _BEARER.search(_lasting(name))]
    return "\n".join(dict.fromkeys(filter(None, found)))


def _in_headers(headers: Pairs) -> Iterator[str]:
    for name, value in headers:
        if name == "authorization":
            yield from _in_authorization(value)
        elif name != "cookie" and _lasting(name):
            yield value


def _in_authorization(value: str) -> Iterator[str]:
    scheme, blank, rest = value.strip().partition(" ")
    if not blank:
        yield scheme
        return
    kind, rest = scheme.lower(), rest.strip()
    if kind == "basic":
        pair = basic_pair(rest)
        yield from pair if any(pair) else (rest,)
    elif kind in _KEY_AND_SIGNATURE:
        yield rest.partition(":")[0]
    elif _SIGNED.search(rest):
        # The scope of a key (date, region, service) stands behind it.
        yield from (unquote(who).partition("/")[0] for who in _WHO.findall(rest))
    elif kind not in _HANDSHAKES:
        yield rest


def _in_parameters(parameters: Pairs) -> Iterator[str]:
    for name, value in parameters:
        plain = _lasting(name)
        if plain:
            yield value.partition("/")[0] if plain.endswith("credential") else value


def _in_cookies(cookies: str, rules: Rules) -> Iterator[str]:
    for cookie in cookies.split(";"):
        name, _equals, value = cookie.strip().partition("=")
        plain = _lasting(name)
        if rules.is_own_name(name) or (plain not in rules.public_names and _SESSION.search(plain)):
            yield value


def _lasting(name: str) -> str:
    """Returns the plain form of a name, or nothing when what it names is made for one request, or a few."""
    plain = plain_name(name)
    return "" if _PASSING.search(plain) else plain


class Credentials:
    """Gives credentials their names by order of appearance, and knows those that answers issued.

    It keeps digests, with a key of its own, and no secrets. Usable from any thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._key = os.urandom(16)
        self._names: dict[bytes, str] = {}
        self._placeholders: dict[bytes, str] = {}
        self._given: dict[bytes, str] = {}
        self._seen: set[str] = set()
        self._has_issued = False

    @property
    def seen(self) -> frozenset[str]:
        """The names that were given so far."""
        with self._lock:
            return frozenset(self._seen)

    def name_in(
        self,
        headers: tuple[tuple[str, str], ...],
        userinfo: bytes,
        parameters: list[tuple[str, str]],
        fields: list[tuple[str, str]],
        rules: Rules,
    ) -> str:
        """Returns the name of what `credential_in` finds in a request."""
        whose, names = (headers, userinfo, parameters, fields), (rules.secret_names, rules.public_names)
        seen = self._digest(repr((whose, names) if any(names) else whose))
        with self._lock:
            name = self._given.get(seen)
        if name is None:
            name = self.name_of(credential_in(headers, userinfo, parameters, fields, rules))
            with self._lock:
                self._given[seen] = name
                _keep_last(self._given)
        return name

    def name_of(self, credential: str) -> str:
        """Returns the name of a credential: that of who issued it, or the next by order of appearance.

        The credential has one secret a line, as `credential_in` returns it; none is nobody's and has no name.
        """
        if not credential:
            return ""
        digest = self._digest(credential)
        with self._lock:
            name = self._given.get(digest)
            if name is None:
                parts = credential.split("\n")
                name = self._given[digest] = self._told(parts) or self._by_order(parts)
                self._seen.add(name)
                _keep_last(self._given)
        return name

    def placeholder_for(self, value: str) -> str:
        """Returns the placeholder of a secret that is known; nothing for any other."""
        with self._lock:
            return self._placeholders.get(self._digest(value), "")

    @property
    def has_issued(self) -> bool:
        """Whether any token was issued so far."""
        return self._has_issued

    def issued_as(self, value: str) -> str:
        """Returns the placeholder of a token that was issued; nothing for any other."""
        placeholder = self.placeholder_for(value)
        return placeholder if _ISSUED in placeholder else ""

    def remember(self, value: str, placeholder: str) -> None:
        """Notes what stands in recordings in place of a secret."""
        with self._lock:
            self._has_issued = self._has_issued or _ISSUED in placeholder
            self._remember(value, placeholder)

    def _told(self, parts: list[str]) -> str:
        """Returns the names that are told by placeholders among the parts, or by tokens that have one."""
        names = {holder_of(part) for part in parts}
        issued_to = {holder_of(self._placeholders.get(self._digest(part), "")) for part in parts}
        return " ".join(sorted(name for name in names | issued_to if name and (name in names or _ISSUED in name)))

    def _by_order(self, parts: list[str]) -> str:
        whole = self._digest("\n".join(map(_who_in, parts)))
        name = self._names.setdefault(whole, f"credential-{len(self._names) + 1}")
        for part in parts:
            self._remember(part, told_back(name))
        return name

    def _remember(self, value: str, placeholder: str) -> None:
        # Again at the end: what is in use is forgotten last.
        digest = self._digest(value)
        self._placeholders.pop(digest, None)
        self._placeholders[digest] = placeholder
        _keep_last(self._placeholders)

    def _digest(self, value: str) -> bytes:
        return blake2b(value.encode(errors="surrogatepass"), digest_size=16, key=self._key).digest()


def _keep_last(known: dict[bytes, str]) -> None:
    if len(known) > MOST_KNOWN:
        del known[next(iter(known))]


class Issuer:
    """Says what is recorded in place of the secrets of one answer.

    A secret that is known keeps its placeholder. Another was issued here: its placeholder says on which occasion, or,
    after a refresh, to whom.

    Args:
        credentials: what is known of the secrets before.
        occasion: what was asked, by whom, and the how-manyeth time.
        holder: who brought the token that is refreshed.
    """

    def __init__(self, credentials: Credentials, occasion: str, holder: str = "") -> None:
        self._credentials = credentials
        self._occasion = occasion
        self._holder = holder
        self._place = 0

    def __call__(self, value: str) -> str:
        """Returns the placeholder of a secret."""
        if not value.strip('" ') or is_placeholder(value):
            return value
        self._place += 1
        known = self._credentials.placeholder_for(value)
        placeholder = known or issued(self._holder, self._occasion, self._place)
        self._credentials.remember(value, placeholder)
        return placeholder


def _who_in(token: str) -> str:
    """Returns what a JWT says of its user, since there will be a new one soon; any other token as it is."""
    header, _dot, rest = token.partition(".")
    claims = rest.partition(".")[0]
    if not header.startswith("eyJ") or not claims.startswith("eyJ"):
        return token
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (ValueError, RecursionError):
        return token
    said = {name: found[name] for name in cast("dict[str, Any]", found) if name not in _PASSING_CLAIMS}
    if "sub" in said:
        said.pop("jti", None)
    return json.dumps(said, sort_keys=True) if said else token
