"""Secrets in the named fields of JSON, of all of it or of pieces: events, lines, scripts, what was cut off. Pure.

Nothing is parsed and written again: what is no secret stays as it is, to the byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from json import JSONDecoder
from typing import Final, TypeAlias, cast

from ..redaction import REDACTED
from ..secret_names import plain_name
from .looks import SURE_LENGTH, is_mixed
from .rules import Rules
from .secrets import Secrets

__all__ = ["Change", "changed", "hide_scalars", "plain_text", "public_texts", "redact_fields"]

Change: TypeAlias = tuple[int, int, str]
"""The begin and the end of a piece of a text, and what is put there."""

# Possessive throughout, so that the work grows with the length of the text and no faster.
_NAME: Final = re.compile(r'"([^"\\]{1,64}+)"\s*+:')
_ESCAPED_NAME: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)++)"\s*+:')
_COLON: Final = re.compile(r"\s*+:\s*+")
_STRING: Final = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_NUMBER: Final = re.compile(r"-?\d[\d.eE+-]*+")
_SCALAR: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"(\s*+:)?|(?<![\w.])(-?\d[\d.eE+-]*+)', re.DOTALL)
_TOKEN: Final = re.compile(rf"[\w.+/=~-]{{{SURE_LENGTH},}}")
_DECODER: Final = JSONDecoder(strict=False)

_BLOCK: Final = 256 * 1024
"""Characters that are searched at a time: a search lets no other thread go on while it lasts."""
_OVERLAP: Final = 128


def redact_fields(text: str, secrets: Secrets) -> str:
    """Returns a text without the values of secret fields, which are added to `secrets`."""
    names = [name for name in _names_in(text) if not secrets.rules.is_public(plain_text(name))]
    return changed(text, _changes(text, names, secrets)) if names else text


def changed(text: str, changes: Iterable[Change]) -> str:
    """Returns a text with changes, which come in their order; one that begins within another is left out."""
    pieces, done = list[str](), 0
    for begins, ends, place in changes:
        if begins >= done:
            pieces += (text[done:begins], place)
            done = ends
    return "".join((*pieces, text[done:])) if pieces else text


def plain_text(quoted: str) -> str:
    """Returns what is between the quotes of a JSON string as the text it stands for; as it is when it is none."""
    if "\\" not in quoted:
        return quoted
    try:
        return str(json.loads(f'"{quoted}"', strict=False))
    except ValueError:
        return quoted


def public_texts(text: str, rules: Rules) -> set[str]:
    """Returns the texts that stand under the names of data, one by one or in a list."""
    names = [name for name in _names_in(text) if plain_name(plain_text(name)) in rules.public_names]
    found = set[str]()
    for begins, _name in _values_of(text, names):
        try:
            value, _ends = _DECODER.raw_decode(text, begins)
        except (ValueError, RecursionError):
            continue
        each = cast("list[object]", value) if isinstance(value, list) else [value]
        found.update(one for one in each if isinstance(one, str))
    return found


def hide_scalars(text: str, rules: Rules) -> str:
    """Returns JSON without what the patterns of the rules match in each text and number; a number becomes a text."""

    def hidden(found: re.Match[str]) -> str:
        quoted, colon, number = found.groups()
        if colon is not None:
            return found[0]
        value = plain_text(quoted) if number is None else number
        cleaned = rules.hide(value)
        return found[0] if cleaned == value else json.dumps(cleaned, ensure_ascii=found[0].isascii())

    return _SCALAR.sub(hidden, text)


def _names_in(text: str) -> set[str]:
    """Returns the names of fields, as they are written."""
    if len(text) <= _BLOCK and "\\" not in text:
        return set(_NAME.findall(text))
    names = set[str]()
    for begins in range(0, len(text), _BLOCK):
        ends = begins + _BLOCK + _OVERLAP
        names.update(_NAME.findall(text, begins, ends))
        if "\\" in text:
            names.update(_ESCAPED_NAME.findall(text, begins, ends))
    return names


def _changes(text: str, names: Iterable[str], secrets: Secrets) -> Iterator[Change]:
    done = 0
    for begins, name in sorted(_values_of(text, names)):
        # What is in an object with a secret's name was looked at together with it.
        change = _change(text, begins, plain_text(name), secrets) if begins >= done else None
        if change is not None:
            done = change[1]
            yield change


def _values_of(text: str, names: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yields where the value of a field begins, and the name of the field."""
    for name in names:
        quoted = f'"{name}"'
        place = text.find(quoted)
        while place >= 0:
            colon = _COLON.match(text, place + len(quoted))
            if colon is not None:
                yield colon.end(), name
            place = text.find(quoted, place + len(quoted))


def _change(text: str, begins: int, name: str, secrets: Secrets) -> Change | None:
    """Returns what becomes of the value of a field; `None` when it stays as it is."""
    first = text[begins : begins + 1]
    if first == '"':
        string = _STRING.match(text, begins + 1)
        quoted = "" if string is None else string[0]
        value = plain_text(quoted)
        place = secrets.replaced(name, value) if secrets.is_secret(name, value) else value
        return None if place == value else (begins + 1, begins + 1 + len(quoted), place)
    if first in {"{", "["}:
        return _vault(text, begins, name, secrets) if secrets.rules.is_secret_name(name) else None
    number = _NUMBER.match(text, begins)
    if number is None:
        return None
    judge = secrets.rules.is_own_name(name) if secrets.is_answer else secrets.is_secret(name, number[0])
    return (begins, number.end(), f'"{secrets.replaced(name, number[0])}"') if judge else None


def _vault(text: str, begins: int, name: str, secrets: Secrets) -> Change:
    """Returns what becomes of an object or a list under a secret's name: in it may be more than the secret itself.

    Of what is asked nothing is left of it, nor where its name is one of the user's; of what is answered all but what
    looks like a token.
    """
    try:
        _value, ends = _DECODER.raw_decode(text, begins)
    except RecursionError:
        return begins, len(text), f'"{REDACTED}"'
    except ValueError:  # it is cut off
        ends = len(text)
    inner = text[begins:ends]
    hides_all = not secrets.is_answer or secrets.rules.is_own_name(name)
    if not hides_all:
        inner = redact_fields(inner, secrets)
    last = name

    def hidden(found: re.Match[str]) -> str:
        nonlocal last
        quoted, colon, number = found.groups()
        if colon is not None:
            last = plain_text(quoted)
            return found[0]
        value = number if quoted is None else plain_text(quoted)
        if hides_all:
            return f'"{secrets.replaced(last, value)}"'
        is_token = quoted is not None and _TOKEN.fullmatch(value) is not None and is_mixed(value)
        return f'"{secrets.replaced("", value)}"' if is_token else found[0]

    return begins, ends, _SCALAR.sub(hidden, inner)
