"""Which layers there are for a config, and in which order.

This is the only place where the order is written. From the outside in:

    metrics → logging → deadline → retry → validation → hooks → [replay] → admission → [replay] → wire

Meaning is above, traffic below, the recording between: retry and validation judge a replayed answer exactly as a live
one. Hooks run for each attempt, replayed or not, before it takes a permit or a slot. Whether a replayed answer costs a
permit is decided by where the replay layer stands: below admission it does (as `GracyReplay(disable_throttling=False)`
has it), above it does not. Retry is above admission, so that a sleeping retry holds no slot and each attempt pays for
its own permit.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from weakref import WeakValueDictionary

from .admission import AdmissionTransport, Book, Desk, HintKeeper, Keeper, KeyedGates, ServerHints
from .clock import Clock
from .concurrency import ConcurrencyKeeper, ConcurrentRequestLimit
from .config import GracyConfig
from .deadline import DeadlineTransport
from .family import AsyncTransport
from .layer import Layer
from .logs import LoggingTransport
from .metrics import MetricsRegistry, MetricsTransport
from .retry import Common
from .throttle import RuleGates, RuleOf, ThrottleKeeper
from .validation import ValidationTransport, judge

if TYPE_CHECKING:
    from .pauses import PauseKeeper
    from .replay import GracyReplay, ReplayState

__all__ = ["ORDER", "Plan", "Shared", "build_chain"]


class Rebuilt(Protocol):
    """A stack, as far as what it shares has to know it."""

    def rebuild(self) -> None:
        """Builds the chains anew."""
        ...


class Shared:
    """The state of a stack that outlives any chain: gates, metrics, budgets, counters of a replay, if it has hooks."""

    def __init__(self, config: GracyConfig, replay: GracyReplay | None, clock: Clock) -> None:
        self.clock = clock
        self.desk = Desk(clock)
        self.metrics = MetricsRegistry(clock)
        self.retries = Common()
        self.replay = None if replay is None else _state_of(replay)
        self.rules: Book[RuleOf, RuleGates] = Book(self.desk)
        self.limits: Book[ConcurrentRequestLimit, KeyedGates] = Book(self.desk)
        self.is_hooked = False
        self.pauses: PauseKeeper | None = None
        self._hooking = Lock()
        self._stacks: WeakValueDictionary[int, Rebuilt] = WeakValueDictionary()
        self.base = config
        self.keepers = self.keepers_of(config)
        throttle = self.keepers.get("throttling")
        self.hints = ServerHints(self.desk, throttle.key_of if isinstance(throttle, ThrottleKeeper) else None)

    def add(self, stack: Rebuilt) -> None:
        """Takes in a stack that is to be built anew when what it shares has changed."""
        self._stacks[id(stack)] = stack

    def hook(self) -> None:
        """Puts what hooks need into every chain, those of stacks that are at work too; a second time does nothing."""
        from .pauses import PauseKeeper

        with self._hooking:  # whoever comes second has hooks that would not run before the first is through
            if self.is_hooked:
                return
            self.is_hooked, self.pauses = True, PauseKeeper(self.desk)
            # Listed in one step, because other threads may be making stacks.
            for stack in [known() for known in self._stacks.valuerefs()]:
                if stack is not None:
                    stack.rebuild()

    def keepers_of(self, config: GracyConfig) -> dict[str, Keeper]:
        """Returns who knows the gates of a config, by concern; equal rules and limits share their gates."""
        keepers: dict[str, Keeper] = {}
        throttling, limits = config.value_of("throttling"), config.value_of("concurrent_requests")
        if throttling is not None:
            keepers["throttling"] = ThrottleKeeper(throttling, self.desk, self.rules)
        if limits is not None:
            keepers["concurrent_requests"] = ConcurrencyKeeper(limits, self.desk, self.limits)
        return keepers


class Plan(NamedTuple):
    """What a chain is built from."""

    config: GracyConfig
    shared: Shared

    def get(self, name: str) -> Any:
        """Returns a field of the config, `None` where it is absent."""
        return self.config.value_of(name)


def _metrics(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    strict, allowed = plan.get("strict_status_code"), plan.get("allowed_status_code")

    def is_success(status: int) -> bool:
        return status < 400 or judge(status, strict, allowed) is None

    return MetricsTransport(inner, registry=plan.shared.metrics, is_success=is_success, clock=plan.shared.clock)


def _logging(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    events = {name: plan.get(name) for name in ("log_request", "log_response", "log_errors")}
    if not any(events.values()):
        return inner
    return LoggingTransport(inner, **events, clock=plan.shared.clock)


def _deadline(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    seconds = plan.get("deadline")
    return inner if seconds is None else DeadlineTransport(inner, seconds, clock=plan.shared.clock)


def _retry(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    retry, shared = plan.get("retry"), plan.shared
    if retry is None:
        return inner
    from .retry import RetryTransport

    return RetryTransport(inner, retry, clock=shared.clock, common=shared.retries)


def _validation(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    checks = {name: plan.get(name) for name in ("strict_status_code", "allowed_status_code", "validators")}
    if all(check is None for check in checks.values()):
        return inner
    return ValidationTransport(inner, **checks, clock=plan.shared.clock)


def _hooks(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    if not plan.shared.is_hooked:
        return inner
    from .hooks import HooksTransport

    return HooksTransport(inner, clock=plan.shared.clock)


def _replay_above(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    state = plan.shared.replay
    return inner if state is None or not state.config.disable_throttling else _replay(inner, state, plan)


def _admission(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    shared = plan.shared
    own = shared.keepers if plan.config is shared.base else shared.keepers_of(plan.config)
    counted = [keeper for name, keeper in shared.keepers.items() if plan.get(name) != shared.base.value_of(name)]
    keepers = [*([] if shared.pauses is None else [shared.pauses]), *own.values()]
    hints = _hints(plan, own.get("throttling"))
    if not keepers and not counted and hints is None:
        return inner
    return AdmissionTransport(inner, keepers, counted=counted, hints=hints, desk=shared.desk, clock=shared.clock)


def _hints(plan: Plan, logs: Keeper | None) -> HintKeeper | None:
    """Returns who listens to servers: as a call says, or the stack, since it is about everybody's requests."""
    configs = (plan.config, plan.shared.base)
    throttles = [throttle for config in configs if (throttle := config.value_of("throttling")) is not None]
    retries = [retry for config in configs if (retry := config.value_of("retry")) is not None]
    follows = [throttle.max_pause for throttle in throttles if throttle.follow_server]
    heeds = [retry.max_retry_after for retry in retries if retry.respect_retry_after]
    if not follows and not heeds:
        return None
    return HintKeeper(plan.shared.hints, follows=bool(follows), longest=max(follows or heeds), logs=logs)


def _replay_below(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    state = plan.shared.replay
    return inner if state is None or state.config.disable_throttling else _replay(inner, state, plan)


# The largest of the concerns, and the only one that no field of a config asks for: whoever gives a replay has it. It
# is loaded then, as retries and hooks are where there are some.


def _state_of(replay: GracyReplay) -> ReplayState:
    from .replay import ReplayState

    return ReplayState(replay)


def _replay(inner: AsyncTransport, state: ReplayState, plan: Plan) -> AsyncTransport:
    from .replay import ReplayTransport

    return ReplayTransport(inner, state, clock=plan.shared.clock)


ORDER: Final[tuple[Callable[[AsyncTransport, Plan], AsyncTransport], ...]] = (
    _metrics,
    _logging,
    _deadline,
    _retry,
    _validation,
    _hooks,
    _replay_above,
    _admission,
    _replay_below,
)
"""The order of the stack, outermost first. A concern that is not configured returns `inner`: it is not in the chain."""


def build_chain(wire: AsyncTransport, plan: Plan) -> Layer:
    """Returns the chain of layers for a plan, in front of the wire."""
    transport = wire
    for build in reversed(ORDER):
        transport = build(transport, plan)
    assert isinstance(transport, Layer)
    return transport
