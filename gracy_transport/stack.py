"""The stack: which layers there are for a config, in which order, and how they come in front of a client.

This is the only place where the order is written. From the outside in:

    metrics → logging → retry → validation → [replay] → admission → [replay] → wire

Meaning is above, traffic below, the recording between: retry and validation judge a replayed answer exactly as a live
one. Whether a replayed answer costs a permit is decided by where the replay layer stands: below admission it does (as
`GracyReplay(disable_throttling=False)` has it), above it does not. Retry is above admission, so that a sleeping retry
holds no slot and each attempt pays for its own permit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from .admission import AdmissionTransport, Desk, Keeper, KeyedGates
from .bodies import variant
from .call import EXTENSION, Call, Observer, call_inside, extensions_with, options_of
from .clock import SYSTEM_CLOCK, Clock
from .concurrency import ConcurrencyKeeper, ConcurrentRequestLimit
from .config import GracyConfig
from .exceptions import CompositionError
from .family import AnyRequest, AsyncTransport
from .layer import Layer
from .logs import LoggingTransport
from .metrics import GracyReport, MetricsRegistry, MetricsTransport
from .replay import GracyReplay, ReplayState, ReplayTransport
from .retry import RetryTransport
from .throttle import RuleGates, ThrottleKeeper, ThrottleRule
from .validation import ValidationTransport, judge

if TYPE_CHECKING:
    from .family import Request, Response
    from .reports import ReportKind

__all__ = ["GracyTransport", "attach"]

MOST_CHAINS: Final = 256
"""Chains kept for configs of single calls; the least recently used is built again when it is asked for."""


class Shared:
    """The state of a stack that outlives any chain: gates, metrics, counters of a replay."""

    def __init__(self, config: GracyConfig, replay: GracyReplay | None, clock: Clock) -> None:
        self.clock = clock
        self.desk = Desk(clock)
        self.metrics = MetricsRegistry(clock)
        self.replay = None if replay is None else ReplayState(replay)
        # Weak: the gates of a call's own limits go with the last chain that has them.
        self.rules: WeakValueDictionary[ThrottleRule, RuleGates] = WeakValueDictionary()
        self.limits: WeakValueDictionary[ConcurrentRequestLimit, KeyedGates] = WeakValueDictionary()
        self.base = config
        self.keepers = self.keepers_of(config)

    def keepers_of(self, config: GracyConfig) -> dict[str, Keeper]:
        """Returns who knows the gates of a config, by concern; equal rules and limits share their gates."""
        keepers: dict[str, Keeper] = {}
        throttling, limits = config.value_of("throttling"), config.value_of("concurrent_requests")
        if throttling is not None:
            keepers["throttling"] = ThrottleKeeper(throttling, self.clock, self.rules)
        if limits is not None:
            keepers["concurrent_requests"] = ConcurrencyKeeper(limits, self.clock, self.limits)
        return keepers


@dataclass(frozen=True)
class Plan:
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


def _retry(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    retry = plan.get("retry")
    return inner if retry is None else RetryTransport(inner, retry, clock=plan.shared.clock)


def _validation(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    checks = {name: plan.get(name) for name in ("strict_status_code", "allowed_status_code", "validators")}
    if all(check is None for check in checks.values()):
        return inner
    return ValidationTransport(inner, **checks, clock=plan.shared.clock)


def _replay_above(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    state = plan.shared.replay
    if state is None or not state.config.disable_throttling:
        return inner
    return ReplayTransport(inner, state, clock=plan.shared.clock)


def _admission(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    shared = plan.shared
    own = shared.keepers if plan.config is shared.base else shared.keepers_of(plan.config)
    counted = [keeper for name, keeper in shared.keepers.items() if plan.get(name) != shared.base.value_of(name)]
    if not own and not counted:
        return inner
    return AdmissionTransport(inner, list(own.values()), counted=counted, desk=shared.desk, clock=shared.clock)


def _replay_below(inner: AsyncTransport, plan: Plan) -> AsyncTransport:
    state = plan.shared.replay
    if state is None or state.config.disable_throttling:
        return inner
    return ReplayTransport(inner, state, clock=plan.shared.clock)


ORDER: Final[tuple[Callable[[AsyncTransport, Plan], AsyncTransport], ...]] = (
    _metrics,
    _logging,
    _retry,
    _validation,
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


class GracyTransport(Layer):
    """The whole stack as one transport.

    ```python
    transport = GracyTransport(httpx.AsyncHTTPTransport(), GracyConfig(retry=GracefulRetry(max_attempts=3)))
    async with httpx.AsyncClient(transport=transport) as client:
        ...
    ```

    Only the layers the config asks for are there. A call may bring a config of its own (`call_options`): it runs
    through a chain made for that config, which shares gates and metrics with all others. `transport=` makes a client
    ignore its own `verify=`, `http2=`, `limits=` and proxies: give those to `inner`, or use `attach` on a client.

    Args:
        inner: the wire, or any transport to put the stack around.
        config: what the stack does. Nothing is on unless given.
        replay: record what passes, or replay it.
        clock: where time comes from; the real time unless a test drives it.
        observers: callables that hear the events of every call.

    Raises:
        CompositionError: when `inner` cannot be wrapped, or has a retry layer beside the one of the config.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        config: GracyConfig | None = None,
        *,
        replay: GracyReplay | None = None,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
        shared: Shared | None = None,
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.config = GracyConfig() if config is None else config
        self._shared = Shared(self.config, replay, clock) if shared is None else shared
        self._base = build_chain(inner, Plan(self.config, self._shared))
        self._chains: OrderedDict[int, tuple[object, Layer]] = OrderedDict()
        self._lock = Lock()

    def handle_async_request(self, request: AnyRequest) -> Any:
        """Answers a request, as a coroutine. Raises whatever the layers and the wire below raise."""
        call = call_inside(request)
        if call is None:
            return self._enter(request)
        if call.stack is self:
            # The same request is being sent twice at once: the second gets a call of its own.
            return self._enter(
                variant(request, extensions=extensions_with(request, **{EXTENSION: options_of(request)}))
            )
        return super().handle_async_request(request)

    async def handle(self, request: Request, call: Call) -> Response:
        """Sends the request through the chain for the call's config."""
        own = call.options.config
        chain = self._base if own is None else self._chain_for(own)
        outer, call.stack = call.stack, self
        try:
            return await chain.handle_async_request(request)  # type: ignore[no-any-return]
        finally:
            call.stack = outer

    def _chain_for(self, own: Any) -> Layer:
        with self._lock:
            found = self._chains.pop(id(own), None)
            if found is None:
                # The config is kept with its chain, because the id of a dead one may be given to another.
                found = (own, build_chain(self.inner, Plan(self.config.merged(own), self._shared)))
            self._chains[id(own)] = found
            if len(self._chains) > MOST_CHAINS:
                self._chains.popitem(last=False)
        return found[1]

    def get_report(self) -> GracyReport:
        """Returns what happened so far, by endpoint; reading it changes nothing."""
        return self._shared.metrics.report()

    def report_status(self, kind: ReportKind = "rich") -> None:
        """Prints the report: "rich" a table, "list" every figure, "logger" a summary to the log.

        Raises:
            ValueError: for another kind, naming these.
        """
        from .reports import report_status

        report_status(self.get_report(), kind)

    def chain(self) -> Iterator[object]:
        """Yields this transport, the layers of its config and everything below, outermost first."""
        yield self
        yield from self._base.chain()

    async def let_go(self) -> None:
        """Sends everybody away who waits, and lets the recordings be written."""
        for layer in self._base.chain():
            if layer is self.inner:
                break
            if isinstance(layer, Layer):
                await layer.let_go()

    def __repr__(self) -> str:
        """Shows the chain in order: `<GracyTransport: MetricsTransport … → RetryTransport … → AsyncHTTPTransport>`."""
        names = [
            repr(each).strip("<>") if isinstance(each, Layer) else type(each).__name__ for each in self._base.chain()
        ]
        return f"<GracyTransport: {' → '.join(names)}>"


def attach(
    client: Any,
    config: GracyConfig | None = None,
    *,
    replay: GracyReplay | None = None,
    clock: Clock = SYSTEM_CLOCK,
    observers: Iterable[Observer] = (),
    shared: Shared | None = None,
) -> GracyTransport:
    """Puts a stack in front of a client that exists, and returns it.

    Everything the client was made with stays: `verify`, `http2`, `limits`, proxies of the environment, mounts. The
    main transport and each mount get the stack around them, with one set of gates and one report over all; a mount
    that is `None` stays `None`.

    Args:
        client: an `httpx.AsyncClient` or an `httpx2.AsyncClient` that is not closed.
        config, replay, clock, observers: as for `GracyTransport`.
        shared: gates, metrics and config of a stack that stands in front of another client, to be used here too.

    Raises:
        CompositionError: when it is no such client, is closed, or has a stack already.
    """
    refuse_unfit_client(client)
    shared = Shared(GracyConfig() if config is None else config, replay, clock) if shared is None else shared
    wrapped: dict[int, GracyTransport] = {}

    def wrap(transport: AsyncTransport) -> GracyTransport:
        known = wrapped.get(id(transport))
        if known is None:
            known = wrapped[id(transport)] = GracyTransport(
                transport, shared.base, clock=clock, observers=observers, shared=shared
            )
        return known

    # The client has no public way to exchange its transports; both families keep them under these names.
    mounts = {key: None if transport is None else wrap(transport) for key, transport in client._mounts.items()}
    client._transport = wrap(client._transport)
    client._mounts = mounts
    return client._transport  # type: ignore[no-any-return]


def refuse_unfit_client(client: Any) -> None:
    """Raises when a stack cannot be put in front of something.

    Raises:
        CompositionError: saying what was given and what to do instead.
    """
    name = f"{type(client).__module__.partition('.')[0]}.{type(client).__name__}"
    if not hasattr(client, "_transport") or not hasattr(client, "_mounts"):
        raise CompositionError(f"{name} is no client: give an httpx.AsyncClient or an httpx2.AsyncClient to attach")
    if not hasattr(client, "aclose"):
        raise CompositionError(f"{name} is synchronous: the stack works in front of an AsyncClient")
    if client.is_closed:
        raise CompositionError(f"this {name} is closed: make a new one and attach the stack before using it")
    if any(isinstance(transport, GracyTransport) for transport in (client._transport, *client._mounts.values())):
        raise CompositionError(f"this {name} has a stack already: attach once, with one config for everything")
