"""What is found in a file from elsewhere: exchanges, and what of them cannot be recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx

from ..exceptions import UnreadableRecording
from ..logevents import LOGGER_NAME
from ..redaction import printable, redact_endpoint
from ..replay.asked import Asked, Terms
from ..replay.content import is_text, text_of
from ..replay.credentials import Credentials
from ..replay.exchange import decoded_answer, read_answer, recording_of
from ..replay.headers import raw_of
from ..replay.key import ANY_TASTE
from ..replay.recording import RecordedError, Recording
from ..replay.redacting import Headers
from ..replay.sequence import Sequences
from ..replay.texts import redact_text
from .safe_yaml import Stranger

__all__ = [
    "Exchange",
    "Found",
    "Unusable",
    "adopted",
    "first_value",
    "headers_from",
    "recordings_of",
    "text_in",
    "when_in",
]

_UNLIKELY: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, httpx.InvalidURL)
"""What making a recording raises when a file holds something that no recording does."""

_logger = logging.getLogger(LOGGER_NAME)


class Unusable(Exception):
    """Something cannot be recorded; the message says why, as the end of a sentence and without secrets."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange as another program wrote it, secrets and all.

    Attributes:
        method, url, headers, body: what was asked.
        at: when the answer came.
        status: the one of the answer; `None` when there was none.
        reason: the phrase beside it; empty when it is not known.
        answer_headers, content: what was answered.
        error: what came in place of the answer, or what broke its body.
        is_decoded: whether the content is decoded already, whatever the headers say.
    """

    method: str
    url: str
    headers: Headers
    body: bytes
    at: datetime
    status: int | None = None
    answer_headers: Headers = ()
    content: bytes = b""
    error: RecordedError | None = None
    is_decoded: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one place of a file.

    Attributes:
        where: the place, as messages name it, without secrets.
        recordings: what it makes, without secrets.
        problem: why it makes none; empty when it does.
    """

    where: str
    recordings: tuple[Recording, ...] = ()
    problem: str = ""


Made: TypeAlias = Callable[[], Exchange | Recording]
"""Makes sense of one place of a file; raises Unusable, or what Python raises for a value that is not as expected."""


class Adopter:
    """Makes recordings of exchanges from elsewhere, as if they were recorded now: in their order, without secrets."""

    def __init__(self) -> None:
        self._terms = Terms(credentials=Credentials())
        self._places = Sequences()

    def recording(self, exchange: Exchange) -> Recording:
        """Returns the recording of an exchange. Raises ValueError and httpx.InvalidURL for one that cannot be."""
        headers = httpx.Headers(raw_of(exchange.headers))
        # Of what is sent as it is; a length that is none would be refused.
        headers.pop("content-length", None)
        request = httpx.Request(exchange.method, exchange.url, headers=headers, content=exchange.body)
        asked = Asked(request, exchange.body, terms=self._terms)
        position = self._places.take(asked.sequence)
        facts = asked.facts
        if first_value(exchange.headers, ANY_TASTE[0]) == ANY_TASTE[1]:
            facts = facts._replace(headers=(ANY_TASTE, *facts.headers))
        error = exchange.error
        if error is not None:
            error = error._replace(message=redact_text(error.message, asked.secrets))
        if exchange.status is None:
            return Recording(facts, exchange.at, error=error)
        if not 100 <= exchange.status <= 999:
            raise ValueError(f"{exchange.status} is no status")
        answer, reason = _answer(request, exchange), exchange.reason
        recording = recording_of(asked, exchange.status, answer, exchange.at, position, reason=reason)
        return recording._replace(request=facts, error=error)


def adopted(places: Iterable[tuple[str, Any, Made]]) -> Iterator[Found]:
    """Yields what the places of a file make, each given by its name, what describes it best, and what makes it.

    What describes it is a method and a URL, or nothing.
    """
    adopter = Adopter()
    for where, asked, make in places:
        try:
            made = make()
            recording = made if isinstance(made, Recording) else adopter.recording(made)
        except Unusable as unusable:
            yield Found(_named(where, asked), problem=str(unusable))
        except UnreadableRecording as error:
            yield Found(_named(where, asked), problem=str(error))
        except _UNLIKELY as error:
            yield Found(_named(where, asked), problem=f"it makes no recording ({type(error).__name__})")
        else:
            yield Found(_named(where, asked), (recording,))


def recordings_of(path: Path, found: Iterable[Found]) -> list[Recording]:
    """Returns the recordings that were found in a file, and logs a warning for each place that makes none."""
    recordings: list[Recording] = []
    for each in found:
        recordings += each.recordings
        if each.problem:
            _logger.warning("%s, %s: left out, %s", path, each.where, printable(each.problem))
    return recordings


def when_in(headers: Headers, otherwise: datetime) -> datetime:
    """Returns when an answer was made, by its Date header, or else the other date."""
    try:
        return parsedate_to_datetime(first_value(headers, "date")).astimezone(UTC)
    except ValueError:
        return otherwise


def first_value(headers: Headers, name: str) -> str:
    """Returns the first value of a header, empty when there is none."""
    return next((value for each, value in headers if each.lower() == name), "")


def headers_from(pairs: Iterable[tuple[Any, Any]]) -> Headers:
    """Returns headers as recordings have them: in Latin-1, one value each, without the pseudo headers of HTTP/2."""
    headers: list[tuple[str, str]] = []
    for name, values in pairs:
        cased = text_in(name)
        # Some programs put all values of a name into one, a line each.
        lines = [] if cased.startswith(":") or not cased else text_in(values).splitlines() or [""]
        headers += [(_latin(cased), _latin(line.strip())) for line in lines]
    return tuple(headers)


def text_in(value: Any) -> str:
    """Returns a text that may be bytes, a number, or nothing. Raises Unusable for anything else."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise Unusable(value.problem if isinstance(value, Stranger) else f"it has {type(value).__name__} in place of text")


def _answer(request: httpx.Request, exchange: Exchange) -> tuple[Headers, bytes]:
    headers = httpx.Headers(raw_of(exchange.answer_headers))
    if exchange.is_decoded:
        return read_answer(headers, exchange.content)
    kept, content = decoded_answer(request, headers, exchange.content)
    # What claims to be compressed, is not, and can be read: it was decoded before it was written.
    claims = any(name.lower() == "content-encoding" for name, _value in kept)
    is_plain = text_of(content) is not None and is_text(headers.get("content-type", "text/"))
    return read_answer(headers, content) if claims and is_plain else (kept, content)


def _named(where: str, asked: Any) -> str:
    try:
        method, url = asked
        return printable(f"{where}, {text_in(method)[:20]} {redact_endpoint(text_in(url)[:2000])}")
    except (Unusable, TypeError, ValueError):
        return where


def _latin(text: str) -> str:
    """Returns a text in the letters of Latin-1, each of them a byte."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("latin-1")
    return text
