"""What counts as a secret in a recording: the names that everybody knows, and the rules of a user's own. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Final, TypeAlias
from urllib.parse import unquote_plus

from pydantic import AfterValidator

from ..redaction import Hidden, hide
from ..secret_names import is_secret_header, is_secret_name, plain_name
from ..values import one_or_many
from .looks import SURE_LENGTH, is_address, is_mixed, is_phrase, is_random
from .placeholders import is_placeholder

__all__ = ["DEFAULT_RULES", "Names", "Rules"]

_DATA_NAMES: Final = frozenset({"appid", "code", "key", "pass", "pat"})
"""Names of secrets that are plain data as well: a country code, the key of an issue, the number of a game, how many
tests pass. Taken for secrets by their name alone, requests for different countries would be looked up as one; so here
the value decides."""

_DIGITS: Final = {"cvc": re.compile(r"\d{3,4}"), "cvv": re.compile(r"\d{3,4}"), "pin": re.compile(r"\d{4,5}")}
"""Secrets that are a few digits; six are a postal code in India, which is a `pin` as well."""

_CONNECTIONS: Final = frozenset({"connectionstring", "dsn"})

_SHORTEST: Final = 8
"""Characters from which on a password is taken for one that is not made of words."""

_SURE_NAMES: Final = frozenset({"idtoken"})
_SURE_ENDINGS: Final = (
    *("accesstoken", "apitoken", "authenticitytoken", "authtoken", "bearertoken", "bottoken", "clienttoken"),
    *("csrftoken", "deploytoken", "devicetoken", "logintoken", "oauthtoken", "personaltoken", "refreshtoken"),
    *("registrationtoken", "resettoken", "securitytoken", "sessiontoken", "usertoken", "verificationtoken"),
    *("webhooktoken", "xamzsignature", "xgoogsignature", "xsrftoken"),
)
_LOOSE_NAMES: Final = frozenset(
    {"assertion", "auth", "authorization", "bearer", "credential", "credentials", "hmac", "session", "sessionid", "sig"}
)
_LOOSE_ENDINGS: Final = ("token", "signature")
"""Names that are data in answers as well: a `token` is a coin, or a piece of text; a `session` one of a parliament."""

_PASSING: Final = frozenset({"oauthnonce", "oauthtimestamp", "xamzdate", "xgoogdate"})
"""Parameters that are no secret, but that a signature makes different each time."""

_LONGEST_QUERY: Final = 1024
"""Characters of a query up to which what is known of its names is remembered."""

_PARAMETER: Final = re.compile(r"(?:^|[&;])([^&;=]*)=")

_LONGEST_NAME: Final = 64
"""Characters up to which what is known of a name is remembered; any answer may bring longer ones."""


class _Verdict(Enum):
    PUBLIC = 0
    SECRET = 1
    LOOSE = 2  # in an answer the value decides
    BY_LOOKS = 3
    OWN = 4


_BY_NAME: Final = frozenset({_Verdict.SECRET, _Verdict.LOOSE, _Verdict.OWN})


def _with_a_letter(names: frozenset[str]) -> frozenset[str]:
    for name in names:
        if not plain_name(name):
            raise ValueError(f"{name!r} is no name: give the name of a field, a header or a parameter")
    return names


Names: TypeAlias = Annotated[frozenset[str], one_or_many(into=frozenset), AfterValidator(_with_a_letter)]
"""How configs take names of fields, headers and parameters: one or several, in any way of writing them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is secret: by the names that everybody knows, unless a user says otherwise.

    Names are those of headers, of parameters in queries and forms, of fields in JSON, YAML and XML. How they are
    written does not matter: `apikey` is `API-Key` and `api_key`. What is asked is only looked up, so a secret's name is
    enough there. What is answered goes back to the program; there

    - the name is enough where it is used for nothing else: `password`, `access_token`, `client_secret`;
    - a `token`, `session`, `auth` or `signature` of whatever kind is one when its value looks drawn at random: eight
      characters in one piece that are no words, number, date or path, with digits and letters unless they are 20;
    - a `key`, `code`, `pass`, `appid` or `pat` is one, also where it is asked, from 20 such characters on;
    - `pin`, `cvv` and `cvc` are when they are a few digits; like the five before they are data as names of lists and
      objects, and of elements of XML, of which lists of files consist;
    - where a list goes on (`next_page_token`, `syncToken`) and what a language model knows (`eos_token`) are data.

    Attributes:
        patterns: what is hidden wherever it stands in a URL, a header, or a text.
        secret_names: names of secrets that nobody else knows.
        public_names: names that would be those of secrets, and hold plain data here.

    Raises:
        ValueError: when a name is in both.
    """

    patterns: Hidden = ()
    secret_names: frozenset[str] = frozenset()
    public_names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Puts names into the one form that all ways of writing them have."""
        for attribute in ("secret_names", "public_names"):
            names: Iterable[str] = getattr(self, attribute)
            object.__setattr__(self, attribute, frozenset(map(plain_name, names)))
        both = self.secret_names & self.public_names
        if both:
            raise ValueError(f"{min(both)!r} is in secret_names and in public_names: leave it in one of them")

    def is_secret_name(self, name: str) -> bool:
        """Tells whether a field of that name holds a secret in what is asked, whatever its value."""
        return self._verdict(name) in _BY_NAME

    def is_public(self, name: str) -> bool:
        """Tells whether no value makes a secret of a field of that name."""
        return self._verdict(name) is _Verdict.PUBLIC

    def is_secret_field(self, name: str, value: str) -> bool:
        """Tells whether a field or parameter of that name and value holds a secret in what is asked."""
        verdict = self._verdict(name)
        if verdict is _Verdict.BY_LOOKS:
            return _looks_secret(plain_name(name), value)
        return verdict is not _Verdict.PUBLIC

    def is_secret_answered(self, name: str, value: str) -> bool:
        """Tells whether a field or parameter of that name and value holds a secret in what is answered."""
        verdict = self._verdict(name)
        if verdict is _Verdict.PUBLIC or not value:
            return False
        if verdict is _Verdict.BY_LOOKS:
            return _looks_secret(plain_name(name), value)
        if verdict is _Verdict.LOOSE:
            return is_random(value) or is_placeholder(value)
        return verdict is _Verdict.OWN or not (is_phrase(value) or is_address(value))

    def is_secret_assigned(self, name: str, value: str) -> bool:
        """Tells whether what any text assigns to a name, without quotes, is a secret: code looks just like that."""
        if not self.is_secret_answered(name, value):
            return False
        verdict = self._verdict(name)
        return verdict is not _Verdict.SECRET or is_random(value) or (len(value) >= _SHORTEST and is_mixed(value))

    def is_own_name(self, name: str) -> bool:
        """Tells whether it is the user who says that a field of that name holds a secret."""
        return bool(self.secret_names) and self._verdict(name) is _Verdict.OWN

    def is_secret_header(self, name: str) -> bool:
        """Tells whether the value of that header is a secret."""
        return bool(_secret_header(name.encode("latin-1", "replace"), self.secret_names, self.public_names))

    def places_of_secrets(self, cased: tuple[bytes, ...]) -> tuple[tuple[int, str], ...]:
        """Returns the places, and the names in lower case, of those of the headers that hold secrets."""
        names = [_secret_header(name, self.secret_names, self.public_names) for name in cased]
        return tuple([(place, name) for place, name in enumerate(names) if name])

    def may_be_secret(self, query: str) -> bool:
        """Tells whether a secret may be in a query; most hold none, which their names tell in a moment."""
        if self.patterns or ":" in query or "%3" in query:  # a URL within it is judged by what is in that
            return True
        judge = _are_public if len(query) <= _LONGEST_QUERY else _are_public.__wrapped__
        return not judge(tuple(_PARAMETER.findall(query)), self.secret_names, self.public_names)

    def hide(self, text: str) -> str:
        """Returns a text without what the patterns match."""
        return hide(text, self.patterns) if self.patterns else text

    def _verdict(self, name: str) -> _Verdict:
        if len(name) > _LONGEST_NAME:
            return _verdict_of.__wrapped__(name, self.secret_names, self.public_names)
        return _verdict_of(name, self.secret_names, self.public_names)


DEFAULT_RULES: Final = Rules()
"""Nothing but the names that everybody knows."""


@lru_cache(maxsize=1024)
def _verdict_of(name: str, secret_names: frozenset[str], public_names: frozenset[str]) -> _Verdict:
    plain = plain_name(name)
    if plain in secret_names:
        return _Verdict.OWN
    if plain in public_names or not (is_secret_name(name) or plain in _PASSING):
        return _Verdict.PUBLIC
    if plain in _DATA_NAMES or plain in _DIGITS or plain in _CONNECTIONS:
        return _Verdict.BY_LOOKS
    if plain in _SURE_NAMES or plain.endswith(_SURE_ENDINGS):
        return _Verdict.SECRET
    return _Verdict.LOOSE if plain in _LOOSE_NAMES or plain.endswith(_LOOSE_ENDINGS) else _Verdict.SECRET


def _looks_secret(plain: str, value: str) -> bool:
    """Tells by its value whether a field is secret whose name, in its plain form, does not tell."""
    if is_placeholder(value):
        return True
    if plain in _CONNECTIONS:
        return "://" in value or "=" in value
    digits = _DIGITS.get(plain)
    if digits is not None:
        return digits.fullmatch(value) is not None
    return len(value) >= SURE_LENGTH and is_random(value)


@lru_cache(maxsize=256)  # most requests of a program have the same parameters
def _are_public(quoted: tuple[str, ...], secret_names: frozenset[str], public_names: frozenset[str]) -> bool:
    judge = _verdict_of.__wrapped__
    return all(judge(unquote_plus(name), secret_names, public_names) is _Verdict.PUBLIC for name in quoted)


@lru_cache(maxsize=1024)  # the names of headers are few, and judging one takes as long as all the rest
def _secret_header(cased: bytes, secret_names: frozenset[str], public_names: frozenset[str]) -> str:
    """Returns the name in lower case of a header that holds a secret, and nothing for any other."""
    name = cased.decode("latin-1").lower()
    names = {plain_name(name), plain_name(name.removeprefix("x-"))}
    is_secret = bool(names & secret_names) or (is_secret_header(name) and not names & public_names)
    return name if is_secret else ""
