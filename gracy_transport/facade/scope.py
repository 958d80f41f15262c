"""What an API object makes its requests with: sessions, and the configuration in force."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from enum import Enum
from typing import Any, Final

from ..call import EXTENSION, CallOptions
from ..config import GracyConfig, for_some_calls
from ..exceptions import BadResponse
from ..values import ABSENT
from .endpoints import Template
from .hooks import BARE, Hookable, HookChain, hooked, hooks_of, is_inside_hook
from .options import RequestOptions
from .overrides import override_for
from .parsing import Parsers, made
from .sending import Sending, may_go_on
from .sessions import Sessions
from .settings import Settings, joined, judged

__all__ = ["Active", "Scope"]

MOST_KEPT: Final = 1024
"""Endpoints and overrides that are remembered; when there are more, all are forgotten and made again."""

_NOTHING: Final = GracyConfig()
_TO_SEND: Final = ("auth", "follow_redirects")


class Active:
    """A configuration in force.

    Attributes:
        config: all of it.
        own: what of it the stack has to be told for a call, `None` when it is the stack's own.
        parsers: its parsers.
        sources: the overrides it comes from, kept so that their identities stay taken.
    """

    __slots__ = ("config", "own", "parsers", "sources")

    def __init__(self, config: GracyConfig, own: GracyConfig | None, sources: tuple[object, ...] = ()) -> None:
        self.config = config
        self.own = own
        self.parsers = Parsers(config.value_of("parser"))
        self.sources = sources


class Scope:
    """Makes the requests of one object: an API, or a part of one that has settings of its own.

    Args:
        sessions: the clients, shared by all parts of an API.
        config: the configuration of the object, all of it.
        own: what of it differs from the stack's, `None` for the API itself.
        below: what goes before its endpoints in place of the client's base URL, or below it when it is a path.
        defaults: what its requests are given unless they are given another: its timeout.
        hooks: what runs around its requests, from `hooks_of`.
    """

    def __init__(
        self,
        sessions: Sessions,
        config: GracyConfig,
        own: GracyConfig | None = None,
        *,
        below: str = "",
        defaults: RequestOptions | None = None,
        hooks: HookChain | None = None,
    ) -> None:
        self.sessions = sessions
        self.config = config
        self.hooks = hooks
        self._own = own
        self._below = below
        self._defaults: RequestOptions = defaults or {}
        self._plain = Active(config, own)
        self._templates: dict[object, Template] = {}
        self._overridden: dict[tuple[int, int], Active] = {}

    def part(self, settings: Settings, owner: Hookable) -> Scope:
        """Returns the scope of a part of this object, whose own settings lie over these, and its hooks inside these."""
        for_some_calls(settings.config)
        own = settings.config if self._own is None else self._own.merged(settings.config)
        below = joined(self._below, settings.base_url)
        self.sessions.newest.refuse_unfit(below)
        return Scope(
            self.sessions,
            self.config.merged(settings.config),
            judged(own) if own.given() else None,
            below=below,
            defaults=self._defaults if settings.timeout is ABSENT else {"timeout": settings.timeout},
            hooks=hooks_of(owner, self.sessions, self.hooks),
        )

    async def answer(
        self, owner: object, method: str, endpoint: str, args: Mapping[str, object] | None, given: RequestOptions
    ) -> Any:
        """Sends a request, reads the body within the attempt, and returns what the parser makes of it.

        `owner` is the object whose method was called: overrides are looked up for it.
        """
        sending = self.prepare(owner, method, endpoint, args, given, reads_body=True)
        parsers = sending.active.parsers
        try:
            response = await sending.send()
        except BadResponse as error:
            kind = parsers.error_for(error.status)
            if kind is None:
                raise
            custom = made(kind, error.response, sending)
            try:
                raise custom from custom.__cause__ or error
            finally:
                del custom  # its traceback refers back to this frame
        return await parsers.parse(response, sending)

    @asynccontextmanager
    async def streamed(
        self, owner: object, method: str, endpoint: str, args: Mapping[str, object] | None, given: RequestOptions
    ) -> AsyncGenerator[Any]:
        """Sends a request and gives the response, accepted but unread; closes it at the end."""
        sending = self.prepare(owner, method, endpoint, args, given, reads_body=False)
        async with AsyncExitStack() as streams:
            yield await sending.send(streams)

    def prepare(
        self,
        owner: object,
        method: str,
        endpoint: str,
        args: Mapping[str, object] | None,
        given: RequestOptions,
        *,
        reads_body: bool,
    ) -> Sending:
        """Returns a request that is ready to be sent.

        Raises:
            ValueError: when the arguments do not fit the endpoint.
            TypeError: when the client knows no option of that name.
        """
        template = self._templates.get(endpoint) or self._template(endpoint)
        texts = template.texts(args)
        extensions, params = given.get("extensions"), given.get("params")
        told = _told_in(extensions) if extensions else None
        is_bare = self.sessions.shared.is_hooked and is_inside_hook(self.sessions)
        active = self._active(BARE if is_bare else override_for(owner), None if told is None else told.config)
        session = self.sessions.current()
        session.was_used = True
        client = session.client
        url, options = session.aim(template, texts, self._below, active, reads_body, may_go_on(session, given))
        if is_bare or self.hooks is not None:
            options = hooked(options, None if is_bare else self.hooks, template, params, active)
        if told is not None:
            options = _as_told(options, told)
        building: dict[str, Any] = {**self._defaults, **given, "extensions": {**(extensions or {}), EXTENSION: options}}
        send_options: dict[str, Any] = {name: building.pop(name) for name in _TO_SEND if name in building}
        if template.has_query:
            # httpx lets parameters replace a query that a URL has. An endpoint means its own to stay.
            building.pop("params", None)
            if params or client.params:
                building["params"] = url.params.merge(params)
        request = session.builder.build(method, url, building)
        asked = None if session.own_ways is None else (url, building)
        return Sending(session, request, template, texts, options, active, params, send_options, asked)

    def _template(self, endpoint: object) -> Template:
        if not isinstance(endpoint, str):
            raise TypeError(f"the endpoint {endpoint!r} is neither a string nor a member of a BaseEndpoint")
        if len(self._templates) >= MOST_KEPT:
            self._templates.clear()
        text = str(endpoint.value) if isinstance(endpoint, Enum) else endpoint
        template = self._templates[endpoint] = Template(text)
        return template

    def _active(self, override: GracyConfig | None, over: Any) -> Active:
        """Returns the configuration of the object under that of a method, under that of a call."""
        if override is None and over is None:
            return self._plain
        key = (id(override), id(over))
        active = self._overridden.get(key)
        if active is None:
            if len(self._overridden) >= MOST_KEPT:
                self._overridden.clear()
            merged = (override or _NOTHING).merged(over)
            own = merged if self._own is None else self._own.merged(merged)
            own = own if override is BARE else judged(own)
            active = self._overridden[key] = Active(self.config.merged(merged), own, (override, over))
        return active


def _told_in(extensions: Mapping[str, Any]) -> CallOptions | None:
    """Returns what the user said of the call with `call_options`, if anything."""
    told = extensions.get(EXTENSION)
    return told if isinstance(told, CallOptions) else None


def _as_told(options: CallOptions, told: CallOptions) -> CallOptions:
    """Returns the options of a call with the template and the arguments that the user gave in place of ours."""
    template, base = told.template, options.base
    if template is None:
        template = options.template
    elif base:
        # Where the base ends with a slash the endpoint has none at its start, and the other way round.
        template = template.lstrip("/") if base.endswith("/") else f"/{template.lstrip('/')}"
    return replace(options, template=template, args=told.args or options.args)
