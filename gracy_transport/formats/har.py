"""HAR 1.2, the format in which browsers and test tools save what went over the network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from ..exceptions import UnreadableRecording
from ..replay.recording import Recording
from .archives import UNPACKING, Place, place_of
from .browsers import exchange_in
from .entries import OURS, entry_of, recording_in
from .found import Exchange, Found, adopted, recordings_of

__all__ = ["entries_in", "found_in_har", "log_in", "read_har", "write_har"]

_CREATOR: Final = {"name": "gracy_transport", "version": "1"}


def read_har(path: str | Path) -> list[Recording]:
    """Returns the recordings that a HAR makes, without the secrets in it.

    What cannot be replayed (a WebSocket, an answer whose body is not in the file, a request that the page gave up) is
    left out, with a warning each. Bodies that Playwright keeps in files of their own are read from beside the HAR. A
    `.zip` with a HAR in it is read like the HAR.

    Raises:
        UnreadableRecording: when the file cannot be read, or is no HAR.
    """
    path = Path(path)
    return recordings_of(path, found_in_har(path))


def write_har(path: str | Path, recordings: Iterable[Recording]) -> None:
    """Writes recordings as a HAR, which browsers open and `read_har` makes the very same recordings of.

    Raises:
        OSError: when the file cannot be written.
    """
    # A lone surrogate has no UTF-8, but an escape that JSON knows.
    text = json.dumps(har_of(recordings), ensure_ascii=False, indent=1)
    Path(path).write_bytes(f"{text}\n".encode(errors="backslashreplace"))


def har_of(recordings: Iterable[Recording]) -> dict[str, Any]:
    """Returns recordings as the document of a HAR."""
    entries = [entry_of(recording) for recording in recordings]
    return {"log": {"version": "1.2", "creator": _CREATOR, "entries": entries}}


def found_in_har(path: Path) -> Iterator[Found]:
    """Yields what each entry of a HAR makes, by the time it was asked, or why it makes nothing.

    Raises:
        UnreadableRecording: when the file cannot be read, or is no HAR.
    """
    entries = list(enumerate(entries_in(path), 1))
    if not all(_is_ours(entry) for _number, entry in entries):
        entries.sort(key=lambda each: _started(each[1]))
    otherwise = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    directory = cast("Place", place_of(path).parent)
    yield from adopted(
        (f"entry {number}", _asked(entry), partial(_made, entry, directory, otherwise)) for number, entry in entries
    )


def entries_in(path: Path) -> list[Any]:
    """Returns the entries of a HAR as they stand there.

    Raises:
        UnreadableRecording: when the file cannot be read, or is no HAR.
    """
    return list(cast("Iterable[Any]", log_in(path)["entries"]))


def log_in(path: Path) -> dict[str, Any]:
    """Returns the log of a HAR as it stands there, with the list of its entries.

    Raises:
        UnreadableRecording: when the file cannot be read, or is no HAR.
    """
    try:
        document: Any = json.loads(place_of(path).read_bytes().decode("utf-8-sig"))
        entries = document["log"]["entries"]
    except OSError as error:
        raise UnreadableRecording(
            f"{path} cannot be read ({error.strerror}): check its name and permissions"
        ) from error
    except (*UNPACKING, RecursionError) as error:
        raise UnreadableRecording(f"{path} is no HAR: it is not JSON ({error})") from error
    except (KeyError, TypeError) as error:
        raise UnreadableRecording(f'{path} is no HAR: it does not begin with {{"log": {{"entries": …') from error
    if not isinstance(entries, list):
        raise UnreadableRecording(f"{path} is no HAR: its entries are no list")
    return cast("dict[str, Any]", document["log"])


def _made(entry: Any, directory: Place, otherwise: datetime) -> Exchange | Recording:
    return recording_in(entry) if _is_ours(entry) else exchange_in(entry, directory, otherwise)


def _is_ours(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(cast("dict[str, Any]", entry).get(OURS), dict)


def _asked(entry: Any) -> tuple[Any, Any] | None:
    try:
        return entry["request"]["method"], entry["request"]["url"]
    except (KeyError, TypeError):
        return None


def _started(entry: Any) -> float:
    try:
        return datetime.fromisoformat(entry["startedDateTime"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return 0.0
