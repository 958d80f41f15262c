"""The layer that sends a request again."""

from __future__ import annotations

import logging
import random as chances
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ..bodies import discard
from ..call import Call, Observer, Outcome, Wait
from ..clock import SYSTEM_CLOCK, Clock
from ..events import RetriesExhausted, RetryScheduled, tell
from ..exceptions import CompositionError
from ..family import AsyncTransport
from ..layer import Layer, end_attempt
from ..logevents import LOGGER_NAME, LogEvent
from ..overtime import kept, no_retry, within
from ..resending import can_resend, refuse_consumed
from ..values import ABSENT
from .budget import Spending
from .common import Common
from .config import GracefulRetry
from .ending import settled, with_last
from .holding import can_be_read, hold
from .keys import with_key
from .lines import AFTER, BEFORE, EXHAUSTED, say
from .state import GracefulRetryState
from .verdict import Facts, GiveUp, Retry, Verdict, in_time, is_failure, judge

if TYPE_CHECKING:
    from ..family import Request, Response
    from .config import RetryBudget

__all__ = ["RetryTransport"]

_logger = logging.getLogger(LOGGER_NAME)


class _Pass(Facts):
    """A request on its way through this layer, after its first failure."""

    __slots__ = ("call", "config", "request", "state")

    def __init__(self, request: Request, call: Call, config: GracefulRetry, failure: Outcome) -> None:
        super().__init__(request.method, request.headers, can_resend=can_resend(request))
        self.request = request
        self.call = call
        self.config = config
        self.state = GracefulRetryState(config.max_attempts, failure)


class RetryTransport(Layer):
    """Sends a request again when the attempt failed, as a `GracefulRetry` says.

    The same request goes out each time, untouched: what the client made of it (cookies, a signature, a date)
    does not change between attempts. A redirect, or an answer to a challenge, has retries of its own. An idempotency
    key that is made here goes out on a request that shares the body of the caller's.

    Args:
        inner: the transport below.
        config: when and how often.
        clock: where time comes from.
        observers: callables that hear the events of every call which passes.
        random: gives the chance for jitter, from 0 to 1.
        common: what it shares with the other retry layers of a stack. Made here unless given.

    Raises:
        CompositionError: when there is a retry layer below already, since their attempts would multiply.
        pydantic.ValidationError: when `config` is something else.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        config: GracefulRetry,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
        random: Callable[[], float] = chances.random,
        common: Common | None = None,
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.config = config = GracefulRetry.model_validate(config)
        self._random = random
        self.common = Common() if common is None else common
        self._spending = None if config.budget is None else self.common.budgets.of(config.budget)
        refuse_second(self)
        self._may_be_refused = any(isinstance(part, Layer) and part.may_refuse for part in below(self))

    async def handle(self, request: Request, call: Call) -> Response:
        """Answers with what the first accepted attempt gave, or else the last one."""
        config = self.config if call.options.config is None else self._config_of(call)
        if config is None:
            return await self.pass_on(request, call)
        call.gave_up = None
        if call.attempt.number > 1:
            refuse_consumed(request, call)
        if config.idempotency_key:
            request = with_key(request, call, config)
        if config.budget is not None:
            self._spending_of(config.budget).count_first(self.clock.now())
        try:
            response = await self.pass_on(request, call)
            if config.buffer_body or call.options.reads_body:
                await hold(request, call, config, response)
            if config.retry_on is None and response.status_code < 300:
                return response  # nothing to ask, as for most
            outcome = Outcome(response)
        except Exception as error:  # noqa: BLE001 - `retry_on` may name any of them
            outcome = await self._failed(call, error)
        try:
            if is_failure(config, outcome, is_followed=call.options.is_followed):
                outcome = await self._retry(_Pass(request, call, config, outcome), outcome)
            return settled(outcome)
        finally:
            del outcome  # its error refers back to this frame through its traceback

    def _config_of(self, call: Call) -> GracefulRetry | None:
        own = call.override("retry")
        return self.config if own is ABSENT else own

    async def _attempt(self, request: Request, call: Call, config: GracefulRetry) -> Outcome:
        if call.deadline is not None:
            request = within(request, call.deadline - self.clock.now())
        try:
            response = await self.pass_on(request, call)
            if config.buffer_body or call.options.reads_body:
                await hold(request, call, config, response)
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
        return with_last(call, outcome)

    async def _retry(self, this: _Pass, outcome: Outcome) -> Outcome:
        """Goes on after a first failure until an outcome is accepted or no further attempt is to be made."""
        call, config, state = this.call, this.config, this.state
        call.retry_state = state
        try:
            while isinstance(verdict := self._judge(this, outcome), Retry):
                await self._back_off(this, outcome, verdict)
                outcome = await self._attempt(this.request, call, config)
                self._say(config.log_after, AFTER, this, outcome)
                if not is_failure(config, outcome, is_followed=call.options.is_followed):
                    state.success = True
                    return outcome
                state.note(outcome)
            return await self._give_up_in_time(this, outcome, verdict)
        finally:
            call.retry_state = None
            if state.cur_attempt:
                call.retried = (self, call.attempt)
            del this, state, outcome  # as in `handle`

    def _judge(self, this: _Pass, outcome: Outcome) -> Verdict:
        chance = self._random() if this.config.jitter else None
        retry = this.state.cur_attempt + 1
        fate = this.call.attempt.fate
        verdict = judge(this.config, outcome, retry, this, fate=fate, wall=self.clock.wall(), chance=chance)
        until, budget = this.call.deadline, this.config.budget
        if until is not None:
            verdict = in_time(verdict, until - self.clock.now())
        # The last thing to be asked, so that nothing is spent on a retry that is not made.
        if budget is None or not isinstance(verdict, Retry) or self._spending_of(budget).try_retry(self.clock.now()):
            return verdict
        return GiveUp(f"the retry budget is used up ({budget.in_words}): {verdict.reason}")

    def _spending_of(self, budget: RetryBudget) -> Spending:
        own = self._spending
        return own if own is not None and own.budget is budget else self.common.budgets.of(budget)

    async def _give_up_in_time(self, this: _Pass, failure: Outcome, verdict: GiveUp) -> Outcome:
        """Gives up; where it is for the deadline, that is the error, unless the response is to be passed on."""
        call, too_long = this.call, verdict.too_long
        if too_long is None or (this.config.behavior == "pass" and failure.response is not None):
            return self._give_up(this, failure, verdict)
        await self._let_go(this, failure, too_long)
        self._give_up(this, failure, verdict)
        return Outcome(error=no_retry(this.request, call, self.clock.now(), too_long))

    async def _let_go(self, this: _Pass, failure: Outcome, delay: float) -> None:
        """Ends a failed attempt, whose answer is read if it may be wanted for the error of a refusal."""
        call = this.call
        call.last = Outcome(error=failure.error)
        if call.deadline is not None or self._may_be_refused:
            # Half of the time that is left, so that the reading does not run into the deadline.
            most = delay if call.deadline is None else min(delay, (call.deadline - self.clock.now()) / 2)
            call.last = await kept(this.request, failure, self.clock, most)
        if failure.response is not None:
            await discard(failure.response)  # its connection may be the only one of the pool
        self._end_attempt(call, failure)

    async def _back_off(self, this: _Pass, failure: Outcome, verdict: Retry) -> None:
        """Lets go of the failed attempt, waits, and begins the next."""
        call, state = this.call, this.state
        self.common.look_inside(self, call)
        began = self.clock.now()
        await self._let_go(this, failure, verdict.delay)
        state.cur_attempt += 1
        state.delay = verdict.delay
        asleep = self.clock.now()
        if call.observers or call.counters:
            last = call.attempt
            told = (verdict.reason, last.status, last.error, last.latency or 0.0)
            tell(RetryScheduled(call, asleep, state.cur_attempt, verdict.delay, *told))
        self._say(this.config.log_before, BEFORE, this, failure)
        call.waits_for = "a back-off"
        left = verdict.delay - (asleep - began)
        try:
            if left > 0:  # the wire lets other tasks run, and a turn of the loop takes longer than all of this
                await self.clock.sleep(left)
        finally:  # one that is cut short was a wait, too
            awake = self.clock.now()
            call.waits += (Wait("back-off", awake - asleep, verdict.reason, asleep),)
        call.waits_for = None
        call.begin_attempt(awake)

    def _give_up(self, this: _Pass, failure: Outcome, verdict: GiveUp) -> Outcome:
        """Returns what the caller gets, having said why there will be no more."""
        call, response = this.call, failure.response
        call.gave_up = verdict.reason
        if this.state.cur_attempt:
            self.common.look_above(self, this.request)
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
        if event is None:
            return
        if outcome.response is not None:
            outcome.response.request = this.request  # user code may make the message, and want to see it
        say(event, default, this.call, this.state, outcome, now=self.clock.now(), **more)

    def state(self) -> str:
        """Says the settings: `3 retries, delay 1.0 s ×1.5, idempotent methods`."""
        config = self.config
        growth = "" if config.delay_modifier == 1 else f" ×{config.delay_modifier:g}"
        noun = "retry" if config.max_attempts == 1 else "retries"
        words = f"{config.max_attempts} {noun}, delay {config.delay} s{growth}, {config.named_methods} methods"
        words += ", with keys" if config.idempotency_key else ""
        return words if config.budget is None else f"{words}, {config.budget.in_words}"


def refuse_second(outer: RetryTransport) -> None:
    """Raises when there is another retry layer below this one.

    Raises:
        CompositionError: naming it and saying what to do.
    """
    for part in below(outer):
        if isinstance(part, RetryTransport):
            raise CompositionError(
                f"there is a {part!r} below already, and the attempts of the two would multiply: keep one of them"
            )


def below(outer: RetryTransport) -> Iterator[object]:
    """Yields every transport below."""
    _this, *links = outer.chain()
    for link in links:
        # A whole stack is one link of the chain and has a chain of its own.
        yield from link.chain() if isinstance(link, Layer) else (link,)
