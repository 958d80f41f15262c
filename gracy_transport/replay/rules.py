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

from ..redaction import Hidden, hide, is_secret_header, is_secret_name, plain_name
from ..values import one_or_many
from .placeholders import is_placeholder

__all__ = ["DEFAULT_RULES", "SURE_LENGTH", "Names", "Rules"]

_DATA_NAMES: Final = frozenset({"appid", "code", "key", "pass"})
"""Names of secrets that are plain data as well: a country code, the key of an issue, the number of a game, how many
tests pass. Taken for secrets by their name alone, requests for different countries would be looked up as one; so here
the length of the value decides."""

SURE_LENGTH: Final = 20
"""Characters from which on a value with a secret's name is taken for one, whatever it is made of."""

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
    BY_LENGTH = 2
    OWN = 3


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

    Names are those of headers, of parameters in queries and forms, of fields in JSON and XML. How they are written does
    not matter: `apikey` is `API-Key` and `api_key`.

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
        """Tells whether a field of that name holds a secret, whatever its value."""
        return self._verdict(name) in {_Verdict.SECRET, _Verdict.OWN}

    def is_secret_field(self, name: str, value: str) -> bool:
        """Tells whether a field or parameter of that name and value holds a secret."""
        verdict = self._verdict(name)
        if verdict is _Verdict.PUBLIC:
            return False
        if verdict is _Verdict.BY_LENGTH:
            is_long = len(value) >= SURE_LENGTH and not any(letter.isspace() for letter in value)
            return is_long or is_placeholder(value)
        return True

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
    return _Verdict.BY_LENGTH if plain in _DATA_NAMES else _Verdict.SECRET


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
