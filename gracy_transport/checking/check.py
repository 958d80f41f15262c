"""Looks for secrets in files, and says where they are."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ..exceptions import UnreadableRecording
from ..redaction import printable
from .scanning import Finding, files_in, findings_in
from .walking import Secret, masked

__all__ = ["check_recordings"]

NOTHING, FOUND, UNUSABLE = 0, 1, 2
"""Exit statuses: nothing was found, something was, or something could not be looked at."""

_SHOWN: Final = 4
"""Characters of a secret that are shown at the most, and of a short one fewer: a quarter."""


def check_recordings(paths: Sequence[Path], *, allow: Iterable[re.Pattern[str]] = ()) -> int:
    """Says what looks like a secret in files, never the secret itself, and returns the exit status.

    Args:
        paths: recordings of any kind, any text files, or directories of them.
        allow: patterns of false alarms, searched for in the value, and in the line that would be printed.
    """
    allowed, found, problems, files = tuple(allow), 0, 0, 0
    for path in files_in(paths):
        files += 1
        for finding in _findings_in(path):
            if finding.secret is None:
                problems += 1
                _complain(finding.problem)
                continue
            line = _line(path, finding, finding.secret)
            if not any(pattern.search(text) for pattern in allowed for text in (finding.secret.value, line)):
                found += 1
                print(line)
    _complain(f"{found} {'secret' if found == 1 else 'secrets'} found in {files} {'file' if files == 1 else 'files'}")
    return UNUSABLE if problems else FOUND if found else NOTHING


def _findings_in(path: Path) -> Iterator[Finding]:
    """Yields what looks like a secret in a file, and in whole sentences why the file or a part cannot be looked at."""
    try:
        for finding in findings_in(path):
            if finding.secret is not None:
                yield finding
            else:
                yield Finding("", problem=f"{path}, {finding.place}: cannot be looked at, {finding.problem}")
    except UnreadableRecording as problem:
        yield Finding("", problem=str(problem))
    except OSError as problem:
        yield Finding("", problem=f"{path} cannot be read ({problem.strerror}): check its name and permissions")


def _line(path: Path, finding: Finding, secret: Secret) -> str:
    where = f": {masked(secret.where)}" if secret.where else ""
    return printable(f"{path}, {finding.place}{where}: {masked(secret.kind)} ({_begin(secret.value)}…)")


def _begin(value: str) -> str:
    return value[: min(_SHOWN, len(value) // 4)]


def _complain(what: str) -> None:
    print(printable(what), file=sys.stderr)
