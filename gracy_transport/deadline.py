"""One deadline for all that a call does: queueing, permits, slots, attempts, back-off, hops and the body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field

from .bodies import PassingStream, is_to_come, tee_response
from .call import Call, Observer
from .clock import SYSTEM_CLOCK, Clock
from .family import AsyncTransport, is_timeout
from .layer import Layer
from .overtime import passed, within
from .values import ABSENT, Value

if TYPE_CHECKING:
    from .family import Request, Response

__all__ = ["DeadlineConfig", "DeadlineTransport", "PositiveSeconds"]

# ---------------------------------------------------------------- config

PositiveSeconds: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""The type of a config field that takes a number of seconds, more than none and not without end."""


class DeadlineConfig(Value, frozen=True):
    """What a `DeadlineTransport` allows.

    Args:
        seconds: from the start of a call to the end of its body.

    Raises:
        pydantic.ValidationError: when it is not positive, or not finite.
    """

    seconds: PositiveSeconds


# ---------------------------------------------------------------- transport


class _TimedStream(PassingStream):
    """A body that has to be over by an instant. Each chunk is waited for in the task that asks for it."""

    def __init__(self, source: Any, request: Request, call: Call, clock: Clock, until: float) -> None:
        super().__init__(source)
        self._request, self._call = request, call
        self._clock, self._until = clock, until

    async def __anext__(self) -> bytes:
        late: Exception | None = None
        left = self._until - self._clock.now()
        if left > 0:
            with self._clock.timeout(left):
                try:
                    return await self._next()
                except Exception as error:
                    if not _is_cut_short(error, self._clock.now(), self._until):
                        raise
                    late = error
        try:
            await self.aclose()
            raise passed(self._request, self._call, self._clock.now(), late)
        finally:
            del late  # its traceback refers back to this frame


class DeadlineTransport(Layer):
    """Ends every call in so many seconds, from when it came into the stack to the end of its body.

    Everything is in it: waiting for permits and slots, attempts, back-off, the hops of redirects and of challenges,
    and the body, however slowly headers or chunks drip in. The timeouts of httpx, which start anew with every read,
    still hold, but never for longer than what is left.

    A wait that would not be over in time is not begun: a throttle, a pause, a back-off (one that the server asks for,
    too) raise `DeadlineExceeded` at once, which says how long it would have been. So does a wait for a turn when a
    pause begins that will not be over in time. Nobody knows how long a slot takes, nor how long those in front wait
    whom other rules hold up as well: that is waited for to the end.
    What is under way when the time is over is cancelled, an open body is closed, its slot and its connection come
    back, and `DeadlineExceeded` is raised; where the body is read, if it comes to that.

    A report counts a call as refused when its deadline came before anything of its newest attempt was sent. A server
    that lets the deadline pass has failed: that attempt counts as aborted.

    Put it above the layers that wait. Cancellation from outside is not affected. A hop that a mount of the client
    sends through another stack begins no wait that would not be over in time; for what is under way to be ended there,
    that stack has to have a deadline, too: the earlier of the two holds.

    Args:
        inner: the transport below.
        seconds: the deadline, positive.
        clock, observers: as for every layer.

    Raises:
        pydantic.ValidationError: when `seconds` is not positive, or not finite.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        seconds: float,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.config = DeadlineConfig(seconds=seconds)

    async def handle(self, request: Request, call: Call) -> Response:
        """Delegates until the deadline.

        Raises:
            DeadlineExceeded: when the time is over, also an error of the client's package (a `TimeoutException`).
        """
        own = call.override("deadline")
        seconds: float | None = self.config.seconds if own is ABSENT else own
        if seconds is None:
            return await self.pass_on(request, call)
        # Once there is a deadline it holds for the hops that follow, in every stack that has one.
        until = call.started + seconds
        if call.deadline is not None:
            until = min(until, call.deadline)
        call.deadline = until
        late: Exception | None = None
        left = until - self.clock.now()
        if left > 0:
            with self.clock.timeout(left):
                try:
                    response = await self.pass_on(within(request, left), call)
                except Exception as error:
                    if not _is_cut_short(error, self.clock.now(), until):
                        raise
                    late = error
                else:
                    call.attempt.was_answered = True  # whatever becomes of the body
                    if is_to_come(request, response):
                        tee_response(request, response, _TimedStream, request, call, self.clock, until)
                    return response
        try:
            raise passed(request, call, self.clock.now(), late, is_begun=left > 0)
        finally:
            del late  # its traceback refers back to this frame

    def state(self) -> str:
        """Says the deadline: `10 s`."""
        return f"{self.config.seconds:g} s"


def _is_cut_short(error: Exception, now: float, until: float) -> bool:
    """Tells whether an error is a timeout of httpx that was shortened to the deadline."""
    return now >= until and is_timeout(error)
