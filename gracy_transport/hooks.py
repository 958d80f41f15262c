"""Hooks: code of the user's own before and after each attempt.

A hook may veto with a declared exception (a `GracyException`, such as `GracyVeto`): the caller gets it, and nothing is
retried. Whatever else goes wrong in a hook is logged, and the call goes on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from .bodies import break_again, discard, readable
from .call import Call
from .exceptions import GracyException
from .layer import Layer, end_attempt
from .logevents import log_failure
from .showing import url_of

if TYPE_CHECKING:
    from .family import AnyRequest, AnyResponse, Request, Response

__all__ = ["Hooks", "HooksTransport", "run_hook"]


class Hooks(Protocol):
    """What runs before and after the attempts of a call, given as `CallOptions.hooks`."""

    async def before(self, request: AnyRequest, call: Call) -> None:
        """Runs before an attempt takes a permit or a slot, also when the answer will come from a recording."""
        ...

    async def after(self, request: AnyRequest, call: Call, result: AnyResponse | Exception) -> None:
        """Runs after an attempt, with its response or its error; not after one that was cancelled, as by a deadline."""
        ...


async def run_hook(hook: Callable[[], Awaitable[object]], what: str, call: Call, result: object = None) -> None:
    """Calls a hook and runs it to its end. `what` names it in the log; `result` is what an `after` was given.

    Raises:
        GracyException: when that is what the hook raised; marked as a refusal, unless it is the result itself.
    """
    try:
        await hook()
    except Exception as error:
        if isinstance(error, GracyException):
            error.is_refusal = error.is_refusal or error is not result
            raise
        if error is not result:
            line = "%s failed on %s %s; the call goes on"
            log_failure(logging.ERROR, error, call.hidden, line, what, call.method, url_of(call))


class HooksTransport(Layer):
    """Runs the hooks of a call; one that has none passes untouched.

    The result of an attempt is its response, whatever the status, or the error it ended with. When the caller reads
    the body (`CallOptions.reads_body`), so may the hooks: it is read for them, and a body that breaks is the error of
    the attempt, unless the status is an error already (400 or above). A response that is streamed they get unread.
    """

    async def handle(self, request: Request, call: Call) -> Response:
        """Runs `before`, delegates, and runs `after`."""
        hooks = cast("Hooks | None", call.options.hooks)
        if hooks is None:
            return await self.pass_on(request, call)
        try:
            await run_hook(partial(hooks.before, request, call), "a before hook", call)
        except BaseException as veto:
            self._end(call, veto, was_sent=False)
            raise
        try:
            response = await self.pass_on(request, call)
            result = await self._shown(request, call, response)
        except Exception as error:
            end_attempt(call, error, self.clock.now())  # as it was, whatever the hook makes of it
            await run_hook(partial(hooks.after, request, call, error), "an after hook", call, error)
            raise
        try:
            await run_hook(partial(hooks.after, request, call, result), "an after hook", call)
        except BaseException as veto:
            self._end(call, veto, status=response.status_code)
            await discard(response)
            raise
        return response

    def _end(self, call: Call, veto: BaseException, *, status: int | None = None, was_sent: bool = True) -> None:
        """Notes what came of an attempt that a hook ended: a veto may hold a response, but of another request."""
        attempt = call.attempt
        attempt.ended, attempt.error = self.clock.now(), type(veto).__name__
        attempt.status, attempt.was_sent = status, was_sent

    async def _shown(self, request: Request, call: Call, response: Response) -> Response:
        """Returns a response as hooks may see it; the response itself stays as it would be without them."""
        shown = response
        if call.options.reads_body and response.status_code >= 200 and request.method != "CONNECT":
            try:
                shown = await readable(request, response, sys.maxsize)  # the caller will hold all of it anyway
            except Exception as error:
                if response.status_code < 400:
                    raise
                # The status is the news, for the hooks and for those who judge it.
                if response.is_closed:
                    break_again(request, response, error)
        self.complete(request, call, shown)
        return shown
