"""A wire that answers by a script and remembers what reached it: the lowest transport of a test."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import Any, Self, TypeAlias

from ..clock import SYSTEM_CLOCK, Clock
from ..family import AnyRequest, AnyResponse, TransportBase, family_of

__all__ = ["NEVER", "ScriptedResponse", "ScriptedWire", "Sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedResponse:
    """One answer of a `ScriptedWire`.

    Attributes:
        status: the status code.
        headers: the headers.
        content: the body, in one piece.
        json: the body as JSON instead, unless it is `None`.
        chunks: the body piece by piece instead; an exception among the pieces is raised in its place. An iterator is
            used up by the first answer: give a list to a step that repeats.
        delay: seconds before the headers; `math.inf` never answers.
        chunk_delay: seconds before each piece of the body.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes = b""
    json: object = None
    chunks: Iterable[bytes | Exception] | None = None
    delay: float = 0.0
    chunk_delay: float = 0.0


Step: TypeAlias = "int | ScriptedResponse | Exception | type[Exception] | Callable[[Any], Any]"
"""What a script is made of: a status code, an answer, an error to raise, or a function of the request that gives one
of those (or a response of the request's family, or an awaitable of any of them)."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it reached the wire: when (seconds of the clock), and what."""

    at: float
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes


class ScriptedWire(TransportBase):
    """A transport that plays a script: one step for each request, the last one for all that follow.

    Bodies are real streams, so that what happens between headers and the end of a body can be tested: `open_bodies`
    counts those given out and not yet closed, `in_flight` and `most_in_flight` count requests from arrival to the end
    of their body.

    Args:
        steps: the script; nothing means 200 for ever.
        clock: what the delays wait on.

    Attributes:
        sent: what reached the wire, in order.
        closed: how many times the wire was closed.
    """

    def __init__(self, *steps: Step, clock: Clock = SYSTEM_CLOCK) -> None:
        self._steps = steps or (200,)
        self.clock = clock
        self.sent: list[Sent] = []
        self.entered = 0
        self.closed = 0
        self.open_bodies = 0
        self.in_flight = 0
        self.most_in_flight = 0

    async def handle_async_request(self, request: AnyRequest) -> AnyResponse:
        """Answers with the next step of the script."""
        step = self._steps[min(len(self.sent), len(self._steps) - 1)]
        self.sent.append(Sent(self.clock.now(), request.method, str(request.url), dict(request.headers), b""))
        place = len(self.sent) - 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            content = b"".join([chunk async for chunk in request.stream])
            self.sent[place] = replace(self.sent[place], content=content)
            return await self._play(request, step)
        except BaseException:
            self.in_flight -= 1
            raise

    async def _play(self, request: AnyRequest, step: Any) -> AnyResponse:
        family = family_of(request)
        step = await _settled(step, request)
        if _is_error(step):
            raise _in_family(family.module, step)
        if isinstance(step, family.Response):
            self.in_flight -= 1
            return step
        answer = ScriptedResponse(status=step) if isinstance(step, int) else step
        if not isinstance(answer, ScriptedResponse):
            raise TypeError(
                f"{step!r} is no step of a script: give a status code, a ScriptedResponse, an exception, a response "
                f"of {family.name}, or a function of the request that returns one of those"
            )
        if answer.delay:
            await self.clock.sleep(answer.delay)
        kind = type("ScriptedStream", (_ScriptedStream, family.AsyncByteStream), {})
        headers, pieces = _encoded(answer, family)
        self.open_bodies += 1
        return family.Response(answer.status, headers=headers, stream=kind(self, answer, pieces))

    async def __aenter__(self) -> Self:
        """Counts that it was entered."""
        self.entered += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        """Counts that it was closed."""
        await self.aclose()

    async def aclose(self) -> None:
        """Counts that it was closed."""
        self.closed += 1


class _ScriptedStream:
    def __init__(self, wire: ScriptedWire, answer: ScriptedResponse, pieces: Iterable[bytes | Exception]) -> None:
        self._wire, self._answer, self._pieces = wire, answer, pieces
        self._is_open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if self._answer.chunk_delay:
                await self._wire.clock.sleep(self._answer.chunk_delay)
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def aclose(self) -> None:
        if self._is_open:
            self._is_open = False
            self._wire.open_bodies -= 1
            self._wire.in_flight -= 1


def _is_error(step: object) -> bool:
    return isinstance(step, BaseException) or (isinstance(step, type) and issubclass(step, BaseException))


async def _settled(step: Any, request: AnyRequest) -> Any:
    """Returns what a step comes to: functions are called and awaitables awaited until it is an answer."""
    while callable(step) and not isinstance(step, type):
        step = step(request)
        if isawaitable(step):
            step = await step
    return step


def _encoded(answer: ScriptedResponse, family: Any) -> tuple[dict[str, str], Iterable[bytes | Exception]]:
    headers = dict(answer.headers)
    if answer.chunks is not None:
        return headers, answer.chunks
    if answer.json is None:
        return {"content-length": str(len(answer.content)), **headers}, [answer.content]
    made = family.Response(200, json=answer.json)
    return {**dict(made.headers), **headers}, [made.content]


def _in_family(module: Any, error: Any) -> BaseException:
    """Returns the error as the request's family would raise it, so that one script serves both."""
    raised: BaseException = error("scripted") if isinstance(error, type) else error
    twin = getattr(module, type(raised).__name__, None)
    if type(raised).__module__.partition(".")[0] in {"httpx", "httpx2"} and isinstance(twin, type):
        return twin(*raised.args)  # type: ignore[no-any-return]
    return raised


NEVER = math.inf
"""A delay that never ends: what a server that hangs looks like."""
