"""Logging: one line when a request enters the stack, one for its response, one when it fails."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .bodies import buffer, has_end
from .call import Call, Observer
from .clock import SYSTEM_CLOCK, Clock
from .exceptions import DeadlineExceeded, GracyException
from .family import AsyncTransport
from .layer import Layer
from .logevents import LogEvent, is_logged, log
from .values import ABSENT, Value

if TYPE_CHECKING:
    from .family import Request, Response

__all__ = ["LoggingConfig", "LoggingTransport"]

# ---------------------------------------------------------------- config


class LoggingConfig(Value, frozen=True):
    """What a `LoggingTransport` logs; `None` is silence.

    Args:
        log_request: as a request enters the stack.
        log_response: as a response leaves it, one that was rejected too.
        log_errors: when a response was rejected or a request failed.

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    log_request: LogEvent | None = None
    log_response: LogEvent | None = None
    log_errors: LogEvent | None = None


# ---------------------------------------------------------------- pure decisions

ABORTED: Final = "ABORTED"
"""What {STATUS} says of a request that got no response."""

_STARTED: Final = "{METHOD} {URL} started"
_ANSWERED: Final = "{METHOD} {URL} gave {STATUS} in {ELAPSED}s"
_REPLAYED: Final = "{METHOD} {URL} gave {STATUS} in {ELAPSED}s, from a recording"
_REJECTED: Final = "{METHOD} {URL} was rejected after {ELAPSED}s: status {STATUS}, {ERROR}"
_FAILED: Final = "{METHOD} {URL} failed after {ELAPSED}s: {ERROR}"


def rejected_response(call: Call, error: Exception) -> Any:
    """Returns the response that an error judges, or `None` when the request failed without one."""
    if isinstance(error, DeadlineExceeded):
        return None  # the answer it has is an earlier one, which was not the end
    if isinstance(error, GracyException):
        return error.response
    rejected = call.rejected
    return rejected.response if rejected is not None and rejected.error is error else None


def rejection_of(call: Call, response: Response) -> Exception | None:
    """Returns the error that judged a response which was handed on all the same."""
    rejected = call.rejected
    return rejected.error if rejected is not None and rejected.response is response else None


# ---------------------------------------------------------------- transport

_Events: TypeAlias = tuple[LogEvent | None, LogEvent | None, LogEvent | None]


class LoggingTransport(Layer):
    """Logs what passes, to the logger `gracy_transport`, whose handlers and level are the application's.

    Each line comes once for each time a call passes: a redirect that the client follows is another pass, a
    retry below is not. Nothing is formatted for a level that is off.

    {ELAPSED} is seconds with three decimals, from entering this transport (waits and retries below are in it)
    to the headers of the response: the body may still have to come. A call that says it will read its body, as
    those of the facade do, is logged when all of it is there; if it breaks, the request has failed. {STATUS} is
    `ABORTED` when there was no response. {ERROR} is the class of an error; its text is not logged, because it
    may hold a secret. A call that the caller cancelled has no error line, because nothing went wrong.

    Args:
        inner: the transport below.
        log_request: logged as a request enters.
        log_response: logged as a response leaves, one that was rejected too.
        log_errors: logged when a request failed or a response was rejected, also when the retry layer hands
            the rejected response on.
        clock, observers: as for every layer.

    Raises:
        pydantic.ValidationError: naming the argument that is wrong.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        *,
        log_request: LogEvent | None = None,
        log_response: LogEvent | None = None,
        log_errors: LogEvent | None = None,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.config = LoggingConfig(log_request=log_request, log_response=log_response, log_errors=log_errors)
        self._events: _Events = (self.config.log_request, self.config.log_response, self.config.log_errors)
        self._loudest = _loudest(self._events)

    def handle(self, request: Request, call: Call) -> Awaitable[Response]:
        """Logs the request, delegates, and logs what came of it."""
        events, loudest = self._events, self._loudest
        if call.options.config is not None:
            events = self._events_for(call)
            loudest = _loudest(events)
        return self._logged(request, call, events) if is_logged(loudest) else self.pass_on(request, call)

    async def _logged(self, request: Request, call: Call, events: _Events) -> Response:
        began = self.clock.now()
        log(events[0], _STARTED, call)
        try:
            response = await self.pass_on(request, call)
            if call.options.reads_body and has_end(request, response):
                # The caller gets no response when the body breaks, so that is a failure.
                await buffer(request, response, sys.maxsize)  # no cap: the caller will hold all of it anyway
        except Exception as error:
            answer = rejected_response(call, error)
            if answer is not None:
                answer.request = request
            _log_end(events, call, answer, error, self.clock.now() - began)
            raise
        response.request = request
        _log_end(events, call, response, rejection_of(call, response), self.clock.now() - began)
        return response

    def _events_for(self, call: Call) -> _Events:
        """Returns the log events of a call that brings a config of its own."""
        on_request, on_response, on_error = self._events
        return (
            _own(call, "log_request", on_request),
            _own(call, "log_response", on_response),
            _own(call, "log_errors", on_error),
        )

    def state(self) -> str:
        """Says what is logged at which level: `request DEBUG, errors ERROR`."""
        names = ("request", "response", "errors")
        logged = [f"{name} {event.level.name}" for name, event in zip(names, self._events, strict=True) if event]
        return ", ".join(logged) or "nothing"


def _loudest(events: _Events) -> LogEvent | None:
    """Returns the event of the highest level: when that one is off, all are."""
    return max((event for event in events if event is not None), key=lambda event: event.level, default=None)


def _own(call: Call, name: str, otherwise: LogEvent | None) -> LogEvent | None:
    override: Any = call.override(name)
    return otherwise if override is ABSENT else override


def _log_end(events: _Events, call: Call, response: Any, error: Exception | None, seconds: float) -> None:
    """Logs what became of a request: its response, if any, and the error, if any."""
    _, on_response, on_error = events
    facts: dict[str, object] = {"ELAPSED": f"{seconds:.3f}"}
    if response is not None:
        log(on_response, _REPLAYED if call.is_replayed else _ANSWERED, call, response, **facts)
    if error is not None:
        facts["ERROR"] = type(error).__name__
        if response is None:
            facts["STATUS"] = ABORTED
        log(on_error, _FAILED if response is None else _REJECTED, call, response, **facts)
