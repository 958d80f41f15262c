"""The layer that counts: every attempt, what it gave, how long it took, and what it waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..call import Attempt, Call, Observer
from ..clock import SYSTEM_CLOCK, Clock
from ..events import ConcurrencyLimitFreed, Event, RetryScheduled, ThrottleWaitOver
from ..family import AsyncTransport
from ..layer import Layer, end_attempt
from ..watching import on_end
from .reporting import Reporting
from .rows import MetricsRegistry, Row

if TYPE_CHECKING:
    from ..family import Request, Response

__all__ = ["MetricsTransport", "is_below_400"]

_Counted: TypeAlias = tuple[Call, Attempt, str, int, bool]
"""What is known of an attempt before its body is over: the URL of its row, how many calls began with it (one or none),
and whether its answer was accepted."""


def is_below_400(status: int) -> bool:
    """Tells whether a status code is neither an error of the client's nor one of the server's."""
    return status < 400


class MetricsTransport(Reporting, Layer):
    """Counts what happens to the requests that pass, for `get_report()`.

    It is the outermost layer of a stack. An attempt that is retried is counted as the retry layer below tells
    of it; the last one is counted when its body is over. A report holds numbers only, never a request or a
    response.

    ```python
    transport = MetricsTransport(httpx.AsyncHTTPTransport())
    client = httpx.AsyncClient(transport=transport)
    await client.get("https://pokeapi.co/api/v2/pokemon/pikachu")
    transport.report_status("rich")
    ```

    Args:
        inner: the transport below.
        registry: where to count; layers that share one share a report. Made here unless given.
        is_success: tells whether a returned response with that status code was accepted; those below 400 are,
            unless given. One that a validator turned down failed whatever this says, even when retries pass it
            on, and so did every attempt that was retried. It must not raise.
        clock, observers: as for every layer.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        *,
        registry: MetricsRegistry | None = None,
        is_success: Callable[[int], bool] = is_below_400,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.registry = MetricsRegistry(clock) if registry is None else registry
        self.is_success = is_success
        self._ear: tuple[Observer, ...] = (self._hear,)

    async def handle(self, request: Request, call: Call) -> Response:
        """Delegates, listening to what happens below, and counts the attempt that the answer came from."""
        arrived = call.attempt
        others = call.counters
        call.counters = others + self._ear
        try:
            response = await self.pass_on(request, call)
        except BaseException as error:
            self._failed(call, error, calls=int(arrived.number == 1))
            raise
        finally:
            call.counters = others
        attempt = call.attempt
        attempt.status = response.status_code
        # Judged now: when the body is over, the call will know no more of a rejected response that was passed on.
        is_success = call.rejected is None and self.is_success(response.status_code)
        counted = (call, attempt, call.unformatted_url, int(arrived.number == 1), is_success)
        if response.is_closed:
            self._answered(counted, None)
            # A client times a body as it reads it. This one was read before, and would have no `elapsed`.
            response.elapsed = timedelta(0, self.clock.now() - arrived.started)
        else:
            on_end(request, response, self._answered, counted)
        return response

    @property
    def _metrics_registry(self) -> MetricsRegistry:
        return self.registry

    def state(self) -> str:
        """Says how much has been counted."""
        return self.registry.state()

    def _answered(self, counted: _Counted, error: BaseException | None) -> None:
        """Counts an attempt when its body is over; a body that broke makes it an abort."""
        call, attempt, url, calls, is_success = counted
        ended = attempt.ended = self.clock.now()
        began = attempt.started if attempt.dispatched is None else attempt.dispatched  # `.began`, without its call
        registry = self.registry
        registry.lock.acquire()  # every request comes here, and `with` takes more than twice as long
        try:
            row = registry.rows.get(url) or registry.row(url, has_template=call.options.template is not None)
            row.calls += calls
            if attempt.was_unshared:
                row.unshared += 1
            if error is None:
                row.count_attempt(attempt.status, began, ended, is_success, call.is_replayed)
            else:
                attempt.error = type(error).__name__
                row.count_error(error, None, began, ended, is_replayed=call.is_replayed)
        finally:
            registry.lock.release()

    def _failed(self, call: Call, error: BaseException, *, calls: int) -> None:
        """Counts what ended with an error instead of a response."""
        attempt, ended = call.attempt, end_attempt(call, error, self.clock.now())
        with self.registry.lock:
            row = self._row(call)
            row.calls += calls
            row.unshared += attempt.was_unshared
            row.count_error(error, attempt.status, attempt.began, ended, is_replayed=call.is_replayed)

    def _row(self, call: Call) -> Row:
        return self.registry.row(call.unformatted_url, has_template=call.template is not None)

    def _hear(self, event: Event) -> None:
        count = _COUNTED.get(type(event))
        if count is not None:
            with self.registry.lock:
                count(self._row(event.call), event)


def _retry_scheduled(row: Row, event: RetryScheduled) -> None:
    began, is_replayed = event.at - event.latency, event.call.is_replayed
    row.count_attempt(event.status, began, event.at, is_success=False, is_replayed=is_replayed)
    row.retries += 1
    row.unshared += event.call.attempt.was_unshared


def _throttle_wait_over(row: Row, event: ThrottleWaitOver) -> None:
    row.throttles += 1
    row.throttle_seconds += event.waited
    row.remember_wait((event.at - event.waited, event.waited, 0, row.number))


def _slot_wait_over(row: Row, event: ConcurrencyLimitFreed) -> None:
    row.slot_waits += 1
    row.slot_seconds += event.waited
    row.remember_wait((event.at - event.waited, event.waited, 1, row.number))


_COUNTED: Final[dict[type[Event], Callable[[Row, Any], None]]] = {
    RetryScheduled: _retry_scheduled,
    ThrottleWaitOver: _throttle_wait_over,
    ConcurrencyLimitFreed: _slot_wait_over,
}
"""What each event counts as; the others count as nothing."""
