"""The secrets of one exchange, remembered while it is being recorded so that no echo of them is stored. Pure."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias
from urllib.parse import quote, quote_plus

from ..redaction import REDACTED
from .looks import SURE_LENGTH
from .placeholders import is_placeholder
from .rules import DEFAULT_RULES, Rules

__all__ = ["InPlaceOf", "Secrets", "basic_pair"]

_SHORTEST: Final = 6
"""Characters a secret must have to be searched for: shorter ones would be found by chance."""

_MOST: Final = 100
"""Secrets that are searched for at most, the first of them: those of the request come first, and the time it takes to
search for all that a long list of tokens holds would grow with its square."""

InPlaceOf: TypeAlias = Callable[[str], str]
"""Says what is recorded in place of a secret."""


_PLAIN: Final = re.compile(r"[\w.~-]*+", re.ASCII)
"""What nothing escapes in a URL."""


_ESCAPED: Final = re.compile(r"%[0-9A-F]{2}")


def _length(known: tuple[str, str]) -> int:
    return len(known[0])


def _redacted(_value: str) -> str:
    return REDACTED


class Secrets:
    """Values that are known to be secret, the rules by which others are found, and what is recorded in their place.

    Args:
        rules: what counts as a secret.
        in_place_of: says what is recorded in place of a secret that is found; `[redacted]` unless given.
        issued_as: says the placeholder of a token that an answer issued, or nothing; such a token is a secret under
            whatever name it comes back.
        is_answer: whether fields are those of an answer, which are judged with more care.

    Attributes:
        fields: the names and values of the secret fields that were found, the first of them.
    """

    __slots__ = (
        *("_in_place_of", "_issued_as", "_places", "_quoted", "_shortest"),
        *("fields", "is_answer", "is_secret", "rules"),
    )

    def __init__(
        self,
        rules: Rules = DEFAULT_RULES,
        in_place_of: InPlaceOf = _redacted,
        issued_as: InPlaceOf | None = None,
        *,
        is_answer: bool = False,
    ) -> None:
        self.rules = rules
        self.is_answer = is_answer
        self.is_secret: Callable[[str, str], bool] = rules.is_secret_answered if is_answer else rules.is_secret_field
        self._issued_as = issued_as
        self.fields: list[tuple[str, str]] = []
        self._in_place_of = in_place_of
        self._places: dict[str, str] = {}
        self._quoted: dict[str, str] = {}
        self._shortest = sys.maxsize

    def __len__(self) -> int:
        """Counts them."""
        return len(self._places)

    @property
    def knows_issued(self) -> bool:
        """Whether there are tokens that answers issued."""
        return self._issued_as is not None

    def add_all(self, others: Secrets) -> None:
        """Remembers what others do."""
        for value in others._places:
            self.add(value)

    def add(self, value: str, place: str = REDACTED) -> None:
        """Remembers a value that is secret for certain, and what stands in its place."""
        if len(self._places) < _MOST and len(value) >= _SHORTEST and value not in self._places:
            if value[0] == "[" and is_placeholder(value):  # it may stand anywhere
                return
            self._places[value] = place
            if len(value) > self._shortest:
                # Longest first: one may be a part of another.
                self._places = dict(sorted(self._places.items(), key=_length, reverse=True))
            else:
                self._shortest = len(value)
            if not value.isalnum() and " " not in value and _PLAIN.fullmatch(value) is None:
                self._quoted.update(dict.fromkeys(_quoted(value), place))

    def replaced(self, name: str, value: str) -> str:
        """Returns what is recorded in place of the value of a secret field, and remembers that.

        A common word or number is not searched for elsewhere.
        """
        if name and len(self.fields) < _MOST and value != REDACTED:
            self.fields.append((name, value))
        place = self._in_place_of(value)
        self._add_uncommon(value, place)
        return place

    def replaced_cookie(self, name: str, value: str) -> str:
        """Returns what is recorded in place of the value of a cookie, and remembers that if it is a secret."""
        place = self._in_place_of(value)
        if self._is_secret_cookie(name, value):
            self.add(value, place)
        return place

    def add_header(self, name: str, value: str, *, shortest: int = _SHORTEST) -> None:
        """Remembers what is secret in a header with a secret's name: credentials, a password, cookies.

        Only what has that many characters; a word of a token for tests might stand anywhere by chance.
        """
        for secret in self._in_header(name, value):
            if len(secret) >= shortest:
                self.add(secret)

    def add_user(self, user: str, password: str) -> None:
        """Remembers what is secret in the userinfo of a URL."""
        for secret in _in_pair(user, password):
            self.add(secret)

    def in_place_of(self, name: str, value: str) -> str | None:
        """Returns what is recorded in place of the value of a parameter, or `None` when it stays as it is."""
        if self.is_secret(name, value):
            return self.replaced(name, value)
        if not self.rules.patterns and self._issued_as is None:
            return None
        hidden = self.rules.hide(self.recognised(value))
        return None if hidden == value else quote_plus(hidden, safe="[]")

    def recognised(self, value: str) -> str:
        """Returns the placeholder of a token that was issued, and any other value as it is."""
        if self._issued_as is None or len(value) < SURE_LENGTH:
            return value
        return self._issued_as(value) or value

    def are_in(self, text: str) -> bool:
        """Tells whether one of them may be in a text; escapes could hide it from a plain search."""
        if self.rules.patterns or self.rules.secret_names or self._issued_as is not None:
            return True
        if not self._places:
            return False
        return "\\" in text or any(value in text for known in (self._places, self._quoted) for value in known)

    def remove_from(self, text: str) -> str:
        """Returns the text with each of them replaced, however it is spelled."""
        if self._quoted and "%" in text:
            for value, place in sorted(self._quoted.items(), key=_length, reverse=True):
                text = text.replace(value, place)
        for value, place in self._places.items():
            text = text.replace(value, place)
        return text

    def cleaned(self, text: str) -> str:
        """Returns the text with each of them replaced, and what the patterns of the rules match."""
        text = self.remove_from(text)
        return self.rules.hide(text) if self.rules.patterns else text

    def _add_uncommon(self, value: str, place: str) -> None:
        if not is_placeholder(value) and (len(value) >= SURE_LENGTH or not (value.isalpha() or value.isdigit())):
            self.add(value, place)
            if " " in value:
                self.add(quote_plus(value, errors="surrogatepass"), place)

    def _in_header(self, name: str, value: str) -> Iterator[str]:
        if name == "cookie":
            for pair in value.split(";"):
                cookie, _equals, secret = pair.strip().partition("=")
                if self._is_secret_cookie(cookie, secret):
                    yield secret
            return
        scheme, _blank, credentials = value.partition(" ")
        yield from (value, credentials)
        if scheme.lower() == "basic":
            yield from _in_pair(*basic_pair(credentials))

    def _is_secret_cookie(self, name: str, value: str) -> bool:
        return self.rules.is_secret_name(name) or len(value) >= SURE_LENGTH


def _quoted(value: str) -> Iterator[str]:
    """Yields a secret as it stands in URLs. What JSON escapes is unescaped before it is searched."""
    quoted = quote(value, "", errors="surrogatepass")
    for spelling in (quoted, quoted.replace("%2F", "/")):
        yield spelling
        yield _ESCAPED.sub(lambda found: found[0].lower(), spelling)


def _in_pair(user: str, password: str) -> Iterator[str]:
    yield password
    if not password or len(user) >= SURE_LENGTH:  # a key in place of a name, as payment services have it
        yield user


def basic_pair(credentials: str) -> tuple[str, str]:
    """Returns user and password of Basic credentials; nothing of what cannot be read."""
    try:
        user, _colon, password = base64.b64decode(credentials).decode().partition(":")
    except ValueError:  # whatever it is, it is known as a whole already
        return "", ""
    return user, password
