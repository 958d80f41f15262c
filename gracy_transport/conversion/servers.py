"""Recordings on a server of Redis or Valkey, as the command names them: by a URL with the namespace in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote

from ..exceptions import UnreadableRecording
from ..replay.recording import Recording
from .targets import placed

if TYPE_CHECKING:
    from ..redis import RedisReplayStorage

__all__ = ["Address", "address_in", "fill"]

Address: TypeAlias = "Path | RedisReplayStorage"
"""Where recordings are: a file or a directory, or a server."""

_NAMESPACE: Final = re.compile(r"(?<=[?&])namespace=([^&]*)&?")


def address_in(text: str) -> Address:
    """Returns the storage that a URL names, such as `redis://host/0?namespace=NAME`, and anything else as a path.

    Raises:
        ImportError: when the `redis` package is missing.
        ValueError: when the URL is none of a server, or names no namespace; the message has no password in it.
    """
    if "://" not in text:
        return Path(text)
    from ..redis import RedisReplayStorage
    from ..redis.urls import check_url, shown

    url = _NAMESPACE.sub("", text, count=1).rstrip("?&")
    check_url(url)
    found = _NAMESPACE.search(text)
    if found is None:
        raise ValueError(f"{shown(text)} names no namespace: put ?namespace=NAME at its end")
    return RedisReplayStorage(url, namespace=unquote(found[1]))


def fill(storage: RedisReplayStorage, recordings: Iterable[Recording]) -> None:
    """Stores recordings in an empty namespace, those of one request as its answers in that order.

    When that fails, what was stored is deleted again, as far as the server can be reached.

    Raises:
        UnreadableRecording: when the server cannot be reached, or refuses.
    """
    try:
        storage.store(placed(recordings))
    except BaseException:
        with suppress(UnreadableRecording):
            storage.clear()
        raise
    finally:
        storage.flush()
