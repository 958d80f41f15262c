"""A HAR and the bodies that it keeps in files of their own: beside it in a directory, or with it in a `.zip`."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

from ..exceptions import UnreadableRecording

__all__ = ["UNPACKING", "Place", "hars_in", "others_in", "place_of"]

Place: TypeAlias = Path | zipfile.Path
"""A file or a directory, be it in an archive."""

UNPACKING: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What reading from an archive raises that is broken, encrypted, or packed in a way that Python does not know."""


def hars_in(path: Path) -> list[str]:
    """Returns the names of the HARs in an archive; none for a file that is no archive. Raises OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name for name in archive.namelist() if name.lower().endswith(".har")]
    except UNPACKING:
        return []


def place_of(path: Path) -> Place:
    """Returns where a HAR is: the file itself, or the one in an archive, as Playwright writes it.

    Raises:
        UnreadableRecording: when there are several in it.
        OSError: when it cannot be read.
    """
    names = hars_in(path)
    if len(names) > 1:
        raise UnreadableRecording(f"{path} holds {len(names)} HARs: unpack it, and give the one to read")
    return zipfile.Path(path, names[0]) if names else path


def others_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields name and content of what else is in an archive; nothing for a file that is none.

    Raises:
        UnreadableRecording: when it cannot be unpacked.
        OSError: when it cannot be read.
    """
    if not hars_in(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith("/") and not name.lower().endswith(".har"):
                    yield name, archive.read(name)
    except UNPACKING as error:
        raise UnreadableRecording(f"{path} cannot be unpacked ({error}): unpack it yourself") from error
