"""Where recordings are kept: the small interface for anybody's storage, and the richer one of our own."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import anyio.to_thread

from ..exceptions import GracyReplayRequestNotFound
from ..family import AnyRequest, AnyResponse, error_for
from ..showing import shown_url
from .asked import Asked
from .exchange import read_answer, recording_of, response_from
from .recording import Recording
from .run import Run
from .sequence import LAST

__all__ = ["ANY", "GracyReplayStorage", "RecordingStorage", "Wanted"]


class GracyReplayStorage(ABC):
    """Where recordings are kept. Write `record` and `_load` for a storage of your own; the rest has defaults.

    One on PostgreSQL, with `pip install "psycopg[binary]"`; other databases go alike:

    ```python
    import json
    from hashlib import sha256

    import httpx
    import psycopg
    from anyio.to_thread import run_sync
    from gracy_transport import GracyReplayStorage

    TABLE = "recordings (asked text PRIMARY KEY, at timestamptz, status int, headers jsonb, body bytea)"
    STORE = "INSERT INTO recordings VALUES (%s, now(), %s, %s, %s) ON CONFLICT (asked) DO UPDATE SET "
    STORE += "(at, status, headers, body) = (now(), excluded.status, excluded.headers, excluded.body)"
    FIND = "SELECT status, headers, body FROM recordings WHERE asked = %s AND at >= coalesce(%s, at)"


    class PostgresReplayStorage(GracyReplayStorage):
        def __init__(self, dsn):
            self.dsn = dsn

        def run(self, work):  # one transaction, on a connection of its own
            with psycopg.connect(self.dsn) as connection:
                return work(connection)

        def prepare(self):  # the lock, because others may make the table just now
            self.run(lambda c: c.execute(f"SELECT pg_advisory_xact_lock(7); CREATE TABLE IF NOT EXISTS {TABLE}"))

        async def record(self, response):
            await self.record_batch([response])

        async def record_batch(self, responses):
            told = {asked(r.request): (r.status_code, r.headers.multi_items(), r.content) for r in responses}
            rows = [(key, status, json.dumps(headers), body) for key, (status, headers, body) in sorted(told.items())]
            await run_sync(self.run, lambda c: c.cursor().executemany(STORE, rows))

        async def _load(self, request, discard_before=None):
            row = await run_sync(self.run, lambda c: c.execute(FIND, (asked(request), discard_before)).fetchone())
            return row and httpx.Response(row[0], headers=row[1], content=row[2])


    def asked(request):
        return sha256(f"{request.method} {request.url} ".encode() + request.content).hexdigest()
    ```

    What it has to keep, and the example does. Of several answers to one request the last stays, within a batch, too:
    responses come in the order in which they were answered. Tasks, threads, event loops and processes come at the same
    time, so no connection belongs to an event loop (trio has no asyncio driver) or is shared by two threads, a batch is
    one transaction, and all of them take their rows in the same order, or a database reports deadlocks. An error is
    raised: to record is a warning then, to replay fails with it. What has to be replayed in a sequence, told apart by
    users, or forgotten (the modes "once" and "refresh") needs a `RecordingStorage`.

    What is handed over holds no secrets: credentials, cookies, keys and tokens read `[redacted]`, in what is recorded
    and in what is looked up alike. So whatever a storage matches by still matches when another secret is used.

    `record_batch` is for one transaction, or one request, for many: where there is one, it is called in place of
    `record`, and what comes in while one batch is written goes into the next.
    """

    def prepare(self) -> None:  # noqa: B027 - a default, not a duty
        """Gets ready; called once when a transport is made. Does nothing unless overridden."""

    @abstractmethod
    async def record(self, response: AnyResponse) -> None:
        """Stores a response. Its body is read, and `response.request` is what was asked, its body read too."""

    @abstractmethod
    async def _load(self, request: AnyRequest) -> AnyResponse:
        """Returns the response that was recorded for a request.

        May take a second parameter, the date before which recordings do not count (a `datetime` or `None`); one that
        has to be given by its name is called `discard_before`.

        Raises:
            GracyReplayRequestNotFound: when there is none; returning `None` says the same.
        """

    async def load(
        self,
        request: AnyRequest,
        discard_before: datetime | None = None,
        discard_bad_responses: bool = False,  # noqa: FBT001, FBT002 - as existing storages know it
    ) -> AnyResponse:
        """Returns what `_load` found, if it is to be replayed.

        Raises:
            GracyReplayRequestNotFound: when there is nothing, or only a bad response and those are discarded.
        """
        load: Any = self._load
        _request, *others = inspect.signature(load).parameters.values()
        if not others:
            response = await load(request)
        elif others[0].kind is inspect.Parameter.KEYWORD_ONLY:
            response = await load(request, discard_before=discard_before)
        else:
            response = await load(request, discard_before)
        if response is None or (discard_bad_responses and response.status_code >= 400):
            raise not_found(request)
        return response

    async def find_replay(self, request: AnyRequest, discard_before: datetime | None = None) -> AnyResponse | None:
        """Returns what `load` finds, or `None` where that raises."""
        try:
            return await self.load(request, discard_before)
        except GracyReplayRequestNotFound:
            return None

    def flush(self) -> None:  # noqa: B027 - as prepare
        """Makes sure that everything is stored; called when the transport is closed. Does nothing unless overridden."""


class Wanted(NamedTuple):
    """Which recordings count.

    Attributes:
        since: those from that date on; all unless given.
        only_good: only answers that are neither 4xx nor 5xx, and no errors.
        credential: only those of requests with that credential; `None` for any.
    """

    since: datetime | None = None
    only_good: bool = False
    credential: str | None = None

    def accepts(self, recording: Recording) -> bool:
        """Tells whether a recording counts."""
        is_old = self.since is not None and recording.recorded_at < self.since
        is_theirs = self.credential is None or recording.request.credential == self.credential
        return is_theirs and not is_old and (not self.only_good or recording.is_good)


ANY: Final = Wanted()


class RecordingStorage(GracyReplayStorage):
    """A storage that keeps `Recording`s, whole sequences of them, and does not deal in responses.

    Write `save`, `find` and `recordings`; what the smaller interface wants is made from them.
    """

    @abstractmethod
    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        """Stores a recording under `asked.key`, at its position in the sequence of that key.

        With `is_first` it replaces everything that earlier runs recorded under the key for `asked.credential`.
        """

    @abstractmethod
    async def find(self, asked: Asked, position: int, wanted: Wanted = ANY) -> Recording | None:
        """Returns the recording for `asked.key` at a position among those that are wanted.

        `LAST` is the position of the last. Returns `None` where there is none.
        """

    @abstractmethod
    def recordings(self) -> Iterator[Recording]:
        """Yields all recordings in a stable order: by URL and method, those of one request in their sequence."""

    @property
    def run(self) -> Run:
        """What was recorded on this object since it was made, by all transports together."""
        # Not made in a constructor, which who derives may not call.
        own = vars(self)
        run: Run | None = own.get("_run")
        return own.setdefault("_run", Run()) if run is None else run

    def is_empty(self) -> bool:
        """Returns whether nothing at all is recorded."""
        return next(self.recordings(), None) is None

    async def next_position(self, asked: Asked, credential: str | None) -> int:
        """Returns the position after the last that is recorded for `asked.key` and a credential; `None` for any."""
        wanted, position = Wanted(credential=credential), 0
        while await self.find(asked, position, wanted) is not None:
            position += 1
        return position

    async def forget_unrecorded(self, since: datetime) -> None:
        """Forgets everything that was recorded before that moment, which is when this run began.

        The mode "refresh" calls it when the transport is closed, and takes no storage that does not override it.

        Raises:
            NotImplementedError: unless overridden.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot forget: it has no forget_unrecorded of its own")

    def credentials(self) -> frozenset[str]:
        """Returns the credentials of the recorded requests; the empty one of those that had none is left out."""
        return frozenset(each.request.credential for each in self.recordings()) - {""}

    async def hint(self, asked: Asked) -> str:
        """Returns a sentence that helps somebody whose request was not found, or nothing."""
        return ""

    async def let_go(self) -> None:
        """Flushes without keeping the event loop."""
        await anyio.to_thread.run_sync(self.flush)

    async def record(self, response: AnyResponse) -> None:
        """Stores a response as the only one for its request."""
        request = response.request
        asked = Asked(request, await request.aread())
        answer = read_answer(response.headers, await response.aread())
        recording = recording_of(asked, response.status_code, answer, datetime.now(UTC), reason=response.reason_phrase)
        await self.save(asked, recording, 0, is_first=True)

    async def _load(self, request: AnyRequest, discard_before: datetime | None = None) -> AnyResponse:
        """Returns the last response that was recorded for a request, unread; a date without a time zone is local."""
        since = None if discard_before is None else discard_before.astimezone()
        found = await self.find(Asked(request, await request.aread()), LAST, Wanted(since))
        if found is None:
            raise not_found(request)
        response = response_from(found, request)
        response.request = request
        return response


def not_found(request: AnyRequest, message: str = "") -> GracyReplayRequestNotFound:
    """Returns the error for a request that nothing was recorded for."""
    message = message or f"nothing is recorded for {request.method} {shown_url(request)}"
    return error_for(request, GracyReplayRequestNotFound, message)
