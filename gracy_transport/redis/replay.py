"""Recordings on a server of Redis or Valkey, for any number of processes on any number of machines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

import anyio.to_thread

from ..exceptions import UnreadableRecording
from ..replay.asked import Asked
from ..replay.batches import Batch, Batches
from ..replay.document import from_json, to_line
from ..replay.nearest import nearest
from ..replay.processes import PerProcess
from ..replay.recording import Recording
from ..replay.shelf import Sequence
from ..replay.storage import ANY, RecordingStorage, Wanted
from .connecting import Server
from .places import FIND, FORGET, WRITE, Entry, Keys, Place, since_1970

__all__ = ["RedisReplayStorage"]

T = TypeVar("T")

TIMEOUT: Final = 2.0
"""Seconds that a server may take for one answer: far more than it needs, and short enough for a person who waits."""
MOST_AT_ONCE: Final = 1024 * 1024
"""Bytes that are written in one step, which a slow network moves within the time-out, and a server without a pause."""
_MOST_PLACES: Final = 1000
_NEAREST: Final = 1000
_DOCUMENTS: Final = 50
"""Places that are deleted in one step; recordings that a miss is compared with, the newest; how many come at a time."""


class RedisReplayStorage(RecordingStorage):
    """Keeps recordings on a server of Redis or Valkey. Use one from any task, thread, event loop and process.

    ```python
    storage = RedisReplayStorage("redis://localhost", namespace="pokeapi")
    ```

    It does what `SQLiteReplayStorage` does, for processes that have no file in common. What one process recorded, it
    finds at once itself; others find it as soon as it is written. Writing is done in batches, by a thread that lives
    while there is something to write: what was recorded in the last 50 ms before a crash may be lost, and a batch is
    stored whole or not at all. Nothing is lost when a program just ends. A batch that the server does not take is a
    warning, and the responses are not affected. All else raises `UnreadableRecording` when the server cannot be
    reached, or refuses. Needs the extra, `pip install "gracy-transport[redis]"`.

    URLs are those of `redis.Redis.from_url`: `redis://`, `rediss://` (TLS; its options, such as `ssl_ca_certs`, stand
    in the query) and `unix://`, with user and password. `redis+cluster://host` names one node of a cluster, all else
    it tells; `redis+sentinel://host:26379,host:26379/service/0` names sentinels, with user and password of the server,
    and those of the sentinels as `?sentinel_username=…&sentinel_password=…`; both with `rediss+` for TLS.

    Nothing expires: delete the keys that begin with `gracy:{namespace}:recordings` to forget. Bodies are in the memory
    of the server, which must not evict (`maxmemory-policy noeviction`). A copy or a pickle of a storage is another one
    on the same server; it has the URL in it, password and all.

    Args:
        url: where the server is.
        namespace: tells what is recorded here from what others keep on that server; the keys have it in braces.
        timeout: seconds after which a server that does not answer counts as gone; it is asked twice.

    Raises:
        ImportError: when the `redis` package is missing.
        ValueError: for a URL, a namespace or a timeout that cannot be used.
    """

    def __init__(self, url: str, *, namespace: str, timeout: float = TIMEOUT) -> None:
        if not 0 < timeout < math.inf:
            raise ValueError(f"timeout={timeout} gives a server no time that can be waited for: give seconds above 0")
        self.namespace = namespace
        self._url = url
        self._timeout = timeout
        self._keys = Keys(namespace)
        self._here = PerProcess(partial(_Desk, url, timeout, self._keys))

    def prepare(self) -> None:
        """Refuses a server that cannot be used; stores nothing.

        Raises:
            UnreadableRecording: when the server cannot be reached, or refuses.
        """
        self._ask(lambda client: client.hlen(self._keys.documents))

    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        """Lets a recording be written."""
        writer = self._here().writer
        if writer.add(_entry(recording, asked.sequence, position), is_first=is_first):
            await anyio.to_thread.run_sync(writer.flush)

    def store(self, placed: Iterable[tuple[Recording, Sequence, int]]) -> None:
        """Stores recordings at their positions in their sequences, beside what is there, before it returns.

        Raises:
            UnreadableRecording: when the server cannot be reached, or refuses; some may be stored then.
        """
        writer, batch, size = self._here().writer, list[Entry](), 0
        for recording, sequence, position in placed:
            batch.append(_entry(recording, sequence, position))
            size += batch[-1].size
            if size >= MOST_AT_ONCE:
                writer.store(batch)
                batch, size = [], 0
        writer.store(batch)

    def clear(self) -> None:
        """Deletes all that is recorded in the namespace.

        Raises:
            UnreadableRecording: when the server cannot be reached, or refuses.
        """
        self._here().writer.flush(partial(self._forget, datetime.max.replace(tzinfo=UTC)))

    async def find(self, asked: Asked, position: int, wanted: Wanted = ANY) -> Recording | None:
        """Returns the recording at a position among those that are wanted, or `None`.

        Raises:
            UnreadableRecording: when the server cannot be reached, or refuses, or what it keeps is no recording.
        """
        keys = self._keys.documents, self._keys.of(asked.key, wanted.credential)
        since = "" if wanted.since is None else since_1970(wanted.since)

        def look(client: Any) -> bytes | None:
            found: bytes | None = client.eval(FIND, len(keys), *keys, position, since, int(wanted.only_good))
            return found

        document = await _in_thread(self._ask, look, asked.key)
        return None if document is None else self._read(document)

    def recordings(self) -> Iterator[Recording]:
        """Yields all recordings by URL and method, those of one request in their sequence.

        They are those of one moment, without what is replaced while they are read; all of them are in memory.

        Raises:
            UnreadableRecording: when the server cannot be reached, or refuses, or what it keeps is no recording.
        """
        self._here().writer.flush()
        yield from (recording for _place, recording in sorted(self._stored(self._places()), key=_order))

    def is_empty(self) -> bool:
        """Returns whether nothing at all is recorded."""
        self._here().writer.flush()
        return not self._ask(lambda client: client.hlen(self._keys.documents))

    async def next_position(self, asked: Asked, credential: str | None) -> int:
        """Returns the position after the last that is recorded for a key and a credential; `None` for any."""
        index = self._keys.of(asked.key, credential)

        def look(client: Any) -> list[Any]:
            last: list[Any] = client.zrange(index, -1, -1, withscores=True)
            return last

        last = await _in_thread(self._ask, look, asked.key)
        return int(last[0][1]) + 1 if last else 0

    async def forget_unrecorded(self, since: datetime) -> None:
        """Deletes what was recorded before that moment."""
        await anyio.to_thread.run_sync(self._here().writer.flush, partial(self._forget, since))

    def credentials(self) -> frozenset[str]:
        """Returns the credentials of the recorded requests."""
        self._here().writer.flush()
        return frozenset(place.credential for place in self._places()) - {""}

    async def hint(self, asked: Asked) -> str:
        """Names the recording that comes nearest to a request, among the last 1,000."""
        return await _in_thread(self._nearest, asked)

    def flush(self) -> None:
        """Writes what waits and closes the connections, which are opened again when they are needed."""
        here = self._here()
        here.writer.flush()
        here.server.let_go()

    def __repr__(self) -> str:
        """Names the server and the namespace."""
        return f"<RedisReplayStorage {self._here().server.name} namespace {self.namespace!r}>"

    def __reduce__(self) -> tuple[Callable[[], RedisReplayStorage], tuple[()]]:
        """Copies and pickles as another storage on the same server."""
        return partial(type(self), self._url, namespace=self.namespace, timeout=self._timeout), ()

    def _ask(self, question: Callable[[Any], T], key: int | None = None) -> T:
        """Returns the answer of the server, once everything is written that this process recorded for a key."""
        here = self._here()
        if key is not None and here.writer.holds(key):
            here.writer.flush()
        return here.server.ask(question)

    def _places(self) -> list[Place]:
        names: list[bytes] = self._ask(lambda client: client.hkeys(self._keys.documents))
        return [self._place(name) for name in names]

    def _stored(self, places: list[Place]) -> Iterator[tuple[Place, Recording]]:
        """Yields the recordings at these places, but for those that are gone."""
        for start in range(0, len(places), _DOCUMENTS):
            some = places[start : start + _DOCUMENTS]
            texts = [place.text for place in some]
            documents: list[bytes | None] = self._ask(partial(_documents, self._keys.documents, texts))
            for place, document in zip(some, documents, strict=True):
                if document is not None:
                    yield place, self._read(document)

    def _forget(self, since: datetime) -> None:
        before = since_1970(since)
        old = [place for place in self._places() if place.at < before]
        for start in range(0, len(old), _MOST_PLACES):
            some = old[start : start + _MOST_PLACES]
            keys, texts = self._keys.of_all(some), [place.text for place in some]
            self._ask(partial(_run, FORGET, keys, texts))

    def _nearest(self, asked: Asked) -> str:
        last = sorted(self._places(), reverse=True)[:_NEAREST]
        known = [recording.request for _place, recording in self._stored(last)]
        return nearest(asked.facts, known, lambda each: each)

    def _place(self, name: bytes) -> Place:
        try:
            return Place.read(name)
        except ValueError as error:
            raise UnreadableRecording(f"{self!r}: what is stored as {name!r} is no recording: delete it") from error

    def _read(self, document: bytes) -> Recording:
        try:
            return from_json(document.decode())
        except (ValueError, UnreadableRecording) as error:
            raise UnreadableRecording(f"{self!r}: {error}") from error


class _Desk:
    """What one process reads and writes with."""

    def __init__(self, url: str, timeout: float, keys: Keys) -> None:
        self.server = Server(url, timeout)
        self.writer = _Writer(self.server, keys)


class _Writer(Batches[Entry]):
    """Writes recordings to the server, each batch in one step."""

    def __init__(self, server: Server, keys: Keys) -> None:
        super().__init__(server.name, MOST_AT_ONCE)
        self._server = server
        self._keys = keys

    def store(self, entries: list[Entry]) -> None:
        """Writes recordings, if there are any. Raises UnreadableRecording when that fails."""
        if entries:
            self._store([(entry, False) for entry in entries])

    def _store(self, batch: Batch[Entry]) -> None:
        keys = self._keys.of_all([entry.place for entry, _is_first in batch])
        arguments: list[Any] = []
        for (place, document), is_first in batch:
            arguments += [int(is_first), place.position, place.text, document]
        self._server.ask(partial(_run, WRITE, keys, arguments))

    def _close(self) -> None:
        """Keeps the connection, since others use it, too."""


def _entry(recording: Recording, sequence: Sequence, position: int) -> Entry:
    return Entry(Place.new(recording, sequence, position), to_line(recording, position))


def _run(script: str, keys: list[str], arguments: list[Any], client: Any) -> None:
    client.eval(script, len(keys), *keys, *arguments)


def _documents(key: str, places: list[str], client: Any) -> list[bytes | None]:
    found: list[bytes | None] = client.hmget(key, places)
    return found


def _order(found: tuple[Place, Recording]) -> tuple[str, str, int, str, int, int]:
    place, recording = found
    request = recording.request
    return request.url, request.method, place.key, place.credential, place.position, place.at


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Calls a function in a thread, which a caller who gives up does not wait for."""
    return await anyio.to_thread.run_sync(partial(function, *arguments), abandon_on_cancel=True)
