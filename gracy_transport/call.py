"""The Call: what the user asked for once, and what happened to it on the way.

A Call travels in `request.extensions["gracy"]`; the same object comes back in `response.extensions["gracy"]`.
This file is the only one that touches `.extensions`. Redirects and auth rounds copy the extensions, so they
continue the same Call; a final answer ends it, and sending the same request again starts another.

Nothing in a Call refers to a request or a response for longer than it is in the stack: they refer to the Call,
and a reference back would keep every body alive until the garbage collector comes by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .attempts import Attempt, Wait
from .matching import path_of, place_of
from .options import NO_OPTIONS, CallOptions
from .redaction import Hidden, hide, redact_endpoint
from .values import ABSENT

if TYPE_CHECKING:
    from .events import Event
    from .family import Request, Response
    from .timeline import CallTimeline

__all__ = [
    "EXTENSION",
    "Attempt",
    "Call",
    "CallOptions",
    "Observer",
    "Outcome",
    "Wait",
    "call_inside",
    "extensions_of",
    "extensions_with",
    "open_call",
    "options_of",
]

EXTENSION: Final = "gracy"
"""The key under which a Call (or the options for one) stands in `extensions`."""

Observer: TypeAlias = Callable[["Event"], object]
"""A plain callable that hears events; what it returns is ignored."""

_MAY_GO_ON: Final = frozenset({401, 407})


class Outcome:
    """What one attempt gave: the response, if any, and the error that judges it, if any."""

    __slots__ = ("error", "response")

    def __init__(self, response: Response | None = None, error: Exception | None = None) -> None:
        self.response = response
        self.error = error


class Call:
    """One request as the user asked for it, however many attempts and hops it takes.

    Attributes:
        template, args: the unformatted endpoint and its arguments, as given by the user.
        method, url: of the request that is in the stack now (`url` is an `httpx.URL`; redact before printing).
        attempt: the newest attempt.
        waits: all waits so far, in the order in which they ended.
        observers: who hears the events of the call.
        counters: who need not hear what happens to every call, only of waits and of retries.
        is_replayed: whether the newest answer came from a recording.
        rejected: an outcome whose response a validator turned down, for the layers above it.
        stack: the `GracyTransport` that is at work on the call now, if there is one.
        retry_state: the `GracefulRetryState` of the retry that is under way, `None` in a first attempt.
        hidden: what is not shown of its URLs, by the `redact` patterns of the configuration.
        gave_up: why no further attempt was made, in words, when retries ended without an accepted answer.
        minted: the idempotency key that the retry layer made for it, if it did.
        retried: which retry layer has sent the call again, and the last attempt that it made.
        deadline: the instant (monotonic seconds) by which all of the call has to be over, hops and body included;
            `None` when there is none.
        last: the newest attempt that failed, kept for the error of a deadline, while the call is in the stack.
        waits_for: what it was waiting for, in words, when a wait at the gates was cut short.
    """

    __slots__ = (
        *("_authorization", "_earlier", "_last_status", "_place", "attempt", "counters", "deadline", "gave_up"),
        *("hidden", "is_inside", "is_replayed", "last", "method", "minted", "observers", "options", "rejected"),
        *("retried", "retry_state", "stack", "started", "url", "waits", "waits_for"),
    )

    def __init__(self, request: Request, options: CallOptions, now: float) -> None:
        self.options = options
        self.method = request.method
        self.url = request.url
        self.started = now
        self.attempt = Attempt(1, now)
        self.waits: tuple[Wait, ...] = ()
        self.observers: tuple[Observer, ...] = ()
        self.counters: tuple[Observer, ...] = ()
        self.is_replayed = False
        self.is_inside = True
        self.rejected: Outcome | None = None
        self.stack: object | None = None
        self.retry_state: object | None = None
        self.gave_up: str | None = None
        self.hidden: Hidden = ()
        self.minted: object | None = None
        self.retried: tuple[object, Attempt] | None = None
        self.deadline: float | None = None
        self.last: Outcome | None = None
        self.waits_for: str | None = None
        self._earlier: tuple[Attempt, ...] = ()
        self._place: tuple[str, str] | None = None
        self._last_status: int | None = None
        self._authorization: str | None = None

    @property
    def template(self) -> str | None:
        """The unformatted endpoint, or `None` when the user gave none."""
        return self.options.template

    @property
    def args(self) -> Mapping[str, str]:
        """The arguments of the template, by placeholder."""
        return self.options.args

    @property
    def origin(self) -> str:
        """`scheme://host:port` of the request (the port only where its URL names one)."""
        return (self._place or self._find_place())[0]

    @property
    def target(self) -> str:
        """The URL that patterns see: without userinfo, query and fragment."""
        return (self._place or self._find_place())[1]

    def _find_place(self) -> tuple[str, str]:
        place = self._place = place_of(self.url)  # once for each hop: limits and reports ask several times
        return place

    @property
    def unformatted_endpoint(self) -> str:
        """The template, or else the path as it is sent; on one line and without secrets."""
        template = self.options.template
        shown = path_of(self.url) if template is None else redact_endpoint(template)
        return hide(shown, self.hidden) if self.hidden else shown

    @property
    def unformatted_url(self) -> str:
        """The full URL with the template in place of the endpoint; without a template, origin and path.

        It is on one line, and without secrets.
        """
        template, base = self.options.template, self.options.base
        if template is None:
            shown = redact_endpoint(base + path_of(self.url)) if base else self.target
        elif base or not template.startswith("/"):
            shown = redact_endpoint(base + template)
        else:
            shown = redact_endpoint(self.origin + template)
        return hide(shown, self.hidden) if self.hidden else shown

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts so far, over all hops."""
        return (*self._earlier, self.attempt)

    @property
    def waited(self) -> float:
        """Seconds that were spent waiting so far, for permits, slots, pauses and back-off together."""
        return sum(wait.seconds for wait in self.waits)

    def override(self, name: str) -> Any:
        """Returns this call's own value for a field of the configuration, or `ABSENT`."""
        config = self.options.config
        return ABSENT if config is None else getattr(config, name, ABSENT)

    def hide(self, patterns: Hidden) -> None:
        """Takes over what is not to be shown, unless the call's own configuration says otherwise."""
        own = self.override("redact")
        self.hidden = patterns if own is ABSENT else own or ()

    def begin_attempt(self, now: float) -> Attempt:
        """Starts the next attempt."""
        self._earlier += (self.attempt,)
        self.attempt = Attempt(self.attempt.number + 1, now)
        self.is_replayed = False
        self.rejected = None
        return self.attempt

    def observe(self, *observers: Observer) -> None:
        """Lets more observers hear what happens to this call from now on."""
        self.observers += tuple(new for new in observers if new not in self.observers)

    def leave(self, request: Request, response: Response | None) -> None:
        """Notes that the call left the stack with this response, or with an error when there is none."""
        self.is_inside = False
        self.rejected = self.last = self.waits_for = self.stack = None
        if response is None:
            self._last_status = None
            return
        response.extensions[EXTENSION] = self
        self._last_status = response.status_code
        if response.status_code in _MAY_GO_ON:
            self._authorization = _credentials(request)

    def goes_on_with(self, request: Request) -> bool:
        """Tells whether this request is the next hop of the call rather than a new call.

        A redirect comes in as another request; an auth round sends the same one with other credentials.
        """
        status = self._last_status
        if self.is_inside or status is None or not self.options.is_followed:
            return False
        if 300 <= status < 400:
            return request.url is not self.url
        return status in _MAY_GO_ON and _credentials(request) != self._authorization

    def go_on_with(self, request: Request, now: float) -> None:
        """Takes in the next hop, whose first attempt starts now."""
        self.is_inside = True
        self.url, self.method, self._place = request.url, request.method, None
        self.begin_attempt(now)

    @property
    def timeline(self) -> CallTimeline:
        """The waits and attempts so far, with reasons and durations, as a value to be kept."""
        from .timeline import timeline_of  # few calls are ever asked

        return timeline_of(f"{self.method} {self.unformatted_endpoint}", self.started, self.attempts, self.waits)

    def __str__(self) -> str:
        """Says in one line what was asked, what came and where the time went."""
        return str(self.timeline)

    def __repr__(self) -> str:
        """Names the call without its arguments, which may be secrets."""
        return f"<Call {self.method} {self.unformatted_endpoint} attempt {self.attempt.number}>"


def _credentials(request: Request) -> str:
    return f"{request.headers.get('authorization')} {request.headers.get('proxy-authorization')}"


def call_inside(request: Request) -> Call | None:
    """Returns the Call that is in the stack with this request now, if there is one."""
    found = request.extensions.get(EXTENSION)
    return found if type(found) is Call and found.is_inside else None


def open_call(request: Request, now: float) -> Call:
    """Returns the Call this request belongs to: the one it continues, or a new one that is put into its extensions.

    That entry is the only thing ever written on a caller's request: hops find their call by it.
    """
    extensions = request.extensions
    found = extensions.get(EXTENSION)
    if type(found) is Call and found.goes_on_with(request):
        found.go_on_with(request, now)
        return found
    call = extensions[EXTENSION] = Call(request, NO_OPTIONS if found is None else _options_in(found), now)
    return call


def options_of(request: Request) -> CallOptions:
    """Returns what the user said of this request in advance, or the options that say nothing."""
    return _options_in(request.extensions.get(EXTENSION))


def _options_in(found: object) -> CallOptions:
    if type(found) is Call:
        return found.options
    return found if type(found) is CallOptions else NO_OPTIONS


def extensions_with(request: Request, **changed: object) -> dict[str, Any]:
    """Returns a copy of a request's extensions with some of them replaced, for a request of our own making."""
    return {**request.extensions, **changed}


def extensions_of(response: Response) -> dict[str, Any]:
    """Returns a response's extensions, to be shared with a copy of it."""
    return response.extensions
