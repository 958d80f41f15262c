"""Ready-made hooks for servers that limit rates: they pause the client when one answers 429 (Too Many Requests).

Make one in the constructor of an API, and call it from `before` and `after`:

```python
class GracefulAPI(Gracy[Endpoint]):
    def __init__(self):
        self._retry_after_hook = HttpHeaderRetryAfterBackOffHook(self._reporter, lock_per_endpoint=True)
        super().__init__()

    async def before(self, context):
        await self._retry_after_hook.before(context)

    async def after(self, context, response_or_exc, retry_state):
        await self._retry_after_hook.after(context, response_or_exc)
```

A hook does not wait itself: it asks for a pause, and every request that has not gone out yet waits for its end, retries
too. Pauses do not add up: of several that overlap, the longest holds. What waited leaves at the rate that the API's
throttling allows. The 429 itself is not tried again by a hook; that is the part of `GracefulRetry`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .facade.context import GracyRequestContext, backstage
from .logevents import LogEvent, log
from .retry_after import retry_after

if TYPE_CHECKING:
    from .family import AnyResponse

__all__ = ["HookResult", "HttpHeaderRetryAfterBackOffHook", "RateLimitBackOffHook"]

_ASKED: Final = "{METHOD} {URL} gave {STATUS} and asks to wait {RETRY_AFTER}s: pausing for {RETRY_AFTER_ACTUAL_WAIT}s"
_LIMITED: Final = "{METHOD} {UENDPOINT} gave {STATUS}: pausing for {WAIT_TIME}s"


@dataclass(frozen=True, slots=True)
class HookResult:
    """What a hook did.

    Attributes:
        executed: whether it asked for a pause, or would have in a dry run.
        awaited: how long a pause, in seconds.
        dry_run: whether it only logs.
    """

    executed: bool
    awaited: float = 0.0
    dry_run: bool = False


class HttpHeaderRetryAfterBackOffHook:
    """Pauses the client for as long as the `Retry-After` header of a 429 asks for.

    The header may give seconds or a date; `retry-after-ms` is understood as well. Without it nothing happens. A
    replayed answer pauses nothing, since it says nothing of the server now.

    Args:
        reporter: `self._reporter` of the API. Taken for the sake of existing code; pauses need no reporter.
        lock_per_endpoint: pause the requests to that endpoint only (the same unformatted URL), not all.
        log_event: logged for each 429 that asks to wait. Beside the placeholders of any response it has {RETRY_AFTER},
            the seconds the server asks for, and {RETRY_AFTER_ACTUAL_WAIT}, those of the pause.
        seconds_processor: turns the seconds asked for into those of the pause; as they are unless given. Where it
            raises or returns no number, its error is raised after a pause as long as the server asked for has begun.
        dry_run: log, and pause nothing.
    """

    def __init__(
        self,
        reporter: object = None,
        lock_per_endpoint: bool = False,  # noqa: FBT001, FBT002 - as the original has it
        log_event: LogEvent | None = None,
        seconds_processor: Callable[[float], float] | None = None,
        *,
        dry_run: bool = False,
    ) -> None:
        self._pause = _Pause(lock_per_endpoint, log_event, dry_run)
        self._processor = seconds_processor

    async def before(self, context: GracyRequestContext) -> HookResult:
        """Does nothing: a request waits for the end of a pause where it waits for its turn."""
        return self._pause.nothing()

    async def after(self, context: GracyRequestContext, response_or_exc: AnyResponse | Exception) -> HookResult:
        """Asks for a pause when the answer is a 429 that says how long to wait.

        Raises:
            CompositionError: when the context is not one that a hook was given.
            ValueError: when `seconds_processor` returned no number of seconds.
        """
        response: AnyResponse = response_or_exc
        if not _is_limited(context, response):
            return self._pause.nothing()
        asked = retry_after(response.headers, backstage(context)[1].desk.clock.wall())
        if not asked:
            return self._pause.nothing()
        try:
            seconds = self._processed(asked)
        except Exception:
            self._ask(context, response, asked, asked)  # to run on into the limit would be worse
            raise
        return self._ask(context, response, asked, seconds)

    def _processed(self, asked: float) -> float:
        if self._processor is None:
            return asked
        seconds: Any = self._processor(asked)
        if not _is_wait(seconds, least=-math.inf):
            raise ValueError(f"seconds_processor made {seconds!r} of {asked} seconds: return the seconds to pause for")
        return max(0.0, float(seconds))

    def _ask(self, context: GracyRequestContext, response: AnyResponse, asked: float, seconds: float) -> HookResult:
        values = {"RETRY_AFTER": _text(asked), "RETRY_AFTER_ACTUAL_WAIT": _text(seconds)}
        return self._pause.ask(context, response, seconds, _ASKED, values)

    def __repr__(self) -> str:
        """Says whom it pauses."""
        return f"<HttpHeaderRetryAfterBackOffHook for {self._pause}>"


class RateLimitBackOffHook:
    """Pauses the client for a fixed time when the server answers 429.

    Args:
        delay: seconds.
        reporter, lock_per_endpoint, dry_run: as for `HttpHeaderRetryAfterBackOffHook`.
        log_event: logged for each 429. Beside the placeholders of any response it has {WAIT_TIME}, the seconds.

    Raises:
        ValueError: when the delay is negative or no number.
    """

    def __init__(
        self,
        delay: float,
        reporter: object = None,
        lock_per_endpoint: bool = False,  # noqa: FBT001, FBT002 - as the original has it
        log_event: LogEvent | None = None,
        *,
        dry_run: bool = False,
    ) -> None:
        if not _is_wait(delay):
            raise ValueError(f"the delay is {delay!r}: give the seconds to pause for, 0 or more")
        self._delay = delay
        self._pause = _Pause(lock_per_endpoint, log_event, dry_run)

    async def before(self, context: GracyRequestContext) -> HookResult:
        """Does nothing: a request waits for the end of a pause where it waits for its turn."""
        return self._pause.nothing()

    async def after(self, context: GracyRequestContext, response_or_exc: AnyResponse | Exception) -> HookResult:
        """Asks for a pause when the answer is a 429.

        Raises:
            CompositionError: when the context is not one that a hook was given.
        """
        if not _is_limited(context, response_or_exc):
            return self._pause.nothing()
        values = {"WAIT_TIME": _text(self._delay)}
        return self._pause.ask(context, response_or_exc, self._delay, _LIMITED, values)

    def __repr__(self) -> str:
        """Says the delay and whom it pauses."""
        return f"<RateLimitBackOffHook {_text(self._delay)} s for {self._pause}>"


@dataclass(frozen=True, slots=True)
class _Pause:
    """What the hooks have in common: whom they pause, and what they log."""

    is_per_endpoint: bool
    log_event: LogEvent | None
    dry_run: bool

    def nothing(self) -> HookResult:
        return HookResult(executed=False, dry_run=self.dry_run)

    def ask(
        self, context: GracyRequestContext, response: AnyResponse, seconds: float, default: str, values: dict[str, Any]
    ) -> HookResult:
        call, pauses = backstage(context)
        attempt, now = call.attempt, pauses.desk.clock.now()
        log(self.log_event, default, call, response, ELAPSED=f"{now - attempt.began:.3f}", **values)
        if not self.dry_run and seconds > 0:
            pauses.pause(seconds, call.unformatted_url if self.is_per_endpoint else None)
        return HookResult(True, seconds, self.dry_run)  # noqa: FBT003 - two fields say what they are

    def __str__(self) -> str:
        whom = "the endpoint" if self.is_per_endpoint else "all requests"
        return f"{whom}, dry run" if self.dry_run else whom


def _is_wait(seconds: object, least: float = 0.0) -> bool:
    """Tells whether something is a number of seconds that ends."""
    return isinstance(seconds, int | float) and least <= seconds < math.inf


def _is_limited(context: GracyRequestContext, response_or_exc: Any) -> bool:
    """Tells whether an attempt was answered, by the server itself, with a 429."""
    if isinstance(response_or_exc, Exception) or response_or_exc.status_code != 429:
        return False
    return not backstage(context)[0].is_replayed


def _text(seconds: float) -> str:
    """Returns seconds for people: `30`, `0.5`, `29.348`."""
    return f"{round(seconds, 3):.10g}"
