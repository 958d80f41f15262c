"""The layer that sends a request again."""

from __future__ import annotations

import logging
import random as chances
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ..bodies import BODY_CAP, buffer, can_resend, discard, readable
from ..call import Call, Observer, Outcome, Wait
from ..clock import SYSTEM_CLOCK, Clock
from ..events import RetriesExhausted, RetryScheduled, tell
from ..exceptions import CompositionError
from ..family import AsyncTransport
from ..layer import Layer, end_attempt
from ..logevents import LOGGER_NAME, LogEvent
from ..values import ABSENT
from .config import GracefulRetry
from .lines import AFTER, BEFORE, EXHAUSTED, say
from .state import GracefulRetryState
from .verdict import Accept, Facts, GiveUp, Retry, Verdict, is_failure, is_unwanted, judge

if TYPE_CHECKING:
    from ..family import Request, Response

__all__ = ["RetryTransport"]

_logger = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True)
class _Pass:
    """A request on its way through this layer, after its first failure."""

    request: Request
    call: Call
    config: GracefulRetry
    facts: Facts
    state: GracefulRetryState


class RetryTransport(Layer):
    """Sends a request again when the attempt failed, as a `GracefulRetry` says.

    The same request goes out each time, untouched: what the client made of it (cookies, a signature, a date)
    does not change between attempts. A redirect, or an answer to a challenge, has retries of its own.

    Args:
        inner: the transport below.
        config: when and how often.
        clock: where time comes from.
        observers: callables that hear the events of every call which passes.
        random: gives the chance for jitter, from 0 to 1.

    Raises:
        CompositionError: when there is a retry layer below already, since their attempts would multiply.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        config: GracefulRetry,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
        random: Callable[[], float] = chances.random,
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.config = config
        self._random = random
        refuse_second(self)

    async def handle(self, request: Request, call: Call) -> Response:
        """Answers with what the first accepted attempt gave, or else the last one."""
        own = call.override("retry")
        config: GracefulRetry | None = self.config if own is ABSENT else own
        if config is None:
            return await self.pass_on(request, call)
        call.gave_up = None
        try:
            response = await self.pass_on(request, call)
            if config.buffer_body or call.options.reads_body:
                await self._hold(request, call, config, response)
        except Exception as error:  # noqa: BLE001 - `retry_on` may name any of them
            outcome = await self._failed(call, error)
        else:
            if not is_unwanted(config, response.status_code, is_followed=call.options.is_followed):
                return response
            outcome = Outcome(response)
        try:
            if is_failure(config, outcome, is_followed=call.options.is_followed):
                outcome = await self._retry(request, call, config, outcome)
            return settled(outcome)
        finally:
            del outcome  # its error refers back to this frame through its traceback

    async def _attempt(self, request: Request, call: Call, config: GracefulRetry) -> Outcome:
        try:
            response = await self.pass_on(request, call)
            if config.buffer_body or call.options.reads_body:
                await self._hold(request, call, config, response)
            return Outcome(response)
        except Exception as error:  # noqa: BLE001 - `retry_on` may name any of them
            return await self._failed(call, error)

    async def _failed(self, call: Call, error: Exception) -> Outcome:
        """Returns the outcome of an attempt that raised, with the response that the error judges, if any."""
        rejected = call.rejected
        if rejected is None or rejected.error is not error:
            outcome = Outcome(error=error)
            if rejected is not None and rejected.response is not None:
                await discard(rejected.response)  # a layer in between put its own error in place of the judgement
        else:
            outcome = rejected
        self._end_attempt(call, outcome)
        return outcome

    async def _hold(self, request: Request, call: Call, config: GracefulRetry, response: Response) -> None:
        """Reads the body of a response that will be accepted: if it breaks, the attempt has failed."""
        is_followed = call.options.is_followed
        if has_no_end(request, response) or is_unwanted(config, response.status_code, is_followed=is_followed):
            return
        if call.options.reads_body:
            # The caller will hold all of it anyway, and would fail on a broken encoding when it is too late.
            hold = readable if "content-encoding" in response.headers else buffer
            await hold(request, response, sys.maxsize)
        elif is_holdable(response):
            await buffer(request, response)

    async def _retry(self, request: Request, call: Call, config: GracefulRetry, outcome: Outcome) -> Outcome:
        """Goes on after a first failure until an outcome is accepted or no further attempt is to be made."""
        facts = Facts(
            method=request.method,
            headers=request.headers,
            can_resend=can_resend(request),
            is_followed=call.options.is_followed,
        )
        state = GracefulRetryState(config.max_attempts, outcome)
        this = _Pass(request, call, config, facts, state)
        call.retry_state = state
        try:
            while not isinstance(verdict := self._judge(this, outcome), Accept):
                state.note(outcome)
                if isinstance(verdict, GiveUp):
                    return self._give_up(this, outcome, verdict)
                await self._back_off(this, outcome, verdict)
                outcome = await self._attempt(request, call, config)
                self._say(config.log_after, AFTER, this, outcome)
            state.success = True
            return outcome
        finally:
            call.retry_state = None
            del this, state, outcome  # as in `handle`

    def _judge(self, this: _Pass, outcome: Outcome) -> Verdict:
        chance = self._random() if this.config.jitter else None
        retry = this.state.cur_attempt + 1
        return judge(this.config, outcome, retry, this.facts, wall=self.clock.wall(), chance=chance)

    async def _back_off(self, this: _Pass, failure: Outcome, verdict: Retry) -> None:
        """Lets go of the failed attempt, waits, and begins the next."""
        call, state = this.call, this.state
        if failure.response is not None:
            await discard(failure.response)  # its connection may be the only one of the pool
        self._end_attempt(call, failure)
        state.cur_attempt += 1
        state.delay = verdict.delay
        asleep = self.clock.now()
        if call.observers or call.counters:
            last = call.attempt
            told = (verdict.reason, last.status, last.error, last.latency or 0.0)
            tell(RetryScheduled(call, asleep, state.cur_attempt, verdict.delay, *told))
        self._say(this.config.log_before, BEFORE, this, failure)
        await self.clock.sleep(verdict.delay)
        awake = self.clock.now()
        call.waits += (Wait("back-off", awake - asleep, verdict.reason, asleep),)
        call.begin_attempt(awake)

    def _give_up(self, this: _Pass, failure: Outcome, verdict: GiveUp) -> Outcome:
        """Returns what the caller gets, having said why there will be no more."""
        call, response = this.call, failure.response
        call.gave_up = verdict.reason
        if response is not None:
            call.attempt.status = response.status_code  # it ends with its body, which the caller has to read
        _logger.debug("%s", verdict.reason)
        if call.observers:
            tell(RetriesExhausted(call, self.clock.now(), verdict.reason))
        hint = "" if verdict.hint is None else verdict.hint
        self._say(this.config.log_exhausted, EXHAUSTED, this, failure, REASON=verdict.reason, RETRY_AFTER=hint)
        if this.config.behavior == "pass" and response is not None and can_be_read(response):
            return Outcome(response)
        return failure

    def _end_attempt(self, call: Call, failure: Outcome) -> None:
        """Notes how the newest attempt failed, and that it is over."""
        if failure.response is not None:
            call.attempt.status = failure.response.status_code
        end_attempt(call, failure.error, self.clock.now())

    def _say(self, event: LogEvent | None, default: str, this: _Pass, outcome: Outcome, **more: object) -> None:
        if outcome.response is not None:
            outcome.response.request = this.request  # user code may make the message, and want to see it
        say(event, default, this.call, this.state, outcome, now=self.clock.now(), **more)

    def state(self) -> str:
        """Says the settings: `3 retries, delay 1.0 s ×1.5, idempotent methods`."""
        config = self.config
        growth = "" if config.delay_modifier == 1 else f" ×{config.delay_modifier:g}"
        noun = "retry" if config.max_attempts == 1 else "retries"
        return f"{config.max_attempts} {noun}, delay {config.delay} s{growth}, {config.named_methods} methods"


def settled(outcome: Outcome) -> Response:
    """Returns the response of an outcome, or raises its error as it was."""
    try:
        if outcome.error is not None:
            raise outcome.error
        return cast("Response", outcome.response)  # where there is no error there is one
    finally:
        del outcome  # as above


def has_no_end(request: Request, response: Response) -> bool:
    """Tells whether there is no body to read to its end: none at all, or a connection handed over."""
    return response.is_closed or request.method in {"HEAD", "CONNECT"} or response.status_code < 200


def is_holdable(response: Response) -> bool:
    """Tells whether a body may be expected to end, and within the cap."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > BODY_CAP:
        return False
    return not response.headers.get("content-type", "").lower().startswith("text/event-stream")


def can_be_read(response: Response) -> bool:
    """Tells whether a caller can still get the body: it is open, or it is in memory already."""
    return not response.is_closed or hasattr(response, "_content")


def refuse_second(outer: RetryTransport) -> None:
    """Raises when there is another retry layer below this one.

    Raises:
        CompositionError: naming it and saying what to do.
    """
    _this, *below = outer.chain()
    for layer in below:
        # A whole stack is one link of the chain and has a chain of its own.
        for part in layer.chain() if isinstance(layer, Layer) else ():
            if isinstance(part, RetryTransport):
                raise CompositionError(
                    f"there is a {part!r} below already, and the attempts of the two would multiply: keep one of them"
                )
