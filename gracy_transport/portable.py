"""What an error knows of the request it is about, and what of that it takes along in a pickle.

The pickle keeps the message, the status, the method and the redacted URL, and drops the request, the response and the
call, because those hold secrets.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .showing import shown_url

if TYPE_CHECKING:
    from .attempts import Fate
    from .call import Call
    from .timeline import CallTimeline

__all__ = ["PortableError", "plain_facts", "rebuild"]


class PortableError(Exception):
    """The base of `GracyException`: an error that survives pickle and copy with its own type, without secrets."""

    # What they are in a class of the user's own whose constructor forgets about this one.
    response: Any = None
    call: Call | None = None
    status: int | None = None
    method: str | None = None

    def __init__(
        self,
        message: str = "",
        *,
        request: Any = None,
        response: Any = None,
        call: Call | None = None,
    ) -> None:
        # Not super(): the next class may be one of httpx, whose constructor wants other arguments.
        Exception.__init__(self, message)
        self.request = request
        self.response = response
        self.call = call
        self.status = response.status_code if response is not None else None
        self.method = request.method if request is not None else None

    @property
    def request(self) -> Any:
        """The request concerned, or `None`, where the property of the same name in httpx raises."""
        return self.__dict__.get("_request")

    @request.setter
    def request(self, request: Any) -> None:
        self._request = request

    @cached_property
    def url(self) -> str | None:
        """The URL with secrets redacted, or `None` for an error that is about no request."""
        return None if self.request is None else shown_url(self.request)

    @property
    def timeline(self) -> CallTimeline | None:
        """The waits and attempts of the call, one line as `str`; `None` for an error that is about no call."""
        call: Call | None = self.__dict__.get("call")
        return self.__dict__.get("_timeline") if call is None else call.timeline

    @property
    def fate(self) -> Fate | None:
        """What became of the newest attempt at the server: "never_sent", "maybe_applied" or "answered"."""
        call: Call | None = self.__dict__.get("call")
        return self.__dict__.get("_fate") if call is None else call.attempt.fate

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles by message and plain facts, so that no subclass's constructor can stand in the way."""
        return (rebuild, (type(self), self.args, plain_facts(self)))


def plain_facts(error: PortableError) -> dict[str, Any]:
    """Returns the attributes of an error that a pickle keeps: not those which hold secrets."""
    dropped = {"_request", "response", "call", "request_context"}
    facts = {name: value for name, value in error.__dict__.items() if name not in dropped}
    return facts | {"url": error.url, "_timeline": error.timeline, "_fate": error.fate}


def rebuild(kind: type[PortableError], args: tuple[Any, ...], facts: dict[str, Any]) -> PortableError:
    """Makes an error again from its pickle, without calling a constructor that may want other arguments."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.request = error.response = error.call = None
    error.__dict__.update(facts)
    return error
