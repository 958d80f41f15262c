"""One request of the facade: sent through the client, judged at the end, its failure put in the facade's terms."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..bodies import buffer
from ..call import EXTENSION, Call, CallOptions, extensions_with
from ..exceptions import GracyException, GracyRequestFailed, NonOkResponse, UnexpectedResponse
from ..family import error_for, family_of, is_error_like
from ..logevents import log
from ..showing import hidden_in, shown_url
from ..validation import judge
from .context import context_of

if TYPE_CHECKING:
    from ..family import AnyResponse
    from .context import GracyRequestContext
    from .endpoints import Template
    from .options import RequestOptions
    from .scope import Active
    from .sessions import Session

__all__ = ["Sending", "may_go_on"]

_REJECTED: Final = "{METHOD} {URL} was rejected after {ELAPSED}s: status {STATUS}, {ERROR}"


def may_go_on(session: Session, given: RequestOptions) -> bool:
    """Tells whether a redirect or a challenge may be answered by another request, which the stack cannot know."""
    if session.own_ways is not None:
        return True  # with any credentials
    client = session.client
    follows = given.get("follow_redirects")
    if follows if isinstance(follows, bool) else client.follow_redirects:
        return True
    auth = given.get("auth", client.auth)
    if type(auth).__name__ == "UseClientDefault":
        auth = client.auth
    # A pair or a plain function, and Basic, say what they have to say in the first request.
    package = family_of(client).module
    return hasattr(auth, "async_auth_flow") and type(auth) not in {package.BasicAuth, package.NetRCAuth}


@dataclass(slots=True, repr=False)
class Sending:
    """A request that is ready to be sent, and what was asked for in the user's terms.

    Attributes:
        session: what it goes through.
        request: of the client's family.
        template: the endpoint.
        args: its arguments, as text.
        options: what the stack is told of it.
        active: the configuration in force.
        params: the query parameters as they were given.
        send_options: what goes to `client.send`.
        asked: the URL and the options for the client's own ways, where it has some.
    """

    session: Session
    request: Any
    template: Template
    args: Mapping[str, str]
    options: CallOptions
    active: Active
    params: Any
    send_options: Mapping[str, Any]
    asked: tuple[Any, Mapping[str, Any]] | None = None

    async def send(self, streams: AsyncExitStack | None = None) -> AnyResponse:
        """Returns the response, once it is accepted; unread when there are `streams`, with which it is closed.

        Raises:
            BadResponse: when its status code is not.
            GracyRequestFailed: from any error of httpx that is not about a response (a `RequestError`), also from one
                that a validator raised: it cannot be told from the others here.
            Exception: anything else that a validator of the user's raised.
        """
        try:
            response = await self._answered(streams)
        except Exception as error:
            self._keep_cookies(error)
            if isinstance(error, GracyException) or not is_error_like(error, GracyRequestFailed):
                raise
            raise self._failed(error) from error
        if self.options.is_followed and not 200 <= response.status_code < 300:
            await self._judge_last(response)
        return response

    async def _answered(self, streams: AsyncExitStack | None) -> AnyResponse:
        session, options = self.session, self.send_options
        if session.own_ways is None or self.asked is None:
            response = await session.client.send(self.request, stream=streams is not None, **options)
            if streams is not None:
                streams.push_async_callback(response.aclose)
            return response
        method, (url, given), (whole, opened) = self.request.method, self.asked, session.own_ways
        try:
            if streams is None:
                response = await whole(method, url, **given, **options)
            else:
                response = await streams.enter_async_context(opened(method, url, **given, **options))
        except Exception as error:
            self._adopt(error)
            raise
        self._adopt((*response.history, response)[0])
        return response

    def _adopt(self, source: Any) -> None:
        """Takes the request that the client has made itself: what happened to the call is noted on that."""
        with suppress(RuntimeError):  # errors of httpx raise it where there is none
            made = getattr(source, "request", None)
            self.request = made if isinstance(made, type(self.request)) else self.request

    @property
    def call(self) -> Call | None:
        """What happened to the request so far; `None` before it came to the stack."""
        found = extensions_with(self.request).get(EXTENSION)
        return found if isinstance(found, Call) else None

    @property
    def was_passed(self) -> bool:
        """Whether the response is a failure that `behavior="pass"` lets through."""
        call, retry = self.call, self.active.config.value_of("retry")
        return call is not None and call.gave_up is not None and retry is not None and retry.behavior == "pass"

    def context(self) -> GracyRequestContext:
        """Returns the request in the terms of the API."""
        hidden = hidden_in(self.request)
        return context_of(self, self.request.method, self.options, hidden, elapsed=self._elapsed())

    async def _judge_last(self, response: AnyResponse) -> None:
        """Judges an answer that the stack let pass because another request might have followed."""
        strict = self.active.config.value_of("strict_status_code")
        allowed = self.active.config.value_of("allowed_status_code")
        if self.options.is_bare and strict is None and allowed is None:
            return
        expected = judge(response.status_code, strict, allowed)
        if expected is None or self.was_passed:
            return
        cause: Exception | None = None
        try:
            if not response.is_closed:
                await buffer(self.request, response)
                await response.aread()
        except Exception as error:  # noqa: BLE001 - the status code is the news, what became of the body its cause
            cause = error
        kind = NonOkResponse if strict is None else UnexpectedResponse
        call = self.call
        if call is not None:
            facts = {"ELAPSED": f"{self._elapsed():.3f}", "ERROR": kind.__name__}
            log(self.active.config.value_of("log_errors"), _REJECTED, call, response, **facts)
        where = f"{response.request.method} {shown_url(response.request)}"
        message = f"{where} was rejected: status {response.status_code}, expected {expected}"
        raise error_for(self.request, kind, message, response=response, call=call) from cause

    def _keep_cookies(self, error: Exception) -> None:
        """Takes over the cookies of an answer that was turned down in the stack, where the client never sees it."""
        client, response = self.session.client, getattr(error, "response", None)
        if not isinstance(response, family_of(client).Response):
            return
        try:
            answered = response.request
        except RuntimeError:  # a validator made this response, and said not of what
            return
        call = self.call
        if call is not None and extensions_with(answered).get(EXTENSION) is call:
            client.cookies.extract_cookies(response)

    def _failed(self, error: Exception) -> GracyRequestFailed:
        # The text of the error is left to the cause: it may quote a header or a URL with a secret.
        call = self.call
        count = 1 if call is None else len(call.attempts)
        tries = f" after {count} attempts" if count > 1 else ""
        what = f"{self.request.method} {shown_url(self.request)} failed with {type(error).__name__}{tries}"
        return GracyRequestFailed(what, request=self.request, call=call)

    def _elapsed(self) -> float:
        call = self.call
        if call is None:
            return 0.0
        ended = call.attempt.ended
        return (self.session.stack.clock.now() if ended is None else ended) - call.started
