"""The transport on which requests fail on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import httpx

from ...bodies import PassingStream, discard, tee_response
from ...call import Call, Observer
from ...clock import SYSTEM_CLOCK, Clock
from ...exceptions import CompositionError
from ...family import AsyncTransport, family_of, package_of
from ...layer import Layer
from ...showing import shown_path
from .config import Fault

if TYPE_CHECKING:
    from ...family import Request, Response

__all__ = ["FaultTransport"]


class FaultTransport(Layer):
    """Lets requests fail on purpose, the same way again with the same seed.

    ```python
    clock = FakeClock()
    flaky = FaultTransport(
        ScriptedWire(),  # or any other: a real one, a replay, a stack
        Fault(error="ConnectError", probability=0.1),
        Fault(status=503, probability=0.2),
        Fault(delay=(0.05, 0.5)),
        seed=7,
        clock=clock,
    )
    config = GracyConfig(retry=GracefulRetry(delay=1, max_attempts=9))
    async with httpx.AsyncClient(transport=GracyTransport(flaky, config, clock=clock)) as client:
        for page in range(100):
            response = await client.get(f"https://api.test/items?page={page}")
            assert response.status_code == 200
    assert min(flaky.struck) > 0
    ```

    It may stand at any height: as the wire's neighbour it plays a flaky server, above a retry it plays one that
    retries cannot help. The first fault that is for a request, and whose chance strikes, applies; no other does.

    What happens to a request depends on the seed, its method, its URL and how often that was asked before: not on
    the order in which concurrent requests come. Chance falls alike in two transports of the same seed: give them
    different ones. The counts of what was asked live as long as the transport.

    Args:
        inner: the transport below.
        faults: what goes wrong, the first first.
        seed: a number or a text that chance, and delays in a range, depend on.
        clock: what delays wait on.
        observers: callables that hear the events of every call.

    Raises:
        CompositionError: for a fault that is none, such as a list of them.

    Attributes:
        struck: how often each fault struck, in the order of `faults`.
        passed: how many requests passed unharmed.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        *faults: Fault,
        seed: int | str = 0,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        for fault in faults:
            _refuse_strange(fault)
        self.faults = faults
        self.seed = seed
        self.passed = 0
        self._struck = [0] * len(faults)
        self._asked: dict[tuple[str, str], int] = {}

    @property
    def struck(self) -> tuple[int, ...]:
        """How often each fault struck, in the order of `faults`."""
        return tuple(self._struck)

    async def handle(self, request: Request, call: Call) -> Response:
        """Delegates, and lets the fault that strikes have its effects.

        Raises:
            Exception: that of the fault, as one of the request's HTTP package.
        """
        fault, choice = self._fate(request)
        if fault is None:
            return await self.pass_on(request, call)
        low, high = fault.delay if isinstance(fault.delay, tuple) else (fault.delay, fault.delay)
        if high > 0:
            await self.clock.sleep(low + choice * (high - low))
        is_replaced = fault.error is not None or fault.status is not None
        if fault.applied or not is_replaced:
            response = await self.pass_on(request, call)
            if not is_replaced:
                return self._with_faulty_body(request, response, fault)
            await discard(response)
        if fault.error is not None:
            raise _error(request, fault.error)
        return self._with_faulty_body(request, _answer(request, fault), fault)

    def state(self) -> str:
        """Says how many faults there are and how many requests they struck: `2 faults, 3 of 10 struck, seed 7`."""
        count, struck = len(self.faults), sum(self._struck)
        return f"{count} fault{'' if count == 1 else 's'}, {struck} of {struck + self.passed} struck, seed {self.seed}"

    def _fate(self, request: Request) -> tuple[Fault | None, float]:
        """Returns the fault that strikes a request, if one does, and a number from 0 up to 1 for it to choose by."""
        key = (request.method, str(request.url).partition("#")[0])
        asked = self._asked[key] = self._asked.get(key, 0) + 1
        for place, fault in enumerate(self.faults):
            if not fault.is_for(request, asked):
                continue
            text = f"{self.seed} {place} {key[0]} {key[1]} {asked}"
            digest = blake2b(text.encode(), digest_size=16).digest()
            if int.from_bytes(digest[:8]) / 2**64 < fault.probability:
                self._struck[place] += 1
                return fault, int.from_bytes(digest[8:]) / 2**64
        self.passed += 1
        return None, 0.0

    def _with_faulty_body(self, request: Request, response: Response, fault: Fault) -> Response:
        if not fault.breaks_body:
            return response
        if response.is_closed:  # its body was read already, by a `MockTransport`, say: it has to come anew
            family, content = family_of(request), response.stream
            headers, extensions = response.headers, response.extensions
            response = family.Response(response.status_code, headers=headers, stream=content, extensions=extensions)
        tee_response(request, response, _FaultyStream, request, fault, self.clock)
        return response


class _FaultyStream(PassingStream):
    """A body that comes slowly, in pieces, or not to its end."""

    def __init__(self, source: Any, request: Request, fault: Fault, clock: Clock) -> None:
        super().__init__(source)
        self._request, self._fault, self._clock = request, fault, clock
        self._rest = b""
        self._given = 0

    async def __anext__(self) -> bytes:
        while not self._rest:
            self._rest = await self._next()
        size = self._fault.chunk_size or len(self._rest)
        if self._fault.truncate_at is not None:
            size = min(size, self._fault.truncate_at - self._given)
        if size == 0:
            self._break_off()
        if self._given and self._fault.chunk_delay:
            await self._clock.sleep(self._fault.chunk_delay)
        piece, self._rest = self._rest[:size], self._rest[size:]
        self._given += len(piece)
        return piece

    def _break_off(self) -> None:
        if self._fault.silently:
            raise StopAsyncIteration
        raise _error(self._request, httpx.RemoteProtocolError, f"the body broke off after {self._given} bytes")


def _refuse_strange(fault: object) -> None:
    if not isinstance(fault, Fault):
        raise CompositionError(
            f"a {type(fault).__name__} is no Fault: give one after the other, FaultTransport(inner, Fault(...), "
            "Fault(...))"
        )


def _answer(request: Request, fault: Fault) -> Response:
    """Returns the answer that a fault gives in place of the server's."""
    family = family_of(request)
    headers = {"content-length": str(len(fault.content)), **fault.headers}
    content = b"" if request.method == "HEAD" else fault.content
    return family.Response(fault.status or 0, headers=headers, stream=family.ByteStream(content))


def _error(request: Request, kind: type[Exception], what: str = "") -> Exception:
    """Returns an error as the request's package would raise it."""
    message = f"{request.method} {shown_path(request)}: {what or kind.__name__} (a fault on purpose)"
    if package_of(kind) is None:
        return kind(message)
    raised: Exception = getattr(family_of(request).module, kind.__name__, kind)(message)
    raised.request = request  # type: ignore[attr-defined]
    return raised
