"""A file of JSON lines: how a recording becomes a line of it, and how the file is read and written."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from ..exceptions import UnreadableRecording
from .document import from_json, headers_in, place_in, placed_in, to_line
from .key import key_of, key_of_recorded, normal_headers
from .recording import Recording
from .shelf import Sequence

__all__ = ["Line", "Stamp", "read_lines", "stamp_of", "write_lines"]

_CONFLICT: Final = re.compile(rb"<{7}( |$)|={7}$|>{7}( |$)|\|{7}( |$)")


class Stamp(NamedTuple):
    """What changes when a file does."""

    changed: int
    size: int
    number: int


class Line:
    """A recording as one line of a file, each of the two made of the other when it is needed.

    Attributes:
        method, url: of its request.
        sequence, position: where it belongs.
        home: the file.
        number: which line of the file it is, from 1; 0 for one that is not written.
    """

    __slots__ = ("_recording", "_text", "home", "method", "number", "position", "sequence", "url")

    def __init__(
        self,
        home: Path,
        sequence: Sequence,
        position: int,
        method: str,
        url: str,
        *,
        text: bytes = b"",
        number: int = 0,
    ) -> None:
        self.home = home
        self.sequence = sequence
        self.position = position
        self.method = method
        self.url = url
        self.number = number
        self._text = text
        self._recording: Recording | None = None

    @classmethod
    def of(cls, recording: Recording, sequence: Sequence, position: int, home: Path) -> Line:
        """Returns the line that a recording makes."""
        line = cls(home, sequence, position, recording.request.method, recording.request.url)
        line._recording = recording
        return line

    @classmethod
    def read(cls, text: bytes, home: Path, number: int) -> Line:
        """Returns a line of a file.

        Raises:
            UnreadableRecording: naming file and number, when it is none.
        """
        place = place_in(text)
        if place is None:
            return cls._read_whole(text, home, number)
        sequence = key_of(place.method, place.url, b"", "", _told(place.headers)), place.credential
        return cls(home, sequence, place.position, place.method, place.url, text=text, number=number)

    @classmethod
    def _read_whole(cls, text: bytes, home: Path, number: int) -> Line:
        try:
            recording, position = placed_in(text.decode())
        except (ValueError, UnreadableRecording) as error:
            raise _broken(home, number, text, error) from error
        request = recording.request
        sequence = key_of_recorded(request), request.credential
        line = cls(home, sequence, position, request.method, request.url, text=text, number=number)
        line._recording = recording
        return line

    @property
    def recording(self) -> Recording:
        """The recording.

        Raises:
            UnreadableRecording: naming file and number, when the line makes none.
        """
        if self._recording is None:
            try:
                self._recording = from_json(self._text.decode())
            except (ValueError, UnreadableRecording) as error:
                raise _broken(self.home, self.number, self._text, error) from error
        return self._recording

    @property
    def text(self) -> bytes:
        """The line, without its end."""
        if not self._text:
            self._text = to_line(self.recording, self.position)
        return self._text

    @property
    def order(self) -> tuple[str, str, int, str, int]:
        """By what lines are sorted."""
        return self.url, self.method, *self.sequence, self.position


Lines: TypeAlias = list[Line]


def read_lines(path: Path) -> Lines:
    """Returns the recordings in a file; none when there is no such file.

    Windows line ends, a byte order mark and empty lines do no harm.

    Raises:
        UnreadableRecording: naming file and line, when one is no recording.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnreadableRecording(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    texts = [text.strip() for text in content.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    return [Line.read(text, path, number) for number, text in enumerate(texts, 1) if text]


def write_lines(path: Path, lines: Iterable[Line]) -> Stamp | None:
    """Writes a file whole and moves it into place; without lines there is no file. Returns its stamp.

    Whoever reads meanwhile sees the old one or the new one. Line ends stay what they were.

    Raises:
        OSError: when that fails; the old file is as it was.
    """
    path = Path(os.path.realpath(path))
    texts: list[bytes] = []
    for number, line in enumerate(lines, 1):
        texts.append(line.text)
        line.number = number
    if not texts:
        path.unlink(missing_ok=True)
        return None
    end = _line_end(path)
    draft = path.with_name(f".{path.name}.new")  # one name for all, so that a killed program leaves one at the most
    with draft.open("wb") as file:
        file.write(end.join([*texts, b""]))
        file.flush()
        os.fsync(file.fileno())
        stamp = _stamp(os.fstat(file.fileno()))
    with contextlib.suppress(FileNotFoundError):
        shutil.copymode(path, draft)
    draft.replace(path)
    return stamp


def stamp_of(path: Path) -> Stamp | None:
    """Returns what changes when the file does, `None` where there is none."""
    try:
        return _stamp(path.stat())
    except OSError:
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


def _line_end(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return b"\r\n" if file.readline().endswith(b"\r\n") else b"\n"
    except FileNotFoundError:
        return b"\n"


@lru_cache(maxsize=256)  # most requests of a program have the same headers
def _told(headers: str) -> str:
    return normal_headers(headers_in(headers))


def _broken(home: Path, number: int, text: bytes, error: Exception) -> UnreadableRecording:
    where = f"{home}, line {number}"
    if _CONFLICT.match(text):
        return UnreadableRecording(
            f"{where}: git has left a merge conflict here: keep of each request the lines of one side, delete those "
            "that begin with <<<<<<<, ======= and >>>>>>>, or record again"
        )
    if isinstance(error, UnreadableRecording):
        return UnreadableRecording(f"{where}: {error}")
    return UnreadableRecording(f"{where}: this is no recording ({error}): mend or delete the line, or record again")
