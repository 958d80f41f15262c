"""`before` and `after`: methods of an API object that run around each attempt of its requests.

Inside them the API's configuration and hooks are off, for requests of the same API: of the object, its namespaces and
the API above them. Such a request is *bare*. It gives the plain response, whatever the status; no retry, validator,
parser or hook sees it; it counts in the report and at the gates of the API, and waits at none of them, so that a hook
cannot wait for itself. What the request itself brings with `call_options` does hold. Tasks that a hook starts make bare
requests as well.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import ref

from ..call import Call, CallOptions
from ..config import GracyConfig
from ..exceptions import GracyException
from ..family import AnyRequest, AnyResponse
from ..hooks import run_hook
from ..metrics import GracyReport
from ..retry import GracefulRetryState
from .context import GracyRequestContext, context_of

if TYPE_CHECKING:
    from .endpoints import Template
    from .scope import Active
    from .sessions import Sessions

__all__ = ["BARE", "HookChain", "Hookable", "RequestHooks", "hooked", "hooks_of", "is_inside_hook"]

BARE: Final = GracyConfig(**dict.fromkeys(GracyConfig.model_fields))
"""The configuration that switches everything off."""

_inside: ContextVar[tuple[object, ...]] = ContextVar("gracy_transport hooks", default=())


class Reporter:
    """Gives the report of an API object, once there is something to report on.

    It can be had before `super().__init__()`, as the hooks of `common_hooks` are made there.
    """

    __slots__ = ("_owner",)

    def __init__(self, owner: Hookable) -> None:
        self._owner = ref(owner)

    def get_report(self) -> GracyReport:
        """Returns what happened so far, by endpoint; an empty report before the first request can be made."""
        scope = getattr(self._owner(), "_gracy", None)
        return GracyReport() if scope is None else cast("GracyReport", scope.sessions.shared.metrics.report())

    def __repr__(self) -> str:
        """Names the class it reports on."""
        return f"<Reporter of {type(self._owner()).__name__}>"


class Hookable:
    """What every object with requests has: hooks around their attempts, which do nothing unless overridden."""

    async def before(self, context: GracyRequestContext) -> None:
        """Runs before each attempt, a retry or a replay too, while it holds no permit and no slot.

        Raise a `GracyException` (`GracyVeto` is the handy one) to refuse the request: the caller gets that error,
        nothing is sent and nothing retried. Any other exception is logged, and the request goes on.

        Requests that a hook makes itself to the same API are bare: no configuration of it holds, and no hook runs.
        """

    async def after(
        self,
        context: GracyRequestContext,
        response_or_exc: AnyResponse | Exception,
        retry_state: GracefulRetryState | None,
    ) -> None:
        """Runs after each attempt that `before` let pass, unless it was cancelled, as by a deadline that passed.

        It may veto as `before` may. Look at the response, and leave it as it is.

        Args:
            context: the request.
            response_or_exc: the response, of whatever status, readable (that of `stream` is unread); or the error that
                the attempt ended with.
            retry_state: set when the attempt was a retry: which one, and why.
        """

    @property
    def _reporter(self) -> Reporter:
        """What the hooks of `common_hooks` take first; it can be read before `super().__init__()`."""
        return Reporter(self)


class HookChain:
    """The objects whose hooks run around a request, outermost first.

    Args:
        sessions: what their requests have in common.
        owners: the objects. They are not kept alive: whoever makes a request does that.
    """

    __slots__ = ("_owners", "sessions")

    def __init__(self, sessions: Sessions, owners: tuple[ref[Hookable], ...]) -> None:
        self.sessions = sessions
        self._owners = owners

    @property
    def owners(self) -> tuple[Hookable, ...]:
        """The objects that are still there."""
        return tuple([owner for each in self._owners if (owner := each()) is not None])

    def with_own(self, owner: Hookable) -> HookChain:
        """Returns a chain in which the hooks of one more object run, inside of all others."""
        return HookChain(self.sessions, (*self._owners, ref(owner)))

    def __repr__(self) -> str:
        """Names the classes in order."""
        return f"<HookChain {' → '.join(type(owner).__name__ for owner in self.owners)}>"


def hooks_of(owner: Hookable, sessions: Sessions, outer: HookChain | None = None) -> HookChain | None:
    """Returns the hooks for the requests of an object: those around it, then its own, if it has any.

    The first object with hooks puts what they need into the stack.
    """
    kind = type(owner)
    is_default = kind.before is Hookable.before and kind.after is Hookable.after
    if is_default and not {"before", "after"} & vars(owner).keys():
        return outer
    sessions.shared.hook()
    return (HookChain(sessions, ()) if outer is None else outer).with_own(owner)


def is_inside_hook(sessions: Sessions) -> bool:
    """Tells whether a hook is at work here of an API that has these sessions."""
    return sessions in _inside.get()


@contextmanager
def _entered(sessions: Sessions) -> Generator[None]:
    token = _inside.set((*_inside.get(), sessions))
    try:
        yield
    finally:
        # As for the overrides: a coroutine that nobody finished may be closed in another context.
        with suppress(ValueError):
            _inside.reset(token)


def hooked(
    options: CallOptions, chain: HookChain | None, template: Template, params: Any, active: Active
) -> CallOptions:
    """Returns the options of a call with its hooks; without a chain, those of a bare request."""
    hooks = None if chain is None else RequestHooks(chain, template, options.args, params, active)
    return replace(options, hooks=hooks, is_bare=chain is None)


@dataclass(frozen=True, slots=True, repr=False)
class RequestHooks:
    """The hooks of one request: what the stack calls, in the terms of the API.

    It knows all of the request but the request itself, which refers to it.
    """

    chain: HookChain
    template: Template
    args: Mapping[str, str]
    params: Any
    active: Active

    async def before(self, request: AnyRequest, call: Call) -> None:
        """Runs the `before` of every object, outermost first; after a veto, `after` of those that had their turn."""
        context = self._context(request, call)
        owners = self.chain.owners
        with _entered(self.chain.sessions):
            for place, owner in enumerate(owners):
                try:
                    await run_hook(partial(owner.before, context), f"{type(owner).__name__}.before", call)
                except GracyException as veto:
                    await self._after(owners[:place], context, call, veto)
                    raise

    async def after(self, request: AnyRequest, call: Call, result: AnyResponse | Exception) -> None:
        """Runs the `after` of every object, innermost first; after a veto, the others get that as the result."""
        with _entered(self.chain.sessions):
            await self._after(self.chain.owners, self._context(request, call), call, result)

    async def _after(
        self, owners: tuple[Hookable, ...], context: GracyRequestContext, call: Call, result: AnyResponse | Exception
    ) -> None:
        veto: GracyException | None = None
        state = cast("GracefulRetryState | None", call.retry_state)
        for owner in reversed(owners):
            try:
                what = f"{type(owner).__name__}.after"
                await run_hook(partial(owner.after, context, result, state), what, call, result)
            except GracyException as error:
                veto = result = error
        try:
            if veto is not None:
                raise veto
        finally:
            del veto, result  # its traceback refers back to this frame

    def _context(self, request: AnyRequest, call: Call) -> GracyRequestContext:
        shared = self.chain.sessions.shared
        elapsed = shared.clock.now() - call.started
        return context_of(
            self, request.method, call.options, call.hidden, elapsed=elapsed, call=call, pauses=shared.pauses
        )
