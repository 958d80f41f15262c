"""`Gracy`: an API as a class."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakSet

import httpx

from ..call import Observer
from ..clock import SYSTEM_CLOCK, Clock
from ..defaults import DEFAULT_CONFIG
from ..logevents import LOGGER_NAME
from ..metrics import MetricsRegistry, Reporting
from ..values import ABSENT
from .hooks import hooks_of
from .living import Living, of_all_living
from .namespaces import NamespaceHolder
from .scope import Scope
from .sessions import Sessions
from .settings import judged, settings_of
from .verbs import EndpointT

if TYPE_CHECKING:
    from ..events import Event
    from ..replay import GracyReplay

__all__ = ["Gracy", "GracyAPI", "GracyApi"]

_logger = logging.getLogger(LOGGER_NAME)
_warned: Final[WeakSet[type]] = WeakSet()
_living: Final = Living()


class Gracy(Reporting, NamespaceHolder[EndpointT]):
    """The base of API classes: endpoints, a configuration, and methods that make requests.

    ```python
    class GracefulPokeAPI(Gracy[str]):
        class Config:
            BASE_URL = "https://pokeapi.co/api/v2/"
            REQUEST_TIMEOUT = 10
            SETTINGS = GracyConfig(retry=GracefulRetry(), parser={"default": lambda r: r.json()})

        async def get_pokemon(self, name: str):
            return await self.get("/pokemon/{NAME}", {"NAME": name})
    ```

    All of the inner `Config` is optional: `BASE_URL`; `SETTINGS`, a `GracyConfig` laid over `DEFAULT_CONFIG`; and
    `REQUEST_TIMEOUT` in seconds, without which a request may take for ever (`None` says that this is meant). What a
    class leaves out it has from its base classes, field by field in the case of `SETTINGS`. `self.Config` may be
    changed or set before `super().__init__()`; an object keeps what it was made with.

    Attributes that are annotated with a `GracyNamespace` are made with the object.

    Override `before` and `after` for hooks around each attempt.

    A status code outside 200-299 raises `NonOkResponse`, unless the configuration says otherwise. Where no response
    came it is `GracyRequestFailed`, and what the stack itself refuses, a `DeadlineExceeded` say, stays what it is:
    `except exceptions.GracyException` has all of these. The body of a stream fails with the errors of the client.

    An object can be made anywhere, also outside of an event loop, and used in several: each loop has connections of
    its own, while limits, the report and cookies go on. Close it with `aclose`, or use it in `async with`. Of a loop
    that ended before, the garbage collector closes the connections.

    Args:
        replay: record what is answered, or answer from a recording.
        debug: log the events of every call at level DEBUG.
        clock: where time comes from; the real time unless a test drives it.
        observers: callables that hear the events of every call.
        client_options: whatever else is given goes to `_create_client`, whose own takes nothing.

    Raises:
        CompositionError: when what `_create_client` returns is no client, is closed, or has a stack already.
        TypeError: when the inner `Config` has something of a wrong type.
        ValueError: when its `BASE_URL` has a query.
    """

    def __init__(
        self,
        replay: GracyReplay | None = None,
        debug: bool = False,  # noqa: FBT001, FBT002 - as the original has it
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
        **client_options: Any,
    ) -> None:
        debug = client_options.pop("DEBUG_ENABLED", debug)  # as the original calls it
        settings = self._gracy_settings = settings_of(type(self), vars(self).get("Config"))
        config = DEFAULT_CONFIG.merged(settings.config)
        sessions = Sessions(
            partial(self._create_client, **client_options),
            settings.base_url,
            judged(config),
            replay=replay,
            clock=clock,
            observers=(*observers, _log_event) if debug else observers,
        )
        self._gracy = Scope(sessions, config, hooks=hooks_of(self, sessions))
        if settings.timeout is ABSENT:
            self._warn_without_timeout()
        self._assign_namespaces()
        _living.add(self)

    def _create_client(self) -> Any:
        """Returns the client to make requests with: an `httpx.AsyncClient` with `BASE_URL` and `REQUEST_TIMEOUT`.

        Override it to give another, of httpx or httpx2, or to change this one. It is called once for each event
        loop, and for the first time in the constructor. The stack is put in front of what it returns. Where that has
        a `request` or `stream` of its own, as the `AsyncOAuth2Client` of Authlib does for its token, it is used.
        """
        settings = self._gracy_settings  # what the class says may have changed since
        timeout = None if settings.timeout is ABSENT else settings.timeout
        return httpx.AsyncClient(base_url=settings.base_url, timeout=timeout)

    @property
    def _client(self) -> Any:
        """The client of the loop that runs here; outside of a loop, the newest."""
        try:
            return self._gracy.sessions.current().client
        except RuntimeError:
            return self._gracy.sessions.newest.client

    @property
    def _metrics_registry(self) -> MetricsRegistry:
        return self._gracy.sessions.shared.metrics

    @of_all_living(_living)
    def dangerously_reset_report(self) -> None:
        """Starts the report anew; called on a class, those of all objects of it and of its subclasses.

        Requests that are under way count when they end, in the new report. Limits go on: what was taken of them
        stays taken.
        """
        self._gracy.sessions.shared.metrics.reset()

    async def aclose(self) -> None:
        """Closes the connections. A second time does no harm; any request after it raises a RuntimeError."""
        await self._gracy.sessions.aclose()

    async def __aenter__(self) -> Self:
        """Opens the client, if no request has."""
        await self._gracy.sessions.current().enter()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the connections."""
        await self.aclose()

    def __repr__(self) -> str:
        """Says the class and its stack."""
        return f"<{type(self).__name__} over {self._gracy.sessions.newest.stack!r}>"

    def _warn_without_timeout(self) -> None:
        """Warns once per class when a server that never answers would be waited for for ever."""
        kind, limits = type(self), self._gracy.sessions.newest.client.timeout.as_dict()
        if any(limit is not None for limit in limits.values()) or kind in _warned:
            return
        _warned.add(kind)
        _logger.warning(
            "%s has no timeout: it would wait for ever for a server that never answers. Set Config.REQUEST_TIMEOUT "
            "to seconds, or to None if that is meant",
            kind.__name__,
        )


# As the README of the original library also spells it.
GracyApi = Gracy
GracyAPI = Gracy


def _log_event(event: Event) -> None:
    _logger.debug("%r", event)
