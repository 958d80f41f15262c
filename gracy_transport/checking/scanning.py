"""Goes through a file of whatever kind and finds what looks like a secret in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..conversion.child import Unfit, rows_of
from ..conversion.sources import Kind, kind_of, storage_of
from ..exceptions import UnreadableRecording
from ..formats.archives import others_in
from ..formats.cassettes import interactions_in
from ..formats.har import entries_in, log_in
from ..redaction import redact_endpoint
from ..replay.document import to_json
from .walking import Secret, masked, secrets_in, secrets_in_line

__all__ = ["Finding", "files_in", "findings_in"]

_LOOKED_AT: Final = 4096


@dataclass(frozen=True, slots=True)
class Finding:
    """What looks like a secret, and where it is.

    Attributes:
        place: the line or the recording, as messages name it.
        secret: what was found, or `None` when the place could not be looked at.
        problem: why it could not be.
    """

    place: str
    secret: Secret | None = None
    problem: str = ""


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yields the files that paths name: a directory stands for all files in it that are text or recordings."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file() and ".git" not in file.parts and not _is_other(file):
                yield file


def findings_in(path: Path) -> Iterator[Finding]:
    """Yields what looks like a secret in a file.

    Raises:
        UnreadableRecording, OSError: when the file cannot be looked at.
    """
    kind = kind_of(path)
    if kind is Kind.LINES:
        yield from _in_lines(path, are_recordings=True)
    elif kind is Kind.HAR:
        yield from _in_documents("entry", entries_in(path))
        log = log_in(path)
        yield from _in_document("the log", {name: value for name, value in log.items() if name != "entries"})
        for name, content in others_in(path):
            yield from _in_text(name, content)
    elif kind is Kind.CASSETTE:
        yield from _in_documents("interaction", interactions_in(path))
    elif kind is Kind.SQLITE:
        for number, recording in enumerate(storage_of(path, kind).recordings(), 1):
            request = recording.request
            place = f"recording {number}, {request.method} {masked(redact_endpoint(request.url))}"
            yield from _in_document(place, json.loads(to_json(recording)))
    elif kind is Kind.ORIGINAL:
        yield from _in_rows(path)
    elif _is_other(path):
        raise UnreadableRecording(f"{path} is neither text nor a file of recordings")
    else:
        yield from _in_lines(path, are_recordings=False)


def _in_lines(path: Path, *, are_recordings: bool) -> Iterator[Finding]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.decode("utf-8", "replace").strip("\ufeff\r\n")
            document = _document(text) if are_recordings else None
            if document is not None:
                yield from _in_document(f"line {number}", document)
            else:
                yield from (Finding(f"line {number}", secret) for secret in secrets_in_line(text))


def _in_text(name: str, content: bytes) -> Iterator[Finding]:
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        yield from (Finding(f"{name}, line {number}", secret) for secret in secrets_in_line(line))


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _in_documents(place: str, documents: Iterable[Any]) -> Iterator[Finding]:
    for number, document in enumerate(documents, 1):
        yield from _in_document(f"{place} {number}", document)


def _in_document(place: str, document: Any) -> Iterator[Finding]:
    try:
        for secret in secrets_in(document):
            yield Finding(place, secret)
    except RecursionError:
        yield Finding(place, problem="it is nested too deep")


def _in_rows(path: Path) -> Iterator[Finding]:
    try:
        for row in rows_of(path):
            if row.problem:
                yield Finding(masked(str(row)), problem=row.problem)
            for exchange in row.exchanges:
                bodies = {name: base64.b64decode(exchange[name]) for name in ("asked_body", "body")}
                yield from _in_document(masked(str(row)), exchange | bodies)
    except Unfit as problem:
        raise UnreadableRecording(f"{path} {problem}") from problem


def _is_other(path: Path) -> bool:
    """Tells whether a file is neither text nor a SQLite file."""
    try:
        with path.open("rb") as file:
            begins = file.read(_LOOKED_AT)
    except OSError:
        return False  # which is said when it is its turn
    return b"\0" in begins and not begins.startswith(b"SQLite format 3\0")
