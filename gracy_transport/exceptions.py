"""Every error of the library.

    GracyException
    ├── CompositionError            a stack put together wrongly (also a TypeError)
    ├── GracyRequestFailed          the facade's wrapper around whatever stopped a request
    ├── GracyParseFailed            a parser raised
    ├── BadResponse                 the response was judged and rejected
    │   ├── UnexpectedResponse      ... because `strict_status_code` names other codes
    │   └── NonOkResponse           ... because it is not a success nor an allowed code
    ├── UnreadableRecording         a recording, or the file that keeps them, is not ours or of a newer version
    ├── GracyUserDefinedException   the base of exceptions that a `parser` raises for a status
    └── GracyRefusal                we refused, the server did nothing wrong: never retried
        ├── GracyVeto               a hook of the user's own refused
        ├── DeadlineExceeded            a call would last, or has lasted, longer than it may
        ├── TransportClosed         the transport was closed while the request waited
        ├── QueueFull               as many requests wait already as `max_waiting` allows
        ├── BodyTooLarge            a body that had to be held in memory was over the cap
        ├── BodyConsumed            a redirect asks for a body that could be read only once
        ├── GracyReplayRequestNotFound  nothing was recorded for this request
        │   └── GracyReplayExhausted    ... or not that often: every recorded answer was given
        └── PagingStopped           a paginator does not ask for a page that there may be
            ├── TooManyPages        ... because `max_pages` were given
            ├── RepeatedPage        ... because it was given already
            └── NextPageRefused     ... because its URL leads to another host, or is none

An error raised inside a transport is also one of the HTTP package the request came from: `except httpx.HTTPError` in
an httpx client (`httpx2.HTTPError` in one of httpx2) catches it. `family.py` makes them; here only the names of
their bases stand. Every error survives pickle and copy with its own type: `portable.py` says how.
"""

from __future__ import annotations

from typing import Any, ClassVar

from . import portable
from .showing import shown_url

__all__ = [
    "BadResponse",
    "BodyConsumed",
    "BodyTooLarge",
    "CompositionError",
    "DeadlineExceeded",
    "GracyException",
    "GracyParseFailed",
    "GracyRefusal",
    "GracyReplayExhausted",
    "GracyReplayRequestNotFound",
    "GracyRequestFailed",
    "GracyUserDefinedException",
    "GracyVeto",
    "NextPageRefused",
    "NonOkResponse",
    "PagingStopped",
    "QueueFull",
    "RepeatedPage",
    "TooManyPages",
    "TransportClosed",
    "UnexpectedResponse",
    "UnreadableRecording",
]

rebuild = portable.rebuild  # the pickles of earlier versions find it here


class GracyException(portable.PortableError):
    """The base of all errors of this library.

    Attributes:
        request: the request concerned, or `None` (a pickled error has none).
        response: the response concerned, its body readable, or `None`.
        call: the `Call` with attempts and waits, or `None`.
        status: the status code, or `None`.
        method: the HTTP method, or `None`.
        url: the URL with secrets redacted, or `None`.
        is_refusal: whether it was not the server that failed: such an error is never retried. True of every
            `GracyRefusal`, and of an error that a hook raised as a veto.

    `timeline` and `fate` say what the call went through, and survive a pickle.
    """

    is_refusal: bool = False
    httpx_base: ClassVar[str | None] = "TransportError"
    """The class of httpx (and httpx2) that an instance raised in a transport also is."""


class CompositionError(GracyException, TypeError):
    """Transports were put together in a way that cannot work; the message says what to change."""

    httpx_base = None


class GracyRequestFailed(GracyException):
    """A request failed before any response could be judged; `__cause__` is the original error."""

    httpx_base = None

    @property
    def original_exc(self) -> BaseException | None:
        """The original error; `None` in one that came out of a pickle."""
        return self.__cause__


class GracyParseFailed(GracyException):
    """A parser raised on a response; `__cause__` is what it raised."""

    httpx_base = None


class BadResponse(GracyException):
    """The response was judged by its status code and rejected; `response` keeps it, body and all."""

    httpx_base = "HTTPStatusError"


class UnexpectedResponse(BadResponse):
    """The status code is not one of those that `strict_status_code` names."""


class NonOkResponse(BadResponse):
    """The status code is neither a success (200-299) nor one that `allowed_status_code` names."""


class GracyUserDefinedException(GracyException):
    """The base of exceptions of the user's own, which a `parser` raises for a status.

    ```python
    class PokemonNotFound(GracyUserDefinedException):
        BASE_MESSAGE = "Unable to find a pokemon with the name [{NAME}] at {URL} due to {STATUS} status"

        def _format_message(self, request_context, response):
            name = request_context.endpoint_args.get("NAME", "Unknown")
            return self.BASE_MESSAGE.format(NAME=name, **self._build_default_args())
    ```

    `BASE_MESSAGE` alone may use METHOD, URL, UURL, ENDPOINT, UENDPOINT, STATUS and ELAPSED (seconds).

    Attributes:
        request_context: the `GracyRequestContext`, or `None` in an error that came out of a pickle.
    """

    httpx_base = None
    BASE_MESSAGE: str = "{METHOD} {URL} returned {STATUS}"

    request_context: Any = None

    def __init__(self, request_context: Any, response: Any) -> None:
        self.request_context = request_context
        self.response = response
        message = self._format_message(request_context, response)
        super().__init__(message, request=response.request, response=response)

    def _format_message(self, request_context: Any, response: Any) -> str:
        """Returns the message; override it to say more."""
        return self.BASE_MESSAGE.format(**self._build_default_args())

    def _build_default_args(self) -> dict[str, Any]:
        """Returns what the placeholders of a message stand for; URLs and endpoints have their secrets redacted."""
        context, response = self.request_context, self.response
        return {
            "METHOD": response.request.method,
            "URL": shown_url(response.request),
            "UURL": context.unformatted_url,
            "ENDPOINT": context.endpoint,
            "UENDPOINT": context.unformatted_endpoint,
            "STATUS": response.status_code,
            "ELAPSED": f"{context.elapsed:.3f}",
        }


class GracyRefusal(GracyException):
    """The stack itself refused to go on: no failure of the server, never retried.

    Attributes:
        was_sent: whether the request may have been on the wire by then.
    """

    is_refusal = True
    was_sent: bool = False


class GracyVeto(GracyRefusal):
    """A hook refused a request, or its answer; raise it, or derive from it, in `before` and `after`.

    ```python
    class OutOfBudget(GracyVeto): ...


    async def before(self, context):
        if self.spent >= self.budget:
            raise OutOfBudget(f"{context.url}: the budget of {self.budget} is spent")
    ```
    """


class DeadlineExceeded(GracyRefusal):
    """The deadline of a call is over, or would be before the end of a wait, which was therefore not begun.

    `response` is the last answer that failed, if one did, `__cause__` the last error. A report counts as refused what
    was never sent. Where an attempt was made, and the deadline came before its end or before the next could follow,
    the report counts the attempt: as aborted, or with its status.

    Attributes:
        seconds: the deadline, from the start of the call.
        would_wait: seconds of the wait that was not begun, or of what a new pause would have added to one; `None` when
            the time was over in the middle of something.
        waits_for: what the wait was for, in words; `None` when it was no wait that took the time.
        retry_in: seconds after which another try makes sense; `None` where nobody knows.
        counts_as_attempt: whether a report counts an attempt that failed, and no refusal.
    """

    httpx_base = "TimeoutException"

    seconds: float = 0.0
    would_wait: float | None = None
    waits_for: str | None = None
    retry_in: float | None = None
    counts_as_attempt: bool = False


class TransportClosed(GracyRefusal):
    """The transport was closed while this request waited for its turn."""


class QueueFull(GracyRefusal):
    """As many requests wait already as `max_waiting` of a throttle or a concurrency limit allows; nothing was sent.

    When it was a retry that was refused, `response` is the answer of the attempt before, `__cause__` its error.

    Attributes:
        waits_for: the rule or limit whose queue is full, in words.
        waiting: how many wait for it.
        would_wait: how many seconds this request would have waited, as far as rates and pauses can tell; `None` for a
            limit of requests in flight, since nobody knows when those end.
    """

    def __init__(
        self,
        message: str = "",
        *,
        waits_for: str = "",
        waiting: int = 0,
        would_wait: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.waits_for = waits_for
        self.waiting = waiting
        self.would_wait = would_wait


class BodyTooLarge(GracyRefusal):
    """A body that had to be held in memory was larger than the cap."""

    was_sent = True


class BodyConsumed(GracyRefusal):
    """A redirect or a challenge wants a body again that could be read only once: nothing of it was sent this time."""


class GracyReplayRequestNotFound(GracyRefusal):
    """Nothing was recorded for this request."""


class GracyReplayExhausted(GracyReplayRequestNotFound):
    """Every answer that was recorded for this request was given, and `GracyReplay(exhausted="error")` is set."""


class PagingStopped(GracyRefusal):
    """A paginator does not ask for the next page, though there may be one; the pages before it were given.

    Attributes:
        pages: how many were.
    """

    httpx_base = None

    def __init__(self, message: str = "", *, pages: int = 0, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.pages = pages


class TooManyPages(PagingStopped):
    """As many pages as `max_pages` allows were given, and there are more."""


class RepeatedPage(PagingStopped):
    """The next page is one that was given already: following it would never end."""


class NextPageRefused(PagingStopped):
    """The URL of the next page leads to another host, where credentials would leak, or is no URL at all."""


class UnreadableRecording(GracyException):
    """A recording, or the file that keeps them, cannot be read: the message says why and what to do."""

    httpx_base = None
