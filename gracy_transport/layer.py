"""What every layer shares: one neighbour below, the Call, a clock, and closing that reaches the wire once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from threading import RLock
from types import MethodType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self
from weakref import WeakSet

from .bodies import discard
from .call import Call, Observer, call_inside, open_call
from .clock import SYSTEM_CLOCK, Clock
from .events import CallEnded, CallStarted, tell
from .exceptions import CompositionError, GracyException, GracyRefusal
from .family import AnyRequest, AsyncTransport, TransportBase, is_never_sent, refuse_foreign_wire
from .redaction import Hidden

if TYPE_CHECKING:
    from .family import Request, Response

__all__ = ["Layer", "end_attempt"]


class Layer(TransportBase):
    """A transport that wraps a transport.

    A concern implements `async def handle(request, call)` and delegates with `await self.pass_on(request, call)`; where
    it has no part in some calls, a plain `def` that returns `self.pass_on(request, call)` spares a coroutine. The first
    layer a request meets opens its Call; the layers below are handed it, or find it in the request.

    Args:
        inner: the transport below. Anything with `handle_async_request` and `aclose` will do.
        clock: where time comes from; the real time unless a test drives it.
        observers: callables that hear the events of every call which passes.

    Raises:
        CompositionError: when `inner` cannot be wrapped (a synchronous transport, a client, a class).
    """

    inner: AsyncTransport
    hidden: Hidden = ()
    may_refuse: bool = False
    """Whether it turns attempts away when too much is going on: the answer before is worth keeping for that error."""

    def __init__(
        self, inner: AsyncTransport, *, clock: Clock = SYSTEM_CLOCK, observers: Iterable[Observer] = ()
    ) -> None:
        refuse_unfit(inner)
        self.inner = inner
        self.clock = clock
        self._observers = tuple(observers)
        self._changing = RLock()  # for what is seldom done; a destructor may come in the middle of it
        self._above: WeakSet[Layer] = WeakSet()
        self._entered = 0
        self._checked: type | None = None
        self.pass_on = _way_into(inner)
        if isinstance(inner, Layer):
            inner._let_in(self)  # noqa: SLF001 - one layer knows another

    @property
    def observers(self) -> tuple[Observer, ...]:
        """The callables that hear the events of every call which passes; may be set at any time."""
        return self._observers

    @observers.setter
    def observers(self, observers: Iterable[Observer]) -> None:
        with self._changing:
            self._observers = tuple(observers)
            for above in tuple(self._above):
                above.pass_on = _way_into(self)

    def _let_in(self, above: Layer) -> None:
        """Shows a layer above how requests get in here; when that changes, it is shown anew."""
        with self._changing:
            self._above.add(above)
            above.pass_on = _way_into(self)

    def handle_async_request(self, request: AnyRequest) -> Any:
        """Answers a request, as a coroutine. Raises whatever the layers and the wire below raise."""
        call = call_inside(request)
        return self._enter(request) if call is None else self.take(request, call)

    def take(self, request: Request, call: Call) -> Awaitable[Response]:
        """Answers a request of a call that is in the stack already, as a coroutine."""
        if self._observers:
            call.observe(*self._observers)
        return self.handle(request, call)

    def handle(self, request: Request, call: Call) -> Awaitable[Response]:
        """Does this layer's part for a request of `call` and delegates with `self.pass_on`, as a coroutine."""
        return self.pass_on(request, call)

    async def _enter(self, request: Request) -> Response:
        """Opens the Call, lets the layers work, and notes how it left."""
        if type(request) is not self._checked:
            refuse_foreign_wire(request, self.wire)
            self._checked = type(request)
        call = open_call(request, self.clock.now())
        if self.hidden or call.options.config is not None:
            call.hide(self.hidden)
        if self._observers:
            call.observe(*self._observers)
            tell(CallStarted(call, self.clock.now()))
        response: Response | None = None
        try:
            answer = response = await self.handle(request, call)
        except BaseException as error:
            end_attempt(call, error, self.clock.now())
            if isinstance(error, GracyException) and error.call is None:
                error.call = call  # one of the user's own, raised by a hook or a validator, which knows no calls
            if call.observers:
                tell(CallEnded(call, self.clock.now(), None, type(error).__name__))
            if call.rejected is not None and call.rejected.response is not None:
                await discard(call.rejected.response)  # nobody will ever see it
            raise
        finally:
            call.leave(request, response)
        attempt = call.attempt
        if attempt.ended is None:
            # The layer that counts looks again when the body is over; without it nobody does.
            attempt.status, attempt.ended = answer.status_code, self.clock.now()
        if call.observers:
            tell(CallEnded(call, self.clock.now(), answer.status_code, None))
        return answer

    def complete(self, request: Request, call: Call, response: Response) -> None:
        """Gives a response what only a client would: its request, and the time that the attempt took so far."""
        response.request = request
        response.elapsed = timedelta(0, self.clock.now() - call.attempt.started)

    def chain(self) -> Iterator[object]:
        """Yields this transport and everything below it, outermost first, down to the wire."""
        here: object | None = self
        while here is not None:
            yield here
            here = getattr(here, "inner", None)

    @property
    def wire(self) -> object:
        """The lowest transport of the chain, which talks to the network (or stands in for it)."""
        *_, lowest = self.chain()
        return lowest

    async def __aenter__(self) -> Self:
        """Enters the transports below, once for any number of clients that share this one."""
        if self._count_entered(1) == 1:
            enter = getattr(self.inner, "__aenter__", None)
            try:
                if enter is not None:
                    await enter()
            except BaseException:
                self._count_entered(-1)
                raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Leaves the transports below when the last client that entered leaves."""
        if self._count_entered(-1):
            return
        try:
            await self.let_go()
        finally:
            leave = getattr(self.inner, "__aexit__", None)
            await (leave(exc_type, exc_value, traceback) if leave is not None else self.inner.aclose())

    def _count_entered(self, more: int) -> int:
        """Returns how many clients are inside with so many more, of which each may have a thread of its own."""
        with self._changing:
            self._entered = max(0, self._entered + more)
            return self._entered

    async def aclose(self) -> None:
        """Gives up what this layer holds, then closes the transport below; a second time does no harm."""
        try:
            await self.let_go()
        finally:
            await self.inner.aclose()

    async def let_go(self) -> None:
        """Gives up what this layer itself holds; most layers hold nothing."""

    def state(self) -> str:
        """Says this layer's settings and state in a few words, for `repr`."""
        return ""

    def __repr__(self) -> str:
        """Says the class and its state: `<ThrottleTransport 2 rules, 3 waiting>`."""
        return f"<{type(self).__name__} {self.state()}".rstrip() + ">"

    @property
    def handle_request(self) -> NoReturn:
        """Refuses a synchronous client. `hasattr` says that it is not there: tools tell transports apart by that."""
        raise NotSynchronous(_NOT_SYNC.format(type(self).__name__))

    def __enter__(self) -> NoReturn:
        """Refuses a synchronous client."""
        raise CompositionError(_NOT_SYNC.format(type(self).__name__))

    def __exit__(self, *_: object) -> None:
        """Exists only because a context manager needs it; `__enter__` never lets it come to this."""

    def close(self) -> None:
        """Lets a synchronous client that was refused be closed without a second error."""


class NotSynchronous(CompositionError, AttributeError):
    """A synchronous client asked an asynchronous transport for a response; the message says where it belongs."""


def end_attempt(call: Call, error: BaseException | None, now: float) -> float:
    """Notes that the newest attempt is over and how it failed, unless that is known already; returns when it ended."""
    attempt = call.attempt
    if attempt.ended is not None:
        return attempt.ended
    attempt.ended = now
    if error is None:
        return now
    attempt.error = type(error).__name__
    judged = call.rejected.response if call.rejected is not None else getattr(error, "response", None)
    if judged is not None:
        attempt.status = judged.status_code
    elif isinstance(error, GracyRefusal):
        attempt.was_sent = error.was_sent
    else:
        attempt.was_sent = not is_never_sent(error)
    return now


_NOT_SYNC = "{} is asynchronous: give it to an httpx.AsyncClient (or httpx2.AsyncClient), not to a synchronous Client"


def _way_into(inner: AsyncTransport) -> Callable[[Request, Call], Awaitable[Response]]:
    """Returns how a request of a call gets into a transport: a layer need not look for the call again.

    What somebody has put around the way into a layer, on its class or on the object, is gone through all the same.
    """
    # Not by a look into its `vars`: from that on each of its attributes takes longer to be found, in Python 3.12.
    if isinstance(inner, Layer) and inner.handle_async_request == MethodType(Layer.handle_async_request, inner):
        # Nor need it be asked for observers when it has none; when it is given some, the way is found anew.
        return inner.take if inner.observers or type(inner).take is not Layer.take else inner.handle

    def send(request: Request, _call: Call) -> Awaitable[Response]:
        answer: Awaitable[Response] = inner.handle_async_request(request)
        return answer

    return send


def refuse_unfit(inner: object) -> None:
    """Raises when something cannot be the inner transport of a layer.

    Raises:
        CompositionError: saying what was given and what to give instead.
    """
    name = type(inner).__name__
    if isinstance(inner, type):
        raise CompositionError(f"the class {inner.__name__} was given as inner transport: give an instance of it")
    if hasattr(inner, "handle_async_request"):
        return
    if hasattr(inner, "handle_request"):
        raise CompositionError(
            f"{name} is a synchronous transport: wrap an asynchronous one, such as httpx.AsyncHTTPTransport()"
        )
    if hasattr(inner, "build_request"):
        raise CompositionError(
            f"{name} is a client, not a transport: use attach(client, config) to put the stack in front of it"
        )
    raise CompositionError(f"{name} has no handle_async_request: wrap a transport, such as httpx.AsyncHTTPTransport()")
