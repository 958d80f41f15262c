"""What an API object makes its requests with: sessions, and the configuration in force."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Final

from ..call import EXTENSION, CallOptions
from ..config import GracyConfig
from ..exceptions import BadResponse
from .endpoints import Template
from .options import RequestOptions
from .overrides import override_for
from .parsing import Parsers, made
from .sending import Sending, may_go_on
from .sessions import Sessions
from .settings import judged

__all__ = ["Active", "Scope"]

MOST_KEPT: Final = 1024
"""Endpoints and overrides that are remembered; when there are more, all are forgotten and made again."""


class Active:
    """A configuration in force.

    Attributes:
        config: all of it.
        own: what of it the stack has to be told for a call, `None` when it is the stack's own.
        parsers: its parsers.
        source: the override it comes from, kept so that its identity stays taken.
    """

    __slots__ = ("config", "own", "parsers", "source")

    def __init__(self, config: GracyConfig, own: GracyConfig | None, source: GracyConfig | None = None) -> None:
        self.config = config
        self.own = own
        self.parsers = Parsers(config.value_of("parser"))
        self.source = source


class Scope:
    """Makes the requests of one object: an API, or a part of one that has settings of its own.

    Args:
        sessions: the clients, shared by all parts of an API.
        config: the configuration of the object, all of it.
        own: what of it differs from the stack's, `None` for the API itself.
    """

    def __init__(self, sessions: Sessions, config: GracyConfig, own: GracyConfig | None = None) -> None:
        self.sessions = sessions
        self.config = config
        self._own = own
        self._plain = Active(config, own)
        self._templates: dict[object, Template] = {}
        self._overridden: dict[int, Active] = {}

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
            raise custom from custom.__cause__ or error
        return await parsers.parse(response, sending)

    @asynccontextmanager
    async def streamed(
        self, owner: object, method: str, endpoint: str, args: Mapping[str, object] | None, given: RequestOptions
    ) -> AsyncGenerator[Any]:
        """Sends a request and gives the response, accepted but unread; closes it at the end."""
        sending = self.prepare(owner, method, endpoint, args, given, reads_body=False)
        response = await sending.send(stream=True)
        try:
            yield response
        finally:
            await response.aclose()

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
        active = self._active(override_for(owner))
        session = self.sessions.current()
        session.was_used = True
        client = session.client
        url, base = session.address(template, texts)
        options = CallOptions(template.label, base, texts, active.own, reads_body, may_go_on(client, given))
        building: dict[str, Any] = {**given}
        params = building.get("params")
        send_options: dict[str, Any] = {
            name: building.pop(name) for name in ("auth", "follow_redirects") if name in building
        }
        if template.has_query:
            # httpx lets parameters replace a query that a URL has. An endpoint means its own to stay.
            building.pop("params", None)
            if params or client.params:
                building["params"] = url.params.merge(params)
        building["extensions"] = {**(building.get("extensions") or {}), EXTENSION: options}
        request = client.build_request(method, url, **building)
        return Sending(session, request, template, options, active, params, send_options)

    def _template(self, endpoint: object) -> Template:
        if not isinstance(endpoint, str):
            raise TypeError(f"the endpoint {endpoint!r} is neither a string nor a member of a BaseEndpoint")
        if len(self._templates) >= MOST_KEPT:
            self._templates.clear()
        text = str(endpoint.value) if isinstance(endpoint, Enum) else endpoint
        template = self._templates[endpoint] = Template(text)
        return template

    def _active(self, override: GracyConfig | None) -> Active:
        if override is None:
            return self._plain
        active = self._overridden.get(id(override))
        if active is None:
            if len(self._overridden) >= MOST_KEPT:
                self._overridden.clear()
            own = judged(override if self._own is None else self._own.merged(override))
            active = self._overridden[id(override)] = Active(self.config.merged(override), own, override)
        return active
