"""The stack: the whole chain of layers as one transport, and how it comes in front of a client."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from .bodies import variant
from .call import EXTENSION, Call, Observer, extensions_with, options_of
from .clock import SYSTEM_CLOCK, Clock
from .config import GracyConfig
from .exceptions import CompositionError
from .family import AsyncTransport
from .layer import Layer
from .metrics import MetricsRegistry, Reporting
from .order import Plan, Shared, build_chain
from .wires import wired

if TYPE_CHECKING:
    from .family import Request, Response
    from .replay import GracyReplay

__all__ = ["GracyTransport", "attach"]

MOST_CHAINS: Final = 256
"""Chains kept for configs of single calls; the least recently used is built again when it is asked for."""


class GracyTransport(Reporting, Layer):
    """The whole stack as one transport.

    ```python
    transport = GracyTransport(httpx.AsyncHTTPTransport(), GracyConfig(retry=GracefulRetry(max_attempts=3)))
    async with httpx.AsyncClient(transport=transport) as client:
        ...
    ```

    Only the layers the config asks for are there. A call may bring a config of its own (`call_options`): it runs
    through a chain made for that config, which shares gates and metrics with all others. `transport=` makes a client
    ignore its own `verify=`, `http2=`, `limits=` and proxies: give those to `inner`, or use `attach` on a client.

    A cache that is a transport (such as hishel's) goes around the stack, so that what it has costs neither permit nor
    slot, and is no call: `"gracy"` is not in the extensions of such an answer. As `inner` it is asked like a server.

    Args:
        inner: the wire, or any transport to put the stack around.
        config: what the stack does. Nothing is on unless given.
        replay: record what passes, or replay it.
        clock: where time comes from; the real time unless a test drives it.
        observers: callables that hear the events of every call.

    Raises:
        CompositionError: when `inner` cannot be wrapped, or has a retry layer beside the one of the config.
        pydantic.ValidationError: when `config` or `replay` is something else.
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
        self.config = _checked(config)
        super().__init__(wired(inner, self.config.value_of("wire")), clock=clock, observers=observers)
        self.hidden = self.config.value_of("redact") or ()
        self._shared = Shared(self.config, replay, clock) if shared is None else shared
        self._chains: OrderedDict[int, tuple[object, Layer]] = OrderedDict()
        self._shared.add(self)  # before building, so that no change comes in between
        self.rebuild()

    def rebuild(self) -> None:
        """Builds the chains anew, because what the stacks share has changed; what is on its way goes on as it began."""
        with self._changing:
            self._base = build_chain(self.inner, Plan(self.config, self._shared))
            self._chains.clear()

    def take(self, request: Request, call: Call) -> Awaitable[Response]:
        """Answers a request of a call that is in the stack already, as a coroutine."""
        if call.stack is self:
            # The same request is being sent twice at once: the second gets a call of its own.
            return self._enter(
                variant(request, extensions=extensions_with(request, **{EXTENSION: options_of(request)}))
            )
        if self._observers:
            call.observe(*self._observers)
        return self._pass_below(request, call)

    def handle(self, request: Request, call: Call) -> Awaitable[Response]:
        """Sends the request of a call that it has opened through the chain for the call's config, as a coroutine."""
        call.stack = self  # until it leaves
        return self._chain_of(call).take(request, call)

    async def _pass_below(self, request: Request, call: Call) -> Response:
        """Sends the request of a call that a layer above has opened through the chain for its config."""
        if self.hidden and not call.hidden:  # of which the layer above knows nothing
            call.hide(self.hidden)
        outer, call.stack = call.stack, self
        try:
            return await self._chain_of(call).take(request, call)
        finally:
            call.stack = outer

    def _chain_of(self, call: Call) -> Layer:
        own = call.options.config
        return self._base if own is None else self._chain_for(own)

    def _chain_for(self, own: Any) -> Layer:
        with self._changing:
            found = self._chains.pop(id(own), None)
            if found is None:
                # The config is kept with its chain, because the id of a dead one may be given to another.
                found = (own, build_chain(self.inner, Plan(self.config.merged(own), self._shared)))
            self._chains[id(own)] = found
            if len(self._chains) > MOST_CHAINS:
                self._chains.popitem(last=False)
        return found[1]

    @property
    def _metrics_registry(self) -> MetricsRegistry:
        return self._shared.metrics

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

    A tool that traces the client (`instrument_client` of OpenTelemetry) sees each attempt when it comes before, and
    stays for good then; coming after, it sees each hop of a call as one, with its retries and waits, and can be undone.
    One that traces httpx as a whole (`instrument`) sees each attempt, whenever it comes.

    Args:
        client: an `httpx.AsyncClient` or an `httpx2.AsyncClient` that is not closed.
        config, replay, clock, observers: as for `GracyTransport`.
        shared: gates, metrics and config of a stack that stands in front of another client, to be used here too.

    Raises:
        CompositionError: when it is no such client, is closed, or has a stack already.
        pydantic.ValidationError: as for `GracyTransport`.
    """
    refuse_unfit_client(client)
    shared = Shared(_checked(config), replay, clock) if shared is None else shared
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


def _checked(config: GracyConfig | None) -> GracyConfig:
    return GracyConfig() if config is None else GracyConfig.model_validate(config)


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
