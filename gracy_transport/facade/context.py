"""What a user's exception, and a hook, may know of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from ..call import Call, CallOptions
from ..config import GracyConfig
from ..defaults import DEFAULT_CONFIG
from ..exceptions import CompositionError
from ..pauses import PauseKeeper
from ..redaction import Hidden, hide
from .endpoints import shown

if TYPE_CHECKING:
    from .hooks import RequestHooks
    from .sending import Sending

__all__ = ["GracyRequestContext", "backstage", "context_of"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, repr=False)
class GracyRequestContext:
    """A request in the terms of the API it was made for.

    Attributes:
        method: the HTTP method.
        base_url: what stands before the endpoint, without credentials; empty when the endpoint is a whole URL.
        endpoint: the endpoint with its arguments in place, percent-encoded: `/pokemon/pikachu`. The values of secret
            query parameters are redacted, credentials left out.
        endpoint_args: the arguments, as text, by placeholder.
        endpoint_params: the query parameters as they were given, or `None`.
        active_config: the configuration in force for the request, overrides of the method included.
        unformatted_endpoint: the endpoint with its placeholders: `/pokemon/{NAME}`; without secrets, as `endpoint`.
        elapsed: seconds from the start of the call until now (or its end), waits and retries included.
    """

    method: str
    base_url: str
    endpoint: str
    endpoint_args: Mapping[str, str] = field(default_factory=lambda: _NOTHING)  # Python 3.11 takes it for mutable
    endpoint_params: Any = None
    active_config: GracyConfig = field(default=DEFAULT_CONFIG)
    unformatted_endpoint: str = ""
    elapsed: float = 0.0
    _call: Call | None = field(default=None, compare=False)
    _pauses: PauseKeeper | None = field(default=None, compare=False)

    @property
    def url(self) -> str:
        """The full URL, without credentials and query parameters: `https://pokeapi.co/api/v2/pokemon/pikachu`."""
        return self.base_url + self.endpoint.partition("?")[0]

    @property
    def unformatted_url(self) -> str:
        """The full URL with its placeholders: `https://pokeapi.co/api/v2/pokemon/{NAME}`."""
        return self.base_url + (self.unformatted_endpoint or self.endpoint)

    def __copy__(self) -> Self:
        """Returns the context itself, which nothing changes."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Returns the context itself."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles what is plain text: parameters may be secrets, and a configuration may hold what has no pickle."""
        where = (self.method, self.base_url, self.endpoint)
        return _unpickled, (*where, dict(self.endpoint_args), self.unformatted_endpoint, self.elapsed)

    def __repr__(self) -> str:
        """Names the request without its arguments, which may be secrets."""
        return f"<GracyRequestContext {self.method} {self.unformatted_url}>"


def _unpickled(  # noqa: PLR0917 - what a pickle can say
    method: str, base_url: str, endpoint: str, args: Mapping[str, str], template: str, elapsed: float
) -> GracyRequestContext:
    return GracyRequestContext(method, base_url, endpoint, args, unformatted_endpoint=template, elapsed=elapsed)


def context_of(
    asked: RequestHooks | Sending,
    method: str,
    options: CallOptions,
    hidden: Hidden,
    *,
    elapsed: float,
    call: Call | None = None,
    pauses: PauseKeeper | None = None,
) -> GracyRequestContext:
    """Returns a request in the terms of its API, without what is to be hidden; with its call, it is one for hooks."""
    return GracyRequestContext(
        method=method,
        base_url=hide(options.base, hidden),
        endpoint=hide(shown(asked.template.fill(asked.args)), hidden),
        endpoint_args=options.args,
        endpoint_params=asked.params,
        active_config=asked.active.config,
        unformatted_endpoint=hide(options.template or "", hidden),
        elapsed=elapsed,
        _call=call,
        _pauses=pauses,
    )


def backstage(context: GracyRequestContext) -> tuple[Call, PauseKeeper]:
    """Returns the call that a context given to a hook is of, and who keeps the pauses of its API.

    Raises:
        CompositionError: when the context was made by hand.
    """
    known: Any = context  # what it keeps for the hooks is not for users, so its name says private
    call, pauses = known._call, known._pauses  # noqa: SLF001
    if call is None or pauses is None:
        raise CompositionError(f"{context!r} belongs to no API: give the hook the context that before and after get")
    return call, pauses
