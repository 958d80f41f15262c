"""The recording of one test: what it sends is recorded or replayed at the wire, and its file is written at its end."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib import import_module
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import anyio
import pytest

from ...exceptions import GracyReplayRequestNotFound
from ...family import AnyRequest, AnyResponse, AsyncTransport
from ...replay import GracyReplay, ReplayTransport
from ...replay.state import ReplayState
from ...replays.storages.lines import JSONLinesReplayStorage
from ...replays.storages.memory import MemoryReplayStorage
from .ledger import Fate
from .network import is_local
from .patching import replaced
from .wishes import Wish

if TYPE_CHECKING:
    from pathlib import Path

    from ...replay.asked import Asked
    from ...replay.config import Mode
    from ...replay.recording import Recording
    from ...replay.storage import RecordingStorage

__all__ = ["RecordedTest"]

_Send: TypeAlias = Callable[[AnyRequest], Awaitable[AnyResponse]]

_NEVER: Final = datetime.max.replace(tzinfo=UTC)

_is_covered: Final[ContextVar[bool]] = ContextVar("gracy_transport_is_covered", default=False)
"""Whether a transport above has taken the request for the recording already."""


class RecordedTest:
    """The recording of one test, which the fixture `recording` gives.

    Attributes:
        path: the file.
        mode: what is done with requests, in the words of `GracyReplay`: "record", "replay" or "smart-replay".
        storage: where recordings are kept while the test runs.
        missed: what was asked in vain, a text each.
    """

    path: Path
    storage: RecordingStorage

    def __init__(self, wish: Wish, mode: Mode, *, forgets: bool, name: str) -> None:
        self.path = wish.path
        self.mode: Mode = mode
        self.missed: list[str] = []
        self._wish = wish
        self._forgets = forgets and wish.is_own
        lines = JSONLinesReplayStorage(wish.path)
        self._draft = None if mode == "replay" else _Draft(lines.recordings() if mode == "smart-replay" else ())
        self.storage = self._draft or lines
        state = ReplayState(GracyReplay(mode, self.storage, **wish.options))
        self._replay = _Replay(
            state, self.path, f"record it with `pytest --gracy-record=new {quote(name)}`", self.missed
        )

    def transport(self, inner: AsyncTransport) -> ReplayTransport:
        """Returns a transport that records and replays in the file of this test too.

        For what does not go through the `AsyncHTTPTransport` of httpx or httpx2. It takes every host.
        """
        return _RecordedWire(_Covered(inner), self._replay)

    @property
    def lost(self) -> list[str]:
        """What the test sent that was not recorded, a text each."""
        return list(self._replay.state.lost)

    @contextmanager
    def on(self) -> Generator[RecordedTest]:
        """Takes what passes the wires of httpx and httpx2 while the block runs."""
        with ExitStack() as stack:
            for kind in _wires():
                stack.enter_context(replaced(kind, "handle_async_request", self._answering))
            yield self

    def settle(self, *, is_whole: bool) -> Fate | None:
        """Writes the file, when the test went through; returns what became of it, `None` for nothing.

        Raises:
            OSError: when it cannot be written.
        """
        if self._draft is None:
            return "replayed" if self.path.exists() else None
        if not is_whole:
            return "kept" if self._draft.saved else None
        before = self._content()
        if before is None and not self._draft.saved:
            return None
        with ThreadPoolExecutor(1) as thread:  # no event loop of the tests' own is to know of this one
            thread.submit(anyio.run, self._write, self._draft.saved).result()
        if before is None:
            return "new"
        return "unchanged" if self._content() == before else "changed"

    def __repr__(self) -> str:
        """Names the mode and the file."""
        return f"<RecordedTest {self.mode} {self.path}>"

    def _answering(self, original: Any) -> Callable[..., Any]:
        def answer(wire: Any, request: AnyRequest) -> Awaitable[AnyResponse]:
            if _is_covered.get() or not self._covers(wire, request.url.host):
                sent: Awaitable[AnyResponse] = original(wire, request)
                return sent
            below = _Wire(lambda request: original(wire, request))
            answered: Awaitable[AnyResponse] = _RecordedWire(below, self._replay).handle_async_request(request)
            return answered

        return answer

    def _covers(self, wire: Any, host: str) -> bool:
        if self._wish.hosts is not None:
            return any(fnmatchcase(host.lower(), pattern.lower()) for pattern in self._wish.hosts)
        is_here = is_local(host) or getattr(getattr(wire, "_pool", None), "_uds", None) is not None
        return self._wish.local or not is_here

    async def _write(self, saved: Sequence[tuple[Asked, Recording, int, bool]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = JSONLinesReplayStorage(self.path)
        for asked, recording, position, is_first in saved:
            await lines.save(asked, recording, position, is_first=is_first)
        # Forgets nothing of a file that others use; but unlike a flush it raises when the file cannot be written.
        await lines.forget_unrecorded(self._since(saved))

    def _since(self, saved: Sequence[tuple[Asked, Recording, int, bool]]) -> datetime:
        """Returns from when on what is recorded stays: its own does, whatever time of day the test set."""
        if not self._forgets:
            return datetime.min.replace(tzinfo=UTC)
        return min((recording.recorded_at for _asked, recording, *_place in saved), default=_NEVER)

    def _content(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None


class _Draft(MemoryReplayStorage):
    """What a test records, until it is known whether the test goes through."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        super().__init__(recordings)
        self.saved: list[tuple[Asked, Recording, int, bool]] = []

    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        await super().save(asked, recording, position, is_first=is_first)
        self.saved.append((asked, recording, position, is_first))


class _Wire:
    """A wire whose requests are taken, as a transport."""

    def __init__(self, send: _Send) -> None:
        self._send = send

    async def handle_async_request(self, request: AnyRequest) -> AnyResponse:
        return await self._send(request)

    async def aclose(self) -> None:
        """Leaves closing to whose wire it is."""


class _Covered:
    """A transport whose requests are taken above it, so that they are not taken again where they reach a wire."""

    def __init__(self, inner: AsyncTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: AnyRequest) -> AnyResponse:
        token = _is_covered.set(True)
        try:
            return await self.inner.handle_async_request(request)
        finally:
            _is_covered.reset(token)

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(frozen=True, slots=True)
class _Replay:
    """What the wires of a test have in common."""

    state: ReplayState
    path: Path
    advice: str
    missed: list[str]


class _RecordedWire(ReplayTransport):
    """Records or replays for a test; what is missing is an outcome of pytest, which no `except Exception` swallows."""

    def __init__(self, inner: AsyncTransport, common: _Replay) -> None:
        super().__init__(inner, common.state)
        self._common = common
        self.advice = common.advice

    async def handle_async_request(self, request: AnyRequest) -> AnyResponse:
        """Answers a request, or ends the test."""
        __tracebackhide__ = True
        try:
            return await super().handle_async_request(request)
        except GracyReplayRequestNotFound as missing:
            text, path = str(missing), str(self._common.path)
        text = text if path in text else f"{text} ({path})"
        self._common.missed.append(text)
        raise pytest.fail.Exception(text)


def _wires() -> list[Any]:
    """Returns the classes of which every wire of httpx, and of httpx2 where it is installed, is an instance."""
    names = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name) is not None]
    return [import_module(name).AsyncHTTPTransport for name in names]
