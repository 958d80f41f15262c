"""The secrets of one exchange, remembered while it is being recorded so that no echo of them is stored. Pure."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import unquote_plus

from ..redaction import REDACTED, is_secret_name

__all__ = ["DATA_NAMES", "SURE_LENGTH", "Secrets", "is_secret_field"]

DATA_NAMES: Final = frozenset({"code", "key"})
"""Names of secrets that are plain data as well: a country code, the key of an issue. Taken for secrets by their name
alone, requests for different countries would be looked up as one; so here the length of the value decides."""

SURE_LENGTH: Final = 20
"""Characters from which on a value with a secret's name is taken for one, whatever it is made of."""

_SHORTEST: Final = 6
"""Characters a secret must have to be searched for: shorter ones would be found by chance."""

_MOST: Final = 100
"""Secrets that are searched for at most, the first of them: those of the request come first, and the time it takes to
search for all that a long list of tokens holds would grow with its square."""


def is_secret_field(name: str, value: str) -> bool:
    """Tells whether a field or parameter of that name and value holds a secret."""
    if name.lower() in DATA_NAMES:
        return len(value) >= SURE_LENGTH and not any(letter.isspace() for letter in value)
    return is_secret_name(name)


class Secrets:
    """Values that are known to be secret."""

    def __init__(self) -> None:
        self._values: list[str] = []

    def __len__(self) -> int:
        """Counts them."""
        return len(self._values)

    def add(self, value: str) -> None:
        """Remembers a value that is secret for certain."""
        if len(self._values) < _MOST and len(value) >= _SHORTEST and value != REDACTED and value not in self._values:
            self._values.append(value)
            # Longest first: one may be a part of another.
            self._values.sort(key=len, reverse=True)

    def add_field(self, value: str) -> None:
        """Remembers the value of a field with a secret's name, unless it is a common word or number."""
        if len(value) >= SURE_LENGTH or not (value.isalpha() or value.isdigit()):
            self.add(value)

    def add_header(self, name: str, value: str) -> None:
        """Remembers what is secret in a header with a secret's name: credentials, a password, cookies."""
        if name in {"cookie", "set-cookie"}:
            for pair in value.split(";") if name == "cookie" else value.split(";")[:1]:
                self._add_cookie(*pair.split("=", 1))
            return
        scheme, _blank, credentials = value.partition(" ")
        self.add(value)
        self.add(credentials)
        if scheme.lower() == "basic":
            self._add_basic(credentials)

    def add_query(self, query: str) -> None:
        """Remembers the secret parameters of a raw query or form."""
        for part in query.split("&"):
            name, equals, value = part.partition("=")
            if equals and is_secret_field(unquote_plus(name), unquote_plus(value)):
                self.add_field(value)
                self.add_field(unquote_plus(value))

    def are_in(self, body: bytes) -> bool:
        """Tells whether one of them may be in a body; escapes could hide it from a plain search."""
        return bool(self._values) and (b"\\" in body or any(value.encode() in body for value in self._values))

    def remove_from(self, text: str) -> str:
        """Returns the text with each of them replaced."""
        for value in self._values:
            text = text.replace(value, REDACTED)
        return text

    def _add_basic(self, credentials: str) -> None:
        try:
            user, _colon, password = base64.b64decode(credentials).decode().partition(":")
        except ValueError:  # whatever it is, it is known as a whole already
            return
        self.add(password)
        if not password or len(user) >= SURE_LENGTH:  # a key in place of a name, as payment services have it
            self.add(user)

    def _add_cookie(self, name: str, value: str = "") -> None:
        if is_secret_name(name) or len(value) >= SURE_LENGTH:
            self.add(value.strip())
